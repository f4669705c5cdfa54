"""One step of Dyson's process (Eq. 5): the law of a level, or of a degenerate pair, given where it was."""

from __future__ import annotations

from math import pi

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array
from numpyro.distributions import Distribution, constraints

from coulombfit.laws.pair.common import descending_pair, from_sum_and_spacing, log_spacing
from coulombfit.laws.trajectory.steps import LOG_TWO, log_bessel, log_spacing_step
from coulombfit.laws.validity import checked
from coulombfit.numerics.bessel import LARGEST
from coulombfit.runtime.precision import refuse_forked

__all__ = ["LARGEST_BETA", "LevelTransition", "PairTransition"]

LARGEST_BETA = 2.0 * LARGEST + 1.0
"""Largest β for which the law of a pair's step is known to be exact."""


class LevelTransition(Distribution):
    r"""A single level one step later (Eq. 5 to first order in the noise): an AR(1) process.

    .. math:: x' \,|\, x \sim N(c + a(x - c),\; \sigma^2(1 - a^2))

    :param centre: c, any shape, units of x.
    :param sigma: stationary width σ, broadcastable, units of x.
    :param memory: a = (1 − αΩ)^Δ of a step, 0 ≤ a < 1, broadcastable; 0 is the stationary law.
    :param previous: x, where the level was, broadcastable, units of x.
    """

    arg_constraints = {
        "centre": constraints.real,
        "sigma": constraints.positive,
        "memory": constraints.unit_interval,
        "previous": constraints.real,
    }
    support = constraints.real
    reparametrized_params = ["centre", "sigma", "memory", "previous"]

    def __init__(
        self,
        centre: ArrayLike,
        sigma: ArrayLike,
        memory: ArrayLike,
        previous: ArrayLike,
        *,
        validate_args: bool | None = None,
    ):
        refuse_forked()
        batch_shape = lax.broadcast_shapes(*(jnp.shape(one) for one in (centre, sigma, memory, previous)))
        with jax.ensure_compile_time_eval():
            self.centre, self.sigma, self.memory, self.previous = (
                jnp.broadcast_to(jnp.asarray(one, float), batch_shape) for one in (centre, sigma, memory, previous)
            )
        super().__init__(batch_shape, (), validate_args=validate_args)

    @property
    def mean(self) -> Array:
        return self.centre + self.memory * (self.previous - self.centre)

    @property
    def variance(self) -> Array:
        return jnp.square(self.sigma) * (1.0 - self.memory) * (1.0 + self.memory)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        return self.mean + jnp.sqrt(self.variance) * jax.random.normal(key, (*sample_shape, *self.batch_shape))

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        return -0.5 * jnp.square(value - self.mean) / self.variance - 0.5 * jnp.log(2.0 * pi * self.variance)


class PairTransition(Distribution):
    r"""A degenerate pair one step later (Eq. 5 to first order in the noise), an event being the ordered pair.

    With S = x₁ − x₂, R = x₁ + x₂ − 2c and v = 2σ²(1 − a²), independently

    .. math:: R' \,|\, R \sim N(aR, v), \qquad S'^2/v \,|\, S \sim \chi^2_{\beta+1}(a^2S^2/v)

    noncentral; for β = 1, real matrices, S' has Rice's law of S and scale √v. a = 0 is the stationary law, for β = 1
    that of :class:`coulombfit.laws.OneSpeciesPair`.

    :param centre: c, any shape, units of x.
    :param sigma: stationary width σ, broadcastable, units of x.
    :param memory: a = (1 − αΩ)^Δ of a step, 0 ≤ a < 1, broadcastable.
    :param previous: where the pair was, x₁ > x₂, shape (…, 2), units of x.
    :param beta: Dyson's index β, between 0 and 20; 1 for real weight matrices.
    """

    arg_constraints = {
        "centre": constraints.real,
        "sigma": constraints.positive,
        "memory": constraints.unit_interval,
        "previous": descending_pair,
        "beta": constraints.open_interval(0.0, LARGEST_BETA),
    }
    support = descending_pair

    def __init__(
        self,
        centre: ArrayLike,
        sigma: ArrayLike,
        memory: ArrayLike,
        previous: ArrayLike,
        beta: ArrayLike = 1.0,
        *,
        validate_args: bool | None = None,
    ):
        refuse_forked()
        shapes = (*(jnp.shape(one) for one in (centre, sigma, memory, beta)), jnp.shape(previous)[:-1])
        batch_shape = lax.broadcast_shapes(*shapes)
        with jax.ensure_compile_time_eval():
            self.centre, self.sigma, self.memory, self.beta = (
                jnp.broadcast_to(jnp.asarray(one, float), batch_shape) for one in (centre, sigma, memory, beta)
            )
            self.previous = jnp.broadcast_to(jnp.asarray(previous, float), (*batch_shape, 2))
        super().__init__(batch_shape, (2,), validate_args=validate_args)

    @property
    def _known_beta(self) -> Array | float:
        """1.0 where β is known to be 1 while programs are made, whose Bessel function is five times as fast."""
        known = not isinstance(self.beta, jax.core.Tracer) and bool((np.asarray(self.beta) == 1.0).all())
        return 1.0 if known else self.beta

    @property
    def _v(self) -> Array:
        return 2.0 * jnp.square(self.sigma) * (1.0 - self.memory) * (1.0 + self.memory)

    @property
    def _moved(self) -> tuple[Array, Array]:
        """aR and aS."""
        first, second = self.previous[..., 0], self.previous[..., 1]
        return self.memory * (first + second - 2.0 * self.centre), self.memory * (first - second)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        shape = (*sample_shape, *self.batch_shape)
        keys = jax.random.split(key, 3)
        total, spacing = self._moved
        along, across = (jnp.sqrt(self._v) * jax.random.normal(one, shape) for one in keys[:2])
        others = 2.0 * self._v * jax.random.gamma(keys[2], jnp.broadcast_to(0.5 * self.beta, shape))
        return from_sum_and_spacing(self.centre, total + along, jnp.sqrt(jnp.square(spacing + across) + others))

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        total, spacing = self._moved
        v, logarithm = self._v, log_spacing(value)
        new = value[..., 0] - value[..., 1]
        across = value[..., 0] + value[..., 1] - 2.0 * self.centre - total
        bessel = log_bessel(self._known_beta, jnp.maximum(spacing * new, 0.0) / v)
        along = log_spacing_step(1.0, logarithm, jnp.square(new - spacing), bessel, self.beta, v)
        return along - 0.5 * jnp.square(across) / v - 0.5 * jnp.log(2.0 * pi * v) + LOG_TWO
