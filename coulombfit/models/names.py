"""The models of the package by name, and where each is: known without importing any."""

from __future__ import annotations

__all__ = ["BUILT_IN"]

BUILT_IN = {
    "gaussian": "coulombfit.models.pairs:Gaussian",
    "one-species": "coulombfit.models.pairs:OneSpecies",
    "two-species": "coulombfit.models.pairs:TwoSpecies",
    "anisotropic": "coulombfit.models.pairs:Anisotropic",
    "gas": "coulombfit.models.gas:Gas",
    "gas-beta": "coulombfit.models.gas:FreeGas",
    "dyson": "coulombfit.models.trajectory:Dyson",
    "dyson-beta": "coulombfit.models.trajectory:FreeDyson",
}
