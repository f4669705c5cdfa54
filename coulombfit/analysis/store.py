"""What an analysis keeps on disk: results of each set of data, with a key that says what they came from, and digests
that say whether they, and the files that belong to them, are what was kept."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coulombfit.data.files.opening import open_regular
from coulombfit.runtime.atomic_files import write_text
from coulombfit.runtime.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["digest", "file_stem", "key_of", "recall", "remember", "table_rows"]

PACKAGES = ("coulombfit", "jax", "numpyro", "numpy", "scipy", "arviz-stats", "matplotlib")
"""Whose versions may change a result."""


def file_stem(name: str) -> str:
    """A file name for a set of data, whose name may hold anything; different names stay different."""
    plain = re.sub(r"[^\w.+-]+", "-", name).strip(".-")
    return plain if plain == name else f"{plain or 'data'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return key_of({str(each.relative_to(path)): digest(each) for each in files})


def key_of(*inputs: object) -> str:
    """What tells inputs, JSON values, from others; and versions from others."""
    versions = {name: version(name) for name in PACKAGES}
    return hashlib.sha256(json.dumps([*inputs, versions], sort_keys=True).encode()).hexdigest()


def remember(path: Path, key: str, results: Mapping[str, Any]) -> None:
    """Keep results, JSON values; ``files`` among them are names of files, from the folder of ``path``."""
    names = results.get("files", [])
    kept = {"key": key, **results, "files": {name: digest(Path(path.parent, name)) for name in names}}
    write_text(json.dumps({**kept, "digest": _digest_of(kept)}, allow_nan=False), path)


def recall(path: Path, key: str) -> dict[str, Any] | None:
    """Results kept under that key; None where there are none, or they or their files are not what was kept."""
    try:
        with open_regular(path) as file:
            kept = json.loads(file.read())
        if not isinstance(kept, dict) or kept.get("key") != key or kept.pop("digest", None) != _digest_of(kept):
            return None
        whole = all(digest(Path(path.parent, name)) == known for name, known in kept["files"].items())
    except (OSError, DataError, ValueError, RecursionError):
        return None
    return kept if whole else None


def _digest_of(kept: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def table_rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A table by row; what is no finite number becomes null."""
    return {
        str(name): {column: value if abs(value) < float("inf") else None for column, value in row.items()}
        for name, row in table.astype(float).to_dict(orient="index").items()
    }
