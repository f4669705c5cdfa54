"""Models of levels over training: centres, widths, memory and noise of Dyson's process, from every snapshot."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.laws.trajectory.path import DysonPath
from coulombfit.laws.trajectory.scores import uniform_steps
from coulombfit.laws.trajectory.sums import StepSums, SummedSteps, rows_of_steps
from coulombfit.laws.trajectory.transitions import LARGEST_BETA
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD, Factor, Model, Parameters
from coulombfit.models.likelihoods import Likelihood
from coulombfit.models.parameters import PARAMETERS, Parameter
from coulombfit.models.transitions import Transitions
from coulombfit.models.units import Standardisation
from coulombfit.runtime.errors import DataError

__all__ = ["Dyson", "FreeDyson"]

MEMORY = (1.0, 0.5)
"""Prior of the memory, Beta(1, ½), which is Kumaraswamy's law of the same numbers, simpler to draw from: its density ½
(1 − a)^−½ makes up for the bias of an AR coefficient, which is low by some (1 + 3a)/n (Marriott and Pope, Biometrika
41, 390, 1954)."""
ALONE = tuple(float(step) for step in range(50))
"""Steps of the snapshots with which the model can be tried without data."""


@dataclass(frozen=True, eq=False)
class Dyson(Model):
    r"""Dyson's process (Eq. 5) to first order in the noise: every snapshot given the one before.

    For each cluster, a single level or a degenerate pair, the centre c, the stationary width σ, the memory a = (1 −
    αΩ)^Δ over Δ steps, the median number of steps between snapshots; a^{Δ'/Δ} over others. ``rate`` is αΩ = 1 −
    a^{1/Δ} a step; where α and \|B\| are known, ``noise`` is g̃² = σ²Ω\|B\|/α (Eq. 9). β = 1.

    Clusters are independent of each other to this order, and so are their posteriors: each is inferred by itself,
    unless priors or values are given. Noise of two widths in one pair has two rates inside one spacing, and no law of
    a step in closed form. a > 0: training so fast that a step overshoots (αΩ > 1) has no memory in this sense.

    :param sizes: numbers of levels of the clusters, from the top, 1 or 2.
    :param steps: training steps of the snapshots.
    :param stationary: whether the first snapshot is one of the stationary law, else only conditioned on.
    :param learning_rate: α, where known.
    :param batch_size: \|B\|, where known.
    """

    sizes: Sequence[int] = (2,)
    steps: Sequence[float] = ALONE
    stationary: bool = True
    learning_rate: float | None = None
    batch_size: float | None = None

    name = "dyson"
    description = "Dyson's process over training (Eq. 5), clusters of one or two levels"
    likelihoods = (Transitions(),)
    nominal_from = {"transitions": 1}
    reports: ClassVar[tuple[Parameter, ...]] = tuple(
        PARAMETERS[name] for name in ("centre", "sigma", "memory", "rate", "noise")
    )
    colour, line = "#332288", "-"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(int(size) for size in self.sizes))
        object.__setattr__(self, "steps", tuple(float(step) for step in self.steps))

    @property
    def structure(self) -> dict[str, Any]:
        known = {"learning_rate": self.learning_rate, "batch_size": self.batch_size}
        return {"sizes": list(self.sizes), "steps": list(self.steps), "stationary": self.stationary} | known

    @property
    def coords(self) -> dict[str, Any]:
        return {"step": ("snapshot", list(self.steps))}

    @property
    def compressions(self) -> dict[str, StepSums]:  # type: ignore[override]
        return {"transitions": StepSums(tuple(self.sizes))}

    @property
    def interval(self) -> float:
        """Median number of steps between snapshots."""
        return float(np.median(np.diff(self.steps)))

    @property
    def gaps(self) -> Float[np.ndarray, " snapshot"]:
        """Steps to every snapshot from the one before, in units of the median; of the first infinite, or NaN."""
        return np.concatenate([[np.inf if self.stationary else np.nan], np.diff(self.steps) / self.interval])

    @property
    def sampled(self) -> Model:
        found = copy.copy(self)
        for name, value in (("steps", ALONE), ("stationary", True), ("learning_rate", None), ("batch_size", None)):
            object.__setattr__(found, name, value)
        return found

    @property
    def reference(self) -> Standardisation:
        return Standardisation(jnp.zeros(len(self.sizes)), jnp.ones(len(self.sizes)))

    def fitted_to(self, spectra: Any) -> Model:
        sizes = [len(cluster) for cluster in spectra.clusters]
        if max(sizes) > 2:
            first = next(cluster for cluster in spectra.clusters if len(cluster) > 2)
            raise DataError(
                f"clusters: expected single levels and pairs, whose steps have a law in closed form, got levels "
                f"{', '.join(map(str, first))} together. If they are not degenerate, say which are: "
                "clusters='single', or "
                "clusters=[[0, 1], 'single']; else infer the stationary law of a few times, "
                "cf.Spectra.from_trajectory and the model 'gas'"
            )
        settings = spectra.learning_rate, spectra.batch_size
        return type(self)(tuple(sizes), tuple(spectra.steps.tolist()), spectra.stationary, *settings)

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        shape = (len(self.sizes),)
        return {
            "centre": dist.Normal(0.0, CENTRE_SD).expand(shape).to_event(1),
            "sigma": dist.LogNormal(0.0, LOG_WIDTH_SD).expand(shape).to_event(1),
            "memory": dist.Kumaraswamy(*MEMORY).expand(shape).to_event(1),
        }

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        sigma, memory = unit.scale * sites["sigma"], sites["memory"]
        rate = -jnp.expm1(jnp.log(memory) / self.interval)
        found = {"centre": unit.undo(sites["centre"]), "sigma": sigma, "memory": memory, "rate": rate}
        if self.learning_rate is not None and self.batch_size is not None:
            found["noise"] = jnp.square(sigma) * rate * (self.batch_size / self.learning_rate**2)
        return found

    def path(self, parameters: Parameters) -> DysonPath:
        centres, widths, memories = (parameters[name] for name in ("centre", "sigma", "memory"))
        betas = self._betas(parameters)
        return DysonPath(centres, widths, memories, betas, self.sizes, tuple(self.gaps.tolist()))

    def step_law(self, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        """The law of rows of sums over steps, in units of the data.

        :param sites: standardised.
        :param unit: location and scale of every cluster.
        """
        z = sites["centre"], sites["sigma"], sites["memory"]
        return SummedSteps(*z, self._betas(sites), self.sizes, jnp.broadcast_to(unit.scale, (len(self.sizes),)))

    def _betas(self, parameters: Mapping[str, Any]) -> Any:
        return 1.0

    def terms(
        self, likelihood: str | Likelihood, observations: Any, unit: Standardisation
    ) -> Float[np.ndarray, "row column"]:
        own = np.repeat(np.arange(len(self.sizes)), self.sizes)
        location, scale = (np.broadcast_to(one, (len(self.sizes),))[own] for one in (unit.location, unit.scale))
        rows = rows_of_steps((np.asarray(observations) - location) / scale, self.gaps, self.sizes)
        return rows.reshape(-1, rows.shape[-1])

    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str | Likelihood) -> Standardisation:
        levels = observations.reshape(-1, observations.shape[-1])
        each = [Standardisation.of(one) for one in np.split(levels, np.cumsum(self.sizes)[:-1], axis=1)]
        # repulsion widens a level of a pair to 3σ²/2
        widened = np.sqrt((np.asarray(self.sizes) + 1) / 2)
        return Standardisation(np.array([u.location for u in each]), np.array([u.scale for u in each]) / widened)

    def factors(self, likelihood: Likelihood) -> tuple[Factor, ...]:
        if self.stated or len(self.sizes) == 1:
            return ()
        sites, first, found = self.sites(likelihood), 0, []
        offsets = dict(zip(sites, np.cumsum([0, *(prior.event_shape[0] for prior in sites.values())]), strict=False))
        for k, size in enumerate(self.sizes):
            model = copy.copy(self)
            object.__setattr__(model, "sizes", (size,))
            pair = self.sizes[:k].count(2)
            places = [offsets[name] + (pair if name == "beta" else k) for name in model.sites(likelihood)]
            found.append(Factor(model, slice(first, first + size), slice(k, k + 1), tuple(int(one) for one in places)))
            first += size
        return tuple(found)

    def scores(
        self, parameters: dict[str, Any], observations: Float[np.ndarray, "run ..."], first: int
    ) -> dict[str, Float[np.ndarray, "run step"]]:
        gaps = self.gaps[first : first + observations.shape[1]]
        betas = np.broadcast_to(self._betas(parameters), (self.sizes.count(2),))
        centres, widths, memories = (np.asarray(parameters[name]) for name in ("centre", "sigma", "memory"))
        return uniform_steps(np.asarray(observations), gaps, self.sizes, centres, widths, memories, betas)

    def with_free_beta(self) -> Model:
        return FreeDyson().with_stated(self.stated)


@dataclass(frozen=True, eq=False)
class FreeDyson(Dyson):
    """Dyson's process with the index β of every pair unknown; β = 1 for real weights."""

    name = "dyson-beta"
    description = "Dyson's process over training (Eq. 5), β of every pair free"
    nominal_from = {"transitions": 1}
    reports = (*Dyson.reports, PARAMETERS["beta"])
    colour, line = "#882255", "--"

    def fitted_to(self, spectra: Any) -> Model:
        found = super().fitted_to(spectra)
        if 2 not in found.structure["sizes"]:
            raise DataError(
                f"clusters: expected at least one pair, whose spacing says what β is, got {len(spectra.clusters)} "
                "single "
                "levels; clusters=[[0, 1], 'single'] says which levels are a pair"
            )
        return found

    def labels(self, parameter: str) -> tuple[str, tuple[int, ...] | None]:
        pairs = tuple(k for k, size in enumerate(self.sizes) if size == 2)
        return ("cluster", None) if parameter != "beta" or len(pairs) == len(self.sizes) else ("pair", pairs)

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        pairs = sum(size == 2 for size in self.sizes)
        beta = dist.LogNormal(0.0, LOG_WIDTH_SD).expand((pairs,)).to_event(1)
        return super().sites(likelihood) | ({"beta": beta} if pairs else {})

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return super().parameters(sites, unit) | ({"beta": sites["beta"]} if "beta" in sites else {})

    def exists(self, parameters: Parameters) -> Array:
        return (parameters["beta"] < LARGEST_BETA).all() if "beta" in parameters else jnp.array(True)

    def _betas(self, parameters: Mapping[str, Any]) -> Any:
        return parameters.get("beta", 1.0)

    def with_free_beta(self) -> Model:
        return self
