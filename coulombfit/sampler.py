"""One Markov chain as a pure function of its data. The only user of numpyro.infer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array
from numpyro.infer import MCMC, NUTS, init_to_uniform

from coulombfit.models import Parameters

__all__ = ["SAMPLERS", "Chain", "Sampling", "check_seed", "markov_chain"]

SAMPLERS = ("nuts",)
STATISTICS = ("energy", "potential_energy", "num_steps", "accept_prob", "adapt_state.step_size")

Chain = Callable[..., tuple[Parameters, Parameters]]
"""``f(key, *data)``: sites and statistics by name, shape (draw, …)."""


@dataclass(frozen=True)
class Sampling:
    """Settings of the sampler.

    :param chains: number of chains.
    :param warmup: adaptation steps of each chain, discarded.
    :param draws: posterior draws of each chain.
    :param target_accept: acceptance probability that adaptation aims for; high, because with a handful of runs the
        posterior of two species curves sharply enough for longer steps to diverge.
    :param max_treedepth: longest trajectory, 2**max_treedepth − 1 steps.
    :param per_run_draws: draws of each chain, evenly thinned, for which log_likelihood is kept; its size is
        chains × per_run_draws × runs numbers.
    :param predictive_draws: the same for posterior_predictive.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 1000
    target_accept: float = 0.98
    max_treedepth: int = 10
    per_run_draws: int = 250
    predictive_draws: int = 25

    def __post_init__(self) -> None:
        for name in ("chains", "warmup", "draws", "max_treedepth", "per_run_draws", "predictive_draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a whole number above 0, got {getattr(self, name)!r}")
        if not 0 < self.target_accept < 1:
            raise ValueError(f"target_accept: expected a number between 0 and 1, got {self.target_accept!r}")


def check_seed(seed: int) -> None:
    """Refuse what is no seed of a JAX key."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed!r}")


def markov_chain(program: Callable[..., None], sampling: Sampling, *, start_radius: float = 2.0) -> Chain:
    """One chain over a NumPyro program ``f(*data)``.

    A pure function, so that JAX compiles it once for every shape of data, and maps it over chains or data sets.

    :param start_radius: it starts uniformly within this of zero in the unconstrained coordinates of the sites.
    """

    def chain(key: Array, *data: Any) -> tuple[Parameters, Parameters]:
        kernel = NUTS(
            program,
            init_strategy=init_to_uniform(radius=start_radius),
            dense_mass=True,
            target_accept_prob=sampling.target_accept,
            max_tree_depth=sampling.max_treedepth,
        )
        mcmc = MCMC(kernel, num_warmup=sampling.warmup, num_samples=sampling.draws, progress_bar=False)
        mcmc.run(key, *data, extra_fields=STATISTICS)
        stats = mcmc.get_extra_fields()
        return mcmc.get_samples(), {
            "diverging": stats["diverging"],
            "energy": stats["energy"],
            "lp": -stats["potential_energy"],
            "n_steps": stats["num_steps"],
            "acceptance_rate": stats["accept_prob"],
            "step_size": stats["adapt_state.step_size"],
            "reached_max_treedepth": stats["num_steps"] >= 2**sampling.max_treedepth - 1,
        }

    return chain
