"""Levels at any distance, every one its own centre and width: the normal case of a layer."""

from __future__ import annotations

from dataclasses import dataclass

from coulombfit.laws.matrix.levels import MatrixLevels
from coulombfit.models.clustered import ClusteredModel
from coulombfit.models.likelihoods import Conditionals

__all__ = ["Levels"]


@dataclass(frozen=True, eq=False)
class Levels(ClusteredModel):
    """Eigenvalues of a fixed matrix plus noise, what SGD leaves of any layer: a centre and a width for every level.

    Levels may lie at any distance, and be as many as a layer has. Those that are known to be degenerate, by ``targets``
    or stated ``clusters``, share a centre and a width; no grouping is guessed. Repulsion is part of the law, so that
    centres are those of the fixed matrix.
    """

    name = "levels"
    description = "a fixed matrix plus noise, every level its own centre and width"
    likelihoods = (Conditionals(),)
    nominal_from = {"conditionals": 30}
    dimension = "level"
    interacting = MatrixLevels
