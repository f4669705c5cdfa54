"""For type checkers: which arguments of :class:`TeacherStudent` each function takes."""

from __future__ import annotations

from typing import TypedDict

from numpy.typing import ArrayLike

from simulators.engine.schedule import Options

__all__ = ["LinearArguments", "RelaxationArguments", "StationarityArguments", "TrainingArguments"]


class LayerArguments(TypedDict, total=False):
    """What all functions take."""

    Z: ArrayLike | None
    kappa: ArrayLike
    inputs: int | None
    batches: str
    learning_rate: float
    batch_size: int
    momentum: float


class LinearArguments(LayerArguments, total=False):
    """With gradient noise, of a linear student."""

    noise: float


class RelaxationArguments(LayerArguments, total=False):
    """Without gradient noise, which changes no relaxation time."""

    activation: str


class StationarityArguments(LinearArguments, RelaxationArguments, total=False):
    """With both."""


class TrainingArguments(StationarityArguments, Options, total=False):
    """All, and the schedule."""

    symmetric_noise: bool
    keep_weights: bool
    runs: int
    steps: int
