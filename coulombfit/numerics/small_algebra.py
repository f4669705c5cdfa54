"""Explicit algebra of small matrices, for programs that run side by side.

LAPACK's kernels in compiled code wait for a pool of threads that programs share: two of them at once may wait for each
other for ever. What runs in threads is therefore written in elementary operations. None of them pivots: they are for
matrices that need no pivots, which are those that are positive definite or dominated by their diagonal. Sizes are
static, and steps are unrolled: elementwise updates of whole matrices, which XLA fuses.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["factor", "inverse", "log_abs_det", "solve", "solve_transposed"]


def factor(
    matrix: Float[Array, "n n"], least: Float[Array, ""] | None = None
) -> tuple[Float[Array, "n n"], Float[Array, " n"]]:
    """L with a unit diagonal, and d, of A = L diag(d) Lᵀ.

    :param matrix: symmetric.
    :param least: take \\|d\\| for d, and at least this: L diag(d) Lᵀ is then positive definite, and A itself where A
        is positive definite enough.
    """
    rows = np.arange(len(matrix))
    left, columns, pivots = matrix, [], []
    for k in rows:
        pivot = left[k, k] if least is None else jnp.maximum(jnp.abs(left[k, k]), least)
        column = jnp.where(rows > k, left[:, k] / pivot, jnp.where(rows == k, 1.0, 0.0))
        left = left - pivot * column[:, None] * column
        columns.append(column)
        pivots.append(pivot)
    return jnp.stack(columns, axis=1), jnp.stack(pivots)


def solve(lower: Float[Array, "n n"], right: Float[Array, " n"]) -> Float[Array, " n"]:
    """L⁻¹ b, of L with a unit diagonal."""
    rows = np.arange(len(right))
    for k in rows[:-1]:
        right = right - jnp.where(rows > k, lower[:, k], 0.0) * right[k]
    return right


def solve_transposed(lower: Float[Array, "n n"], right: Float[Array, " n"]) -> Float[Array, " n"]:
    """L⁻ᵀ b, of L with a unit diagonal."""
    rows = np.arange(len(right))
    for k in rows[:0:-1]:
        right = right - jnp.where(rows < k, lower[k], 0.0) * right[k]
    return right


@jax.custom_jvp
def log_abs_det(matrix: Float[Array, "n n"]) -> Float[Array, ""]:
    """Ln \\|det A\\|, by elimination."""
    return jnp.log(jnp.abs(_eliminate(matrix)[1])).sum()


@log_abs_det.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return log_abs_det(*primals), (inverse(*primals).T * tangents[0]).sum()


@jax.custom_jvp
def inverse(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """A⁻¹, by Gauss and Jordan's elimination."""
    return _eliminate(matrix)[0]


@inverse.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    found = inverse(*primals)
    return found, -found @ tangents[0] @ found


def _eliminate(matrix: Float[Array, "n n"]) -> tuple[Float[Array, "n n"], Float[Array, " n"]]:
    """The inverse, and the pivots, whose product is the determinant. A loop, as these matrices may be large."""
    rows = np.arange(len(matrix))

    def step(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        left, pivots = state
        own = rows == k
        pivot = left[k, k]
        row = jnp.where(own, 1.0, left[k]) / pivot
        column = jnp.where(own, 0.0, left[:, k])
        kept = jnp.where(own[:, None] | own, 0.0, left)
        return jnp.where(own[:, None], row, kept - column[:, None] * row), pivots.at[k].set(pivot)

    return jax.lax.fori_loop(0, len(matrix), step, (matrix, jnp.ones(len(matrix), matrix.dtype)))
