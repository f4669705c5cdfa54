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
    """What all functions take."""

    kernel: ArrayLike | None
    mu2: float
    sigma_h: float


class TargetArguments(KernelArguments, total=False):
    """Which levels are learnt."""

    hidden: int | None


class RelaxationArguments(TargetArguments):
    """And how fast."""

    learning_rate: float


class StationarityArguments(RelaxationArguments, total=False):
    """And from where."""

    start: float | None


class SampledArguments(KernelArguments):
    """How strong the noise is."""

    learning_rate: float
    batch_size: int


class DisplacementArguments(SampledArguments, total=False):
    """And what is sampled."""

    noise: str


class WidthArguments(DisplacementArguments, total=False):
    """And what else widths depend on."""

    hidden: int | None
    gibbs_steps: int
    finite_step: bool


class TrainingArguments(TargetArguments, Options, total=False):
    """All, and the schedule; here every one has a default."""

    learning_rate: float
    batch_size: int
    noise: str
    gibbs_steps: int
    start: float | None
    keep_weights: bool
    runs: int
    steps: int
