"""Parameters of the laws of a pair: a centre and the width of one species, or a centre and the widths of two.

Widths are standard deviations of the confining potentials, ``V_i = (x - centre)²/2σ_i²``, in the units of ``x``.
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import promote_shapes

from coulombfit.runtime.precision import refuse_forked

__all__ = ["OneWidth", "TwoWidths"]


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
