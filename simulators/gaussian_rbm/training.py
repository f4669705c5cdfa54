"""Training of Gaussian restricted Boltzmann machines as a function of all its arguments (Eq. 10)."""

from __future__ import annotations

from typing import Unpack

from simulators.engine.signatures import split_arguments, with_arguments
from simulators.engine.trajectory import Trajectory
from simulators.gaussian_rbm.arguments import TrainingArguments
from simulators.gaussian_rbm.setting import GaussianRBM

__all__ = ["simulate"]


@with_arguments(TrainingArguments, GaussianRBM, GaussianRBM.simulate)
def simulate(**setting: Unpack[TrainingArguments]) -> Trajectory:
    """Train an ensemble of machines, as :meth:`GaussianRBM.simulate`.

    :raises ValueError: for an argument outside its range.
    :raises Diverged: where every run left the region in which K is positive definite.
    :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
    :warns UserWarning: where runs left it, which are left out; where the run is shorter than
        :func:`steps_to_stationarity`.
    """
    physics, schedule = split_arguments(setting, GaussianRBM)
    return GaussianRBM(**physics).simulate(**schedule)
