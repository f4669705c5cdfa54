"""Runs of several files, or of several recordings, of one setting as one ensemble."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coulombfit.data.arrays import real_array
from coulombfit.data.reading.recordings import one_snapshot
from coulombfit.data.reading.select import DESCRIBED, Others, Part, Wanted, runs_in
from coulombfit.data.recording.store import HEADER
from coulombfit.data.tensors import levels_of
from coulombfit.runtime.errors import DataError

__all__ = ["is_recording", "join_runs", "numbers_of", "require_some"]

MOST_NAMES = 20
"""File names that the provenance lists; of more, it has the first, the last and a digest of all."""


def is_recording(path: Path) -> bool:
    """Whether a path is the folder of a recorder."""
    return (path / HEADER).is_file()


def require_some(paths: Sequence[Path]) -> None:
    """Refuse none at all."""
    if not paths:
        raise DataError("path: expected at least one file, got none")


def numbers_of(given: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Settings given for a recording, which has no names to look them up by."""
    for argument, value in given.items():
        if isinstance(value, str):
            raise DataError(
                f"{argument}: a recording knows its own; give a number or nothing for {path}, got {value!r}"
            )
    return dict(given)


def join_runs(paths: Sequence[Path], wanted: Wanted, given: Mapping[str, Any]) -> Part:
    """Runs of several files of one setting, as levels: weights of all of them may not fit into memory."""
    require_some(paths)
    resolved = [path.resolve() for path in paths]
    if len(set(resolved)) < len(paths):
        again = next(path for path in resolved if resolved.count(path) > 1)
        raise DataError(f"path: expected different files, got {again} twice")
    levels: list[np.ndarray] = []
    others: list[Others | None] = []
    owners: dict[bytes, Path] = {}
    first: Part | None = None
    for path in paths:
        if is_recording(path):
            part = one_snapshot(path, wanted.layer, wanted.snapshot, wanted.limit)
            numbers = {name: value for name, value in numbers_of(given, path).items() if value is not None}
            part = part._replace(described=dict.fromkeys(given) | part.described | numbers)
        else:
            part = runs_in(path, wanted, given, alone=False)
        first = first or part
        _require_same(first, part, paths[0], path)
        values = real_array(part.values, f"{wanted.argument} of {path}")
        x = levels_of(values) if part.matrices else values
        for row in x:
            # a checkpoint kept under two names would count as two observations
            if (other := owners.setdefault(row.tobytes(), path)) != path:
                raise DataError(f"path: {other} and {path} hold the same run")
        levels.append(x)
        others.append(part.others)
    assert first is not None
    folder = Path(os.path.commonpath([path.parent for path in resolved]))
    names = [path.relative_to(folder).as_posix() for path in resolved]
    provenance: dict[str, Any] = {"files": names, "count": len(names)}
    if len(names) > MOST_NAMES:
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
        provenance |= {"files": [names[0], names[-1]], "sha256_of_names": digest}
    of_one = ("file", "recording", "stationarity")
    kept = {key: value for key, value in first.described["provenance"].items() if key not in of_one}
    described = first.described | {"provenance": {**kept, **provenance}, "name": folder.name}
    return Part(np.concatenate(levels), False, described, _join_others(others))


def _join_others(others: Sequence[Others | None]) -> Others | None:
    """Other snapshots of all runs, where every file has them at the same steps."""
    there = [each for each in others if each is not None]
    if len(there) < len(others) or any((each.step, each.steps) != (there[0].step, there[0].steps) for each in there):
        return None
    copies = [step for step in there[0].copies if all(step in each.copies for each in there)]
    found = there[0]._replace(levels=np.concatenate([each.levels for each in there]), copies=copies)
    late = [each.late for each in there if each.late is not None and each.late_steps == found.late_steps]
    if len(late) < len(there):
        return found._replace(late=None, late_steps=())
    return found._replace(late=np.concatenate(late))


def _require_same(first: Part, part: Part, path: Path, other: Path) -> None:
    if first.values.shape[1:] != part.values.shape[1:]:
        shapes = f"{path} has {first.values.shape[1:]}, {other} has {part.values.shape[1:]}"
        raise DataError(f"path: expected files of one setting, with arrays of one shape: {shapes}")
    mine, theirs = (each.described["provenance"].get("clusters") for each in (first, part))
    if mine != theirs:
        raise DataError(
            f"clusters: expected files of one setting, {path} states {mine or 'none'}, {other} {theirs or 'none'}"
        )
    for name in (*DESCRIBED, "factor"):
        one: Any = first.described.get(name)
        two: Any = part.described.get(name)
        if (one is None) != (two is None) or not np.array_equal(one, two):
            raise DataError(f"{name}: expected files of one setting, {path} has {one}, {other} has {two}")
