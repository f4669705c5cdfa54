"""Files that are refused."""

from pathlib import Path

import pytest

import coulombfit as cf


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.read(path, **options)
