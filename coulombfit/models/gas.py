"""Models of all levels of a run at once: bare centres and widths of a Coulomb gas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.data.spectra import Spectra
from coulombfit.laws.gas.coulomb_gas import CoulombGas
from coulombfit.laws.gas.normaliser import SEPARATION
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD, Model, Parameters
from coulombfit.models.likelihoods import AllLevels, Likelihood
from coulombfit.models.parameters import PARAMETERS, Parameter
from coulombfit.models.units import Standardisation
from coulombfit.numerics.compression import LevelMoments
from coulombfit.runtime.errors import DataError

__all__ = ["FreeGas", "Gas"]

# Clusters of a gas tried without data: far enough apart for all but a few draws from the prior.
APART = 60.0


@dataclass(frozen=True, eq=False)
class Gas(Model):
    """Coulomb gas of N levels, Eq. 7 with β = 1: a bare centre and a width for every cluster of degenerate levels.

    Repulsion between clusters displaces levels from their bare centres; here it is part of the law, so centres come out
    bare. Clusters are those of :attr:`coulombfit.Spectra.clusters`. Priors are stated in units of each cluster's spread
    and reach as far as the law: where clusters would lie closer than it allows, they vanish.

    :param sizes: numbers of levels of the clusters, from the top.
    """

    sizes: Sequence[int] = (2,)

    name = "gas"
    description = "Coulomb gas of all levels, bare centres (Eq. 7)"
    likelihoods = (AllLevels(),)
    nominal_from = {"levels": 10}
    compressions = {"levels": LevelMoments()}
    reports: ClassVar[tuple[Parameter, ...]] = (PARAMETERS["centre"], PARAMETERS["sigma"])
    colour, line = "#E69F00", "-"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(int(size) for size in self.sizes))

    @property
    def structure(self) -> dict[str, Any]:
        return {"sizes": list(self.sizes)}

    @property
    def reference(self) -> Standardisation:
        clusters = len(self.sizes)
        return Standardisation(APART * jnp.arange(clusters - 1.0, -1.0, -1.0), jnp.ones(clusters))

    def exists(self, parameters: Parameters) -> Array:
        return self.levels(parameters).separated

    def fitted_to(self, spectra: Spectra) -> Model:
        sizes = tuple(len(cluster) for cluster in spectra.clusters)
        if len(sizes) > 1 and max(sizes) > 2:
            raise DataError(
                f"data: expected clusters of one or two levels, or one cluster, got clusters of {sizes} levels; "
                "other gases have no exact normaliser. Give targets= if you know which levels are degenerate"
            )
        return type(self)(sizes)

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        shape = (len(self.sizes),)
        return {
            "centre": dist.Normal(0.0, CENTRE_SD).expand(shape).to_event(1),
            "sigma": dist.LogNormal(0.0, LOG_WIDTH_SD).expand(shape).to_event(1),
        }

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return {"centre": unit.undo(sites["centre"]), "sigma": unit.scale * sites["sigma"]}

    def with_free_beta(self) -> Model:
        return FreeGas(self.sizes).with_stated(self.stated)

    def levels(self, parameters: Parameters) -> CoulombGas:
        return CoulombGas(parameters["centre"], parameters["sigma"], tuple(self.sizes), parameters.get("beta", 1.0))

    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str | Likelihood) -> Standardisation:
        edges = np.cumsum(self.sizes)[:-1]
        each = [Standardisation.of(cluster) for cluster in np.split(observations, edges, axis=1)]
        # repulsion widens a level of a cluster of n to σ²(n + 1)/2
        widened = np.sqrt((np.asarray(self.sizes) + 1) / 2)
        unit = Standardisation(np.array([u.location for u in each]), np.array([u.scale for u in each]) / widened)
        apart = -np.diff(unit.location) / np.hypot(unit.scale[:-1], unit.scale[1:])
        if apart.size and apart.min() < SEPARATION:
            k = int(apart.argmin())
            raise DataError(
                f"data: expected clusters at least {SEPARATION:g} √(σ_i² + σ_j²) apart, where the gas has an exact "
                f"normaliser, got clusters {k} and {k + 1} of {self.sizes} levels at {apart[k]:.2g} of it"
            )
        return unit


@dataclass(frozen=True, eq=False)
class FreeGas(Gas):
    """Coulomb gas of one cluster of degenerate levels with its repulsion β unknown; β = 1 for real weights."""

    name = "gas-beta"
    nominal_from = {"levels": 30}
    description = "Coulomb gas of one cluster, repulsion β free (Eq. 7)"
    compressions = {}  # β multiplies ln S: it stays, too
    reports = (*Gas.reports, PARAMETERS["beta"])
    colour, line = "#56B4E9", "--"

    def fitted_to(self, spectra: Spectra) -> Model:
        model = super().fitted_to(spectra)
        if len(spectra.clusters) > 1 or spectra.levels < 2:
            raise DataError(
                f"data: expected one cluster of two or more levels, got clusters of {model.structure['sizes']} levels; "
                "with β free, only one cluster has a normaliser. Pick a pair with spectra.pair(k)"
            )
        return model

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        return super().sites(likelihood) | {"beta": dist.LogNormal(0.0, LOG_WIDTH_SD)}

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return super().parameters(sites, unit) | {"beta": sites["beta"]}
