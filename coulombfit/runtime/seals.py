"""Seals: SHA-256 behind the last byte of a file, so that whoever reads it knows that it is what was written.

A netCDF file may be followed by anything; other programs do not see the seal, and drop it where they change the file.
"""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO

__all__ = ["is_whole", "seal"]

MARK = b"\ncoulombfit SHA-256 "
LENGTH = len(MARK) + 64
CHUNK = 2**20


def seal(content: bytes | memoryview) -> bytes:
    """``content`` and its seal."""
    return bytes(content) + MARK + hashlib.sha256(content).hexdigest().encode()


def is_whole(file: BinaryIO) -> bool | None:
    """Whether a file is what was sealed; None where it has no seal."""
    left = file.seek(0, os.SEEK_END) - LENGTH
    if left < 0:
        return None
    file.seek(left)
    mark, told = file.read(len(MARK)), file.read()
    if mark != MARK:
        return None
    digest = hashlib.sha256()
    file.seek(0)
    while left > 0 and (chunk := file.read(min(CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    file.seek(0)
    return digest.hexdigest().encode() == told
