"""Axes by name: where data name their dimensions, names decide which is the run, the snapshot and the level.

A dimension is known by one of the names in ``AXES``. Data none of whose dimensions is known are taken by place. Where
some are known, the others take the places that are left, in their order, and axes are brought into the order meant.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from coulombfit.runtime.errors import DataError

__all__ = ["FEWEST_COUNTED", "SNAPSHOTS", "axes_of", "by_name", "means", "refuse_labels", "refuse_numbering"]

FEWEST_COUNTED = 3
"""Least number of rows from which consecutive whole numbers, in any order and beside fractions, are no chance."""
FEWEST_EVEN = 12
"""Least number of rows where the column counts in other steps than 1, or stands beside other whole numbers."""
MOST = 1000
"""Most numbers of a column whose digits are counted."""
CHANCE = 1e-6
"""Probability that a level is a whole number in every run by chance; below it, the column is taken for labels."""
SNAPSHOTS = ("run", "snapshot", "level")
AXES: dict[str, tuple[str, ...]] = {
    "run": ("run", "runs", "seed", "seeds", "replica", "replicas"),
    "snapshot": ("snapshot", "snapshots", "step", "steps", "epoch", "epochs", "time", "iteration"),
    "level": ("level", "levels", "eigenvalue", "eigenvalues"),
    "M": ("M",),
    "N": ("N",),
}
_KNOWN = {name: axis for axis, names in AXES.items() for name in names}
_NUMBERED = re.compile(r"(levels?|eigenvalues?)_?\d+")
"""Levels of one of several layers in a file, as ``level_0``."""


def _axis(name: Hashable) -> str | None:
    """What a dimension is by its name, None where the name says nothing."""
    return "level" if _NUMBERED.fullmatch(str(name)) else _KNOWN.get(str(name))


def axes_of(dims: Sequence[Hashable], meant: Sequence[str], argument: str) -> list[int] | None:
    """Places of dimensions in the order of ``meant``, to transpose with; None where no name is known.

    :param dims: names of an array's dimensions.
    :param meant: as many of the keys of ``AXES``.
    :raises DataError: for a name that means another axis, or two that mean the same.
    """
    known = [_axis(name) for name in dims]
    if not any(known):
        return None
    shown, wanted = ", ".join(map(str, dims)), ", ".join(meant)
    if len(dims) != len(meant) or any(axis is not None and axis not in meant for axis in known):
        raise DataError(f"{argument}: expected dimensions ({wanted}), got ({shown})")
    named = [axis for axis in known if axis is not None]
    if len(set(named)) < len(named):
        raise DataError(f"{argument}: expected dimensions ({wanted}), got two of one meaning: ({shown})")
    left = iter(axis for axis in meant if axis not in named)
    complete = [axis if axis is not None else next(left) for axis in known]
    return [complete.index(axis) for axis in meant]


def means(dims: Sequence[Hashable], axis: str) -> bool:
    """Whether one of the dimensions is that axis by its name."""
    return any(_axis(name) == axis for name in dims)


def by_name(values: Any, meant: Sequence[str], argument: str) -> Any:
    """``values`` with axes in the order meant, where they name theirs; others as they are.

    :raises DataError: for names that contradict, for a collection of arrays, and for a table with a column of indices.
    """
    if hasattr(values, "data_vars"):
        raise DataError(f"{argument}: expected an array, got a dataset of {', '.join(map(str, values.data_vars))}")
    if hasattr(values, "columns"):
        refuse_labels([str(name) for name in values.columns], argument)
    dims = getattr(values, "dims", None)
    if not meant or not isinstance(dims, tuple) or not hasattr(values, "transpose") or len(dims) < 2:
        return values
    places = axes_of(dims, meant, argument)
    return values if places is None else values.transpose(*(dims[place] for place in places))


LABELS = re.compile(
    "index|idx|ids?|runs?|run_?id|seeds?|rows?|no|nr|num|number|job|trial|replicas?|replicate|repeat|sample|name|label|"
    "steps?|epochs?|iter|iteration|time|date|timestamp|snapshots?|learning_rate|lr|alpha|batch|batch_size|bs|loss|"
    "accuracy|unnamed:.*"
)
"""Names of columns that are no levels, in lower case."""


def refuse_labels(names: Sequence[str], argument: str) -> None:
    """Refuse a table one of whose columns is, by its name, something else than a level.

    :raises DataError: naming the column.
    """
    for place, name in enumerate(names):
        plain = name.strip().lower().replace(" ", "_")
        if LABELS.fullmatch(plain):
            raise DataError(f"{argument}: column {place}, {name!r}, is no level by its name; leave it out")


def refuse_numbering(x: np.ndarray, argument: str) -> None:
    """Refuse (run, level) numbers one of whose columns numbers the rows, as an index of a table or ids of runs do.

    A column counts them in equal steps, in any order; or it is of whole numbers alone where the others almost never
    are, as fractions of as few digits would be less than once in a million times.

    :raises DataError: naming the column.
    """
    if x.ndim != 2 or len(x) < FEWEST_COUNTED:
        return
    whole = x == np.round(x)
    ascending = np.sort(x, axis=0)
    steps = np.diff(ascending, axis=0)
    even = (steps == steps[0]).all(axis=0) & (steps[0] > 0) & whole.all(axis=0)
    if len(x) < FEWEST_EVEN:
        # a few numbers may well follow each other, but not as whole ones beside fractions
        even &= (steps[0] == 1.0) & (not whole.all())
    if even.any():
        place = int(np.argmax(even))
        by = "" if steps[0, place] == 1.0 else f" in steps of {steps[0, place]:g}"
        raise DataError(
            f"{argument}: column {place} counts the rows, from {ascending[0, place]:g} to {ascending[-1, place]:g}{by}"
            ", as an index does; leave it out"
        )
    others = x[:, ~whole.all(axis=0)]
    chance = ((others == np.round(others)).sum() + 1) / (others.size + 2)
    if not others.size or chance ** len(x) >= CHANCE:
        return
    for place in np.flatnonzero(whole.all(axis=0) & (steps > 0).any(axis=0)):
        if not _whole_by_rounding(x[:, place], others):
            raise DataError(
                f"{argument}: column {place} is of whole numbers beside fractions, from {ascending[0, place]:g} to "
                f"{ascending[-1, place]:g}, as ids of runs are; leave it out"
            )


def _whole_by_rounding(column: np.ndarray, others: np.ndarray) -> bool:
    """Whether numbers as large as those of a column are whole to the significant digits, or bits, of the others."""
    least = np.abs(column[column != 0.0]).min()
    mantissas = np.ldexp(np.frexp(others)[0], 53).astype(np.int64)
    bits = 53 - np.log2((mantissas & -mantissas)[mantissas != 0]).min(initial=53.0)
    digits = max(
        len(repr(value).split("e")[0].replace(".", "").strip("-0")) for value in others.ravel()[:MOST].tolist()
    )
    return bool(bits <= np.frexp(least)[1] or digits <= np.floor(np.log10(least)) + 1)
