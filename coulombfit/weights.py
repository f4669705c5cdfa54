"""Weights of any framework as numbers, and their levels."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from jaxtyping import Float

__all__ = ["as_numbers", "levels_of"]

LARGE = 64
"""Levels from which on WᵀW is used."""


def as_numbers(values: Any) -> np.ndarray:
    """A NumPy array of what may be a tensor of PyTorch, JAX or Keras, in whatever precision and on whatever device.

    bfloat16 and float8, which NumPy does not know, become float64.
    """
    if hasattr(values, "detach"):  # PyTorch, which need not be there to be imported
        values = values.detach().cpu()
        if str(values.dtype).startswith(("torch.bfloat", "torch.float8")):
            values = values.double()
    array = np.asarray(values)
    # ml_dtypes, which JAX brings, registers its types as void
    if array.dtype.kind == "V" and array.dtype.type is not np.void:
        array = array.astype(np.float64)
    return array


def levels_of(weights: Float[np.ndarray, "*runs M N"]) -> Float[np.ndarray, "*runs level"]:
    """Squared singular values x of W, the eigenvalues of X = WᵀW, descending; NaN where a matrix is not finite.

    Of large matrices they are found from the smaller of WᵀW and WWᵀ, which is several times faster and leaves an error
    of some 1e-15 of the largest level.

    :param weights: float64.
    """
    finite = np.isfinite(weights).all(axis=(-2, -1))
    x = np.full((*weights.shape[:-2], min(weights.shape[-2:])), np.nan)
    # LAPACK gives up on numbers that are too large
    with np.errstate(over="ignore"), suppress(np.linalg.LinAlgError):
        w = weights[finite]
        if x.shape[-1] < LARGE:
            x[finite] = np.linalg.svd(w, compute_uv=False) ** 2
        else:
            short = w if w.shape[-2] <= w.shape[-1] else np.swapaxes(w, -2, -1)
            x[finite] = np.maximum(np.linalg.eigvalsh(short @ np.swapaxes(short, -2, -1))[..., ::-1], 0.0)
    return x
