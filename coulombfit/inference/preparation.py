"""Questions and data, checked before anything is computed: the one way into a fit, alone or among many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpyro.distributions import Distribution

from coulombfit.data.spectra import Spectra, real_array
from coulombfit.data.trajectories import Trajectories, is_trajectory
from coulombfit.models import Likelihood, Model, Standardisation, find_model
from coulombfit.models.site_priors import StatedPrior, sample_sites
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.seeds import check_seed
from coulombfit.samplers.settings import DEFAULT, SANDWICH, Sampling, check_sampler

__all__ = ["Prepared", "Question", "ask", "prepare", "spectra_of"]


@dataclass(frozen=True)
class Question:
    """A model with a likelihood, and how its posterior is to be found."""

    model: Model
    likelihood: Likelihood
    sampler: str
    sampling: Sampling
    seed: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """The model with the structure that spectra show, what its likelihood sees of them, the units of the priors, and
    whether these are levels whose pairing is not known, or were taken one by one at whatever distance."""

    model: Model
    observations: Float[np.ndarray, "run ..."]
    unit: Standardisation
    pooled: bool = False
    apart: bool = False


def ask(
    model: str | Model,
    likelihood: str | Likelihood | None,
    sampler: str,
    sampling: Sampling | None,
    seed: int,
    priors: Mapping[str, Distribution] | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Question:
    """Check names and settings.

    :raises ArgumentError: for an unknown name, or a combination that does not exist.
    """
    found, seen_by = find_model(model, likelihood)
    chosen = found.informed(priors, fixed)
    chosen.stated.require_sampled(chosen.name, chosen.sites(seen_by), chosen.sampled_as)
    if not chosen.structure:  # of a gas where its clusters are known
        _require_reported(chosen, seen_by)
    check_sampler(sampler)
    if seen_by.spread_of_runs:
        if sampler != DEFAULT:
            raise ArgumentError(
                f"sampler: likelihood {seen_by.name!r} takes its spread from the runs and leaves nothing to sample; "
                f"leave sampler out, got {sampler!r}"
            )
        sampler = SANDWICH
    check_seed(seed)
    if sampling is not None and not isinstance(sampling, Sampling):
        raise ArgumentError(f"sampling: expected coulombfit.Sampling(…), got {sampling!r}")
    return Question(chosen, seen_by, sampler, sampling or Sampling(), int(seed))


def prepare(spectra: Spectra | Trajectories, question: Question) -> Prepared:
    """Check data.

    :raises DataError: for data that no law of the model can describe.
    """
    _require_kind(spectra, question)
    data: Any = spectra  # of the kind that the likelihood is of
    taken = question.likelihood.grouped(data)
    model = question.model.with_structure_of(taken)
    _require_reported(model, question.likelihood)
    observations = model.observe(data, question.likelihood)
    unit = model.unit(observations, question.likelihood)
    return Prepared(model, observations, unit, pooled=len(observations) != spectra.runs, apart=taken is not data)


def spectra_of(data: Any) -> Spectra | Trajectories:
    """Spectra and trajectories as they are, or of a simulation or a recording; or spectra of a plain array, of one
    level where it has one dimension.

    :raises DataError: for anything but an array of real numbers.
    """
    if isinstance(data, Spectra):
        return data
    if is_trajectory(data):
        return Trajectories.of(data)
    array = real_array(data, "data")
    return Spectra(array[:, None] if array.ndim == 1 else data)


def _require_kind(data: Spectra | Trajectories, question: Question) -> None:
    """Refuse an ensemble where a model is of levels over training, and the other way round.

    :raises DataError: with the way on.
    """
    name, over_time = question.model.name, question.likelihood.over_time
    if over_time and not isinstance(data, Trajectories):
        raise DataError(
            f"data: {name} is of levels over training, a recording, a simulation or cf.Trajectories(eigenvalues, "
            "steps) of "
            f"shape (run, snapshot, level); got an ensemble of {data.runs} spectra, which have no time"
        )
    if not over_time and isinstance(data, Trajectories):
        raise DataError(
            f"data: {name} is of an ensemble of spectra, got levels over training, {data.snapshots} snapshots of "
            f"{data.runs} run(s); take the model 'dyson', or one snapshot of many runs, "
            "cf.Spectra(run.eigenvalues[:, -1]), or independent snapshots, cf.Spectra.from_trajectory"
        )


@lru_cache(maxsize=64)
def _require_reported(model: Model, likelihood: Likelihood) -> None:
    """Refuse laws and values that make no sense, or that a model of one's own does not report as it was given them.

    :raises ArgumentError: naming the parameter.
    """
    priors = model.site_priors(likelihood)
    stated = {name for name, _ in (*model.stated.priors, *model.stated.fixed)}
    if not stated:
        return
    with double_precision():
        unit = model.reference if model.structure else Standardisation(3.0, 0.7)
        sites = sample_sites(priors, jax.random.key(1), (3,), unit)
        parameters = model.parameters(sites, unit)
        for name in sorted(stated):
            site = model.sampled_as.get(name, name)
            way = priors[site]
            given = way.in_units(sites[site], unit) if isinstance(way, StatedPrior) else sites[site]
            given = jnp.abs(given) if site == model.even_in else given
            if name not in parameters or not np.allclose(parameters[name], given, rtol=1e-6):
                raise ArgumentError(
                    f"{'priors' if way.size else 'fixed'}: {model.name} does not report {name} as the value that is "
                    f"given for it. Where {name} is a pure number, say Parameter({name!r}, unit='1') in its reports; "
                    "where its site is another quantity, give the site another name"
                )
