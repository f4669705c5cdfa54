"""The laws of a degenerate pair of levels, each a NumPyro distribution; conventions in :mod:`coulombfit.laws.pair`."""

from coulombfit.laws.anisotropic import AnisotropicDensity, AnisotropicPair
from coulombfit.laws.density import OneSpeciesDensity, TwoSpeciesDensity
from coulombfit.laws.gas import CoulombGas
from coulombfit.laws.pair import GaussianPair, OneSpeciesPair, TwoSpeciesPair, descending_pair
from coulombfit.laws.spacing import WignerSurmise

__all__ = [
    "AnisotropicDensity",
    "AnisotropicPair",
    "CoulombGas",
    "GaussianPair",
    "OneSpeciesDensity",
    "OneSpeciesPair",
    "TwoSpeciesDensity",
    "TwoSpeciesPair",
    "WignerSurmise",
    "descending_pair",
]
