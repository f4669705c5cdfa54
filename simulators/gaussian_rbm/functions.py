"""What theory says of a setting, as functions of its arguments."""

from __future__ import annotations

from typing import Unpack

import numpy as np
from jaxtyping import Float

from simulators.engine.signatures import split_arguments, with_arguments
from simulators.gaussian_rbm.arguments import (
    DisplacementArguments,
    RelaxationArguments,
    StationarityArguments,
    TargetArguments,
    WidthArguments,
)
from simulators.gaussian_rbm.setting import GaussianRBM
from simulators.gaussian_rbm.theory import target

__all__ = ["displacements", "relaxation_times", "steps_to_stationarity", "targets", "widths"]


@with_arguments(TargetArguments, GaussianRBM)
def targets(**setting: Unpack[TargetArguments]) -> Float[np.ndarray, " level"]:
    """Eigenvalues x_i = μ² − κ_i that are learnt, descending, shape (level,).

    :raises ValueError: for an argument outside its range, or a kernel that cannot be learnt.
    """
    # of a target alone: no learning rate is too large for it
    return target(**setting).x


@with_arguments(WidthArguments, GaussianRBM, GaussianRBM.widths)
def widths(**setting: Unpack[WidthArguments]) -> Float[np.ndarray, " level"]:
    """Stationary widths σ_i of the levels, units of x (Eq. 9), as :meth:`GaussianRBM.widths`.

    :raises ValueError: for an argument outside its range, a kernel that cannot be learnt, or a learning rate at which
        training diverges.
    """
    physics, more = split_arguments(setting, GaussianRBM)
    return GaussianRBM(**physics).widths(**more)


@with_arguments(DisplacementArguments, GaussianRBM)
def displacements(**setting: Unpack[DisplacementArguments]) -> Float[np.ndarray, " level"]:
    """Shift of the mean of each level from its target, units of x, as :meth:`GaussianRBM.displacements`.

    :raises ValueError: for an argument outside its range, noise whose shift is not known, or a learning rate at which
        training diverges.
    """
    return GaussianRBM(**setting).displacements()


@with_arguments(RelaxationArguments, GaussianRBM)
def relaxation_times(**setting: Unpack[RelaxationArguments]) -> Float[np.ndarray, " level"]:
    """Steps in which a small deviation of x_i is forgotten by a factor e, as :meth:`GaussianRBM.relaxation_times`.

    :raises ValueError: for an argument outside its range, or a learning rate at which training diverges.
    """
    return GaussianRBM(**setting).relaxation_times()


@with_arguments(StationarityArguments, GaussianRBM)
def steps_to_stationarity(**setting: Unpack[StationarityArguments]) -> float:
    """Steps after which the start is forgotten, as :meth:`GaussianRBM.steps_to_stationarity`.

    :raises ValueError: for an argument outside its range, or a learning rate at which training diverges.
    """
    return GaussianRBM(**setting).steps_to_stationarity()
