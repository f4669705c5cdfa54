"""Which levels of a spectrum belong together.

Without targets, neighbouring levels are unresolved where the mean of their spacing is below three times the typical
standard deviation of the two levels over the runs. For an isolated pair that ratio is 2.1 (one species), 1.6 (two very
unequal species) or 1.4 (no repulsion); for resolved levels it is the separation in units of their width, which has to
be large for the two to be described apart. With few runs the standard deviation is itself uncertain, and the limit is
raised so that a true pair is refused in less than one case in a hundred; levels are then joined rather than parted, and
targets, where known, are the better guide.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.runtime.errors import DataError

__all__ = ["doubt_pair", "group_by_gaps", "group_by_targets", "refuse_pair"]

RESOLVED = 3.0
"""Mean spacing over typical standard deviation from which two levels count as resolved; see above."""
REFUSED = 0.01
"""Share of true pairs that may be taken for resolved levels where runs are few."""
DOUBTED = 1e-4
"""p-value below which a fit doubts that two levels are a degenerate pair."""


def _mean_and_sd(eigenvalues: Float[np.ndarray, "run level"]) -> tuple[np.ndarray, np.ndarray]:
    return eigenvalues.mean(axis=0), eigenvalues.std(axis=0, ddof=1)


def _groups(together: np.ndarray) -> list[list[int]]:
    """Chains of neighbouring levels, from a flag for every neighbouring pair."""
    groups = [[0]]
    for level, joined in enumerate(together, start=1):
        if joined:
            groups[-1].append(level)
        else:
            groups.append([level])
    return groups


def group_by_gaps(eigenvalues: Float[np.ndarray, "run level"]) -> list[list[int]]:
    """Groups of unresolved neighbouring levels, from the top."""
    mean, sd = _mean_and_sd(eigenvalues)
    typical = np.sqrt(0.5 * (sd[1:] ** 2 + sd[:-1] ** 2))
    freedom = 2 * (len(eigenvalues) - 1)
    underestimate = np.sqrt(freedom / stats.chi2.ppf(REFUSED, freedom))
    return _groups(mean[:-1] - mean[1:] < RESOLVED * underestimate * typical)


def group_by_targets(
    eigenvalues: Float[np.ndarray, "run level"], targets: Float[np.ndarray, " level"]
) -> list[list[int]]:
    """Groups of neighbouring levels whose targets agree to a tenth of the levels' standard deviation, from the top."""
    sd = eigenvalues.std(axis=0, ddof=1)
    return _groups(targets[:-1] - targets[1:] <= 0.1 * np.minimum(sd[1:], sd[:-1]))


def refuse_pair(
    k: int, eigenvalues: Float[np.ndarray, "run level"], groups: list[list[int]], *, by_targets: bool
) -> NoReturn:
    """Say which groups were seen instead of a k-th pair."""
    mean, sd = _mean_and_sd(eigenvalues)
    seen = "; ".join(
        "levels " * (len(group) > 1)
        + "level " * (len(group) == 1)
        + ",".join(map(str, group))
        + " at "
        + ", ".join(f"{mean[level]:.5g} ± {sd[level]:.2g}" for level in group)
        for group in groups
    )
    pairs = sum(len(group) == 2 for group in groups)
    rule = "their targets" if by_targets else "the gaps between their distributions"
    hint = "" if by_targets else "; give targets= if you know which levels are degenerate"
    raise DataError(f"pair: no pair {k} among {pairs} pairs of levels grouped by {rule}: {seen}{hint}")


def doubt_pair(eigenvalues: Float[np.ndarray, "run 2"]) -> str:
    """What tells two levels from any degenerate pair; empty where nothing does.

    Of every law of a pair Var R ≥ ½⟨S²⟩, with R the sum and S the spacing (one species has ½, levels that do not repel
    1, and two widths lie between). Levels with centres of their own are further apart than they fluctuate together.
    In one species 2 Var R/⟨S²⟩ of n runs has the law F(n − 1, 2n), as R is Gaussian and S² exponential; in every other
    law of a pair small values are rarer.
    """
    runs = len(eigenvalues)
    total, spacing = eigenvalues.sum(axis=1), eigenvalues[:, 0] - eigenvalues[:, 1]
    if not np.ptp(total) or not spacing.any():
        return ""
    unit = np.abs(spacing).max()  # the squares of very small levels are 0
    ratio = (total / unit).var(ddof=1) / np.mean((spacing / unit) ** 2)
    if stats.f.cdf(2.0 * ratio, runs - 1, 2 * runs) >= DOUBTED:
        return ""
    return (
        f"these two levels do not look like a degenerate pair: they are further apart than they fluctuate, with a "
        f"variance of their sum of {ratio:.2g} mean squared spacings, where no pair has less than 0.5. Resolved levels "
        "have no law of a pair; targets, where known, say which levels are degenerate"
    )
