"""Choosing out of one file: the array that is meant, the snapshot, and what is known of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombfit.errors import DataError
from coulombfit.file_formats import ONLY_ARRAY, Contents, contents_of
from coulombfit.recordings import listed, matching
from coulombfit.weights import as_numbers

__all__ = ["DESCRIBED", "Part", "Wanted", "layers_in", "runs_in"]

DEFAULT_NAME = "eigenvalues"
DESCRIBED = ("learning_rate", "batch_size", "targets")


class Wanted(NamedTuple):
    """What to read from each file."""

    weights: str | bool
    eigenvalues: str | None
    snapshot: int | None

    @property
    def argument(self) -> str:
        """Which of the two is meant, for errors."""
        return "weights" if self.weights else "eigenvalues"

    @property
    def dims(self) -> int:
        """Dimensions of an array of runs."""
        return 3 if self.weights else 2

    @property
    def layer(self) -> str | None:
        """Of a recording."""
        return self.weights if isinstance(self.weights, str) else self.eigenvalues


class Part(NamedTuple):
    """What a file gives: weights or levels of runs, and what is known of them."""

    values: np.ndarray
    matrices: bool
    described: dict[str, Any]


def layers_in(path: Path, pattern: str, dims: int) -> list[str]:
    """Names of the arrays of that many dimensions that match, sorted."""
    with contents_of(path) as contents:
        return sorted(name for name in matching(pattern, contents.shapes) if len(contents.shapes[name]) == dims)


def runs_in(path: Path, wanted: Wanted, given: Mapping[str, Any], *, alone: bool = True) -> Part:
    """Runs of one file."""
    with contents_of(path) as contents:
        array = _choose(contents, wanted, path)
        values = as_numbers(contents.load(array))
        described = dict(given)
        for name, value in given.items():
            if isinstance(value, str):
                described[name] = _named(contents, value, name, path)
        described |= {name: contents.settings.get(name) for name in DESCRIBED if described[name] is None}
        described["name"] = contents.settings.get("name")
        provenance = {**contents.settings.get("provenance", {}), "file": path.name, "array": array}
        described["provenance"] = {**provenance, "snapshot": wanted.snapshot}
    if path.suffix == ".npy" and values.ndim == 3 and not wanted.weights and wanted.snapshot is None:
        raise DataError(
            f"eigenvalues: an array of shape {values.shape} may be weights (run, M, N) or eigenvalues (run, snapshot, "
            "level); say weights=True or which snapshot"
        )
    if wanted.weights and values.ndim == 4 and path.suffix.lower() == ".safetensors":
        raise DataError(
            f"weights: {array!r} in {path.name} has shape {values.shape}, a convolution? Say which matrix is meant and "
            "save that, such as kernel.reshape(kernel.shape[0], -1) of PyTorch"
        )
    runs = _runs(values, wanted, path, alone=alone, by_run=array in contents.by_run)
    return Part(runs, bool(wanted.weights), described)


def _named(contents: Contents, name: str, argument: str, path: Path) -> Any:
    if name not in contents.shapes and name in contents.scalars:
        return contents.scalars[name]
    if name not in contents.shapes:
        raise DataError(f"{argument}: no array named {name!r} in {path.name}, which has {listed(contents.shapes)}")
    return contents.load(name)


def _choose(contents: Contents, wanted: Wanted, path: Path) -> str:
    """Name of the array asked for; a file without names has one array, whatever it is called."""
    shapes = contents.shapes
    if list(shapes) == [ONLY_ARRAY]:
        return ONLY_ARRAY
    if wanted.weights is True:
        if len(shapes) != 1:
            raise DataError(f"weights: {path.name} has arrays {listed(shapes)}; say which, got True")
        return next(iter(shapes))
    name = wanted.layer or DEFAULT_NAME
    matches = matching(name, shapes)
    if name in shapes:
        return name
    if not matches:
        raise DataError(f"{wanted.argument}: no array named {name!r} in {path.name}, which has {listed(shapes)}")
    most = 3 if path.suffix.lower() == ".safetensors" else wanted.dims + 1
    fitting = [match for match in matches if wanted.dims - 1 <= len(shapes[match]) <= most]
    if len(fitting) == 1:
        return fitting[0]
    seen = listed(f"{match} {shapes[match]}" for match in fitting or matches)
    what = "array of such a shape" if not fitting else "array"
    raise DataError(
        f"{wanted.argument}: expected {name!r} to match one {what} in {path.name}, got {len(fitting)}: {seen}"
    )


def _runs(values: np.ndarray, wanted: Wanted, path: Path, *, alone: bool, by_run: bool) -> np.ndarray:
    """The (run, …) array of one snapshot, from one with or without a run and a snapshot axis."""
    argument, dims, snapshot = wanted.argument, wanted.dims, wanted.snapshot
    if values.ndim == dims + 1:
        if not alone and snapshot is None and not by_run:
            raise DataError(
                f"{argument}: expected the array of a run, or of runs, in {path}, got shape {values.shape}; say which "
                "snapshot if it is (run, snapshot, …), and reshape a convolution to a matrix"
            )
        return values[:, _index(snapshot, values.shape[1])]
    if not alone and values.ndim == dims and not by_run:
        if snapshot is not None:
            return values[_index(snapshot, values.shape[0])][None]
        if values.shape[0] > 1:
            raise DataError(
                f"{argument}: the first axis of {values.shape} in {path} may be that of runs or of snapshots of one "
                "run; say which snapshot, or read files of many runs one by one and join their eigenvalues"
            )
    if snapshot is not None:
        raise DataError(f"snapshot: {argument} has no snapshot axis, its shape is {values.shape}; got {snapshot}")
    if values.ndim == dims - 1 > 0:
        if alone:
            raise DataError(
                f"{argument}: {path.name} holds one run, of shape {values.shape}, and one run has no width; give "
                "several files as a list, or a recording of one run"
            )
        return values[None]
    if not alone and values.ndim != dims:
        raise DataError(f"{argument}: expected the array of a run, or of runs, in {path}, got shape {values.shape}")
    return values


def _index(snapshot: int | None, count: int) -> int:
    index = -1 if snapshot is None else snapshot
    if not -count <= index < count:
        raise DataError(f"snapshot: expected -{count} to {count - 1}, got {snapshot}")
    return index
