"""The law of a whole trajectory of levels under Dyson's process (Eq. 5), clusters independent of each other.

Clusters of one and two levels repel each other only to second order in the noise, beyond what is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints

from coulombfit.laws.trajectory.steps import decay
from coulombfit.laws.trajectory.sums import SummedSteps, columns_of, rows_of_steps
from coulombfit.runtime.precision import refuse_forked

__all__ = ["DysonPath"]


class DysonPath(Distribution):
    """Levels of one run at given times, event (snapshot, level), of clusters of one or two levels.

    :param centres: of the clusters, from the top, shape (cluster,), units of x.
    :param widths: their stationary widths σ.
    :param memories: their a, of a gap of 1.
    :param betas: β of every pair, shape (pair,); 1.0 where known.
    :param sizes: numbers of levels of the clusters.
    :param gaps: shape (snapshot,): of the step to every snapshot; the first is infinite, for the stationary law, or
        NaN, where the first snapshot is only conditioned on.
    """

    arg_constraints = {
        "centres": constraints.real_vector,
        "widths": constraints.independent(constraints.positive, 1),
        "memories": constraints.independent(constraints.unit_interval, 1),
    }
    support = constraints.independent(constraints.real, 2)
    pytree_aux_fields = ("sizes", "gaps")
    pytree_data_fields = ("betas",)

    def __init__(
        self,
        centres: Float[Array, " cluster"],
        widths: Float[Array, " cluster"],
        memories: Float[Array, " cluster"],
        betas: Float[Array, " pair"] | float,
        sizes: Sequence[int],
        gaps: Sequence[float] | np.ndarray,
    ) -> None:
        refuse_forked()
        self.centres, self.widths, self.memories, self.betas = centres, widths, memories, betas
        self.sizes, self.gaps = tuple(sizes), tuple(gaps)
        super().__init__((), (len(self.gaps), sum(self.sizes)), validate_args=False)

    def steps(self, value: Float[Array, "*batch snapshot level"]) -> Float[Array, "*batch snapshot"]:
        """ln p of every snapshot given the one before; minus infinity where a pair is not in order."""
        columns, sizes = columns_of(self.sizes), np.asarray(self.sizes)
        own = np.repeat(np.arange(len(sizes)), sizes)
        # about the centres and in units of the widths, so that sums keep their digits
        z = (value - self.centres[own]) / self.widths[own]
        rows = rows_of_steps(z, np.asarray(self.gaps), self.sizes, jnp)
        known = jnp.zeros_like(self.centres), jnp.ones_like(self.widths)
        found = SummedSteps(*known, self.memories, self.betas, self.sizes, self.widths).log_prob(rows)
        upper, lower = columns.upper[columns.pairs], columns.lower[columns.pairs]
        return jnp.where((value[..., upper] > value[..., lower]).all(axis=-1), found, -jnp.inf)

    def log_prob(self, value: Float[Array, "*batch snapshot level"]) -> Float[Array, "*batch"]:
        """ln p of whole trajectories."""
        return self.steps(value).sum(axis=-1)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        """New trajectories; from the stationary law on, whatever the first gap."""
        start = jnp.full((*sample_shape, self.event_shape[1]), jnp.nan)
        return self._from(key, start, stationary=True)

    def sample_from(self, key: jax.Array, first: Float[Array, "*batch level"]) -> Float[Array, "*batch snapshot level"]:
        """New trajectories from given first snapshots on, where the law is conditioned on these; else as sample."""
        return self._from(key, first, stationary=not np.isnan(self.gaps[0]))

    def _from(self, key: jax.Array, first: Array, *, stationary: bool) -> Array:
        """One step after the other: deviations of levels and sums, and spacings, in units of their own widths."""
        columns, sizes = columns_of(self.sizes), np.asarray(self.sizes)
        pairs, shape = columns.pairs, first.shape[:-1]
        beta = jnp.broadcast_to(jnp.asarray(self.betas, float), pairs.shape)
        keys = jax.random.split(key, 3)
        length = len(self.gaps)
        along = jax.random.normal(keys[0], (length, *shape, len(sizes)))
        across = jax.random.normal(keys[1], (length, *shape, len(pairs)))
        if isinstance(self.betas, float) and self.betas == 1.0:
            others = jnp.square(jax.random.normal(keys[2], across.shape))  # which compiles in a tenth of the time
        else:
            others = 2.0 * jax.random.gamma(keys[2], jnp.broadcast_to(0.5 * beta, across.shape))
        gaps = np.array([np.inf, *self.gaps[1:]]) if stationary else np.array([1.0, *self.gaps[1:]])
        step = decay(self.memories[None], jnp.asarray(gaps)[:, None])

        def move(state: tuple[Array, Array], noise: tuple[Array, ...]) -> tuple[tuple[Array, Array], tuple]:
            left, fresh, one, two, rest = noise
            deviation = left * state[0] + jnp.sqrt(fresh) * one
            toward = left[pairs] * state[1] + jnp.sqrt(fresh[pairs]) * two
            spacing = jnp.sqrt(jnp.square(toward) + fresh[pairs] * rest)
            return (deviation, spacing), (deviation, spacing)

        upper, lower = first[..., columns.upper], first[..., columns.lower]
        scale = self.widths * np.sqrt(sizes)
        middle = upper + jnp.where(sizes == 2, lower, 0.0)
        begun = (middle - sizes * self.centres) / scale, ((upper - lower) / scale)[..., pairs]
        zero = jnp.zeros_like(begun[0]), jnp.zeros_like(begun[1])
        noise: tuple[Array, ...] = (step.left, step.fresh, along, across, others)
        if not stationary:
            noise = tuple(each[1:] for each in noise)
        _, moved = lax.scan(move, zero if stationary else begun, noise)
        if not stationary:
            moved = tuple(jnp.concatenate([a[None], b]) for a, b in zip(begun, moved, strict=True))
        deviation, spacing = (jnp.moveaxis(each, 0, -2) for each in moved)
        middle = self.centres + scale * deviation / sizes
        apart = jnp.zeros_like(middle).at[..., pairs].set(0.5 * scale[pairs] * spacing)
        both = jnp.concatenate([middle + apart, middle - apart], axis=-1)
        return both[..., np.argsort([*columns.upper, *np.where(sizes == 2, columns.lower, sizes.sum())])[: sizes.sum()]]
