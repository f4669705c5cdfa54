"""For type checkers: which arguments of :class:`MLP` each function takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from numpy.typing import ArrayLike

from simulators.engine.schedule import Options
from simulators.mlp.data import Data

__all__ = ["ResponseArguments", "TrainingArguments"]


class ResponseArguments(TypedDict, total=False):
    """Arguments that widths depend on."""

    widths: Sequence[int]
    activation: str
    loss: str
    data: str | tuple[ArrayLike, ArrayLike] | Data
    samples: int | None
    data_seed: int
    learning_rate: float
    batch_size: int
    momentum: float
    weight_decay: float
    biases: bool
    start_seed: int
    warmup: int | None


class TrainingArguments(ResponseArguments, Options, total=False):
    """Arguments of training, all of them, and of the schedule."""

    replacement: bool
    start: str
    keep_weights: bool
    runs: int
    steps: int
