"""Models of one degenerate pair of levels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.data.spectra import Spectra
from coulombfit.laws import (
    AnisotropicDensity,
    AnisotropicPair,
    GaussianPair,
    OneSpeciesDensity,
    OneSpeciesPair,
    TwoSpeciesDensity,
    TwoSpeciesPair,
    WignerSurmise,
)
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD, Compression, Model, Parameters
from coulombfit.models.units import Standardisation
from coulombfit.numerics.intervals import Edge
from coulombfit.runtime.errors import DataError

__all__ = ["Anisotropic", "Gaussian", "OneSpecies", "PairModel", "TwoSpecies"]

COMPOSITE = ("density", "density-raw")


class PairModel(Model):
    """Two levels with a common centre. Those here hold no state.

    Likelihoods: "pair", the joint law of both levels; "spacing", the law of S = x₁ − x₂; "density", the law of one
    level, as if the levels of a pair were independent, with intervals corrected for their not being so
    (:mod:`coulombfit.inference.godambe`); "density-raw", the same without the correction. A density also takes levels
    whose pairing is not known, as spectra of one level.
    """

    likelihoods: ClassVar[tuple[str, ...]] = ("pair", "density", "density-raw", "spacing")
    width: ClassVar[str] = "sigma"
    reports: ClassVar[tuple[str, ...]] = ("centre", "sigma", "mean_spacing")
    smooth_in: ClassVar[tuple[Compression, Compression]] = ("moments", "levels")
    """Compression of pairs, and of single levels."""
    repulsive: ClassVar[bool] = True

    @abstractmethod
    def pair(self, parameters: Parameters) -> dist.Distribution:
        """Joint law of the ordered pair, event (2,)."""

    @abstractmethod
    def density(self, parameters: Parameters) -> dist.Distribution:
        """Density of one level, event ()."""

    @abstractmethod
    def spacing(self, parameters: Parameters) -> dist.Distribution:
        """Law of the spacing, event ()."""

    def coordinates(self, sites: Parameters) -> Float[Array, "*shape coordinate"]:
        """Sites as unbounded coordinates in which posteriors are near Gaussian: centre and ln σ."""
        return jnp.stack([sites["centre"], jnp.log(sites[self.width])], axis=-1)

    def from_coordinates(self, coordinates: Float[Array, "*shape coordinate"]) -> Parameters:
        """The inverse of :meth:`coordinates`."""
        return {"centre": coordinates[..., 0], self.width: jnp.exp(coordinates[..., 1])}

    def sites(self, likelihood: str) -> dict[str, dist.Distribution]:
        # spacings know no centre
        centre = {} if likelihood == "spacing" else {"centre": dist.Normal(0.0, CENTRE_SD)}
        return centre | {self.width: dist.LogNormal(0.0, LOG_WIDTH_SD)}

    def law(self, likelihood: str, parameters: Parameters) -> dist.Distribution:
        if likelihood in COMPOSITE:
            return self.density(parameters).expand((2,)).to_event(1)
        return self.spacing(parameters) if likelihood == "spacing" else self.pair(parameters)

    def terms(self, likelihood: str, observations: Any, unit: Standardisation) -> Any:
        seen = unit.apply(observations)
        return seen.reshape(-1) if likelihood in COMPOSITE else seen

    def term_law(self, likelihood: str, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        parameters = self.parameters(sites, Standardisation())
        return self.density(parameters) if likelihood in COMPOSITE else self.law(likelihood, parameters)

    def compression(self, likelihood: str) -> Compression:
        if likelihood == "spacing":
            return "mean square"
        return self.smooth_in[1] if likelihood in COMPOSITE else self.smooth_in[0]

    def repels(self, likelihood: str) -> bool:
        return self.repulsive and likelihood not in COMPOSITE

    def simulate(self, likelihood: str, parameters: Parameters) -> dist.Distribution:
        return self.spacing(parameters) if likelihood == "spacing" else self.pair(parameters)

    def observe(self, spectra: Spectra, likelihood: str) -> Float[np.ndarray, "run ..."]:
        if spectra.levels == 1 and likelihood in COMPOSITE:
            if spectra.runs % 2:
                raise DataError(f"data: expected the levels of whole pairs, an even number, got {spectra.runs}")
            # however they are grouped, the product over levels is the same
            return spectra.eigenvalues.reshape(-1, 2)
        if spectra.levels != 2:
            raise DataError(
                f"data: expected pairs, shape (run, 2), got {spectra.levels} level(s); pick a pair with spectra.pair(k)"
            )
        spacing = spectra.eigenvalues[:, 0] - spectra.eigenvalues[:, 1]
        tied = np.flatnonzero(spacing == 0)
        if tied.size:
            raise DataError(
                f"data: expected pairs of distinct levels, got {tied.size} tied (S = 0), first in run {tied[0]}; "
                "levels repel, so equal ones mean a copied, rounded or constructed spectrum"
            )
        return spacing if likelihood == "spacing" else spectra.eigenvalues

    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str) -> Standardisation:
        return Standardisation.of(observations, about_zero=likelihood == "spacing")


def _centre(sites: Parameters, unit: Standardisation) -> Parameters:
    return {"centre": unit.undo(sites["centre"])} if "centre" in sites else {}


@dataclass(frozen=True, eq=False)
class Gaussian(PairModel):
    """Two independent Gaussian levels: no repulsion, the null hypothesis."""

    name = "gaussian"
    nominal_from = {"pair": 10, "density": 10, "density-raw": 10, "spacing": 10}
    description = "independent Gaussian levels, no repulsion"
    smooth_in = ("moments", "moments")
    repulsive = False

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return _centre(sites, unit) | {"sigma": unit.scale * sites["sigma"]}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return GaussianPair(parameters["centre"], parameters["sigma"])

    def density(self, parameters: Parameters) -> dist.Distribution:
        return dist.Normal(parameters["centre"], parameters["sigma"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return dist.HalfNormal(jnp.sqrt(2.0) * parameters["sigma"])


@dataclass(frozen=True, eq=False)
class OneSpecies(PairModel):
    """Coulomb gas of one species, Eqs. 7, 11 and 31 with σ_m = σ."""

    name = "one-species"
    nominal_from = {"pair": 3, "density": 3, "density-raw": None, "spacing": 10}
    description = "Coulomb gas of one species (Eqs. 7, 11)"

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        sigma = unit.scale * sites["sigma"]
        return _centre(sites, unit) | {"sigma": sigma, "mean_spacing": jnp.sqrt(jnp.pi) * sigma}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return OneSpeciesPair(parameters["centre"], parameters["sigma"])

    def density(self, parameters: Parameters) -> dist.Distribution:
        return OneSpeciesDensity(parameters["centre"], parameters["sigma"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return WignerSurmise(parameters["sigma"])


class TwoWidthModel(PairModel):
    """Two widths, symmetric under their exchange.

    Sampled in σ_m and a signed asymmetry q with r = |q|: the likelihood is even in q and smooth at 0, so exchanging the
    species changes nothing reported, and σ₁ = σ₂ is no edge. Spacings depend on σ_m alone (Eq. 31): they are
    one-species data, whose σ is then σ_m.
    """

    width = "sigma_m"
    likelihoods = ("pair", "density", "density-raw")
    edge = Edge("r", 0.0, {"sigma_1": "sigma_m", "sigma_2": "sigma_m"}, "σ₁ = σ₂")
    reports = ("centre", "sigma_1", "sigma_2", "sigma_m", "r", "mean_spacing")
    unitless = ("r",)
    joint: ClassVar[type[dist.Distribution]]
    marginal: ClassVar[type[dist.Distribution]]

    def sites(self, likelihood: str) -> dict[str, dist.Distribution]:
        return super().sites(likelihood) | {"q": dist.Uniform(-1.0, 1.0)}

    def coordinates(self, sites: Parameters) -> Float[Array, "*shape coordinate"]:
        """Centre, ln σ_m and ln σ₁/σ₂ = artanh r."""
        ratio = jnp.arctanh(jnp.abs(sites["q"]))
        return jnp.concatenate([super().coordinates(sites), ratio[..., None]], axis=-1)

    def from_coordinates(self, coordinates: Float[Array, "*shape coordinate"]) -> Parameters:
        return super().from_coordinates(coordinates) | {"q": jnp.tanh(jnp.abs(coordinates[..., 2]))}

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        sigma_m, r = unit.scale * sites["sigma_m"], jnp.abs(sites["q"])
        widths = {"sigma_1": sigma_m * jnp.sqrt(1 + r), "sigma_2": sigma_m * jnp.sqrt(1 - r), "sigma_m": sigma_m}
        return _centre(sites, unit) | widths | {"r": r, "mean_spacing": jnp.sqrt(jnp.pi) * sigma_m}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return self.joint(parameters["centre"], parameters["sigma_1"], parameters["sigma_2"])

    def density(self, parameters: Parameters) -> dist.Distribution:
        return self.marginal(parameters["centre"], parameters["sigma_1"], parameters["sigma_2"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return WignerSurmise(parameters["sigma_m"])


@dataclass(frozen=True, eq=False)
class TwoSpecies(TwoWidthModel):
    """Labelled Coulomb gas of two species, Eqs. 29 to 32."""

    name = "two-species"
    nominal_from = {"pair": 30, "density": 30, "density-raw": None}
    description = "Coulomb gas of two species (Eqs. 29-32)"
    joint, marginal = TwoSpeciesPair, TwoSpeciesDensity
    smooth_in = ("sum and spacing", "levels")


@dataclass(frozen=True, eq=False)
class Anisotropic(TwoWidthModel):
    """Spectrum of a 2×2 matrix with anisotropic noise: what linear training with a hidden layer leaves."""

    name = "anisotropic"
    nominal_from = {"pair": 300, "density": 300, "density-raw": None}
    description = "2×2 matrix with noise of two widths, eigenvectors free"
    joint, marginal = AnisotropicPair, AnisotropicDensity
    smooth_in = ("both levels", "levels")
