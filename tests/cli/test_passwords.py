"""A report tells the command that made it, without the password of any database."""

from __future__ import annotations

import argparse

import pytest

from nuonuo.cli.reliability import without_password

BARE = "postgresql://me@host/db"
WITH = "postgresql://me:se,cr=et@host/db"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--store", WITH], ["--store", BARE]),
        ([f"--store={WITH}"], [f"--store={BARE}"]),
        ([f"--any={WITH}"], [f"--any={BARE}"]),
        (["--stores", f"file,{WITH}"], ["--stores", f"file,{BARE}"]),
        (["--stores", f"{WITH}, file,{WITH}"], ["--stores", f"{BARE}, file,{BARE}"]),
        ([f"--stores=file,{WITH}"], [f"--stores=file,{BARE}"]),
        (["--out", "a,b=c.json", "-n", "5"], ["--out", "a,b=c.json", "-n", "5"]),
    ],
)
def test_no_password_is_told(given: list[str], told: list[str]) -> None:
    found = without_password(argparse.Namespace(argv=["bench", "stores", *given]))
    assert found == ["nuonuo", "bench", "stores", *told]
