"""Draws from the posteriors of many sets of data: the one way from observations to points, for one fit or thousands.

What a set gets depends on its own observations, the model, the settings and the seed, and on nothing beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from coulombfit.inference.factors import join_integrals, join_points, join_stats, part_of_unit
from coulombfit.inference.log_posterior import log_posterior, represent
from coulombfit.inference.preparation import Prepared, Question
from coulombfit.inference.sandwich import GAIN, climb, draw_about, score_runs
from coulombfit.models.base import Factor
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
    if model.factors(likelihood):
        return _draw_product(question, data, compress=compress)
    sampler, sampling, seed = question.sampler, question.sampling, question.seed
    density, _ = log_posterior(model.sampled, likelihood)
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


def _draw_product(question: Question, data: Sequence[Prepared], *, compress: bool) -> list[Drawn]:
    """Draws where the posterior is a product of independent parts: of each part, and put together.

    Where one part of a set of data needs chains, all of its parts get them.
    """
    factors = [one.model.factors(question.likelihood) for one in data]
    places = [(k, i) for k, some in enumerate(factors) for i in range(len(some))]
    parts = _draw_parts(question, data, factors, places, compress=compress)
    walking = {k for (k, _), one in parts.items() if one.sampler == "nuts"}
    again = [(k, i) for k, i in places if k in walking and parts[k, i].sampler != "nuts"]
    parts |= _draw_parts(replace(question, sampler="nuts"), data, factors, again, compress=compress)
    results = []
    for k, some in enumerate(factors):
        own = [parts[k, i] for i in range(len(some))]
        integral = join_integrals(some, [one.integral for one in own if one.integral is not None], question.seed)
        compression = {
            "nodes": sum(one.compression["nodes"] for one in own),
            "error": max(one.compression["error"] for one in own),
        }
        points, stats = join_points(some, [one.points for one in own]), join_stats([one.stats for one in own])
        results.append(Drawn(points, stats, own[0].sampler, integral.label, integral, compression))
    return results


def _draw_parts(
    question: Question,
    data: Sequence[Prepared],
    factors: Sequence[tuple[Factor, ...]],
    places: Sequence[tuple[int, int]],
    *,
    compress: bool,
) -> dict[tuple[int, int], Drawn]:
    """Draws of some parts of sets of data, those of one model together."""
    by_model: dict[object, list[tuple[int, int]]] = {}
    for k, i in places:
        by_model.setdefault(factors[k][i].model.sampled, []).append((k, i))
    found: dict[tuple[int, int], Drawn] = {}
    for some in by_model.values():
        prepared = []
        for k, i in some:
            factor, unit = factors[k][i], part_of_unit(data[k].unit, factors[k][i])
            prepared.append(Prepared(factor.model, data[k].observations[..., factor.levels], unit))
        found |= dict(zip(some, draw(question, prepared, compress=compress), strict=True))
    return found
