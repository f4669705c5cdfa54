"""Levels laid out with their neighbours: those near as they are, those far off as a few sums."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

__all__ = ["FAR", "Neighbourhood", "count_near"]

FAR = 4
"""Orders of the expansion for neighbours far off."""
REACH = 10.0
"""Distance in typical widths within which a neighbour enters as it is: beyond it the repulsion of two levels of a
matrix is the power ½ of their distance to 3e-3 in its logarithm (1/8z at z = 50), which hardly varies along a level."""
FEWEST = 4
"""Neighbours on either side that enter as they are at least: the expansion then is good to 1e-4 for equal gaps."""


class Neighbourhood(NamedTuple):
    """Levels laid out level by level, with their near neighbours and what is left of those far off.

    ``near`` (level, run, 2K), those above first; ``which`` (level, 2K) their numbers, ``there`` whether there is one;
    ``between`` (level, run, 2), the next level below and above, infinite where there is none; ``far``
    (level, run, FAR), Σ_j (x_i − x_j)^−m.
    """

    x: Float[Array, "level run"]
    near: Float[Array, "level run neighbour"]
    which: Int[Array, "level neighbour"]
    there: Float[Array, "level neighbour"]
    between: Float[Array, "level run 2"]
    far: Float[Array, "level run order"]

    def by_run(self) -> dict[str, Array]:
        """What is of each run, with the run as first axis."""
        return {name: jnp.moveaxis(getattr(self, name), 1, 0) for name in ("x", "near", "between", "far")}

    @classmethod
    def of(cls, x: Float[Array | np.ndarray, "run level"], near: int) -> Neighbourhood:
        """Of spectra in descending order, with the next levels above and below as near neighbours.

        :param near: how many on either side.
        """
        return _lay_out(jnp.asarray(x), min(near, x.shape[1] - 1))


@partial(jax.jit, static_argnums=1)
def _lay_out(x: Float[Array, "run level"], near: int) -> Neighbourhood:
    levels = x.shape[1]
    offsets = np.array([*range(-near, 0), *range(1, near + 1)], dtype=int)
    which = np.arange(levels)[:, None] + offsets
    there = (which >= 0) & (which < levels)
    which = np.where(there, which, np.arange(levels)[:, None])
    by_level = jnp.moveaxis(x, 1, 0)
    ends = jnp.full((1, x.shape[0]), jnp.inf)
    between = jnp.stack([jnp.concatenate([by_level[1:], -ends]), jnp.concatenate([ends, by_level[:-1]])], axis=-1)

    def sum_far(level: Array) -> Array:
        off = jnp.abs(jnp.arange(levels) - level) > near
        inverse = jnp.where(off, 1.0 / jnp.where(off, x[:, level][:, None] - x, 1.0), 0.0)
        return jnp.stack([(inverse**m).sum(axis=1) for m in range(1, FAR + 1)], axis=-1)

    far = lax.map(sum_far, jnp.arange(levels)) if near < levels - 1 else jnp.zeros((*by_level.shape, FAR))
    return Neighbourhood(
        by_level, jnp.moveaxis(by_level[which], 1, 2), jnp.asarray(which), jnp.asarray(there, float), between, far
    )


def count_near(x: Float[np.ndarray, "run level"]) -> int:
    """The most neighbours on one side within REACH of a level, and no fewer than FEWEST."""
    centre, width = x.mean(axis=0), x.std(axis=0)
    within = np.abs(centre[:, None] - centre) < REACH * np.hypot(width[:, None], width)
    return min(max(int(np.triu(within, 1).sum(axis=1).max()), FEWEST), x.shape[1] - 1)
