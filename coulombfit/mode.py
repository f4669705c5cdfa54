"""The maximum of a smooth density, and its curvature there: Newton's method within a trust region."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

__all__ = ["LogDensity", "Peak", "find_peak", "peak_of"]

LogDensity = Callable[..., Array]
"""``f(point, *data)`` of one point, shape (coordinate,); pure, and the same object for the same density."""

STEPS = 100
LONGEST, FIRST = 4.0, 1.0
"""Radii of the trust region, in coordinates of order one."""
CLOSE = 1e-9
"""What the next step would add to ln f, at which the search ends."""
LEAST_CURVATURE = 0.1
"""Flatter directions, as near σ₁ = σ₂, count as this flat: a proposal is no wider."""


class Peak(NamedTuple):
    """A maximum, and R with R Rᵀ the inverse curvature there."""

    centre: Float[Array | np.ndarray, " coordinate"]
    root: Float[Array | np.ndarray, "coordinate coordinate"]


class _Search(NamedTuple):
    point: Float[Array, " coordinate"]
    value: Float[Array, ""]
    gradient: Float[Array, " coordinate"]
    curvature: Float[Array, "coordinate coordinate"]
    radius: Float[Array, ""]
    left: Float[Array, ""]
    steps: Array


@lru_cache(maxsize=64)
def peak_of(density: LogDensity) -> Callable[..., Peak]:
    """:func:`find_peak` of one density, compiled once for every shape of data."""
    return jax.jit(lambda start, *data: find_peak(density, start, *data))


def find_peak(density: LogDensity, start: Float[Array | np.ndarray, " coordinate"], *data: Any) -> Peak:
    """Climb from ``start``. A pure function of arrays, to be compiled and mapped."""
    derivatives = jax.value_and_grad(density)

    def look(point: Array) -> tuple[Array, Array, Array]:
        # gradients once a direction, in one pass with the value
        (value, gradient), push = jax.linearize(lambda z: derivatives(z, *data), point)
        curvature = -jax.vmap(push)(jnp.eye(point.size, dtype=point.dtype))[1]
        return value, gradient, 0.5 * (curvature + curvature.T)

    def step(search: _Search) -> tuple[Array, Array]:
        values, vectors = jnp.linalg.eigh(search.curvature)
        # away from a maximum the curvature may be of either sign: uphill all the same
        newton = vectors @ ((vectors.T @ search.gradient) / jnp.maximum(jnp.abs(values), 1e-3 * jnp.abs(values).max()))
        length = jnp.linalg.norm(newton)
        move = newton * jnp.minimum(1.0, search.radius / jnp.where(length > 0, length, 1.0))
        promised = move @ search.gradient - 0.5 * move @ search.curvature @ move
        return move, promised

    def climb(search: _Search) -> _Search:
        move, promised = step(search)
        value, gradient, curvature = look(search.point + move)
        gain = value - search.value
        kept = promised * 0.25 < gain  # false for a value that is not a number
        length = jnp.linalg.norm(move)
        radius = jnp.where(kept, jnp.clip(2.0 * length, search.radius, LONGEST), 0.25 * length)
        better = gain > 0
        chosen = jax.tree.map(
            lambda new, old: jnp.where(better, new, old),
            (search.point + move, value, gradient, curvature),
            (search.point, search.value, search.gradient, search.curvature),
        )
        # where rounding hides what is left to gain, the search is over, too
        left = jnp.where(search.steps == 0, jnp.inf, jnp.abs(promised))
        return _Search._make((*chosen, radius, left, search.steps + 1))

    # the first step is of no length, and looks at the start: compiled once that way
    start = jnp.asarray(start)
    nothing, flat = jnp.zeros_like(start), jnp.eye(start.size, dtype=start.dtype)
    least, radius = jnp.asarray(-jnp.inf, start.dtype), jnp.asarray(FIRST, start.dtype)
    first = _Search(start, least, nothing, flat, radius, -least, jnp.array(0))

    def unfinished(search: _Search) -> Array:
        return (search.left > CLOSE) & (search.radius > 1e-9) & (search.steps < STEPS)

    found = lax.while_loop(unfinished, climb, first)
    values, vectors = jnp.linalg.eigh(found.curvature)
    return Peak(found.point, vectors / jnp.sqrt(jnp.maximum(values, LEAST_CURVATURE)))
