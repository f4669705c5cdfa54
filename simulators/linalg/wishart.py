"""Second moments of a batch of Gaussian samples, drawn directly: at a cost that does not grow with the batch.

The second moment of |B| samples φ ~ N(0, I) in n dimensions is A Aᵀ/|B| in law, where A is lower triangular with
A_ij ~ N(0, 1) below the diagonal and A_ii² ~ χ² with |B| − i degrees of freedom, i = 0, 1, … (Bartlett 1933); for
|B| < n, A has |B| columns.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

__all__ = ["Bartlett", "chi_squares", "draw", "triangle"]

FEW = 24
"""Degrees of freedom up to which a product of uniforms is cheaper than proposals of which some are refused."""


class Bartlett(NamedTuple):
    """The random numbers of A: those below the diagonal, row after row, and the squares of those on it."""

    below: Float[Array, "entry run"]
    squares: Float[Array, "column run"]


def draw(key: Key[Array, ""], size: int, batch_size: int, lanes: int) -> Bartlett:
    """Random numbers of A for batches of ``batch_size`` samples in ``size`` dimensions."""
    key_below, key_squares = jax.random.split(key)
    columns = min(size, batch_size)
    count = sum(min(i, columns) for i in range(size))
    below = jax.random.normal(key_below, (count, lanes))
    return Bartlett(below, chi_squares(key_squares, batch_size - np.arange(columns), lanes))


def triangle(numbers: Bartlett, size: int) -> Float[Array, "size column run"]:
    """A."""
    columns, lanes = numbers.squares.shape
    place = np.zeros((size, columns), dtype=int)  # index 0: the row of zeros
    rows, across = np.tril_indices(size, -1, columns)
    place[rows, across] = 1 + np.arange(rows.size)
    place[np.arange(columns), np.arange(columns)] = 1 + rows.size + np.arange(columns)
    nothing = jnp.zeros((1, lanes), numbers.below.dtype)
    return jnp.concatenate([nothing, numbers.below, jnp.sqrt(numbers.squares)])[place]


def chi_squares(key: Key[Array, ""], degrees: np.ndarray, lanes: int) -> Float[Array, "degree run"]:
    """χ² with each of ``degrees``, whole numbers above zero.

    Few degrees: −2 ln of a product of uniforms, and the square of a Gaussian for an odd one. Many: the proposals of
    Marsaglia and Tsang (2000) for the gamma law, drawn for all runs until each has one accepted, mostly the first.
    """
    if degrees.max() <= FEW:
        key_uniform, key_odd = jax.random.split(key)
        pairs, odd = degrees // 2, degrees % 2
        factors = jax.random.uniform(key_uniform, (int(pairs.sum()), lanes))
        products = _rows(jnp.ones((1, lanes)), 1.0 - factors, pairs)
        squares = _rows(jnp.zeros((1, lanes)), jax.random.normal(key_odd, (int(odd.sum()), lanes)) ** 2, odd)
        return squares.sum(axis=0) - 2.0 * jnp.log(jnp.prod(products, axis=0))
    float_type = jnp.result_type(float)
    single = (degrees == 1)[:, None]  # to which the proposals do not apply
    d = jnp.asarray(np.maximum(degrees, 2) / 2.0 - 1.0 / 3.0, float_type)[:, None]
    c = 1.0 / jnp.sqrt(9.0 * d)
    shape = (degrees.size, lanes)

    def propose(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        count, value, done = state
        key_normal, key_uniform = jax.random.split(jax.random.fold_in(key, count))
        x = jax.random.normal(key_normal, shape)
        cube = (1.0 + c * x) ** 3
        log_uniform = jnp.log1p(-jax.random.uniform(key_uniform, shape))
        accepted = (cube > 0) & (log_uniform < 0.5 * x**2 + d - d * cube + d * jnp.log(cube))
        return count + 1, jnp.where(done, value, 2.0 * d * cube), done | accepted

    start = (jnp.zeros((), jnp.uint32), jnp.zeros(shape, float_type), jnp.zeros(shape, bool))
    many = jax.lax.while_loop(lambda state: ~jnp.all(state[2]), propose, start)[1]
    if not single.any():
        return many
    return jnp.where(single, jax.random.normal(jax.random.fold_in(key, 2**32 - 1), shape) ** 2, many)


def _rows(filler: Float[Array, "1 run"], rows: Float[Array, "row run"], counts: np.ndarray) -> Float[Array, "n c run"]:
    """The first counts[0] rows in column 0, the next counts[1] in column 1, …, filled up."""
    used = np.arange(max(counts.max(), 1))[:, None] < counts
    place = np.where(used, 1 + np.arange(used.shape[0])[:, None] + np.cumsum(counts) - counts, 0)
    return jnp.concatenate([filler, rows])[place]
