"""Levels and their grouping as text, as on a command line: ``0-9,12`` and ``0;1,2;single``."""

from __future__ import annotations

import re

from coulombfit.runtime.errors import ArgumentError

__all__ = ["clusters_from_text", "levels_from_text"]

RANGE = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?")
MOST = 1_000_000
"""Levels that a range may have: a slip of the pen is refused before it fills the memory."""


def levels_from_text(text: str) -> str | list[int]:
    """Numbers and ranges, comma-separated, both ends included; or "nonzero".

    :raises ArgumentError: for anything else.
    """
    if text.strip() == "nonzero":
        return "nonzero"
    return _numbers(text, "levels", "numbers and ranges from the top, such as 0-9,12, or nonzero", text)


def clusters_from_text(text: str) -> str | list[list[int] | str]:
    """Clusters, semicolons between, each as :func:`levels_from_text`, the last maybe "single"; or "auto" or "single".

    :raises ArgumentError: for anything else.
    """
    if text.strip() in ("auto", "single"):
        return text.strip()
    parts = [part.strip() for part in text.split(";")]
    expected = "auto, single, or clusters of levels from the top, such as 0;1,2;single"
    found: list[list[int] | str] = []
    for k, part in enumerate(parts):
        last = k == len(parts) - 1
        found.append("single" if last and part == "single" else _numbers(part, "clusters", expected, text))
    return found


def _numbers(part: str, argument: str, expected: str, text: str) -> list[int]:
    found: list[int] = []
    for piece in part.split(","):
        match = RANGE.fullmatch(piece.strip())
        if match is None:
            raise ArgumentError(f"{argument}: expected {expected}, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < MOST:
            raise ArgumentError(f"{argument}: expected a range that ascends, got {piece.strip()!r}")
        found += range(first, last + 1)
    return found
