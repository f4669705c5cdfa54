"""One Markov chain as a pure function of its data. The only user of numpyro.infer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array
from numpyro.infer import MCMC, NUTS

from coulombfit.runtime.errors import ArgumentError
from coulombfit.samplers.importance import Integral
from coulombfit.samplers.newton import LogDensity, Peak

__all__ = ["SAMPLERS", "Chain", "Sampling", "chain_for", "check_sampler", "markov_chain"]

SAMPLERS = ("nuts", "laplace")
STATISTICS = ("energy", "potential_energy", "num_steps", "accept_prob", "adapt_state.step_size")

NEARLY_GAUSSIAN = 0.87
"""Share of effective points from which importance sampling says that a posterior is."""
EASY, CAREFUL = 0.8, 0.98
"""Acceptance probabilities to aim for, where it is and where it is not: with a handful of runs, two species diverge in
every other fit at 0.8 and in every tenth at 0.95."""

Chain = Callable[..., tuple[Array, dict[str, Array]]]
"""``f(key, *data)``: points, shape (draw, coordinate), and statistics by name, shape (draw,)."""


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


def chain_for(
    density: LogDensity, integral: Integral, mode: Peak, sampling: Sampling, *, mirrored: int | None = None
) -> tuple[Chain, tuple[Any, ...]]:
    """A chain over ``density(point, *data)``, of whose posterior importance sampling has found ``integral``.

    Its mean and covariance make the posterior round; where they are not to be trusted, the chain begins with the
    curvature at the mode and learns the scales itself.

    :return: ``f(key, *arguments, *data)``, compiled once for every shape of data, and these arguments.
    """
    learns = not integral.reliable
    peak = mode if learns else integral.covering(mirrored)
    target = sampling.target_accept or (EASY if integral.efficiency >= NEARLY_GAUSSIAN else CAREFUL)
    return _compiled(density, sampling, learns), (peak, target)


@lru_cache(maxsize=64)
def _compiled(density: LogDensity, sampling: Sampling, learns: bool) -> Chain:
    return jax.jit(markov_chain(density, sampling, learns=learns))


def markov_chain(density: LogDensity, sampling: Sampling, *, learns: bool) -> Chain:
    """One chain over ``density(point, *data)``, by NUTS in coordinates u with point = centre + root · u.

    A pure function ``f(key, peak, target_accept, *data)``, so that JAX compiles it once for every shape of data. It
    starts from a spherical law twice as wide as the peak.

    :param learns: adapt the scales of the coordinates, too, and not the step size only. No dense matrix: that takes
        LAPACK, on which chains side by side may wait for each other for ever.
    """

    def chain(key: Array, peak: Peak, target_accept: Array | float, *data: Any) -> tuple[Array, dict[str, Array]]:
        def point(u: Array) -> Array:
            return jnp.asarray(peak.centre) + peak.root @ u

        kernel = NUTS(
            potential_fn=lambda u: -density(point(u), *data),
            adapt_mass_matrix=learns,
            target_accept_prob=target_accept,
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
