"""Opening files to be read: every reader goes through :func:`open_regular`.

Only regular files pass: a pipe or a device could be read for ever. Their size, and what their headers promise, is held
against a limit before any memory is taken. Whatever else is wrong with a file becomes one DataError that names it.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = ["LIMIT", "check_limit", "exists", "open_regular", "refusing_damage", "require_within"]

LIMIT = 4 * 2**30
"""Bytes that one array, or one file of text, may take in memory, unless a reader is told otherwise: 4 GiB."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_limit(limit: object) -> None:
    """Refuse anything but a positive whole number of bytes.

    :raises ArgumentError: naming the argument.
    """
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 1:
        raise ArgumentError(f"limit: expected a positive whole number of bytes, got {limit!r}")


def exists(path: Path) -> bool:
    """Whether there is anything at ``path``.

    :raises DataError: for what can be no path.
    """
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise DataError(
            f"path: cannot read {str(path)[:100]!r}: {error.strerror if isinstance(error, OSError) else error}"
        ) from None


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading.

    :raises FileNotFoundError: where there is none.
    :raises DataError: for anything that is no regular file, and one that may not be read.
    """
    try:
        _require_regular(path, os.stat(path))  # noqa: PTH116  also looks through links
        # whatever has taken its place since then is not waited for
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise FileNotFoundError(f"path: no such file: {path}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"path: cannot read {path}: {_error_text(error)}") from None
    with os.fdopen(handle, "rb") as file:
        _require_regular(path, os.fstat(file.fileno()))
        yield file


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """One error for all that is wrong with a file; libraries raise any of a dozen.

    :raises DataError: naming the file.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DataError) and str(path) in str(error):
            raise
        raise DataError(f"path: cannot read {path}: {_error_text(error)}") from None


def require_within(shape: Sequence[int], itemsize: int, limit: int, what: str) -> int:
    """Bytes of an array of that shape.

    :param what: the array, to begin the sentence.
    :raises DataError: where they exceed the limit.
    """
    if any(length < 0 for length in shape):
        raise DataError(f"{what} claims the shape {tuple(shape)}")
    size = math.prod(map(int, shape)) * itemsize
    if size > limit:
        raise DataError(
            f"{what} has shape {tuple(shape)} and takes {size:.3g} bytes, more than the limit of {limit:.3g}; give a "
            "larger limit= if that is meant"
        )
    return size


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise DataError(f"path: expected a regular file, {path} is {kind}")


def _error_text(error: Exception) -> str:
    """What an error says, in one line; its name where it says nothing."""
    text = " ".join(str(error).split())
    return f"{text[:300]}…" if len(text) > 300 else text or type(error).__name__
