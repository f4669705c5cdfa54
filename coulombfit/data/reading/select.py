"""Choosing out of one file: the array that is meant, the snapshot, and what is known of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulombfit.data.arrays import as_numbers
from coulombfit.data.dimensions import axes_of, means
from coulombfit.data.drift import compared_with
from coulombfit.data.files.formats import ONLY_ARRAY, Contents, contents_of
from coulombfit.data.files.opening import LIMIT
from coulombfit.data.own_places import later_half
from coulombfit.data.recording.store import list_names, match_names
from coulombfit.data.tensors import levels_of
from coulombfit.runtime.errors import DataError

__all__ = ["DESCRIBED", "Others", "Part", "Wanted", "layers_in", "levels_in", "runs_in"]

DEFAULT_NAME = "eigenvalues"
MOST_MATRICES = 12
"""Snapshots of weights that are decomposed to see whether runs keep places of their own."""
DESCRIBED = ("learning_rate", "batch_size", "targets")


class Wanted(NamedTuple):
    """What to read from each file."""

    weights: str | bool
    eigenvalues: str | None
    snapshot: int | None
    limit: int = LIMIT

    @property
    def argument(self) -> str:
        """Which of the two is meant, for errors."""
        return "weights" if self.weights else "eigenvalues"

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes of what one run has."""
        return ("M", "N") if self.weights else ("level",)

    @property
    def layer(self) -> str | None:
        """The layer that is wanted of a recording."""
        return self.weights if isinstance(self.weights, str) else self.eigenvalues


class Others(NamedTuple):
    """Levels (run, snapshot, level) of the same runs at some other snapshots, the steps of both, and those of all other
    snapshots that are copies of the one chosen; ``late`` has the levels over the later half of the snapshots up to the
    chosen one, and ``late_steps`` their steps, where those are known and there are enough of them.
    """

    levels: np.ndarray
    step: float
    steps: list[float]
    copies: list[float]
    late: np.ndarray | None = None
    late_steps: tuple[float, ...] = ()


class Part(NamedTuple):
    """What a file gives: weights or levels of runs, what is known of them, and some of their other snapshots."""

    values: np.ndarray
    matrices: bool
    described: dict[str, Any]
    others: Others | None = None


def layers_in(path: Path, pattern: str, extra: tuple[str, ...], limit: int) -> list[str]:
    """Names that match of the arrays of matrices with as many axes in front, sorted."""
    with contents_of(path, limit) as contents:
        names = match_names(pattern, contents.shapes)
        return sorted(name for name in names if _may_be(contents, name, (*extra, "M", "N")))


def levels_in(path: Path, pattern: str, limit: int) -> list[str]:
    """Names that match of the arrays that are levels of runs by the names of their dimensions, sorted."""
    with contents_of(path, limit) as contents:
        names = match_names(pattern, contents.shapes)
        named = [name for name in names if means(contents.dims.get(name, ()), "level")]
        return sorted(name for name in named if means(contents.dims[name], "run"))


def _may_be(contents: Contents, name: str, meant: tuple[str, ...]) -> bool:
    if len(contents.shapes[name]) != len(meant):
        return False
    try:
        axes_of(contents.dims.get(name, ()) or ("?",) * len(meant), meant, "weights")
    except DataError:
        return False
    return True


def runs_in(path: Path, wanted: Wanted, given: Mapping[str, Any], *, alone: bool = True) -> Part:
    """Runs of one file."""
    with contents_of(path, wanted.limit) as contents:
        array = _choose(contents, wanted, path)
        values = as_numbers(contents.load(array))
        described = dict(given)
        for name, value in given.items():
            if isinstance(value, str):
                described[name] = _load_named(contents, value, name, path)
        described |= {name: contents.settings.get(name) for name in DESCRIBED if described[name] is None}
        described["name"] = contents.settings.get("name")
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
    values, named = _order_axes(values, contents.dims.get(array, ()), wanted)
    series = _series(values, named, wanted, path, alone=alone)
    known = {**contents.settings.get("provenance", {}), "file": path.name, "array": array}
    if series is None:
        runs, others = _runs(values, wanted, path, alone=alone, named=named is not None), None
        index, count = None, 0
        known.setdefault("snapshot", None)
    else:
        count = series.shape[1]
        index = _index(wanted.snapshot, count)
        steps = contents.steps.get(count)
        runs, others = series[:, index], _others(series, index, steps, wanted)
        known |= {"snapshot": index} | ({} if steps is None else {"step": steps[index]})
    for name in ("learning_rate", "batch_size"):
        described[name] = _value_at(described[name], index, count)
    described["provenance"] = known
    return Part(runs, bool(wanted.weights), described, others)


def _load_named(contents: Contents, name: str, argument: str, path: Path) -> Any:
    if name not in contents.shapes and name in contents.scalars:
        return contents.scalars[name]
    if name not in contents.shapes:
        raise DataError(f"{argument}: no array named {name!r} in {path.name}, which has {list_names(contents.shapes)}")
    return contents.load(name)


def _choose(contents: Contents, wanted: Wanted, path: Path) -> str:
    """Name of the array asked for; a file without names has one array, whatever it is called."""
    shapes = contents.shapes
    if list(shapes) == [ONLY_ARRAY]:
        return ONLY_ARRAY
    if wanted.weights is True:
        if len(shapes) != 1:
            raise DataError(f"weights: {path.name} has arrays {list_names(shapes)}; say which, got True")
        return next(iter(shapes))
    name = wanted.layer or DEFAULT_NAME
    matches = match_names(name, shapes)
    if name in shapes:
        return name
    if not matches:
        raise DataError(f"{wanted.argument}: no array named {name!r} in {path.name}, which has {list_names(shapes)}")
    dims = 1 + len(wanted.axes)
    most = 3 if path.suffix.lower() == ".safetensors" else dims + 1
    fitting = [match for match in matches if dims - 1 <= len(shapes[match]) <= most]
    if len(fitting) == 1:
        return fitting[0]
    seen = list_names(f"{match} {shapes[match]}" for match in fitting or matches)
    what = "array of such a shape" if not fitting else "array"
    raise DataError(
        f"{wanted.argument}: expected {name!r} to match one {what} in {path.name}, got {len(fitting)}: {seen}"
    )


def _order_axes(values: np.ndarray, dims: tuple[str, ...], wanted: Wanted) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """An array whose axes are in order by their names, and which they are; None where names say nothing."""
    front = [(), ("snapshot",) if means(dims, "snapshot") else ("run",), ("run", "snapshot")]
    extra = values.ndim - len(wanted.axes)
    if not dims or not 0 <= extra < len(front):
        return values, None
    meant = (*front[extra], *wanted.axes)
    places = axes_of(dims, meant, wanted.argument)
    return (values, None) if places is None else (values.transpose(places), meant)


def _series(
    values: np.ndarray, named: tuple[str, ...] | None, wanted: Wanted, path: Path, *, alone: bool
) -> np.ndarray | None:
    """The (run, snapshot, …) array, where there is a snapshot axis; otherwise None."""
    argument, axes, snapshot = wanted.argument, len(wanted.axes), wanted.snapshot
    if named is not None and "snapshot" not in named:
        return None
    if values.ndim == axes + 2:
        if not alone and snapshot is None and named is None:
            raise DataError(
                f"{argument}: expected the array of a run, or of runs, in {path}, got shape {values.shape}; say which "
                "snapshot if it is (run, snapshot, …), and reshape a convolution to a matrix"
            )
        return values
    if values.ndim == axes + 1 and named is not None:
        if alone:
            raise DataError(
                f"{argument}: {path.name} holds the {len(values)} snapshots of one run, ({', '.join(named)}); give "
                "several files as a list, or the eigenvalues of one long run to cf.Spectra.from_trajectory"
            )
        return values[None]
    if values.ndim == axes + 1 and not alone and snapshot is not None:
        return values[None]
    return None


def _runs(values: np.ndarray, wanted: Wanted, path: Path, *, alone: bool, named: bool) -> np.ndarray:
    """The (run, …) array of what has no snapshot axis."""
    argument, axes, snapshot = wanted.argument, len(wanted.axes), wanted.snapshot
    if not alone and not named and values.ndim == axes + 1 and len(values) > 1:
        raise DataError(
            f"{argument}: the first axis of {values.shape} in {path} may be that of runs or of snapshots of one "
            "run; say which snapshot, or read files of many runs one by one and join their eigenvalues"
        )
    if snapshot is not None:
        raise DataError(f"snapshot: {argument} has no snapshot axis, its shape is {values.shape}; got {snapshot}")
    if values.ndim == axes:
        if alone:
            raise DataError(
                f"{argument}: {path.name} holds one run, of shape {values.shape}, and one run has no width; give "
                "several files as a list, or a recording of one run"
            )
        return values[None]
    if not alone and values.ndim != axes + 1:
        raise DataError(f"{argument}: expected the array of a run, or of runs, in {path}, got shape {values.shape}")
    return values


def _others(series: np.ndarray, index: int, steps: list[float] | None, wanted: Wanted) -> Others | None:
    """Those snapshots that say whether the one chosen is of a stationary ensemble."""
    places = compared_with(index, series.shape[1], steps)
    if series.shape[1] < 2 or series.dtype.kind not in "iuf" or 0 in series.shape:
        return None
    chosen = series[:, places].astype(np.float64)
    levels = levels_of(chosen) if wanted.weights else np.sort(chosen, axis=-1)[..., ::-1]
    at = [float(place) for place in range(series.shape[1])] if steps is None else steps
    copies = [at[k] for k in range(len(at)) if k != index and np.array_equal(series[:, k], series[:, index])]
    found = Others(levels, at[index], [at[place] for place in places], copies)
    later = [] if steps is None else later_half(index + 1, MOST_MATRICES if wanted.weights else None)
    if not later:
        return found
    half = series[:, later].astype(np.float64)
    late = levels_of(half) if wanted.weights else np.sort(half, axis=-1)[..., ::-1]
    return found._replace(late=late, late_steps=tuple(at[place] for place in later))


def _value_at(value: Any, index: int | None, count: int) -> Any:
    """A setting at one of ``count`` snapshots, of one that changes; None where it was not known then."""
    if index is None or np.shape(value) != (count,):
        return value
    value = np.asarray(value)[index]
    return None if value.dtype.kind == "f" and np.isnan(value) else value


def _index(snapshot: int | None, count: int) -> int:
    index = -1 if snapshot is None else snapshot
    if not -count <= index < count:
        raise DataError(f"snapshot: expected -{count} to {count - 1}, got {snapshot}")
    return index % count
