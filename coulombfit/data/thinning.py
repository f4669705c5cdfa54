"""Snapshots of one long run, or of a few, as independent observations.

Neighbouring snapshots are alike, so the unit of observation is a snapshot that has forgotten the one before it. With
the autocorrelation ρ(t) of an observable, t in snapshots, its statistical inefficiency is

    g = 1 + 2 Σ_{t ≥ 1} ρ(t) = 2 τ_int,    the mean of n snapshots having g times the variance of n independent ones.

n/g is ArviZ's effective sample size, with runs as chains. It splits chains in halves and counts a disagreement of runs
or halves as memory: drifting or stuck trajectories come out as too short, not as long enough. The largest g of all
observables decides: every level, its squared deviation (its width), spacing and sum of unresolved neighbours.

Every s-th snapshot is kept, s = ⌈2g⌉. An exponential memory ρ = e^{−t/τ} has g ≥ 2τ, so between kept snapshots at most
e^{−4} = 0.018 of it is left, and intervals that take them as independent are too narrow by at most 1.8 %. For any
mixture of exponentials that is 18 %: the variance of a mean is at most 1.5 times that of independent snapshots. The
price: the mean of kept snapshots has about √2 times the standard error of the mean of all, a little more for small g.

Stationarity is judged by the late against the early half, in units of the late half's standard error, as a start far
away would inflate the early half's own and hide itself. Widths and spacings are compared by their logarithms, whose
errors do not depend on their size. p-values are Student's t, times the number of observables (Bonferroni). Effective
sizes are estimates, too: a quarter of the late half's smallest one as degrees of freedom keeps false alarms near or
below the nominal rate for AR(1) levels and pairs, from n/g = 50.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import arviz_stats as azs
import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.answers.numbers import probability
from coulombfit.runtime.errors import DataError

__all__ = ["thin"]

FEWEST_SNAPSHOTS = 16  # four in each half of a half, as ArviZ needs
FEWEST_KEPT = 20  # kept snapshots, of all runs together
ALARM = 1e-3  # p-value below which the trajectory still drifts
FREEDOM = 0.25  # degrees of freedom of Student's t, over the least effective size of the late half; see above
ROUNDING = 1e-13  # range over size below which a level counts as constant

Series = Float[np.ndarray, "run snapshot"]


def thin(
    eigenvalues: Float[np.ndarray, "run snapshot level"],
    groups: Sequence[list[int]],
    steps: Float[np.ndarray, "..."] | None = None,
) -> tuple[Float[np.ndarray, "kept level"], dict[str, Any]]:
    """Every s-th snapshot of every run, counted from the last, and a JSON record of what was done.

    :param eigenvalues: descending along level.
    :param groups: levels that are unresolved; neighbours within a group are observed by spacing and sum, too. A level
        in none of them is not observed.
    :param steps: shape (snapshot,), training step of every snapshot, equally spaced.
    :raises DataError: for a constant level, uneven steps, or a trajectory that leaves fewer than 20 snapshots.
    :warns UserWarning: where the early and the late half differ, p < 0.001.
    """
    runs, snapshots, levels = eigenvalues.shape
    if snapshots < FEWEST_SNAPSHOTS:
        raise DataError(f"eigenvalues: expected at least {FEWEST_SNAPSHOTS} snapshots of a run, got {snapshots}")
    interval, unit = (1.0, "snapshots") if steps is None else (_interval(steps, snapshots), "steps")
    observed = _observables(eigenvalues, groups)
    g, slowest = max((max(1.0, series.size / _effective_size(series)), name) for name, series in observed.items())
    p, z, worst = min(_drifts(observed), key=lambda drift: (drift[0], -abs(drift[1])))
    if drifting := p < ALARM:
        message = (
            f"eigenvalues: the trajectory is not stationary: {worst} {'rises' if z > 0 else 'falls'} from its early to "
            f"its late half (z = {z:.3g}, p {probability(p)}); discard the beginning, or train for longer"
        )
        warnings.warn(message, UserWarning, stacklevel=3)
    stride = math.ceil(2.0 * g)
    kept = eigenvalues[:, (snapshots - 1) % stride :: stride].reshape(-1, levels)
    if len(kept) < FEWEST_KEPT:
        raise DataError(
            f"eigenvalues: expected at least {FEWEST_KEPT} independent snapshots, which takes about "
            f"{(math.ceil(FEWEST_KEPT / runs) - 1) * stride + 1} snapshots of each of {runs} run(s) at a stride of "
            f"{stride} (statistical inefficiency {g:.3g}, by {slowest}), got {snapshots}, which leave {len(kept)}"
            + "; part of this memory may be the drift warned about: discard the beginning"
            * drifting
        )
    record = {"snapshots": snapshots, "runs": runs, "inefficiency": g, "slowest": slowest, "unit": unit}
    record |= {"autocorrelation_time": 0.5 * g * interval, "stride": stride, "kept": len(kept)}
    record |= {"stationarity": {"z": z, "p": p, "observable": worst}}
    record["described"] = (
        f"kept {len(kept)} of {runs * snapshots} snapshots of {runs} run(s), one in {stride}: statistical inefficiency "
        f"{g:.3g} (by {slowest}), autocorrelation time {0.5 * g * interval:.4g} {unit}; early and late half "
        f"{'DIFFER' if drifting else 'agree'} (worst: {worst}, z = {z:.2f}, p {probability(p)})"
    )
    logging.getLogger("coulombfit").info(record["described"])
    return kept, record


def _observables(x: Float[np.ndarray, "run snapshot level"], groups: Sequence[list[int]]) -> dict[str, Series]:
    """What is inferred, by name; combinations of levels that never change have no memory and are left out."""
    levels = {k: x[:, :, k] for group in groups for k in group}
    for k, r in product(levels, range(len(x))):
        if _constant(levels[k][r : r + 1]):
            raise DataError(
                f"eigenvalues: expected levels that fluctuate, got level {k} constant over half of run {r} or more; "
                "leave out the level (levels='nonzero' leaves out those that are zero), or the part where it does not "
                "move"
            )
    observed = {f"level {k}": level for k, level in levels.items()}
    observed |= {f"width of level {k}": (level - level.mean()) ** 2 for k, level in levels.items()}
    for i, j in ((i, i + 1) for group in groups for i in group[:-1]):
        observed[f"spacing of levels {i} and {j}"] = levels[i] - levels[j]
        observed[f"sum of levels {i} and {j}"] = levels[i] + levels[j]
    return {name: series for name, series in observed.items() if not _constant(series)}


def _halves(series: Series) -> tuple[Float[np.ndarray, "run half"], Float[np.ndarray, "run half"]]:
    half = series.shape[1] // 2
    return series[:, :half], series[:, -half:]


def _constant(series: Series) -> bool:
    return any(np.ptp(half) <= ROUNDING * np.abs(half).max() for half in _halves(series))


def _effective_size(series: Series) -> float:
    # ArviZ takes a range below 1e-15 for constant, whatever the unit
    return float(azs.ess((series - series.mean()) / series.std(), method="mean"))


def _drifts(observed: Mapping[str, Series]) -> Iterator[tuple[float, float, str]]:
    """Two-sided p among all observables, z (late minus early) and name of every observable."""
    halves = {name: _halves(series) for name, series in observed.items()}
    sizes = {name: _effective_size(late) for name, (_, late) in halves.items()}
    freedom = FREEDOM * min(sizes.values())
    for name, (early, late) in halves.items():
        change = late.mean() - early.mean()
        if name.startswith(("width", "spacing")):
            change = math.log(late.mean() / early.mean()) * late.mean()
        z = float(change / (late.std() * math.sqrt(2.0 / max(sizes[name] - 1.0, 1.0))))
        yield min(1.0, 2.0 * len(observed) * float(stats.t.sf(abs(z), freedom))), z, name


def _interval(steps: Float[np.ndarray, "..."], snapshots: int) -> float:
    if steps.shape != (snapshots,):
        raise DataError(f"steps: expected shape ({snapshots},), one per snapshot, got {steps.shape}")
    apart = np.diff(steps)
    if apart[0] <= 0 or np.ptp(apart) > 1e-6 * apart[0]:
        raise DataError(f"steps: expected ascending, equally spaced, got {apart.min():g} to {apart.max():g} apart")
    return float(apart[0])
