"""Stationarity of an ensemble: its last snapshots against each other, before anything is inferred.

What is compared, and how, is in :mod:`coulombfit.data.drift`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.data.arrays import real_array
from coulombfit.data.dimensions import SNAPSHOTS
from coulombfit.data.drift import FEWEST_RUNS, WORTH_SEEING, change
from coulombfit.runtime.errors import DataError

__all__ = ["Stationarity", "stationarity"]

ALARM = 0.01


@dataclass(frozen=True, eq=False)
class Stationarity:
    """Each snapshot against the last.

    ``table`` has a row a snapshot but the last: its ``step``, the ``quantity`` that differs most, the ``change`` of
    that to the last snapshot in units of the last one's value (of widths and spacings) or standard deviation (of
    centres), ``z`` and ``p_value`` among all quantities, and ``excluded``, the change of any quantity in the same units
    beyond which none is, by 90 % intervals of all of them together. ``last`` is the step of the last snapshot.
    """

    table: pd.DataFrame
    last: float

    @property
    def since(self) -> int | None:
        """The first snapshot from which on none differs from the last; None where the last but one does."""
        found = None
        for k in reversed(self.table.index):
            if self.table.loc[k, "p_value"] < ALARM:
                break
            found = int(k)
        return found

    @property
    def excluded(self) -> float:
        """The change that is excluded between the last snapshot and each that does not differ from it; of squared
        widths and spacings as a share, of centres in standard deviations of the level. NaN where all differ."""
        return float("nan") if self.since is None else float(self.table.loc[self.since :, "excluded"].max())

    @property
    def answer(self) -> Answer:
        """No where the last but one differs from the last; yes where none does from some on, and changes by a half are
        excluded: of a width by a quarter, of a centre by half a standard deviation; else the data cannot tell."""
        if self.since is None:
            return Answer.NO
        return Answer.YES if self.excluded <= WORTH_SEEING else Answer.CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether the numbers can be used: those of a test always can."""
        return True

    @property
    def tree(self) -> xr.DataTree:
        """The table as a DataTree."""
        return xr.DataTree.from_dict({"table": xr.Dataset.from_dataframe(self.table.rename_axis("snapshot"))})

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.since is None:
            row = self.table.iloc[-1]
            return (
                f"NOT stationary: {row['quantity']} still changes from step {row['step']:g} to the last, "
                f"{self.last:g} (z = {row['z']:.3g}, p {probability(row['p_value'])}); train longer."
            )
        first = self.table.loc[self.since]
        same = f"nothing differs from the last snapshot, step {self.last:g}"
        size = f"{self.excluded:.2g} of squared widths or of sd of centres"
        if self.answer is Answer.YES:
            return f"stationary since step {first['step']:g}: {same}, and changes by more than {size} are excluded."
        return (
            f"the data cannot tell whether the ensemble is stationary: since step {first['step']:g} {same}, but "
            f"changes by up to {size} are not excluded; more runs would exclude more."
        )

    def summary(self) -> Text:
        """The table and the verdict as text."""
        return Text(as_text(self.table, "{:.3g}") + "\n" + self.verdict)


def stationarity(eigenvalues: ArrayLike, steps: ArrayLike | None = None) -> Stationarity:
    """Compare every snapshot of an ensemble with the last.

    :param eigenvalues: shape (run, snapshot, level).
    :param steps: shape (snapshot,), ascending; the snapshots' numbers if not given.
    :raises DataError: for other shapes, fewer than 10 runs or 2 snapshots, or levels that are all equal.
    """
    x = real_array(eigenvalues, "eigenvalues", SNAPSHOTS)
    if x.ndim != 3 or x.shape[0] < FEWEST_RUNS or x.shape[1] < 2 or x.shape[2] < 1:
        raise DataError(
            f"eigenvalues: expected shape (run, snapshot, level), {FEWEST_RUNS} runs and 2 snapshots or more, got "
            f"{x.shape}"
        )
    t = np.arange(x.shape[1], dtype=float) if steps is None else real_array(steps, "steps")
    if t.shape != x.shape[1:2] or (np.diff(t) <= 0).any():
        raise DataError(f"steps: expected shape ({x.shape[1]},), ascending, got shape {t.shape}")
    x = np.sort(x, axis=2)[:, :, ::-1]
    rows = {}
    for k in range(x.shape[1] - 1):
        found = change(x[:, k], x[:, -1], f"snapshot {k} to the last")
        rows[k] = {
            "step": t[k],
            "quantity": found.quantity,
            "change": found.change,
            "z": found.z,
            "p_value": found.p,
            "excluded": found.excluded,
        }
    return Stationarity(pd.DataFrame.from_dict(rows, orient="index").rename_axis("snapshot"), float(t[-1]))
