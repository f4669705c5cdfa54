"""Arrays of .npy and .npz files, their sizes read from their headers before any memory is taken."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombfit.data.files.opening import open_regular, refusing_damage, require_within
from coulombfit.runtime.errors import DataError

__all__ = ["open_npy", "open_npz"]

NPY, NPZ = b"\x93NUMPY", b"PK"
MAGIC = 8  # bytes of the name and version of the format
LONGEST_HEADER = 10_000  # NumPy's own, which it looks at too late


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype
    length: int


Arrays = tuple[dict[str, tuple[int, ...]], Callable[[str], np.ndarray]]


@contextmanager
def open_npy(path: Path, limit: int) -> Iterator[tuple[tuple[int, ...], Callable[[], np.ndarray]]]:
    """Shape of a file's array, and what loads it.

    :raises FileNotFoundError: where there is no such file.
    :raises DataError: where it is no such file, or what it claims exceeds its size or the limit.
    """
    with open_regular(path) as file:
        with refusing_damage(path):
            if file.read(len(NPZ)) == NPZ:
                raise ValueError("it is an archive of arrays, as an .npz file is")
            size = file.seek(0, 2)
            file.seek(0)
            header = _header(file)

        def load() -> np.ndarray:
            with refusing_damage(path):
                _require_there(header, size, limit, f"path: {path}")
                file.seek(0)
                return np.lib.format.read_array(file, allow_pickle=False)

        yield header.shape, load


@contextmanager
def open_npz(path: Path, limit: int) -> Iterator[Arrays]:
    """Shapes of an archive's arrays by name, () of what is none, and what loads one.

    :raises FileNotFoundError: where there is no such file.
    :raises DataError: where it is no such file; of an array, when it is loaded, where it is damaged, or what it claims
        exceeds its size or the limit.
    """
    with open_regular(path) as file:
        with refusing_damage(path):
            if file.read(len(NPY)) == NPY:
                raise ValueError("it holds a single array, as an .npy file does")
            file.seek(0)
            archive = zipfile.ZipFile(file)
            names = {each.removesuffix(".npy"): each for each in archive.namelist()}
        with archive:

            def load(name: str) -> np.ndarray:
                with refusing_damage(path):
                    member = archive.getinfo(names[name])
                    with archive.open(member) as stream:
                        header = _header(stream)
                    _require_there(header, member.file_size, limit, f"path: {name!r} in {path}")
                    with archive.open(member) as stream:
                        array = np.lib.format.read_array(stream, allow_pickle=False)
                        stream.read(1)  # at the end the checksum is compared
                    return array

            yield {name: _shape_in(archive, member) for name, member in names.items()}, load


def _header(file: Any) -> _Header:
    version = np.lib.format.read_magic(file)
    if version not in {(1, 0), (2, 0), (3, 0)}:
        raise ValueError(f"it is of version {version} of NumPy's format, which is not known")
    prefix = file.read(2 if version == (1, 0) else 4)
    length = int.from_bytes(prefix, "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"its header claims {length} bytes, more than {LONGEST_HEADER}")
    header = io.BytesIO(prefix + file.read(length))
    read = np.lib.format.read_array_header_1_0 if len(prefix) == 2 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(header)
    return _Header(tuple(map(int, shape)), dtype, MAGIC + len(prefix) + length)


def _shape_in(archive: zipfile.ZipFile, member: str) -> tuple[int, ...]:
    try:
        with archive.open(member) as stream:
            return _header(stream).shape
    except Exception:
        return ()


def _require_there(header: _Header, size: int, limit: int, what: str) -> None:
    """Refuse an array that would exceed the limit, or what there is of it."""
    if header.dtype.hasobject:
        raise DataError(f"{what} holds Python objects, and nothing is unpickled here (allow_pickle is off)")
    needed = require_within(header.shape, header.dtype.itemsize, limit, what)
    if needed != size - header.length:
        raise DataError(
            f"{what} claims the shape {header.shape} of {header.dtype}, {needed} bytes, and has "
            f"{max(size - header.length, 0)}"
        )
