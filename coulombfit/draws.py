"""Draws from the posteriors of many sets of data: the one way from observations to points, for one fit or thousands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from coulombfit.cores import on_all_cores
from coulombfit.importance import Integral, weigh_many
from coulombfit.models import Model, Standardisation
from coulombfit.posterior import Represented, log_posterior, represent, start_of
from coulombfit.sampler import Sampling, chain_for

__all__ = ["Drawn", "draw"]


class Drawn(NamedTuple):
    """Points without bounds, shape (chain, draw, coordinate), and how they came about."""

    points: Float[np.ndarray, "chain draw coordinate"]
    stats: dict[str, np.ndarray]
    sampler: str
    represented: Represented
    integral: Integral


def draw(
    model: Model,
    likelihood: str,
    data: Sequence[tuple[Float[np.ndarray, "_ ..."], Standardisation]],
    sampler: str,
    sampling: Sampling,
    *,
    compress: bool = True,
    seed: int = 0,
) -> list[Drawn]:
    """Draws for every set of observations with its unit. In double precision.

    "laplace" turns to "nuts" where the weights' k̂ says that it must.
    """
    represented = [represent(model, likelihood, *each, compress=compress) for each in data]
    integrals = _integrals(model, likelihood, represented, [unit for _, unit in data], seed)
    keys = jax.random.split(jax.random.key(seed), (len(data), sampling.chains))
    jobs = [
        (k, chain)
        for k, integral in enumerate(integrals)
        for chain in range(sampling.chains)
        if sampler == "nuts" or not integral.reliable
    ]
    density, names = log_posterior(model, likelihood)
    _, mirrored = start_of(names)

    def run(job: tuple[int, int]) -> Any:
        k, chain = job
        walk = chain_for(density, integrals[k], represented[k].peak, sampling, mirrored=mirrored)
        return walk(keys[k, chain], represented[k].weighted, data[k][1])

    chains: dict[int, list] = {}
    for (k, _), found in zip(jobs, on_all_cores(run, jobs) if jobs else [], strict=True):
        chains.setdefault(k, []).append(jax.tree.map(np.asarray, found))
    results = []
    for k, (one, integral) in enumerate(zip(represented, integrals, strict=True)):
        if k in chains:
            points, stats = jax.tree.map(lambda *each: np.stack(each), *chains[k])
        else:
            points = integral.resample(sampling.chains * sampling.draws, seed + k)
            points = points.reshape(sampling.chains, sampling.draws, -1)
            stats = {"pareto_k": np.array(integral.k_hat), "effective": np.array(integral.effective)}
        results.append(Drawn(points, stats, "nuts" if k in chains else sampler, one, integral))
    return results


def _integrals(
    model: Model, likelihood: str, represented: Sequence[Represented], units: Sequence[Standardisation], seed: int
) -> list[Integral]:
    """Integrals of all, those of one shape together."""
    density, names = log_posterior(model, likelihood)
    _, mirrored = start_of(names)
    found: dict[int, Integral] = {}
    for size in {one.weighted.size for one in represented}:
        alike = [k for k, one in enumerate(represented) if one.weighted.size == size]
        peaks = [represented[k].peak for k in alike]
        data = [(represented[k].weighted, units[k]) for k in alike]
        found |= zip(alike, weigh_many(density, peaks, data, mirrored=mirrored, seed=seed), strict=True)
    return [found[k] for k in range(len(represented))]
