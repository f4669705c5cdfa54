"""Models of levels at any distance: each its own centre and width, by the conditionals of a law without normaliser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpyro.distributions as dist
from jaxtyping import Float

from coulombfit.data.spectra import Spectra
from coulombfit.laws.matrix.levels import InteractingLevels, MatrixLevels
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD, Model, Parameters
from coulombfit.models.likelihoods import Conditionals, Likelihood
from coulombfit.models.parameters import PARAMETERS, Parameter
from coulombfit.models.units import Standardisation

__all__ = ["Levels"]

REACH = 10.0
"""Distance in typical widths within which a neighbour enters exactly: beyond it the repulsion of two levels is the
power ½ of their distance to 1e-3 (1/8z at z = 50)."""
FEWEST = 4
"""Neighbours on either side that enter exactly at least."""


@dataclass(frozen=True, eq=False)
class Levels(Model):
    """Levels of a fixed matrix plus noise, what SGD leaves of any layer: a centre and a width for every level.

    Levels may lie at any distance, and be as many as a layer has. Those that are known to be degenerate, by ``targets``
    or by stated ``clusters``, share a centre and a width; no other grouping is guessed.

    :param sizes: numbers of levels that share a centre, from the top.
    :param near: neighbours on either side that enter exactly.
    """

    sizes: Sequence[int] = (1,)
    near: int | None = None

    name = "levels"
    description = "eigenvalues of a fixed matrix plus noise, every level its own centre and width"
    likelihoods = (Conditionals(),)
    nominal_from = {"conditionals": 30}
    reports: ClassVar[tuple[Parameter, ...]] = (PARAMETERS["centre"], PARAMETERS["sigma"])
    dimension = "level"
    colour, line = "#000000", "-"
    law_of_levels: ClassVar[type[InteractingLevels]] = MatrixLevels

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(int(size) for size in self.sizes))

    @property
    def structure(self) -> dict[str, Any]:
        return {"sizes": list(self.sizes), "near": self.near}

    @property
    def reference(self) -> Standardisation:
        groups = len(self.sizes)
        return Standardisation(60.0 * np.arange(groups - 1.0, -1.0, -1.0), np.ones(groups))

    def fitted_to(self, spectra: Spectra) -> Model:
        sizes = tuple(len(cluster) for cluster in _known_clusters(spectra))
        return type(self)(sizes, _near(spectra.eigenvalues))

    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        shape = (len(self.sizes),)
        return {
            "centre": dist.Normal(0.0, CENTRE_SD).expand(shape).to_event(1),
            "sigma": dist.LogNormal(0.0, LOG_WIDTH_SD).expand(shape).to_event(1),
        }

    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        return {"centre": unit.undo(sites["centre"]), "sigma": unit.scale * sites["sigma"]}

    def conditionals(self, parameters: Parameters) -> InteractingLevels:
        beta = parameters.get("beta", 1.0)
        return self.law_of_levels(parameters["centre"], parameters["sigma"], self.sizes, beta, self.near)

    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str | Likelihood) -> Standardisation:
        each = [Standardisation.of(group) for group in np.split(observations, np.cumsum(self.sizes)[:-1], axis=1)]
        # repulsion widens a level of a cluster of n to σ²(n + 1)/2
        widened = np.sqrt((np.asarray(self.sizes) + 1) / 2)
        return Standardisation(np.array([u.location for u in each]), np.array([u.scale for u in each]) / widened)


def _known_clusters(spectra: Spectra) -> list[list[int]]:
    """Levels known to be degenerate, each of the others by itself."""
    return spectra.clusters if spectra.targets is not None else [[level] for level in range(spectra.levels)]


def _near(x: Float[np.ndarray, "run level"]) -> int:
    """The most neighbours on one side within REACH of a level, and no fewer than FEWEST."""
    centre, width = x.mean(axis=0), x.std(axis=0)
    within = np.abs(centre[:, None] - centre) < REACH * np.hypot(width[:, None], width)
    side = max(int(np.triu(within, 1).sum(axis=1).max()), FEWEST)
    return min(side, x.shape[1] - 1)
