"""χ² of widths about the linear scaling rule, with sampling errors alone: what a weighted line through them reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

__all__ = ["ChiSquared", "chi_squared_of"]

TERMS = (("learning_rate", 0.5), ("batch_size", -0.5))


@dataclass(frozen=True)
class ChiSquared:
    """``value`` at its minimum, ``freedom``, the number of widths less that of amplitudes and exponents, and the
    ``p_value`` of more if settings scatter by sampling alone; None of no degree of freedom."""

    value: float
    freedom: int
    p_value: float | None

    def __str__(self) -> str:
        ratio = f"{self.value:.1f}/{self.freedom}"
        return ratio if self.p_value is None else f"{ratio}, p = {self.p_value:.2g}"


def chi_squared_of(levels: pd.DataFrame, curvature: Float[np.ndarray, " level"]) -> ChiSquared:
    """Least squares of ln σ with the sampling errors of ln σ as weights.

    ln(σ/f) = ln a_k + ½ b_α ln(α/(1 − αΩ_k/2)) − ½ b_B ln\\|B\\| for level k, with an amplitude a level and an exponent
    for each of α and \\|B\\| that varies; with momentum μ, αΩ/(1 + μ) in the place of αΩ.

    :param levels: as in :class:`coulombfit.Scaling`, a row a setting and level.
    :param curvature: Ω of every level, zero in the form for small steps.
    """
    table = levels.reset_index()
    level = table["level"].to_numpy()
    columns = [(level == k).astype(float) for k in np.unique(level)]
    rate = table["learning_rate"].to_numpy()
    rate = rate / (1.0 - 0.5 * rate / (1.0 + table["momentum"].to_numpy()) * np.asarray(curvature)[level])
    of_setting = {"learning_rate": rate, "batch_size": table["batch_size"].to_numpy()}
    columns += [slope * np.log(of_setting[name]) for name, slope in TERMS if np.ptp(table[name]) > 0]
    weight = (table["sigma"] / table["sd"]).to_numpy()
    design = np.stack(columns, axis=1) * weight[:, None]
    seen = np.log(table["sigma"] / table["factor"]).to_numpy() * weight
    fitted, _, rank, _ = np.linalg.lstsq(design, seen)
    value, freedom = float(np.sum((seen - design @ fitted) ** 2)), len(seen) - int(rank)
    return ChiSquared(value, freedom, float(stats.chi2.sf(value, freedom)) if freedom > 0 else None)
