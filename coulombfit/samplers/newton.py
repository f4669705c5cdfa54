"""The maximum of a smooth density, and its curvature there: Newton's method within a trust region.

Where the density curves upwards, Newton's equations are solved with a positive definite matrix near the curvature
(Nocedal and Wright, Numerical Optimization, section 3.4), so that every step leads uphill.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from coulombfit.numerics.small_algebra import factor, solve, solve_transposed

__all__ = ["LogDensity", "Peak", "find_maximum", "peak_of"]

LogDensity = Callable[..., Array]
"""``f(point, *data)`` of one point, shape (coordinate,); pure, and the same object for the same density."""

STEPS = 100
"""Most steps of a search, which then ends where it is; a search that converges takes far fewer."""
LONGEST, FIRST = 4.0, 1.0
"""Radii of the trust region: the largest and the first, in coordinates of order one."""
CLOSE = 1e-9
"""The search ends where the next step promises to add less than this to ln f."""
LEAST_PIVOT = 1e-3
"""Least pivot, as a share of the largest curvature: a flatter direction is treated as if it were curved this much, and
the trust region bounds the step. Larger: shorter steps along flat directions; smaller: only the trust region bounds."""
TINY = 1e-300
"""Added to the least pivot, which would be 0 where the curvature is 0."""
LEAST_CURVATURE = 0.1
"""Least curvature (eigenvalue of −∂² ln f) with which a proposal is built: where the density is flatter, as near
σ₁ = σ₂, the proposal is no wider than 1/√0.1 = 3.2 coordinate units."""


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


def peak_of(density: LogDensity, start: Float[Array | np.ndarray, " coordinate"], *data: Any) -> Peak:
    """The maximum that a climb from ``start`` finds; compiled once for every shape of data."""
    point, curvature = (np.asarray(each) for each in _compiled(density)(start, *data))
    values, vectors = np.linalg.eigh(curvature)
    return Peak(point, vectors / np.sqrt(np.maximum(values, LEAST_CURVATURE)))


@lru_cache(maxsize=64)
def _compiled(density: LogDensity) -> Callable[..., tuple[Array, Array]]:
    return jax.jit(partial(find_maximum, density))


def find_maximum(
    density: LogDensity, start: Float[Array | np.ndarray, " coordinate"], *data: Any
) -> tuple[Float[Array, " coordinate"], Float[Array, "coordinate coordinate"]]:
    """Climb from ``start``: the maximum, and minus the second derivatives there. A pure function of arrays."""
    derivatives = jax.value_and_grad(density)

    def evaluate(point: Array) -> tuple[Array, Array, Array]:
        # gradients once a direction, in one pass with the value
        (value, gradient), push = jax.linearize(lambda z: derivatives(z, *data), point)
        curvature = -jax.vmap(push)(jnp.eye(point.size, dtype=point.dtype))[1]
        return value, gradient, 0.5 * (curvature + curvature.T)

    def step(search: _Search) -> tuple[Array, Array]:
        # away from a maximum the curvature may be of either sign: uphill all the same
        lower, pivots = factor(search.curvature, LEAST_PIVOT * jnp.abs(jnp.diagonal(search.curvature)).max() + TINY)
        newton = solve_transposed(lower, solve(lower, search.gradient) / pivots)
        length = jnp.sqrt(newton @ newton)
        move = newton * jnp.minimum(1.0, search.radius / jnp.where(length > 0, length, 1.0))
        promised = move @ search.gradient - 0.5 * move @ search.curvature @ move
        return move, promised

    def climb(search: _Search) -> _Search:
        move, promised = step(search)
        value, gradient, curvature = evaluate(search.point + move)
        gain = value - search.value
        # usual factors of a trust region (Nocedal and Wright, algorithm 4.1): a step that gains less than a quarter of
        # what the quadratic model promised shrinks the radius to a quarter of its length, another doubles it;
        # the comparison is false for a value that is not a number
        kept = promised * 0.25 < gain
        length = jnp.sqrt(move @ move)
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

    # the first pass of the loop takes a step of length zero, which evaluates f at the start: f is then compiled once
    start = jnp.asarray(start)
    nothing, flat = jnp.zeros_like(start), jnp.eye(start.size, dtype=start.dtype)
    least, radius = jnp.asarray(-jnp.inf, start.dtype), jnp.asarray(FIRST, start.dtype)
    first = _Search(start, least, nothing, flat, radius, -least, jnp.array(0))

    def unfinished(search: _Search) -> Array:
        return (search.left > CLOSE) & (search.radius > 1e-9) & (search.steps < STEPS)

    found = lax.while_loop(unfinished, climb, first)
    return found.point, found.curvature
