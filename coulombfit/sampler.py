"""One Markov chain as a pure function of its data. The only user of numpyro.infer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpyro.infer import MCMC, NUTS

from coulombfit.mode import LogDensity, Peak

__all__ = ["SAMPLERS", "Chain", "Sampling", "check_seed", "compiled_chain", "markov_chain"]

SAMPLERS = ("nuts", "laplace")
STATISTICS = ("energy", "potential_energy", "num_steps", "accept_prob", "adapt_state.step_size")

Chain = Callable[..., tuple[Array, dict[str, Array]]]
"""``f(key, peak, *data)``: points, shape (draw, coordinate), and statistics by name, shape (draw,)."""


@dataclass(frozen=True)
class Sampling:
    """Settings of the sampler.

    :param chains: number of chains.
    :param warmup: adaptation steps of each chain, discarded; few, because chains start about the mode, in coordinates
        in which the posterior is round there.
    :param draws: posterior draws of each chain.
    :param target_accept: acceptance probability that adaptation aims for; high, because with a handful of runs the
        posterior of two species curves sharply enough for longer steps to diverge.
    :param max_treedepth: longest trajectory, 2**max_treedepth − 1 steps.
    :param per_run_draws: draws of each chain, evenly thinned, for which log_likelihood is kept.
    :param predictive_draws: the same for posterior_predictive.
    :param per_run_runs: runs, evenly spaced, for which either is kept; all where there are fewer.
    """

    chains: int = 4
    warmup: int = 200
    draws: int = 1000
    target_accept: float = 0.95
    max_treedepth: int = 10
    per_run_draws: int = 250
    predictive_draws: int = 25
    per_run_runs: int = 20_000

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__.keys() - {"target_accept"}:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a whole number above 0, got {getattr(self, name)!r}")
        if not 0 < self.target_accept < 1:
            raise ValueError(f"target_accept: expected a number between 0 and 1, got {self.target_accept!r}")


def check_seed(seed: int) -> None:
    """Refuse what is no seed of a JAX key."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed!r}")


@lru_cache(maxsize=64)
def compiled_chain(density: LogDensity, sampling: Sampling) -> Chain:
    """:func:`markov_chain`, compiled once for every shape of data."""
    return jax.jit(markov_chain(density, sampling))


def markov_chain(density: LogDensity, sampling: Sampling) -> Chain:
    """One chain over ``density(point, *data)``, by NUTS in coordinates u with point = centre + root · u.

    A pure function, so that JAX compiles it once for every shape of data, and maps it over data sets. It starts
    from a spherical law twice as wide as the peak.
    """

    def chain(key: Array, peak: Peak, *data: Any) -> tuple[Array, dict[str, Array]]:
        def point(u: Array) -> Array:
            return jnp.asarray(peak.centre) + peak.root @ u

        kernel = NUTS(
            potential_fn=lambda u: -density(point(u), *data),
            dense_mass=True,
            target_accept_prob=sampling.target_accept,
            max_tree_depth=sampling.max_treedepth,
        )
        mcmc = MCMC(kernel, num_warmup=sampling.warmup, num_samples=sampling.draws, progress_bar=False)
        key_start, key_run = jax.random.split(key)
        start = 2.0 * jax.random.normal(key_start, peak.centre.shape, peak.centre.dtype)
        # where the density vanishes, no chain could start
        start = jnp.where(jnp.isfinite(density(point(start), *data)), start, 0.0)
        mcmc.run(key_run, init_params=start, extra_fields=STATISTICS)
        stats = mcmc.get_extra_fields()
        return jax.vmap(point)(mcmc.get_samples()), {
            "diverging": stats["diverging"],
            "energy": stats["energy"],
            "lp": -stats["potential_energy"],
            "n_steps": stats["num_steps"],
            "acceptance_rate": stats["accept_prob"],
            "step_size": stats["adapt_state.step_size"],
            "reached_max_treedepth": stats["num_steps"] >= 2**sampling.max_treedepth - 1,
        }

    return chain
