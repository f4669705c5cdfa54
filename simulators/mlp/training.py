"""Training of perceptrons as a function of all its arguments."""

from __future__ import annotations

from typing import Unpack

from simulators.engine.signatures import split_arguments, with_arguments
from simulators.mlp.arguments import TrainingArguments
from simulators.mlp.result import MLPTrajectory
from simulators.mlp.setting import MLP

__all__ = ["simulate"]


@with_arguments(TrainingArguments, MLP, MLP.simulate)
def simulate(**setting: Unpack[TrainingArguments]) -> MLPTrajectory:
    """Train an ensemble of perceptrons, as :meth:`MLP.simulate`.

    :raises ValueError: for an argument outside its range, or data that does not fit the network.
    :raises ImportError: for digits where scikit-learn is not installed.
    :raises Diverged: where the weights of every run grew without bound.
    :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
    :warns UserWarning: where training together ended before it came to a minimum; where runs diverged, which are left
        out.
    """
    physics, schedule = split_arguments(setting, MLP)
    return MLP(**physics).simulate(**schedule)
