"""Posteriors that are products: parts of a model drawn each by itself, and put together.

The parts are independent, so draws of one beside draws of another are draws of both, the integral is the product of
their integrals, and the whole is as reliable as its worst part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from coulombfit.models import Standardisation
from coulombfit.models.base import Factor
from coulombfit.runtime.seeds import fingerprint_of
from coulombfit.samplers.importance import POINTS, Integral
from coulombfit.samplers.newton import Peak

__all__ = ["Product", "join_integrals", "join_points", "join_stats", "part_of_unit"]

TOGETHER: dict[str, Callable[..., Any]] = {
    "diverging": np.any,
    "pareto_k": np.max,
    "reached_max_treedepth": np.any,
    "energy": np.sum,
    "lp": np.sum,
    "n_steps": np.sum,
}
"""How statistics of chains of independent parts are those of a chain of all; of others the least."""


@dataclass(frozen=True, eq=False)
class Product(Integral):
    """The integral of a product: its points are equally weighted, and worth as many as those of its worst part."""

    least: float = 0.0

    @property
    def effective(self) -> float:
        """How many equally weighted points these are worth."""
        return self.least


def part_of_unit(unit: Standardisation, factor: Factor) -> Standardisation:
    """Location and scale of the clusters of a part."""
    return Standardisation(*(np.atleast_1d(one)[factor.units] for one in (unit.location, unit.scale)))


def join_points(
    factors: Sequence[Factor], parts: Sequence[Float[np.ndarray, "*shape _"]]
) -> Float[np.ndarray, "*shape coordinate"]:
    """Points of all parts as points of the whole."""
    size = sum(len(factor.coordinates) for factor in factors)
    found = np.empty((*parts[0].shape[:-1], size))
    for factor, points in zip(factors, parts, strict=True):
        found[..., list(factor.coordinates)] = points
    return found


def join_integrals(factors: Sequence[Factor], parts: Sequence[Integral], seed: int) -> Product:
    """The integral of the product, with equally weighted points."""
    points = join_points(factors, [one.resample(POINTS, seed) for one in parts])
    centre = join_points(factors, [np.asarray(one.peak.centre) for one in parts])
    root = np.zeros((centre.size, centre.size))
    for factor, one in zip(factors, parts, strict=True):
        root[np.ix_(factor.coordinates, factor.coordinates)] = one.peak.root
    return Product(
        log_value=float(sum(one.log_value for one in parts)),
        se=float(np.sqrt(sum(one.se**2 for one in parts))),
        k_hat=max(one.k_hat for one in parts),
        points=points,
        log_weights=np.full(len(points), -np.log(len(points))),
        peak=Peak(centre, root),
        label=fingerprint_of(*(np.frombuffer(one.label.encode(), np.uint8) for one in parts)),
        least=min(one.effective for one in parts),
    )


def join_stats(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Statistics of the sampler."""
    found = {}
    for name in parts[0]:
        values = np.stack([part[name] for part in parts])
        found[name] = np.asarray(TOGETHER.get(name, np.min)(values, axis=0))
    return found
