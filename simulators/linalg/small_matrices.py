"""Linear algebra of many small matrices at once, the run in the last axis of every array.

LAPACK and batched matrix products take one matrix after the other, at ten to a hundred times the cost for N ≤ 16. Here
every multiplication is one for all runs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["cholesky", "inverse", "product", "squared_singular_values", "transpose"]


def transpose(a: Float[Array, "n m run"]) -> Float[Array, "m n run"]:
    """Aᵀ."""
    return jnp.swapaxes(a, 0, 1)


def product(a: Float[Array, "n k #run"], b: Float[Array, "k m #run"]) -> Float[Array, "n m #run"]:
    """A B; an axis of one run serves all runs of the other."""
    shape = (a.shape[0], b.shape[1], max(a.shape[2], b.shape[2]))
    # unrolled whole, XLA would fuse what makes a and b into every one of the terms and compute it once for each
    unroll = max(1, a.shape[1] // 2) if a.shape[1] <= 16 else 8
    start = jnp.zeros(shape, jnp.result_type(a, b))
    return jax.lax.fori_loop(0, a.shape[1], lambda j, total: total + a[:, j, None] * b[None, j], start, unroll=unroll)


def inverse(a: Float[Array, "n n run"]) -> Float[Array, "n n run"]:
    """Inverse of symmetric positive definite matrices by Gauss and Jordan; NaN where a matrix is not."""
    for j in range(a.shape[0]):
        pivot = a[j, j]
        over = jnp.where(pivot > 0, 1.0 / pivot, jnp.nan)
        row, column = a[j] * over, a[:, j]
        a = a - column[:, None] * row[None]
        a = a.at[j].set(row).at[:, j].set(-column * over).at[j, j].set(over)
    return a


def cholesky(a: Float[Array, "n n run"]) -> Float[Array, "n n run"]:
    """Lower triangular L with L Lᵀ = A, symmetric positive definite; NaN where a matrix is not."""
    lower = jnp.zeros_like(a)
    for j in range(a.shape[0]):
        pivot = a[j, j]
        below = (np.arange(a.shape[0]) >= j)[:, None]
        column = jnp.where(below, a[:, j] * jnp.where(pivot > 0, jax.lax.rsqrt(pivot), jnp.nan), 0.0)
        a = a - column[:, None] * column[None]
        lower = lower.at[:, j].set(column)
    return lower


def squared_singular_values(w: Float[np.ndarray, "*chunk n m run"]) -> Float[np.ndarray, "*chunk level run"]:
    """Eigenvalues of WᵀW, descending, without forming it; NaN for matrices that are not finite.

    In NumPy, because a compiled program that holds a LAPACK call may wait for ever for one that runs beside it.
    """
    matrices = np.moveaxis(w, -1, -3)
    finite = np.isfinite(matrices).all(axis=(-2, -1), keepdims=True)
    values = np.linalg.svd(np.where(finite, matrices, 0.0), compute_uv=False) ** 2
    return np.moveaxis(np.where(finite[..., 0], values, np.nan), -1, -2)
