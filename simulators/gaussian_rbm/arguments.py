"""For type checkers: which arguments of :class:`GaussianRBM` each function takes."""

from __future__ import annotations

from typing import TypedDict

from numpy.typing import ArrayLike

from simulators.engine.schedule import Options

__all__ = [
    "DisplacementArguments",
    "RelaxationArguments",
    "StationarityArguments",
    "TargetArguments",
    "TrainingArguments",
    "WidthArguments",
]


class KernelArguments(TypedDict, total=False):
    """Arguments of all functions: the target kernel and its scales."""

    kernel: ArrayLike | None
    mu2: float
    sigma_h: float


class TargetArguments(KernelArguments, total=False):
    """Arguments that decide which levels are learnt."""

    hidden: int | None


class RelaxationArguments(TargetArguments):
    """Arguments that decide which levels are learnt, and how fast."""

    learning_rate: float


class StationarityArguments(RelaxationArguments, total=False):
    """Arguments that decide which levels are learnt, how fast, and from which start."""

    start: float | None


class SampledArguments(KernelArguments):
    """Arguments that decide how strong the noise is."""

    learning_rate: float
    batch_size: int


class DisplacementArguments(SampledArguments, total=False):
    """Arguments that decide how strong the noise is, and which moments are sampled."""

    noise: str


class WidthArguments(DisplacementArguments, total=False):
    """Arguments that widths depend on."""

    hidden: int | None
    gibbs_steps: int
    finite_step: bool


class TrainingArguments(TargetArguments, Options, total=False):
    """Arguments of training, all of them, and of the schedule; here every one has a default."""

    learning_rate: float
    batch_size: int
    noise: str
    gibbs_steps: int
    start: float | None
    keep_weights: bool
    runs: int
    steps: int
