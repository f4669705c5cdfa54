"""Models of all levels of a run at once: bare centres and widths of a Coulomb gas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.data.spectra import Spectra
from coulombfit.laws.gas.coulomb_gas import CoulombGas
from coulombfit.laws.gas.normaliser import SEPARATION
from coulombfit.laws.matrix.levels import GasLevels
from coulombfit.models.base import LOG_WIDTH_SD, Model, Parameters
from coulombfit.models.clustered import ClusteredModel
from coulombfit.models.likelihoods import AllLevels, Conditionals, Likelihood
from coulombfit.models.parameters import PARAMETERS
from coulombfit.models.units import Standardisation
from coulombfit.numerics.compression import LevelMoments
from coulombfit.runtime.errors import DataError

__all__ = ["FreeGas", "Gas"]


@dataclass(frozen=True, eq=False)
class Gas(ClusteredModel):
    """Coulomb gas of N levels, Eq. 7 with β = 1: a bare centre and a width for every cluster of degenerate levels.

    Repulsion between clusters displaces levels from their bare centres; here it is part of the law, so centres come out
    bare. It is the law of Eq. 5 as it stands. Trained matrices follow it where levels are degenerate; the levels of
    separate centres repel half as strongly there, which is the model "levels".

    Clusters are those of :attr:`coulombfit.Spectra.clusters`. Priors are stated in units of each cluster's spread. By
    "levels", the joint law, priors reach as far as the law: where clusters would lie closer than it allows, they
    vanish. By "conditionals" levels may lie at any distance, each its own cluster unless more is known.
    """

    name = "gas"
    description = "Coulomb gas of all levels, bare centres (Eq. 7: Eq. 5 as it stands)"
    likelihoods = (AllLevels(), Conditionals())
    nominal_from = {"levels": 10, "conditionals": 30}
    compressions = {"levels": LevelMoments()}
    colour, line = "#E69F00", "-"
    interacting = GasLevels

    def exists(self, parameters: Parameters) -> Array:
        return self.levels(parameters).separated

    def observe(self, spectra: Spectra, likelihood: str | Likelihood) -> Float[np.ndarray, "run ..."]:
        if not self.likelihood(likelihood).spread_of_runs and len(self.sizes) > 1 and max(self.sizes) > 2:
            raise DataError(
                f"data: expected clusters of one or two levels, or one cluster, got clusters of {self.sizes} levels; "
                "other gases have no exact normaliser. spectra.cluster(k) takes one of them; likelihood='conditionals' "
                "takes any; if you know which levels are degenerate, state it: clusters= or targets="
            )
        return super().observe(spectra, likelihood)

    def with_free_beta(self) -> Model:
        return FreeGas(self.sizes).with_stated(self.stated)

    def levels(self, parameters: Parameters) -> CoulombGas:
        return CoulombGas(parameters["centre"], parameters["sigma"], tuple(self.sizes), parameters.get("beta", 1.0))

    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str | Likelihood) -> Standardisation:
        unit = super().unit(observations, likelihood)
        if self.likelihood(likelihood).spread_of_runs:
            return unit
        apart = -np.diff(unit.location) / np.hypot(unit.scale[:-1], unit.scale[1:])
        if apart.size and apart.min() < SEPARATION:
            k = int(apart.argmin())
            raise DataError(
                f"data: expected clusters at least {SEPARATION:g} √(σ_i² + σ_j²) apart, where the gas has an exact "
                f"normaliser, got clusters {k} and {k + 1} of {self.sizes} levels at {apart[k]:.2g} of it; "
                "likelihood='conditionals' takes any, and model 'levels' is the law of trained matrices there"
            )
        return unit


@dataclass(frozen=True, eq=False)
class FreeGas(Gas):
    """Coulomb gas of one cluster of degenerate levels with its repulsion β unknown; β = 1 for real weights."""

    name = "gas-beta"
    nominal_from = {"levels": 30, "conditionals": 30}
    description = "Coulomb gas of one cluster, repulsion β free (Eq. 7)"
    compressions = {}  # β multiplies ln S: it stays, too
    reports = (*Gas.reports, PARAMETERS["beta"])
    colour, line = "#56B4E9", "--"

    def observe(self, spectra: Spectra, likelihood: str | Likelihood) -> Float[np.ndarray, "run ..."]:
        if spectra.levels < 2 or (len(self.sizes) > 1 and not self.likelihood(likelihood).spread_of_runs):
            raise DataError(
                f"data: expected one cluster of two or more levels, got clusters of {list(self.sizes)} levels; "
                "with β free, only one cluster has a normaliser. Pick one with spectra.cluster(k), or take "
                "likelihood='conditionals'"
            )
        return super().observe(spectra, likelihood)

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        return super().sites(likelihood) | {"beta": dist.LogNormal(0.0, LOG_WIDTH_SD)}

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return super().parameters(sites, unit) | {"beta": sites["beta"]}
