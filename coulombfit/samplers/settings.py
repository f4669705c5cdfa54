"""Which samplers there are, which one is the default, and their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from coulombfit.runtime.errors import ArgumentError

__all__ = ["DEFAULT", "SAMPLERS", "SANDWICH", "Sampling", "check_sampler"]

SAMPLERS = ("nuts", "laplace")
DEFAULT: Literal["laplace"] = "laplace"
"""Default sampler of fits and calibration, in functions and commands: importance sampling about the mode gives the
posterior in milliseconds, and where its Pareto k̂ says that it does not, Markov chains take its place."""
SANDWICH = "sandwich"
"""What takes its place for likelihoods whose spread comes from the runs; nobody asks for it."""


@dataclass(frozen=True)
class Sampling:
    """Settings of the sampler.

    :param chains: number of chains.
    :param warmup: adaptation steps of each chain, discarded; few, because chains start in coordinates in which
        importance sampling has found the posterior round.
    :param draws: posterior draws of each chain.
    :param target_accept: acceptance probability that adaptation aims for. By default 0.8 where importance sampling
        finds the posterior nearly Gaussian, and 0.98 elsewhere: it may curve so sharply that longer steps diverge.
    :param max_treedepth: longest trajectory, 2**max_treedepth − 1 steps.
    :param per_run_draws: draws of each chain, evenly thinned, for which log_likelihood is kept.
    :param predictive_draws: the same for posterior_predictive.
    :param per_run_runs: runs, evenly spaced, for which either is kept; all where there are fewer.
    """

    chains: int = 4
    warmup: int = 150
    draws: int = 1000
    target_accept: float | None = None
    max_treedepth: int = 10
    per_run_draws: int = 250
    predictive_draws: int = 25
    per_run_runs: int = 20_000

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__.keys() - {"target_accept"}:
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name}: expected a whole number above 0, got {getattr(self, name)!r}")
        if self.target_accept is not None and not 0 < self.target_accept < 1:
            raise ArgumentError(f"target_accept: expected a number between 0 and 1, got {self.target_accept!r}")


def check_sampler(sampler: str) -> None:
    """Refuse an unknown name.

    :raises ArgumentError: naming those that are known.
    """
    if sampler not in SAMPLERS:
        raise ArgumentError(f"sampler: expected one of {', '.join(map(repr, SAMPLERS))}, got {sampler!r}")
