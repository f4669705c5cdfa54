"""Parameters of the laws: a centre and the width of one species, or a centre and the widths of two.

Widths are standard deviations of the confining potentials, ``V_i = (x - centre)²/2σ_i²``, in the units of ``x``.

Parameters that make no sense are treated as NumPyro treats those of its laws: with ``validate_args=True`` they raise
ValueError where their values are known, inside compiled functions too; where they are traced, densities and
probabilities are NaN (:func:`checked`, :func:`nan_unless_valid`), never a number that looks like one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import promote_shapes, validate_sample

from coulombfit.runtime.precision import refuse_forked

__all__ = ["OneWidth", "TwoWidths", "checked", "nan_unless_valid"]


def nan_unless_valid(function: Callable[..., Array]) -> Callable[..., Array]:
    """A function of a law and values, NaN where the law's parameters are outside their constraints."""

    @wraps(function)
    def guarded(law: Distribution, *arguments: Any, **named: Any) -> Array:
        refuse_forked()
        # constraints are over the batch: events of parameters are reduced
        held = [law.arg_constraints[name](value) for name, value in law.get_args().items()]
        return jnp.where(reduce(jnp.logical_and, held), function(law, *arguments, **named), jnp.nan)

    return guarded


def checked(log_prob: Callable[..., Array]) -> Callable[..., Array]:
    """A log density that is NaN for parameters that make no sense, and minus infinity outside the support."""
    return validate_sample(nan_unless_valid(log_prob))


class OneWidth(Distribution):
    """A law with one centre and one width; subclasses give ``event``, the shape of one observation."""

    event: ClassVar[tuple[int, ...]] = ()
    arg_constraints = {"centre": constraints.real, "sigma": constraints.positive}
    reparametrized_params = ["centre", "sigma"]

    def __init__(self, centre: ArrayLike, sigma: ArrayLike, *, validate_args: bool | None = None):
        refuse_forked()
        self.centre, self.sigma = promote_shapes(centre, sigma)
        batch_shape = lax.broadcast_shapes(jnp.shape(centre), jnp.shape(sigma))
        super().__init__(batch_shape, self.event, validate_args=validate_args)


class TwoWidths(Distribution):
    """A law with one centre and two widths, symmetric under their exchange; subclasses give ``event``."""

    event: ClassVar[tuple[int, ...]] = ()
    arg_constraints = {"centre": constraints.real, "sigma_1": constraints.positive, "sigma_2": constraints.positive}
    reparametrized_params = ["centre", "sigma_1", "sigma_2"]

    def __init__(self, centre: ArrayLike, sigma_1: ArrayLike, sigma_2: ArrayLike, *, validate_args: bool | None = None):
        refuse_forked()
        self.centre, self.sigma_1, self.sigma_2 = promote_shapes(centre, sigma_1, sigma_2)
        batch_shape = lax.broadcast_shapes(jnp.shape(centre), jnp.shape(sigma_1), jnp.shape(sigma_2))
        super().__init__(batch_shape, self.event, validate_args=validate_args)

    @property
    def sigma_m(self) -> Array:
        """Mean width, σ_m² = (σ₁² + σ₂²)/2 (Eq. 30)."""
        return jnp.sqrt(0.5 * (jnp.square(self.sigma_1) + jnp.square(self.sigma_2)))

    @property
    def asymmetry(self) -> Array:
        """r = (σ₁² − σ₂²)/(σ₁² + σ₂²), between −1 and 1, zero for one species."""
        return 0.5 * (jnp.square(self.sigma_1) - jnp.square(self.sigma_2)) / self.sigma_m**2
