"""The laws of levels, each a NumPyro distribution; conventions in :mod:`coulombfit.laws.pair.common`."""

from coulombfit.laws.gas.coulomb_gas import CoulombGas
from coulombfit.laws.matrix.levels import GasLevels, MatrixLevels
from coulombfit.laws.pair.anisotropic import AnisotropicDensity, AnisotropicPair
from coulombfit.laws.pair.common import descending_pair
from coulombfit.laws.pair.gaussian import GaussianPair
from coulombfit.laws.pair.one_species import OneSpeciesDensity, OneSpeciesPair
from coulombfit.laws.pair.rice import RiceSpacing
from coulombfit.laws.pair.spacing import WignerSurmise
from coulombfit.laws.pair.split import SplitAnisotropicPair, SplitPair
from coulombfit.laws.pair.two_species import TwoSpeciesDensity, TwoSpeciesPair
from coulombfit.laws.trajectory.transitions import LevelTransition, PairTransition

__all__ = [
    "AnisotropicDensity",
    "AnisotropicPair",
    "CoulombGas",
    "GasLevels",
    "GaussianPair",
    "LevelTransition",
    "MatrixLevels",
    "OneSpeciesDensity",
    "OneSpeciesPair",
    "PairTransition",
    "RiceSpacing",
    "SplitAnisotropicPair",
    "SplitPair",
    "TwoSpeciesDensity",
    "TwoSpeciesPair",
    "WignerSurmise",
    "descending_pair",
]
