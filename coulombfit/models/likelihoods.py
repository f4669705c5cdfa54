"""What a run is observed by: likelihoods as objects, which ask a model for the law that they need.

A likelihood says what it sees of spectra, which product of terms it is, in which frame, and what law new observations
have. One of your own is a frozen dataclass, subclass of :class:`Likelihood`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.data.chosen_levels import places_of
from coulombfit.data.spectra import Spectra
from coulombfit.models.units import Standardisation
from coulombfit.runtime.errors import DataError

__all__ = ["LIKELIHOODS", "AllLevels", "Conditionals", "Laws", "Likelihood", "OneLevel", "Pair", "Spacing"]

Parameters = dict[str, Array]

AFFORDED = 4.0
"""Seconds for which new spectra of many levels may be computed, on one core."""
SPECTRUM = 2e-9
"""Seconds of the eigenvalues of a matrix, over its size cubed."""


@runtime_checkable
class Kept(Protocol):
    """How many draws of each chain are asked for."""

    @property
    def chains(self) -> int:
        """Number of chains."""

    @property
    def predictive_draws(self) -> int:
        """Draws of each for which new observations are kept."""


@runtime_checkable
class Laws(Protocol):
    """What a likelihood asks of a model."""

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        """Reported parameters, from sites."""

    def law(self, likelihood: Likelihood, parameters: Parameters) -> dist.Distribution:
        """The law of what is observed of a run."""

    def simulate(self, likelihood: Likelihood, parameters: Parameters) -> dist.Distribution:
        """The law of new observations."""

    def pair(self, parameters: Parameters) -> dist.Distribution:
        """Joint law of the ordered pair, event (2,)."""

    def density(self, parameters: Parameters) -> dist.Distribution:
        """Density of one level of a pair, event ()."""

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        """Law of the spacing of a pair, event ()."""

    def levels(self, parameters: Parameters) -> dist.Distribution:
        """Joint law of all levels, descending, event (level,)."""

    def conditionals(self, parameters: Parameters) -> dist.Distribution:
        """Law of each level given all others, descending, event (level,)."""

    def path(self, parameters: Parameters) -> Any:
        """Law of all levels over training, event (snapshot, level)."""

    def step_law(self, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        """Law of the terms of a trajectory, its steps."""


class Likelihood(ABC):
    """One way to observe a run.

    ``observations`` are what it sees, one entry a run; ``terms`` what it is a product over, standardised where the law
    scales with its parameters; ``parameters`` those that the model reports, ``sites`` what is sampled in their place.
    """

    name: ClassVar[str]
    observed: ClassVar[str] = "eigenvalues"
    """The observed site, and the variable of the groups of a fit."""
    of_pairs: ClassVar[bool] = True
    """Whether it looks at the two levels of a pair, else at all levels."""
    over_time: ClassVar[bool] = False
    """Whether it looks at levels over training, and not at an ensemble of spectra."""
    composite: ClassVar[bool] = False
    """Whether levels count as independent that are not: such a likelihood has no evidence."""
    asks_for: ClassVar[tuple[str, ...]] = ()
    """The laws of a model that it takes: "pair", "density", "spacing", "levels" or "conditionals"."""
    knows_centre: ClassVar[bool] = True
    """Whether it depends on where the levels lie."""
    spread_of_runs: ClassVar[bool] = False
    """Whether intervals come from the scatter of scores over runs, as the likelihood itself says nothing of them."""

    @property
    def corrected(self) -> bool:
        """Whether intervals of a composite are corrected for its levels not being independent."""
        return False

    @abstractmethod
    def observe(self, spectra: Any) -> Float[np.ndarray, "run ..."]:
        """What it sees of spectra.

        :raises DataError: where it can see nothing.
        """

    @abstractmethod
    def law(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        """The law of what is observed of a run, in the units of the parameters."""

    def simulated(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        """The law of new observations: not that of the likelihood where it is a composite."""
        return model.law(self, parameters)

    def unit(self, observations: Float[np.ndarray, "run ..."]) -> Standardisation:
        """The units in which priors are stated."""
        return Standardisation.of(observations)

    def terms(self, observations: Any, unit: Standardisation) -> Any:
        """What the likelihood is a product over, in the frame in which it is inferred."""
        return unit.apply(observations)

    def term_law(self, model: Laws, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        """The law of one of the :meth:`terms`."""
        return model.law(self, model.parameters(sites, Standardisation()))

    def log_frame(self, observations: Float[np.ndarray, "run ..."], unit: Standardisation) -> float:
        """Log Jacobian of the frame: ln p of all observations in it, minus ln p in units of the data."""
        return float(observations.size * np.log(unit.scale))

    def grouped(self, spectra: Any) -> Any:
        """Spectra whose clusters are those that it takes; themselves where these are their own."""
        return spectra

    def ensembles_kept(self, observations: Float[np.ndarray, "run ..."], sampling: Kept) -> int:
        """Draws of a chain for which new observations are kept; 0 for none."""
        return sampling.predictive_draws

    def dims(self, observations: Float[np.ndarray, "run ..."]) -> tuple[str, ...]:
        """Names of the dimensions of what it sees."""
        return ("run", "level")[: observations.ndim]

    def unit_dim(self, observations: Float[np.ndarray, "run ..."]) -> str:
        """What the unit of observation is, of leave-one-out cross-validation."""
        return "run"

    def by_unit(self, law: Any, observations: Float[Array, "run ..."]) -> Float[Array, " unit"]:
        """Log density of every unit of observation."""
        return law.log_prob(observations)

    def predict(
        self, model: Laws, parameters: Parameters, key: Array, observations: Float[Array, "run ..."]
    ) -> Float[Array, "run ..."]:
        """New observations, as many as those given."""
        return model.simulate(self, parameters).sample(key, (len(observations),))


@dataclass(frozen=True)
class Pair(Likelihood):
    """The joint law of the two levels of a pair: asks the model for ``pair``."""

    name = "pair"
    asks_for = ("pair",)

    def observe(self, spectra: Spectra) -> Float[np.ndarray, "run 2"]:
        return _pairs(spectra)

    def law(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        return model.pair(parameters)


@dataclass(frozen=True)
class OneLevel(Likelihood):
    """The density of one level, as if the levels of a pair were independent: asks for ``density`` and ``pair``.

    Also of levels whose pairing is not known, given as a plain list, spectra of one level: however they are grouped,
    the product over levels is the same. A level that was chosen from a spectrum, or is the only one of its matrix, has
    a place there, ``provenance["levels"]``, and is no such list.

    :param correct: whether intervals are corrected for the repulsion of the two (:mod:`coulombfit.inference.godambe`).
    """

    correct: bool = True
    composite = True
    asks_for = ("density", "pair")

    @property
    def name(self) -> str:  # type: ignore[override]
        """ "density", or "density-raw" without the correction."""
        return "density" if self.correct else "density-raw"

    @property
    def corrected(self) -> bool:
        return self.correct

    def observe(self, spectra: Spectra) -> Float[np.ndarray, "run 2"]:
        if spectra.levels != 1 or "levels" in spectra.provenance:
            return _pairs(spectra)
        if spectra.runs % 2:
            raise DataError(f"data: expected the levels of whole pairs, an even number, got {spectra.runs}")
        return spectra.eigenvalues.reshape(-1, 2)

    def law(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        return model.density(parameters).expand((2,)).to_event(1)

    def simulated(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        return model.pair(parameters)

    def terms(self, observations: Any, unit: Standardisation) -> Any:
        return unit.apply(observations).reshape(-1)

    def term_law(self, model: Laws, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        return model.density(model.parameters(sites, Standardisation()))


@dataclass(frozen=True)
class Spacing(Likelihood):
    """The law of S = x₁ − x₂ alone: asks the model for ``spacing``."""

    name = "spacing"
    observed = "spacing"
    asks_for = ("spacing",)
    knows_centre = False

    def observe(self, spectra: Spectra) -> Float[np.ndarray, " run"]:
        pairs = _pairs(spectra)
        return pairs[:, 0] - pairs[:, 1]

    def law(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        return model.spacing(parameters)

    def unit(self, observations: Float[np.ndarray, "run ..."]) -> Standardisation:
        return Standardisation.of(observations, about_zero=True)


@dataclass(frozen=True)
class AllLevels(Likelihood):
    """The joint law of all levels of a run: asks the model for ``levels``.

    Terms stay in units of the data: distances between clusters have to be in one unit.
    """

    name = "levels"
    asks_for = ("levels",)
    of_pairs = False

    def observe(self, spectra: Spectra) -> Float[np.ndarray, "run level"]:
        if (np.diff(spectra.eigenvalues, axis=1) == 0).any():
            raise DataError(
                "data: expected distinct levels, got tied ones; levels repel, so equal ones are no spectrum; where "
                "they are zero, of rank-deficient weights, levels='nonzero' leaves them out"
            )
        return spectra.eigenvalues

    def law(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        return model.levels(parameters)

    def terms(self, observations: Any, unit: Standardisation) -> Any:
        return observations

    def term_law(self, model: Laws, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        return model.law(self, model.parameters(sites, unit))

    def log_frame(self, observations: Float[np.ndarray, "run ..."], unit: Standardisation) -> float:
        return 0.0


@dataclass(frozen=True)
class Conditionals(AllLevels):
    """Each level given all others of its run: asks the model for ``conditionals``.

    Besag's pseudo-likelihood, for laws of many levels whose normaliser nobody knows. Its maximum is right and its
    curvature is not: intervals come from how scores scatter over the runs (:mod:`coulombfit.inference.sandwich`).
    """

    name = "conditionals"
    asks_for = ("conditionals",)
    composite = True
    spread_of_runs = True

    def grouped(self, spectra: Any) -> Any:
        # levels may be at any distance, so that there is nothing to guess
        return spectra.regrouped("single") if spectra.grouped_by == "gaps" else spectra

    def law(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        return model.conditionals(parameters)

    def ensembles_kept(self, observations: Float[np.ndarray, "run level"], sampling: Kept) -> int:
        runs, levels = observations.shape
        return min(sampling.predictive_draws, int(AFFORDED / (SPECTRUM * sampling.chains * runs * levels**3)))


def _pairs(spectra: Spectra) -> Float[np.ndarray, "run 2"]:
    """Pairs of distinct levels."""
    if spectra.levels == 1 and "levels" in spectra.provenance:
        raise DataError(
            f"data: expected pairs, shape (run, 2), got one level, {places_of(spectra.provenance, 1)[0]}, of every "
            "run; a single level has no partner and no law of a pair: cf.fit(spectra, 'levels')"
        )
    if spectra.levels != 2:
        raise DataError(
            f"data: expected pairs, shape (run, 2), got {spectra.levels} level(s); pick a pair with spectra.pair(k), "
            "or take all levels with cf.fit(spectra, 'levels')"
        )
    tied = np.flatnonzero(spectra.eigenvalues[:, 0] == spectra.eigenvalues[:, 1])
    if tied.size:
        raise DataError(
            f"data: expected pairs of distinct levels, got {tied.size} tied (S = 0), first in run {tied[0]}; "
            "levels repel, so equal ones mean a copied, rounded or constructed spectrum"
        )
    return spectra.eigenvalues


LIKELIHOODS: dict[str, Likelihood] = {
    one.name: one for one in (Pair(), OneLevel(), OneLevel(correct=False), Spacing(), AllLevels(), Conditionals())
}
"""Every likelihood by its name: "pair", "density", "density-raw", "spacing", "levels" and "conditionals"."""
