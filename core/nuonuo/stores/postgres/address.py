"""Where a database is: an address as libpq takes it, and options of our own beside it.

postgresql://user:password@host:5432/database?schema=nuonuo&pool=10&timeout=30&sslmode=verify-full
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from nuonuo.errors import InvalidInputError

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_EXPECTED = (
    "expected postgresql://user:password@host:5432/database, signs such as @ and / in a name or password "
    "written as %40 and %2F"
)
# Of libpq, each unless the address says otherwise: a server that is cut off is noticed, not waited for.
_DEFAULTS = {"connect_timeout": "10", "application_name": "nuonuo", "tcp_user_timeout": "30000"}


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says.

    Attributes:
        shown: the address without its password, for messages.
        parameters: what libpq is given, the password among it.
        schema: where the tables are. least, most: connections that the pool keeps, and makes at most.
        timeout: seconds that a call waits for a connection, for another's lock, or for a server that is
            away, before it gives up.
    """

    shown: str
    parameters: Mapping[str, str] = field(repr=False)
    schema: str = "nuonuo"
    least: int = 1
    most: int = 10
    timeout: float = 30.0

    @property
    def password(self) -> str | None:
        return self.parameters.get("password")


def parse(address: str) -> Address:
    """Read ``address``.

    Raises:
        InvalidInputError: it is none, or an option in it means nothing; the password stands in no message.
    """
    try:
        parts = urlsplit(address)
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        if parts.netloc.count("@") > 1:  # whose second half libpq would take, and show, as a host
            raise ValueError
    except ValueError:
        raise InvalidInputError(f"the address of the database cannot be read: {_EXPECTED}") from None
    own = {name: value for name, value in given if name in ("schema", "pool", "pool_min", "timeout")}
    rest = urlencode([(name, value) for name, value in given if name not in own], quote_via=quote)
    try:
        parameters = conninfo_to_dict(urlunsplit(parts._replace(query=rest)))
    except ProgrammingError as error:
        secret = parts.netloc.rpartition("@")[0].partition(":")[2] or "\0"
        why = "" if any(part in str(error) for part in secret.split("@")) else f" ({str(error).strip()})"
        raise InvalidInputError(f"the address of the database cannot be read{why}: {_EXPECTED}") from None
    if not re.fullmatch(r"[\d,]*", str(parameters.get("port") or "")):  # a piece of a password, maybe
        raise InvalidInputError(f"the port of the address must be a number: {_EXPECTED}")
    schema = own.get("schema", "nuonuo")
    if not _SCHEMA.fullmatch(schema):
        raise InvalidInputError(
            f"schema must be a name of small letters, digits and _, got {schema!r}; choose another"
        )
    timeout = _number(own, "timeout", 30.0, 0.1)
    most = int(_number(own, "pool", 10, 1))
    least = int(_number(own, "pool_min", 1, 0))
    if least > most:
        raise InvalidInputError(f"pool_min must be at most pool, which is {most}, got {least}")
    # Bounds of the session; what the address gives as options comes later, and counts.
    session = (
        f"-c search_path={schema},pg_temp -c lock_timeout={int(timeout * 1000)} "
        "-c idle_in_transaction_session_timeout=300000"
    )
    settings = {name: str(value) for name, value in parameters.items() if value is not None}
    settings["options"] = f"{session} {settings.get('options', '')}".strip()
    return Address(_shown(settings, schema), {**_DEFAULTS, **settings}, schema, least, most, timeout)


def _shown(settings: Mapping[str, str], schema: str) -> str:
    """Whom it names, where and what; no other option, since some are secrets too."""
    host = settings.get("host") or settings.get("hostaddr") or ""
    place, query = (
        (f"@{host}", "") if host and not host.startswith("/") else ("", f"&host={host}" * bool(host))
    )
    place += f":{settings['port']}" if "port" in settings else ""
    if schema != "nuonuo":
        query += f"&schema={schema}"
    if "service" in settings:
        query += f"&service={settings['service']}"
    user = quote(settings.get("user", ""), safe="")
    where = f"{user}{place or '@' * bool(user)}"
    return f"postgresql://{where}/{quote(settings.get('dbname', ''))}{'?' * bool(query)}{query[1:]}"


def _number(options: Mapping[str, str], name: str, default: float, least: float) -> float:
    value = options.get(name)
    if value is None:
        return default
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not least <= number < 1e6:
        raise InvalidInputError(f"{name} must be a number of at least {least:g}, got {value!r}")
    return number
