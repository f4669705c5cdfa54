"""The models of the package by name, and where each is: known without importing any."""

from __future__ import annotations

__all__ = ["BUILT_IN"]

BUILT_IN = {
    "gaussian": "coulombfit.models.pairs:Gaussian",
    "one-species": "coulombfit.models.pairs:OneSpecies",
    "two-species": "coulombfit.models.pairs:TwoSpecies",
    "anisotropic": "coulombfit.models.pairs:Anisotropic",
    "split-pair": "coulombfit.models.split:SplitPair",
    "split-pair-two-widths": "coulombfit.models.split:SplitPairTwoWidths",
    "gas": "coulombfit.models.gas:Gas",
    "gas-beta": "coulombfit.models.gas:FreeGas",
    "levels": "coulombfit.models.levels:Levels",
    "dyson": "coulombfit.models.trajectory:Dyson",
    "dyson-beta": "coulombfit.models.trajectory:FreeDyson",
}
