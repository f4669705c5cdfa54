"""Draws from the posteriors of many sets of data: the one way from observations to points, for one fit or thousands.

What a set gets depends on its own observations, the model, the settings and the seed, and on nothing beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from coulombfit.inference.log_posterior import log_posterior, represent
from coulombfit.inference.preparation import Prepared, Question
from coulombfit.inference.sandwich import GAIN, climb, draw_about, score_runs
from coulombfit.runtime.parallel import Call, side_by_side
from coulombfit.runtime.seeds import fingerprint_of, key_for
from coulombfit.samplers.importance import Integral, weigh_many
from coulombfit.samplers.nuts import chain_for
from coulombfit.samplers.settings import SANDWICH

__all__ = ["Drawn", "draw"]


class Drawn(NamedTuple):
    """Points in unbounded coordinates, shape (chain, draw, coordinate), and how they came about."""

    points: Float[np.ndarray, "chain draw coordinate"]
    stats: dict[str, np.ndarray]
    sampler: str
    label: str
    """What tells this set of data from others, for its streams of random numbers."""
    integral: Integral | None = None
    """None of a likelihood that is none of the data, and has no evidence."""
    compression: Mapping[str, float] = {}
    """How many nodes stand for the data, and with what error in ln L."""
    scores: Mapping[str, np.ndarray] = {}
    """Of each run, where the sampler has found them: how well it is foretold."""


def draw(question: Question, data: Sequence[Prepared], *, compress: bool = True) -> list[Drawn]:
    """Draws for every set of data, all of one structure. In double precision.

    "laplace" turns to "nuts" where the weights' k̂ says that it must.
    """
    if question.likelihood.spread_of_runs:
        return [_draw_from_scores(question, one) for one in data]
    model, likelihood = data[0].model, question.likelihood
    sampler, sampling, seed = question.sampler, question.sampling, question.seed
    density, _ = log_posterior(model, likelihood)
    _, mirrored = model.start(likelihood)
    represented = [represent(model, likelihood, one.observations, one.unit, compress=compress) for one in data]
    weighted = [(one.weighted, each.unit) for one, each in zip(represented, data, strict=True)]
    integrals = weigh_many(density, [one.peak for one in represented], weighted, mirrored=mirrored, seed=seed)
    walking = [k for k, integral in enumerate(integrals) if sampler == "nuts" or not integral.reliable]

    calls = []
    for k in walking:
        walk, arguments = chain_for(density, integrals[k], represented[k].peak, sampling, mirrored=mirrored)
        keys = [key_for(seed, "chain", chain, integrals[k].label) for chain in range(sampling.chains)]
        calls += [Call(walk, (key, *arguments, *weighted[k])) for key in keys]
    found = [jax.tree.map(np.asarray, one) for one in side_by_side(calls)]
    chains = {k: found[i * sampling.chains : (i + 1) * sampling.chains] for i, k in enumerate(walking)}
    results = []
    for k, (one, integral) in enumerate(zip(represented, integrals, strict=True)):
        if k in chains:
            points, stats = jax.tree.map(lambda *each: np.stack(each), *chains[k])
        else:
            points = integral.resample(sampling.chains * sampling.draws, seed)
            points = points.reshape(sampling.chains, sampling.draws, -1)
            stats = {"pareto_k": np.array(integral.k_hat), "effective": np.array(integral.effective)}
        compression = {"nodes": one.weighted.size, "error": one.error}
        used = "nuts" if k in chains else sampler
        results.append(Drawn(points, stats, used, integral.label, integral, compression))
    return results


def _draw_from_scores(question: Question, data: Prepared) -> Drawn:
    climbed = climb(data.model, question.likelihood, data.observations, data.unit)
    label = fingerprint_of(data.observations)
    points = draw_about(climbed, question.sampling, question.seed, label)
    scores = score_runs(data.model, question.likelihood, climbed, data.unit)
    return Drawn(points, {GAIN: np.array(climbed.gain)}, SANDWICH, label, scores=scores)
