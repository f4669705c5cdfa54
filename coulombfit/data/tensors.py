"""Levels of weight matrices: their squared singular values, for arrays of any library."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from coulombfit.data.arrays import as_numbers

__all__ = ["as_numbers", "levels_of"]

LARGE = 64
"""Levels from which on WᵀW is used."""


def levels_of(weights: Float[np.ndarray, "*runs M N"]) -> Float[np.ndarray, "*runs level"]:
    """Squared singular values x of W, the eigenvalues of X = WᵀW, descending; NaN where a matrix is not finite.

    Each matrix goes through LAPACK by itself and with its longer side first: its levels are the same, to all bits,
    whatever it is stored with, and, unless it is square, whether as W or as Wᵀ. Of large matrices they are found from
    WᵀW, which is several times faster and leaves an error of some 1e-15 of the largest level.

    :param weights: float64.
    """
    rows, columns = weights.shape[-2:]
    x = np.full((*weights.shape[:-2], min(rows, columns)), np.nan)
    for run in np.ndindex(weights.shape[:-2]):
        w = np.ascontiguousarray(weights[run] if rows >= columns else weights[run].T)
        if np.isfinite(w).all():
            x[run] = _levels_of_one(w)
    return x


def _levels_of_one(w: Float[np.ndarray, "long short"]) -> Float[np.ndarray, " level"] | float:
    # LAPACK gives up on numbers that are too large
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            if w.shape[1] < LARGE:
                return np.linalg.svd(w, compute_uv=False) ** 2
            return np.maximum(np.linalg.eigvalsh(w.T @ w)[::-1], 0.0)
    except np.linalg.LinAlgError:
        return np.nan
