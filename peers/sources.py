"""Source packages: fetched from the package index by pip, and their tests unpacked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path, PurePosixPath

# Not the code: what is tested is what is installed, and a folder of the same name would hide it.
_UNPACKED = ("tests", "pyproject.toml")


def version_of(package: str) -> str:
    """The version of ``package`` that is installed.

    Raises:
        SystemExit: it is not.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise SystemExit(f"{package} is not installed here; run `make peers`, which installs it") from None


def fetched(package: str, cache: Path) -> Path:
    """The source package of the installed version of ``package``, downloaded where ``cache`` lacks it.

    Raises:
        SystemExit: it is not to be had.
    """
    version = version_of(package)
    archive = cache / f"{package.replace('-', '_')}-{version}.tar.gz"
    if archive.exists():
        return archive
    cache.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package]
    done = subprocess.run([*pip, "--dest", str(cache), f"{package}=={version}"], check=False)
    if done.returncode or not archive.exists():
        raise SystemExit(
            f"pip did not fetch {archive.name}; put it into {cache} by hand, or look at what pip says"
        )
    return archive


def unpacked(archive: Path, folder: Path) -> None:
    """Put the tests of ``archive`` into ``folder``, anew: those of another run may have written there."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if inside.parts and inside.parts[0] in _UNPACKED:
                member.name = str(inside)
                source.extract(member, folder, filter="data")
    if not (folder / "tests").is_dir():
        raise SystemExit(f"{archive.name} holds no tests any more")
