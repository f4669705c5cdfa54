"""Models: a prior over the parameters of a law, as NumPyro programs over an ensemble of runs.

Programs see standardised data, z = (x − location)/scale, so that one set of weak priors serves all data; parameters are
reported in the units of x. The unit of observation is the run: its pair of levels, or the spacing of that pair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.errors import DataError
from coulombfit.laws import (
    GaussianPair,
    OneSpeciesDensity,
    OneSpeciesPair,
    TwoSpeciesDensity,
    TwoSpeciesPair,
    WignerSurmise,
)

__all__ = ["MODELS", "OBSERVED", "Model", "Standardisation", "find_model"]

OBSERVED = {"pair": "eigenvalues", "spacing": "spacing"}
"""The observed site of each likelihood."""

# Scales of the priors in units of the data: weak beside what a handful of runs says.
CENTRE_SD = 2.0
LOG_WIDTH_SD = 1.0
# Sums over the runs stay within double precision below this.
LARGEST = 1e290

Parameters = dict[str, Array]


@dataclass(frozen=True)
class Standardisation:
    """Location and scale that make observations of order one: x = location + scale · z."""

    location: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, observations: Float[np.ndarray, "run ..."], likelihood: str) -> Standardisation:
        """Mean and standard deviation over all levels of all runs; for spacings 0 and √⟨S²⟩/2."""
        if np.abs(observations).max() > LARGEST:
            raise DataError(f"eigenvalues: expected at most {LARGEST:g}, got {np.abs(observations).max():g}")
        location = 0.0 if likelihood == "spacing" else float(observations.mean())
        deviation = observations - location
        largest = float(np.abs(deviation).max())
        if largest == 0:
            raise DataError("eigenvalues: expected levels that differ, got all levels of all runs equal")
        # in units of the largest, so that squares neither overflow nor vanish
        scale = largest * float(np.sqrt(np.mean((deviation / largest) ** 2)))
        scale = scale / 2 if likelihood == "spacing" else scale
        return cls(location, scale)

    def apply(self, observations: Float[np.ndarray, "run ..."]) -> Float[np.ndarray, "run ..."]:
        """Standardise."""
        return (observations - self.location) / self.scale

    def undo(self, z: Array) -> Array:
        """Back to the units of the data."""
        return self.location + self.scale * z


class Model(ABC):
    """One hypothesis about a degenerate pair; subclasses are final and hold no state.

    Laws take the parameters by their reported names, in any units, as arrays of any common shape.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    width: ClassVar[str] = "sigma"
    likelihoods: ClassVar[tuple[str, ...]] = ("pair", "spacing")

    def sites(self, likelihood: str) -> dict[str, dist.Distribution]:
        """Priors of the standardised sites; spacings know no centre."""
        centre = {"centre": dist.Normal(0.0, CENTRE_SD)} if likelihood == "pair" else {}
        return centre | {self.width: dist.LogNormal(0.0, LOG_WIDTH_SD)}

    @abstractmethod
    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        """The reported parameters in units of the data, from standardised sites of any common shape."""

    @abstractmethod
    def pair(self, parameters: Parameters) -> dist.Distribution:
        """Joint law of the ordered pair, event (2,)."""

    @abstractmethod
    def density(self, parameters: Parameters) -> dist.Distribution:
        """Density of one level, event ()."""

    @abstractmethod
    def spacing(self, parameters: Parameters) -> dist.Distribution:
        """Law of the spacing, event ()."""

    def priors(self, unit: Standardisation, likelihood: str) -> dict[str, str]:
        """The priors in units of the data, in words."""
        return {_reported(name): _in_words(prior, unit) for name, prior in self.sites(likelihood).items()}

    def free_parameters(self, likelihood: str) -> int:
        """How many parameters the data determine."""
        return len(self.sites(likelihood))

    def program(self, likelihood: str) -> Callable[..., None]:
        """NumPyro program ``f(observations=None, runs=None)`` on standardised data: a plate over the runs."""

        def program(observations: Array | None = None, runs: int | None = None) -> None:
            sites = {name: numpyro.sample(name, prior) for name, prior in self.sites(likelihood).items()}
            law = getattr(self, likelihood)(self.parameters(sites, Standardisation()))
            with numpyro.plate("run", runs if observations is None else len(observations)):
                numpyro.sample(OBSERVED[likelihood], law, obs=observations)

        return program


def _reported(site: str) -> str:
    """The parameter that a site stands for: r = |q|."""
    return "r" if site == "q" else site


def _in_words(prior: dist.Distribution, unit: Standardisation) -> str:
    match prior:
        case dist.LogNormal():
            return f"LogNormal(median {unit.scale * np.exp(prior.loc):.3g}, sd of its logarithm {prior.scale:g})"
        case dist.Normal():
            return f"Normal(mean {unit.location + unit.scale * prior.loc:.6g}, sd {unit.scale * prior.scale:.3g})"
        case dist.Uniform():
            # of r = |q|, q being uniform about zero
            return f"Uniform(0, {prior.high:g})"
    raise NotImplementedError(f"no words for a prior {prior}")


def _centre(sites: Parameters, unit: Standardisation) -> Parameters:
    return {"centre": unit.undo(sites["centre"])} if "centre" in sites else {}


class Gaussian(Model):
    """Two independent Gaussian levels: no repulsion, the null hypothesis."""

    name = "gaussian"
    description = "independent Gaussian levels, no repulsion"

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return _centre(sites, unit) | {"sigma": unit.scale * sites["sigma"]}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return GaussianPair(parameters["centre"], parameters["sigma"])

    def density(self, parameters: Parameters) -> dist.Distribution:
        return dist.Normal(parameters["centre"], parameters["sigma"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return dist.HalfNormal(jnp.sqrt(2.0) * parameters["sigma"])


class OneSpecies(Model):
    """Coulomb gas of one species, Eqs. 7, 11 and 31 with σ_m = σ."""

    name = "one-species"
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


class TwoSpecies(Model):
    """Labelled Coulomb gas of two species, Eqs. 29 to 32.

    Sampled in σ_m and a signed asymmetry q with r = |q|: the likelihood is even in q and smooth at 0, so exchanging the
    species changes nothing reported, and σ₁ = σ₂ is no edge. Spacings depend on σ_m alone (Eq. 31): they are
    one-species data, whose σ is then σ_m.
    """

    name = "two-species"
    description = "Coulomb gas of two species (Eqs. 29-32)"
    width = "sigma_m"
    likelihoods = ("pair",)

    def sites(self, likelihood: str) -> dict[str, dist.Distribution]:
        return super().sites(likelihood) | {"q": dist.Uniform(-1.0, 1.0)}

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        sigma_m, r = unit.scale * sites["sigma_m"], jnp.abs(sites["q"])
        widths = {"sigma_1": sigma_m * jnp.sqrt(1 + r), "sigma_2": sigma_m * jnp.sqrt(1 - r), "sigma_m": sigma_m}
        return _centre(sites, unit) | widths | {"r": r, "mean_spacing": jnp.sqrt(jnp.pi) * sigma_m}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return TwoSpeciesPair(parameters["centre"], parameters["sigma_1"], parameters["sigma_2"])

    def density(self, parameters: Parameters) -> dist.Distribution:
        return TwoSpeciesDensity(parameters["centre"], parameters["sigma_1"], parameters["sigma_2"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return WignerSurmise(parameters["sigma_m"])


MODELS: dict[str, Model] = {model.name: model for model in (Gaussian(), OneSpecies(), TwoSpecies())}


def find_model(name: str, likelihood: str) -> Model:
    """The model of this name, if it takes this likelihood.

    :raises ValueError: for an unknown name or likelihood, or a combination that does not exist.
    """
    for argument, value, known in (("model", name, MODELS), ("likelihood", likelihood, OBSERVED)):
        if value not in known:
            raise ValueError(f"{argument}: expected one of {', '.join(map(repr, known))}, got {value!r}")
    model = MODELS[name]
    if likelihood not in model.likelihoods:
        raise ValueError(
            f"likelihood: model {name!r} takes {', '.join(map(repr, model.likelihoods))}, got {likelihood!r}; "
            "spacings depend on sigma_m alone and cannot tell two species apart (Eq. 31)"
        )
    return model
