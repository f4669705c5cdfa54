"""Models of two levels that need not be degenerate: a fixed matrix plus noise, with the split δ of its eigenvalues.

The prior of δ is half-normal with twice the standard deviation s of all levels for its own. As s is at least δ/2, δ/s
is 2 at most, however far two levels are split, and the prior is nearly flat on all that can be. It does not depend on
σ, so that at δ = 0 these models are those of a degenerate pair with their priors, and the evidence for δ = 0 is the
posterior over the prior density there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array

from coulombfit import laws
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD, Model, Parameters
from coulombfit.models.likelihoods import Likelihood, Pair, Spacing
from coulombfit.models.parameters import PARAMETERS, Parameter
from coulombfit.models.units import Standardisation
from coulombfit.numerics.compression import SpacingGrid, SumAndSpacing
from coulombfit.numerics.intervals import Edge

__all__ = ["SPLIT_SD", "SplitPair", "SplitPairTwoWidths"]

SPLIT_SD = 2.0
"""Scale of the half-normal prior of δ, in units of the data's standard deviation; see above."""
SITE = "signed_split"


@dataclass(frozen=True, eq=False)
class SplitPair(Model):
    """Two levels with centres c ± δ/2 and noise of one width; δ = 0 is one species.

    Sampled in a signed split: the law is even in it and smooth at 0, so that δ = 0 is no edge. Spacings are taken, too.
    """

    name = "split-pair"
    description = "two levels, split or degenerate: a fixed matrix plus noise"
    likelihoods: ClassVar[tuple[Likelihood, ...]] = (Pair(), Spacing())
    reports: ClassVar[tuple[Parameter, ...]] = tuple(PARAMETERS[name] for name in ("centre", "split", "sigma"))
    nominal_from = {"pair": 10, "spacing": 30}
    compressions = {"pair": SpacingGrid(), "spacing": SpacingGrid()}
    edge = Edge("split", 0.0, {}, "split = 0")
    at_edge = "one-species"
    needs_degenerate = False
    even_in = SITE
    sampled_as = {"split": SITE}
    colour, line = "#882255", "-."
    width: ClassVar[str] = "sigma"

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        centre = {"centre": dist.Normal(0.0, CENTRE_SD)} if likelihood.knows_centre else {}
        return centre | {self.width: dist.LogNormal(0.0, LOG_WIDTH_SD), SITE: dist.Normal(0.0, SPLIT_SD)}

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        centre = {"centre": unit.undo(sites["centre"])} if "centre" in sites else {}
        return centre | {"split": unit.scale * _size(sites[SITE]), "sigma": unit.scale * sites["sigma"]}

    def pair(self, parameters: Parameters) -> dist.Distribution:
        return laws.SplitPair(parameters["centre"], parameters["split"], parameters["sigma"])

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return laws.RiceSpacing(parameters["split"], parameters["sigma"])

    def moments(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        return _moments(parameters["split"], parameters["sigma"], 0.0)


@dataclass(frozen=True, eq=False)
class SplitPairTwoWidths(SplitPair):
    """Two levels with centres c ± δ/2 and noise of two widths; δ = 0 is the anisotropic pair.

    Here ``sigma_1`` is the width of the upper level and ``sigma_2`` that of the lower one, whichever is the greater:
    not the wider and the narrower one as in "two-species" and "anisotropic". Where δ is not told from 0, which level
    is the wider cannot be told either. Spacings depend on δ and σ_m alone: they are data of "split-pair", whose σ is
    then σ_m.

    Sampled in a signed split and a signed asymmetry q = (σ₁² − σ₂²)/2σ_m²: the law is even when both change their sign,
    which is to call the upper level the lower one.
    """

    name = "split-pair-two-widths"
    description = "two levels of two widths, split or degenerate"
    likelihoods: ClassVar[tuple[Likelihood, ...]] = (Pair(),)
    reports: ClassVar[tuple[Parameter, ...]] = (
        PARAMETERS["centre"],
        PARAMETERS["split"],
        Parameter("sigma_1", "σ₁", r"\sigma_1", "width of the upper level <i>σ</i><sub>1</sub>"),
        Parameter("sigma_2", "σ₂", r"\sigma_2", "width of the lower level <i>σ</i><sub>2</sub>"),
        PARAMETERS["sigma_m"],
    )
    nominal_from = {"pair": 300}
    compressions = {"pair": SumAndSpacing()}
    at_edge = "anisotropic"
    turning_with = ("q",)
    costly = True
    colour, line = "#44AA99", "-"
    width = "sigma_m"

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        return super().sites(likelihood) | {"q": dist.Uniform(-1.0, 1.0)}

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        sigma_m, split = unit.scale * sites["sigma_m"], unit.scale * _size(sites[SITE])
        q = jnp.where(sites[SITE] < 0, -sites["q"], sites["q"])
        widths = {"sigma_1": sigma_m * jnp.sqrt(1 + q), "sigma_2": sigma_m * jnp.sqrt(1 - q), "sigma_m": sigma_m}
        return {"centre": unit.undo(sites["centre"]), "split": split} | widths

    def pair(self, parameters: Parameters) -> dist.Distribution:
        names = ("centre", "split", "sigma_1", "sigma_2")
        return laws.SplitAnisotropicPair(*(parameters[name] for name in names))

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        return laws.RiceSpacing(parameters["split"], parameters["sigma_m"])

    def moments(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        r = 0.5 * (parameters["sigma_1"] ** 2 - parameters["sigma_2"] ** 2) / parameters["sigma_m"] ** 2
        return _moments(parameters["split"], parameters["sigma_m"], r)


def _size(signed: Array) -> Array:
    # not jnp.abs, whose second derivative at zero is lost
    return jnp.where(signed < 0, -signed, signed)


def _moments(split: Any, sigma: Any, r: Any) -> tuple[Any, Any]:
    """Var x/⟨S²⟩ and U₄ of a level picked at random.

    ⟨δx⁴⟩ = (⟨R⁴⟩ + 6⟨R²S²⟩ + ⟨S⁴⟩)/16, with R = rξ + ζ, ξ = S cos θ − δ and ζ independent of S.
    """
    d2, m2 = split**2, sigma**2
    variance, square = 1.5 * m2 + 0.25 * d2, 4.0 * m2 + d2
    mixed = 2.0 * m2 * d2 + 8.0 * m2**2 * (1.0 + r**2)
    fourth = (12.0 * m2**2 + 6.0 * mixed + 32.0 * m2**2 + 16.0 * m2 * d2 + d2**2) / 16.0
    return variance / square, fourth / (3.0 * variance**2) - 1.0
