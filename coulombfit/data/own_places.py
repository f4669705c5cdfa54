"""Whether runs fluctuate about one place, or each about its own, as networks do that began differently.

Widths over runs are those of training noise only where every run, given time, goes wherever the others are. With w the
variance of a run in time and ρ its memory from one snapshot to the next, half the mean square of what changes within Δ
intervals is γ(Δ) = w(1 − ρ^Δ), whatever place a run has; from two intervals, the one twice the other,
w = γ(k)²/(2γ(k) − γ(2k)). About one place w is the variance V over runs; places of their own add to V and not to w.
Over the later half of the snapshots ln V/w is found for the mean of each group of levels, with its error by the
jackknife over runs; p-values are Student's t, times the number of groups. Where γ has not yet begun to level off, as of
a record no longer than the memory, w is not known, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.answers.numbers import probability
from coulombfit.data.clusters import group_by_gaps

__all__ = ["find_in_later_half", "find_own_places", "later_half"]

FEWEST_RUNS, FEWEST_SNAPSHOTS = 10, 9
ALARM = 1e-3
KEPT = 0.5
"""Share of V, 1 − w/V, from which on places are no small part of the widths over runs."""
LEVELLED, SURE = 1.5, 2.0
"""γ(2k)/γ(k), 1 + ρ^k, below which it has levelled off enough, by so many of its errors."""
EVEN = 0.01
"""How far intervals between snapshots may differ, as a share."""


def find_own_places(
    x: Float[np.ndarray, "run snapshot level"], steps: Sequence[float], groups: Sequence[list[int]] | None = None
) -> str:
    """What says that runs keep places of their own; empty where nothing does, or it cannot be asked: of fewer than 10
    runs or 9 snapshots, or of snapshots that are not evenly spaced.

    :param x: descending along level.
    :param steps: of the snapshots, ascending.
    :param groups: levels that belong together; by gaps if not given.
    """
    later = later_half(x.shape[1])
    return find_in_later_half(x[:, later], [steps[k] for k in later], groups) if later else ""


def later_half(snapshots: int, most: int | None = None) -> list[int]:
    """Which snapshots :func:`find_own_places` looks at; none where it does not ask.

    :param most: at most about so many of them, evenly spaced, where each costs much.
    """
    if snapshots < FEWEST_SNAPSHOTS:
        return []
    first = snapshots // 2
    stride = 1 if most is None else max(1, (snapshots - 1 - first) // (most - 1))
    return list(range(snapshots - 1, first - 1, -stride))[::-1]


def find_in_later_half(
    x: Float[np.ndarray, "run snapshot level"], steps: Sequence[float], groups: Sequence[list[int]] | None = None
) -> str:
    """As :func:`find_own_places`, of the snapshots of :func:`later_half` alone.

    :param x: descending along level.
    :param steps: of these snapshots.
    :param groups: levels that belong together; by gaps if not given.
    """
    runs = len(x)
    if runs < FEWEST_RUNS or not np.isfinite(x).all():
        return ""
    late = np.asarray(steps, dtype=float)
    apart = np.diff(late)
    if np.ptp(apart) > EVEN * apart.mean():
        return ""
    found = []
    together = group_by_gaps(x[:, -1]) if groups is None else groups
    for group in together:
        means = x[:, :, group].mean(axis=2)
        share, log_ratio, error = _share_of_places(means - means.mean(axis=0))
        if error > 0:
            p = len(together) * float(stats.t.sf(log_ratio / error, runs - 1))
            found.append((p, share, group))
    keeping = [one for one in found if one[0] < ALARM and one[1] > KEPT]
    if not keeping:
        return ""
    p, share, group = max(keeping, key=lambda one: one[1])
    levels = f"level{'s' if len(group) > 1 else ''} {', '.join(map(str, group))}"
    return (
        f"runs keep places of their own: {share:.0%} of the variance over runs in {levels} is there since step "
        f"{late[0]:g} and does not fade (p {probability(p)}), as of networks that began differently, or of modes "
        "slower than was recorded; widths over runs hold that spread"
    )


def _share_of_places(d: Float[np.ndarray, "run snapshot"]) -> tuple[float, float, float]:
    """1 − w/V, ln V/w, and the error of that; zeros where w is not known."""
    lag = (d.shape[1] - 1) // 4
    half_squares = [0.5 * ((d[:, k:] - d[:, :-k]) ** 2).mean(axis=1) for k in (lag, 2 * lag)]
    parts = np.stack([(d**2).mean(axis=1), *half_squares])
    total, runs = parts.sum(axis=1), len(d)
    without = total[:, None] - parts
    if not (without > 0).all():
        return 0.0, 0.0, 0.0
    growth = without[2] / without[1]
    known_to = np.sqrt((runs - 1) * np.mean((growth - growth.mean()) ** 2))
    if total[2] / total[1] + SURE * known_to > LEVELLED:
        return 0.0, 0.0, 0.0

    def log_ratio(sums: Float[np.ndarray, "3 ..."]) -> Any:
        return np.log(sums[0] * (2 * sums[1] - sums[2]) / sums[1] ** 2)

    each = log_ratio(without)
    error = np.sqrt((runs - 1) * np.mean((each - each.mean()) ** 2))
    return float(1.0 - np.exp(-log_ratio(total))), float(log_ratio(total)), float(error)
