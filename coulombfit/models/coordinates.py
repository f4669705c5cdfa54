"""Sites of a model as one point without bounds, where optimisers and importance sampling work."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import biject_to

__all__ = ["coordinate_names", "sites_at"]

Priors = Mapping[str, dist.Distribution]


def coordinate_names(priors: Priors) -> tuple[str, ...]:
    """The site that each coordinate belongs to."""
    return tuple(name for name, prior in priors.items() for _ in range(int(np.prod(prior.event_shape))))


def sites_at(priors: Priors, point: Float[Array, " coordinate"]) -> tuple[dict[str, Array], Float[Array, ""]]:
    """Sites of a point, and the log prior density of the point: with the Jacobian."""
    sites, total, first = {}, jnp.zeros(()), 0
    for name, prior in priors.items():
        shape = prior.event_shape
        last = first + int(np.prod(shape))
        transform = biject_to(prior.support)
        z = point[first:last].reshape(shape)
        sites[name] = transform(z)
        total += prior.log_prob(sites[name]) + transform.log_abs_det_jacobian(z, sites[name]).sum()
        first = last
    return sites, total
