"""The laws that a model may have; those that its likelihoods ask for it has to."""

from __future__ import annotations

from typing import Any, ClassVar

import numpyro.distributions as dist
from jaxtyping import Array

from coulombfit.laws.matrix.levels import InteractingLevels
from coulombfit.models.units import Standardisation

__all__ = ["ModelLaws"]

Parameters = dict[str, Array]


class ModelLaws:
    """Laws of what is observed, each by the reported parameters; a model overrides those that it has."""

    name: ClassVar[str]

    def pair(self, parameters: Parameters) -> dist.Distribution:
        """Joint law of the ordered pair, event (2,)."""
        raise NotImplementedError(f"{self.name} has no law of a pair")

    def density(self, parameters: Parameters) -> dist.Distribution:
        """Density of one level of a pair, event ()."""
        raise NotImplementedError(f"{self.name} has no density of one level")

    def spacing(self, parameters: Parameters) -> dist.Distribution:
        """Law of the spacing of a pair, event ()."""
        raise NotImplementedError(f"{self.name} has no law of the spacing")

    def levels(self, parameters: Parameters) -> dist.Distribution:
        """Joint law of all levels, descending, event (level,)."""
        raise NotImplementedError(f"{self.name} has no law of all levels")

    def conditionals(self, parameters: Parameters) -> InteractingLevels:
        """Law of each level given all others, descending, event (level,)."""
        raise NotImplementedError(f"{self.name} has no law of one level given the others")

    def path(self, parameters: Parameters) -> Any:
        """Law of all levels over training, event (snapshot, level)."""
        raise NotImplementedError(f"{self.name} has no law of levels over training")

    def step_law(self, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        """Law of the terms of a trajectory, its steps."""
        raise NotImplementedError(f"{self.name} has no law of levels over training")

    def offers(self, law: str) -> bool:
        """Whether it has a law.

        :param law: "pair", "density", "spacing", "levels", "conditionals" or "path".
        """
        return getattr(type(self), law) is not getattr(ModelLaws, law)
