"""How the sites of a model are sampled: by a prior on the standardised site, by a prior in units of the data, or not.

Samplers work on coordinates without bounds, all sites of a model one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import biject_to, constraints, transforms

from coulombfit.models.units import Standardisation

__all__ = ["Even", "KnownSite", "SitePrior", "StatedPrior", "coordinate_names", "sample_sites", "sites_at"]


@dataclass(frozen=True, eq=False)
class SitePrior:
    """A prior on the standardised site itself."""

    prior: dist.Distribution

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the site: () for one number, (cluster,) for one number per cluster."""
        return self.prior.event_shape

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return int(np.prod(self.shape))

    def at(self, z: Array, unit: Standardisation) -> tuple[Array, Array]:
        """The site at coordinates, and the log prior density of the coordinates."""
        transform = biject_to(self.prior.support)
        site = transform(z)
        return site, self.prior.log_prob(site) + transform.log_abs_det_jacobian(z, site).sum()

    def log_prob(self, site: Array, unit: Standardisation) -> Array:
        """Log prior density of a site, up to what only the unit changes."""
        return self.prior.log_prob(site)

    def sample(self, key: Array, shape: tuple[int, ...], unit: Standardisation) -> Array:
        """Sites drawn from the prior."""
        return self.prior.sample(key, shape)

    def site(self, name: str, unit: Standardisation) -> Array:
        """The site within a NumPyro program."""
        return numpyro.sample(name, self.prior)


@dataclass(frozen=True, eq=False)
class StatedPrior(SitePrior):
    """A prior in units of the data.

    :param default: what it replaces, which says what the site is: real where it moves with the data, positive where it
        scales with them.
    :param unitless: that the site is a pure number, the same in all units.
    :param about_zero: that it scales with the data and does not move with them, as a difference of either sign.
    """

    default: dist.Distribution
    unitless: bool
    about_zero: bool = field(default=False, kw_only=True)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.default.event_shape

    def _frame(self, unit: Standardisation) -> transforms.AffineTransform:
        """From the site to the units of the data."""
        return _frame(self.default, unit, unitless=self.unitless, about_zero=self.about_zero)

    def _to_value(self, unit: Standardisation) -> transforms.Transform:
        """From coordinates to the units of the data, near which the data lie at small coordinates."""
        support, frame = _support_of_one(self.prior.support), self._frame(unit)
        if support == constraints.real:
            return frame
        if support == constraints.positive:
            scaled = transforms.AffineTransform(0.0, frame.scale)
            return transforms.ComposeTransform([transforms.ExpTransform(), scaled])
        return biject_to(self.prior.support)

    def in_units(self, site: Array, unit: Standardisation) -> Array:
        """A site in units of the data."""
        return self._frame(unit)(site)

    def at(self, z: Array, unit: Standardisation) -> tuple[Array, Array]:
        to_value = self._to_value(unit)
        value = to_value(z)
        log_prior = self.prior.log_prob(value) + to_value.log_abs_det_jacobian(z, value).sum()
        return self._frame(unit).inv(value), log_prior

    def log_prob(self, site: Array, unit: Standardisation) -> Array:
        return self.prior.log_prob(self.in_units(site, unit))

    def sample(self, key: Array, shape: tuple[int, ...], unit: Standardisation) -> Array:
        return self._frame(unit).inv(self.prior.sample(key, shape))

    def site(self, name: str, unit: Standardisation) -> Array:
        return self._frame(unit).inv(numpyro.sample(name, self.prior))


@dataclass(frozen=True, eq=False)
class KnownSite(StatedPrior):
    """A site whose value is known, in units of the data: nothing is sampled. The prior is the one it takes out."""

    value: Any

    @property
    def size(self) -> int:
        return 0

    def known(self, unit: Standardisation) -> Array:
        """The site."""
        return self._frame(unit).inv(jnp.broadcast_to(jnp.asarray(self.value, float), self.shape))

    def at(self, z: Array, unit: Standardisation) -> tuple[Array, Array]:
        return self.known(unit), jnp.zeros(())

    def log_prob(self, site: Array, unit: Standardisation) -> Array:
        return jnp.zeros(())

    def sample(self, key: Array, shape: tuple[int, ...], unit: Standardisation) -> Array:
        return jnp.broadcast_to(self.known(unit), (*shape, *self.shape))

    def site(self, name: str, unit: Standardisation) -> Array:
        return self.known(unit)


class Even(dist.Distribution):
    """The law of q = ±r, both signs equally likely, of a law of r from 0 on, up to some number or none.

    :param base: the law of r.
    """

    pytree_data_fields = ("base",)

    def __init__(self, base: dist.Distribution) -> None:
        self.base = base
        super().__init__(base.batch_shape, (), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Between the ends of the law of r."""
        highest = getattr(self.base.support, "upper_bound", np.inf)
        return constraints.interval(-highest, highest) if np.isfinite(highest) else constraints.real

    def sample(self, key: Array, sample_shape: tuple[int, ...] = ()) -> Array:
        """With either sign."""
        key_size, key_sign = jax.random.split(key)
        size = self.base.sample(key_size, sample_shape)
        return size * jax.random.rademacher(key_sign, size.shape, dtype=size.dtype)

    def log_prob(self, value: ArrayLike) -> Array:
        """Half of the density of r."""
        return self.base.log_prob(jnp.abs(jnp.asarray(value))) - jnp.log(2.0)


def _frame(
    prior: dist.Distribution, unit: Standardisation, *, unitless: bool, about_zero: bool
) -> transforms.AffineTransform:
    if unitless:
        return transforms.AffineTransform(0.0, 1.0)
    location = unit.location if _support_of_one(prior.support) == constraints.real and not about_zero else 0.0
    return transforms.AffineTransform(jnp.asarray(location), jnp.asarray(unit.scale))


def _support_of_one(support: constraints.Constraint) -> constraints.Constraint:
    """The support of one number of a site."""
    return getattr(support, "base_constraint", support)


def coordinate_names(priors: Mapping[str, SitePrior]) -> tuple[str, ...]:
    """The site that each coordinate belongs to."""
    return tuple(name for name, prior in priors.items() for _ in range(prior.size))


def sites_at(
    priors: Mapping[str, SitePrior], point: Float[Array, " coordinate"], unit: Standardisation
) -> tuple[dict[str, Array], Float[Array, ""]]:
    """Sites of a point, and the log prior density of the point: with the Jacobian."""
    sites, total, first = {}, jnp.zeros(()), 0
    for name, prior in priors.items():
        last = first + prior.size
        z = point[first:last].reshape(prior.shape) if prior.size else point[:0]
        sites[name], log_prior = prior.at(z, unit)
        total += log_prior
        first = last
    return sites, total


def sample_sites(
    priors: Mapping[str, SitePrior], key: Array, shape: tuple[int, ...], unit: Standardisation
) -> dict[str, Array]:
    """All sites, drawn from their priors independently."""
    keys = jax.random.split(key, len(priors))
    return {name: prior.sample(k, shape, unit) for k, (name, prior) in zip(keys, priors.items(), strict=True)}
