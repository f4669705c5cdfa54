"""What models of all levels share: a centre and a width for every cluster of levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Float

from coulombfit.data.spectra import Spectra
from coulombfit.laws.matrix.levels import InteractingLevels
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD, Model, Parameters
from coulombfit.models.likelihoods import Likelihood
from coulombfit.models.parameters import PARAMETERS, Parameter
from coulombfit.models.units import Standardisation

__all__ = ["ClusteredModel"]

# Clusters tried without data: far enough apart for all but a few draws from the prior.
APART = 60.0


@dataclass(frozen=True, eq=False)
class ClusteredModel(Model):
    """Levels in clusters of a common centre and width. Priors are stated in units of each cluster's spread.

    :param sizes: numbers of levels of the clusters, from the top.
    """

    sizes: Sequence[int] = (2,)

    reports: ClassVar[tuple[Parameter, ...]] = (PARAMETERS["centre"], PARAMETERS["sigma"])
    interacting: ClassVar[type[InteractingLevels]]
    """The law whose conditionals are known at any distance."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(int(size) for size in self.sizes))

    @property
    def structure(self) -> dict[str, Any]:
        return {"sizes": list(self.sizes)}

    @property
    def reference(self) -> Standardisation:
        clusters = len(self.sizes)
        return Standardisation(APART * jnp.arange(clusters - 1.0, -1.0, -1.0), jnp.ones(clusters))

    def fitted_to(self, spectra: Spectra) -> Model:
        return type(self)(tuple(len(cluster) for cluster in spectra.clusters))

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        shape = (len(self.sizes),)
        return {
            "centre": dist.Normal(0.0, CENTRE_SD).expand(shape).to_event(1),
            "sigma": dist.LogNormal(0.0, LOG_WIDTH_SD).expand(shape).to_event(1),
        }

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return {"centre": unit.undo(sites["centre"]), "sigma": unit.scale * sites["sigma"]}

    def simulates(self, likelihood: Likelihood) -> bool:
        return not likelihood.spread_of_runs or self.interacting.sample is not dist.Distribution.sample

    def conditionals(self, parameters: Parameters) -> InteractingLevels:
        return self.interacting(parameters["centre"], parameters["sigma"], self.sizes, parameters.get("beta", 1.0))

    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str | Likelihood) -> Standardisation:
        edges = np.cumsum(self.sizes)[:-1]
        each = [Standardisation.of(cluster) for cluster in np.split(observations, edges, axis=1)]
        # repulsion widens a level of a cluster of n to σ²(n + 1)/2
        widened = np.sqrt((np.asarray(self.sizes) + 1) / 2)
        return Standardisation(np.array([u.location for u in each]), np.array([u.scale for u in each]) / widened)
