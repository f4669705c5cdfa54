"""Models of one degenerate pair of levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array

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
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD, Model, Parameters
from coulombfit.models.likelihoods import Likelihood, OneLevel, Pair, Spacing
from coulombfit.models.parameters import PARAMETERS, Parameter
from coulombfit.models.units import Standardisation
from coulombfit.numerics.compression import BothLevels, Compression, LevelGrid, MeanSquare, Moments, SumAndSpacing
from coulombfit.numerics.intervals import Edge

__all__ = ["Anisotropic", "Gaussian", "OneSpecies", "PairModel", "TwoSpecies", "TwoWidthModel"]


def _compressions(pair: Compression, level: Compression, spacing: Compression) -> dict[str, Compression]:
    return {"pair": pair, "density": level, "density-raw": level, "spacing": spacing}


class PairModel(Model):
    """Two levels with a common centre and a width. Those here hold no state.

    Likelihoods: "pair", the joint law of both levels; "spacing", the law of S = x₁ − x₂; "density", the law of one
    level, as if the levels of a pair were independent, with intervals corrected for their not being so
    (:mod:`coulombfit.inference.godambe`); "density-raw", the same without the correction. A density also takes levels
    whose pairing is not known, as spectra of one level.
    """

    likelihoods: ClassVar[tuple[Likelihood, ...]] = (Pair(), OneLevel(), OneLevel(correct=False), Spacing())
    width: ClassVar[str] = "sigma"
    """The site of the width, in whose units the prior of it is stated."""
    reports: ClassVar[tuple[Parameter, ...]] = (
        PARAMETERS["centre"],
        PARAMETERS["sigma"],
        PARAMETERS["mean_spacing"],
    )

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        centre = {"centre": dist.Normal(0.0, CENTRE_SD)} if likelihood.knows_centre else {}
        return centre | {self.width: dist.LogNormal(0.0, LOG_WIDTH_SD)}


def _centre(sites: Parameters, unit: Standardisation) -> Parameters:
    return {"centre": unit.undo(sites["centre"])} if "centre" in sites else {}


@dataclass(frozen=True, eq=False)
class Gaussian(PairModel):
    """Two independent Gaussian levels: no repulsion, the null hypothesis."""

    name = "gaussian"
    description = "independent Gaussian levels, no repulsion"
    nominal_from = {"pair": 10, "density": 10, "density-raw": 10, "spacing": 10}
    compressions = _compressions(*(Moments(repels=False),) * 2, MeanSquare(repels=False))
    reports = (PARAMETERS["centre"], PARAMETERS["sigma"])
    colour, line = "#D55E00", ":"

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return _centre(sites, unit) | {"sigma": unit.scale * sites["sigma"]}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return GaussianPair(parameters["centre"], parameters["sigma"])

    def density(self, parameters: Parameters) -> dist.Distribution:
        return dist.Normal(parameters["centre"], parameters["sigma"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return dist.HalfNormal(jnp.sqrt(2.0) * parameters["sigma"])

    def moments(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        return _moments(1.0, 3.0, 0.5)


@dataclass(frozen=True, eq=False)
class OneSpecies(PairModel):
    """Coulomb gas of one species, Eqs. 7, 11 and 31 with σ_m = σ."""

    name = "one-species"
    description = "Coulomb gas of one species (Eqs. 7, 11)"
    nominal_from = {"pair": 3, "density": 3, "density-raw": None, "spacing": 10}
    compressions = _compressions(Moments(), LevelGrid(), MeanSquare())
    surmise = "sigma"
    colour, line = "#0072B2", "--"

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        sigma = unit.scale * sites["sigma"]
        return _centre(sites, unit) | {"sigma": sigma, "mean_spacing": jnp.sqrt(jnp.pi) * sigma}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return OneSpeciesPair(parameters["centre"], parameters["sigma"])

    def density(self, parameters: Parameters) -> dist.Distribution:
        return OneSpeciesDensity(parameters["centre"], parameters["sigma"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return WignerSurmise(parameters["sigma"])

    def moments(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        return _moments(1.5, 5.75, 0.375)


class TwoWidthModel(PairModel):
    """Two widths, symmetric under their exchange.

    Sampled in σ_m and a signed asymmetry q with r = |q|: the likelihood is even in q and smooth at 0, so exchanging the
    species changes nothing reported, and σ₁ = σ₂ is no edge. Spacings depend on σ_m alone (Eq. 31): they are
    one-species data, whose σ is then σ_m.
    """

    width = "sigma_m"
    likelihoods = (Pair(), OneLevel(), OneLevel(correct=False))
    edge = Edge("r", 0.0, {"sigma_1": "sigma_m", "sigma_2": "sigma_m"}, "σ₁ = σ₂")
    at_edge = "one-species"
    even_in = "q"
    sampled_as = {"r": "q"}
    surmise = "sigma_m"
    reports = tuple(PARAMETERS[name] for name in ("centre", "sigma_1", "sigma_2", "sigma_m", "r", "mean_spacing"))
    joint: ClassVar[type[dist.Distribution]]
    marginal: ClassVar[type[dist.Distribution]]

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        return super().sites(likelihood) | {"q": dist.Uniform(-1.0, 1.0)}

    def to_coordinate(self, name: str, prior: dist.Distribution, site: Array) -> Array:
        """The coordinate of a site; of q = ±r it is artanh r = ln σ₁/σ₂."""
        return jnp.arctanh(jnp.abs(site)) if name == "q" else super().to_coordinate(name, prior, site)

    def from_coordinate(self, name: str, prior: dist.Distribution, coordinate: Array) -> Array:
        return jnp.tanh(jnp.abs(coordinate)) if name == "q" else super().from_coordinate(name, prior, coordinate)

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
    description = "Coulomb gas of two species (Eqs. 29-32)"
    nominal_from = {"pair": 30, "density": 30, "density-raw": None}
    compressions = _compressions(SumAndSpacing(), LevelGrid(), MeanSquare())
    colour, line = "#009E73", "-."
    joint, marginal = TwoSpeciesPair, TwoSpeciesDensity

    def moments(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        r2 = parameters["r"] ** 2
        return _moments(1.5 + 0.5 * r2, 5.75 + 10.5 * r2 - 0.25 * r2**2, 0.375 + 0.125 * r2)


@dataclass(frozen=True, eq=False)
class Anisotropic(TwoWidthModel):
    """Spectrum of a 2×2 matrix with anisotropic noise: what linear training with a hidden layer leaves."""

    name = "anisotropic"
    description = "2×2 matrix with noise of two widths, eigenvectors free"
    nominal_from = {"pair": 300, "density": 300, "density-raw": None}
    compressions = _compressions(BothLevels(), LevelGrid(), MeanSquare())
    costly = True
    colour, line = "#CC79A7", "-"
    joint, marginal = AnisotropicPair, AnisotropicDensity

    def moments(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        return _moments(1.5, 5.75 + 3.0 * parameters["r"] ** 2, 0.375)


def _moments(variance: Any, fourth: Any, ratio: Any) -> tuple[Any, Any]:
    """Var x/⟨S²⟩ and U₄ from Var x/σ_m², ⟨δx⁴⟩/σ_m⁴ and the ratio."""
    return ratio, fourth / (3.0 * variance**2) - 1.0
