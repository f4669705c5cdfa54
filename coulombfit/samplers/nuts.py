"""One Markov chain as a pure function of its data. The only user of numpyro.infer."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array
from numpyro.infer import MCMC, NUTS

from coulombfit.samplers.importance import Integral, Mirror
from coulombfit.samplers.newton import LogDensity, Peak
from coulombfit.samplers.settings import Sampling

__all__ = ["Chain", "chain_for", "markov_chain"]

STATISTICS = ("energy", "potential_energy", "num_steps", "accept_prob", "adapt_state.step_size")

NEARLY_GAUSSIAN = 0.87
"""Efficiency of importance sampling (share of effective points) from which a posterior counts as nearly Gaussian, whose
efficiency is 0.92. Larger: more chains take the careful, slower acceptance."""
EASY, CAREFUL = 0.8, 0.98
"""Acceptance probabilities to aim for: where the posterior is nearly Gaussian (NumPyro's own default), and elsewhere.
With a handful of runs, chains of two species diverge in every other fit at 0.8 and in every tenth at 0.95."""

Chain = Callable[..., tuple[Array, dict[str, Array]]]
"""``f(key, *data)``: points, shape (draw, coordinate), and statistics by name, shape (draw,)."""


def chain_for(
    density: LogDensity, integral: Integral, mode: Peak, sampling: Sampling, *, mirrored: Mirror = None
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
