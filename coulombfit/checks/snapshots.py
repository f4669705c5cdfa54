"""Stationarity of an ensemble: its last snapshots against each other, before anything is inferred.

Snapshots of one run are alike, so every quantity is compared run by run: the mean over runs of its difference between
a snapshot and the last one, in units of its standard error. Quantities are the mean of each group of unresolved levels,
the squared deviation of each level (its width), and spacings of neighbours in a group. p-values are Student's t, times
the number of quantities (Bonferroni).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from coulombfit.degeneracy import group_by_gaps
from coulombfit.errors import DataError
from coulombfit.result import Text
from coulombfit.spectra import real_array

__all__ = ["Stationarity", "stationarity"]

FEWEST_RUNS = 10
ALARM = 0.01


@dataclass(frozen=True, eq=False)
class Stationarity:
    """Each snapshot against the last.

    ``table`` has a row a snapshot but the last: its ``step``, the ``quantity`` that differs most, the ``change`` of
    that to the last snapshot in units of the last one's value (of widths and spacings) or standard deviation (of
    centres), ``z`` and ``p_value`` among all quantities. ``last`` is the step of the last snapshot.
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
    def verdict(self) -> str:
        """One sentence."""
        if self.since is None:
            row = self.table.iloc[-1]
            return (
                f"NOT stationary: {row['quantity']} still changes from step {row['step']:g} to the last, "
                f"{self.last:g} (z = {row['z']:.1f}, p = {row['p_value']:.2g}); train longer."
            )
        first = self.table.loc[self.since]
        return f"stationary since step {first['step']:g}: nothing differs from the last snapshot, step {self.last:g}."

    def summary(self) -> Text:
        """The table and the verdict as text."""
        return Text(self.table.to_string(float_format="{:.3g}".format) + "\n" + self.verdict)


def stationarity(eigenvalues: ArrayLike, steps: ArrayLike | None = None) -> Stationarity:
    """Compare every snapshot of an ensemble with the last.

    :param eigenvalues: shape (run, snapshot, level).
    :param steps: shape (snapshot,), ascending; the snapshots' numbers if not given.
    :raises DataError: for other shapes, fewer than 10 runs or 2 snapshots, or levels that are all equal.
    """
    x = real_array(eigenvalues, "eigenvalues")
    if x.ndim != 3 or x.shape[0] < FEWEST_RUNS or x.shape[1] < 2 or x.shape[2] < 1:
        raise DataError(
            f"eigenvalues: expected shape (run, snapshot, level), {FEWEST_RUNS} runs and 2 snapshots or more, got "
            f"{x.shape}"
        )
    t = np.arange(x.shape[1], dtype=float) if steps is None else real_array(steps, "steps")
    if t.shape != x.shape[1:2] or (np.diff(t) <= 0).any():
        raise DataError(f"steps: expected shape ({x.shape[1]},), ascending, got shape {t.shape}")
    x = np.sort(x, axis=2)[:, :, ::-1]
    names, values, units = _quantities(x)
    rows = {}
    for k in range(x.shape[1] - 1):
        difference = values[:, -1] - values[:, k]
        error = difference.std(axis=0, ddof=1) / np.sqrt(len(x))
        if not error.all():
            raise DataError(
                f"eigenvalues: expected snapshots that fluctuate, got {names[int(error.argmin())]} changing alike in "
                f"all runs from snapshot {k} to the last; copies, constant levels, or noise repeated from a seed"
            )
        z = difference.mean(axis=0) / error
        worst = int(np.abs(z).argmax())
        p = min(1.0, len(names) * 2.0 * float(stats.t.sf(abs(z[worst]), len(x) - 1)))
        rows[k] = {
            "step": t[k],
            "quantity": names[worst],
            "change": difference[:, worst].mean() / units[worst],
            "z": z[worst],
            "p_value": p,
        }
    return Stationarity(pd.DataFrame.from_dict(rows, orient="index").rename_axis("snapshot"), float(t[-1]))


def _quantities(
    x: Float[np.ndarray, "run snapshot level"],
) -> tuple[list[str], Float[np.ndarray, "run snapshot quantity"], Float[np.ndarray, " quantity"]]:
    """Names, values, and the units of their changes at the last snapshot."""
    names, values, units = [], [], []
    for group in group_by_gaps(x[:, -1]):
        names.append(f"the centre of level{'s' if len(group) > 1 else ''} {', '.join(map(str, group))}")
        values.append(x[:, :, group].mean(axis=2))
        units.append(values[-1][:, -1].std())
        for i, j in pairwise(group):
            names.append(f"the spacing of levels {i}, {j}")
            values.append(x[:, :, i] - x[:, :, j])
            units.append(values[-1][:, -1].mean())
    for k in range(x.shape[2]):
        names.append(f"the width of level {k}")
        values.append((x[:, :, k] - x[:, :, k].mean(axis=0)) ** 2)
        units.append(values[-1][:, -1].mean())
    return names, np.stack(values, axis=2), np.array(units)
