"""Runs that are equal in every level: copies, which would count as observations, or rounded numbers that meet.

Two runs whose levels are normal with covariance Σ and are written on grids of spacing h_j agree in all of them with
probability Π_j h_j ∫p² = Π_k 1 / (2√π √λ_k), λ_k the eigenvalues of Σ_ij / h_i h_j. In double precision they never do.
So equal runs are refused where so many pairs of them would be rare even at ten times that probability, and where
rounding explains them they are warned about.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.runtime.errors import DataError

__all__ = ["refuse_copies", "shared_runs"]

CHANCE = 1e-6
"""Probability of so many equal runs by chance below which they are refused as copies."""
MARGIN = 10.0
"""Factor on the chance that a normal law gives two equal runs: laws with a sharper peak have more coincidences."""
SAME = 1e-6
"""Relative distance of two levels below which runs of two ensembles, if nearer in every level, may be the same run."""
DECIMALS = 12
"""Most decimals for which numbers count as rounded."""


def refuse_copies(x: Float[np.ndarray, "run level"], argument: str = "eigenvalues") -> None:
    """Refuse runs that are copies of each other.

    :raises DataError: naming the first two runs that coincide.
    :warns UserWarning: where runs coincide about as often as the rounding of their levels makes them.
    """
    if len({row.tobytes() for row in x}) == len(x):
        return
    distinct, first, place, counts = np.unique(x, axis=0, return_index=True, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    second = next(run for run in range(len(x)) if first[place[run]] != run)
    where = f"runs {first[place[second]]} and {second} are equal in all {x.shape[1]} level(s)"
    copies = len(x) - len(distinct)
    found = int((counts * (counts - 1) // 2).sum())
    grids = [_grid(level) for level in x.T]
    agreement = _agreement(distinct / [grid for grid, _ in grids]) if len(distinct) > 1 else 1.0
    expected = 0.5 * MARGIN * len(x) * (len(x) - 1) * agreement
    if len(distinct) == 1 or stats.poisson.sf(found - 1, expected) < CHANCE:
        raise DataError(
            f"{argument}: {where}, and {copies} of {len(x)} runs repeat another: copies are no observations; leave "
            "them out"
        )
    digits = sorted({written for _, written in grids})
    warnings.warn(
        f"{argument}: {where}; {copies} of {len(x)} runs repeat another, as may happen by chance with levels rounded "
        f"to {' or '.join(digits)}; if these are copies, leave them out",
        UserWarning,
        stacklevel=3,
    )


def shared_runs(x: Float[np.ndarray, "run level"], y: Float[np.ndarray, "other other_level"]) -> int:
    """How many runs two arrays of different ensembles have in common, 0 where rounding may explain so many."""
    if x.shape[1] != y.shape[1]:
        return 0
    # compared in six digits: the same runs may have been kept in another precision
    scale = np.abs(np.concatenate([x, y])).max(axis=0)
    grids = [max(_grid(level)[0], SAME * size) for level, size in zip(np.concatenate([x, y]).T, scale, strict=True)]
    # runs that have died, with all levels at zero, are no copies
    places = [np.round(one[one.any(axis=1)] / grids) + 0.0 for one in (x, y)]
    alike = [one[np.isin(one[:, 0], other[:, 0])] for one, other in (places, places[::-1])]
    mine = {row.tobytes() for row in alike[0]}
    found = sum(row.tobytes() in mine for row in alike[1])
    if not found:
        return 0
    # two laws agree no more often than the narrower one does with itself
    agreement = max(_agreement(one) if len(one) > 1 else 1.0 for one in places)
    return found if stats.poisson.sf(found - 1, MARGIN * len(x) * len(y) * agreement) < CHANCE else 0


def _agreement(x: Float[np.ndarray, "run level"]) -> float:
    """Chance that two runs agree in all levels, which are in units of their grids; a level that never changes does."""
    spreads = np.sqrt(np.maximum(np.linalg.eigvalsh(np.atleast_2d(np.cov(x.T))), 0.0))
    return float(np.prod(1.0 / np.maximum(1.0, 2.0 * math.sqrt(math.pi) * spreads)))


def _grid(level: Float[np.ndarray, " run"]) -> tuple[float, str]:
    """Spacing of the numbers of a level, the widest that fits, and how to say it."""
    scale = float(np.abs(level).max()) or 1.0
    found = [(float(np.spacing(scale)), "double precision")]
    found += [(10.0**-k, f"{k} decimal(s)") for k in range(DECIMALS + 1) if np.array_equal(np.round(level, k), level)]
    for bits, name in ((23, "float32"), (10, "float16"), (7, "bfloat16")):
        kept, exponents = np.frexp(level)
        if np.array_equal(np.round(np.ldexp(kept, bits + 1)), np.ldexp(kept, bits + 1)):
            found.append((2.0 ** (int(exponents.max()) - bits - 1), name))
    return max(found)
