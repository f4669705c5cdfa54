"""For type checkers: which arguments of :class:`TeacherStudent` each function takes."""

from __future__ import annotations

from typing import TypedDict

from numpy.typing import ArrayLike

from simulators.engine.schedule import Options

__all__ = ["LinearArguments", "RelaxationArguments", "StationarityArguments", "TrainingArguments"]


class LayerArguments(TypedDict, total=False):
    """Arguments of all functions."""

    Z: ArrayLike | None
    kappa: ArrayLike
    inputs: int | None
    batches: str
    learning_rate: float
    batch_size: int
    momentum: float


class LinearArguments(LayerArguments, total=False):
    """Arguments of a linear student, with gradient noise."""

    noise: float


class RelaxationArguments(LayerArguments, total=False):
    """Arguments of relaxation times, which gradient noise does not change."""

    activation: str


class StationarityArguments(LinearArguments, RelaxationArguments, total=False):
    """Arguments of a student with any activation, with gradient noise."""


class TrainingArguments(StationarityArguments, Options, total=False):
    """Arguments of training, all of them, and of the schedule."""

    symmetric_noise: bool
    keep_weights: bool
    runs: int
    steps: int
