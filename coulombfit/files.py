"""Writing files whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from coulombfit.seals import sealed

__all__ = ["is_part_of", "replacing", "require_writable", "write_netcdf", "write_text"]


def require_writable(path: str | Path) -> None:
    """Raise OSError where a file cannot be written to ``path``: no such folder, or a folder in its place."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder; name a file")


def is_part_of(path: Path, other: Path) -> bool:
    """Whether a path is that file, whatever its spelling and also by a link, or lies in that folder."""
    if path.resolve().is_relative_to(other.resolve()):
        return True
    try:
        return path.samefile(other)
    except OSError:
        return False


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it to disk and rename it, on failure remove it.

    :raises OSError: where ``path`` cannot be written.
    """
    path = Path(path)
    require_writable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        yield temporary
        # for writing: Windows flushes no other handle
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_netcdf(tree: xr.Dataset | xr.DataTree, path: str | Path) -> None:
    """Write a dataset or a tree as netCDF-4, with a seal behind it.

    Its bytes are made in memory and written by Python: HDF5 itself cannot go on, and may end the process, where a disk
    is full.

    :raises OSError: where ``path`` cannot be written; whatever was there is left as it was.
    """
    content = sealed(tree.to_netcdf(engine="h5netcdf"))
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(text: str, path: str | Path) -> None:
    """Write UTF-8 text."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
