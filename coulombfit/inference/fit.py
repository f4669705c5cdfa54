"""fit(): from observations to a posterior."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpyro.distributions import Distribution

from coulombfit.data.spectra import Spectra
from coulombfit.data.trajectories import Trajectories
from coulombfit.inference.draw import Drawn, draw
from coulombfit.inference.fit_result import RECORD, Fit
from coulombfit.inference.given import record_given
from coulombfit.inference.godambe import correct_draws
from coulombfit.inference.preparation import Prepared, Question, ask, prepare, spectra_of
from coulombfit.inference.record import IntegralRecord, Record
from coulombfit.inference.tree import find_known, reported_parameters, sites_of, tree_of
from coulombfit.models import Likelihood, Model, find_model
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.progress import working
from coulombfit.runtime.seeds import key_for
from coulombfit.samplers.settings import DEFAULT, Sampling

__all__ = ["fit", "log_evidence", "posterior_of"]

PACKAGES = ("coulombfit", "jax", "numpyro", "arviz-base", "arviz-stats", "numpy", "xarray")


def fit(
    data: Spectra | Trajectories | ArrayLike,
    model: str | Model = "one-species",
    likelihood: str | Likelihood | None = None,
    *,
    beta: bool = False,
    priors: Mapping[str, Distribution] | None = None,
    fixed: Mapping[str, Any] | None = None,
    sampler: str = DEFAULT,
    compress: bool = True,
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: bool | None = None,
) -> Fit:
    """Infer the parameters of ``model`` from an ensemble of runs, in float64 whatever the caller's setting.

    :param data: spectra of two levels (``spectra.pair(k)``), or a plain array of shape (run, 2). For a density also
        levels pooled from whole pairs whose pairing is not known, shape (level,). For "dyson" levels over training:
        :class:`coulombfit.Trajectories`, a simulation, or what :func:`coulombfit.recording` reads.
    :param model: "gaussian", "one-species", "two-species" or "anisotropic" (:mod:`coulombfit.models.pairs`);
        "split-pair" or "split-pair-two-widths" of two levels that need not be degenerate
        (:mod:`coulombfit.models.split`); "levels" of any (:mod:`coulombfit.models.levels`); "gas" or "gas-beta" of all
        levels (:mod:`coulombfit.models.gas`); "dyson" or "dyson-beta" of levels over training
        (:mod:`coulombfit.models.trajectory`); or a :class:`coulombfit.Model` of your own.
    :param likelihood: "pair", the default, is the joint law of the two levels; "spacing" the law of S = x₁ − x₂ alone;
        "density" the law of one level, with the intervals corrected for the repulsion between the two
        (:mod:`coulombfit.inference.godambe`); "density-raw" the same without that correction; "levels" the law of all
        levels of a gas; "transitions" that of every snapshot of a run given the one before.
    :param beta: infer the strength of the repulsion, too: "gas-beta" for "gas", "dyson-beta" for "dyson".
    :param priors: laws of NumPyro by the name of a parameter, in units of the data, in place of the model's own; of r
        a law between 0 and 1.
    :param fixed: values of parameters that are known, in units of the data.
    :param sampler: "laplace", importance sampling about the mode, which takes milliseconds, and turns to "nuts" where
        its Pareto k̂ is above 0.7; "nuts", Markov chains.
    :param compress: let few weighted observations stand for many, with an error below 0.01 in ln L over the posterior
        (:mod:`coulombfit.numerics.compression`); False takes the plain sum.
    :param seed: the same seed on the same machine with the same versions gives the same draws.
    :param sampling: chain lengths and the like.
    :param progress: show what is being done; by default where stderr is a terminal.
    :return: a :class:`Fit`, converged or not: see ``fit.diagnosis``.
    :raises ArgumentError: for an unknown name, or a combination that does not exist.
    :raises DataError: for data that no law of the model can describe.
    :warns UserWarning: where two levels cannot be a degenerate pair, and the model needs one: they are too far apart
        for how they fluctuate.
    """
    asked = find_model(model, likelihood)[0].with_free_beta() if beta else model
    question = ask(asked, likelihood, sampler, sampling, seed, priors, fixed)
    spectra = spectra_of(data)
    prepared = prepare(spectra, question)
    what = f"fitting {question.model.name} to {spectra.runs} {'levels' if prepared.pooled else 'runs'}"
    with working(what, show=progress), double_precision():
        (drawn,) = draw(question, [prepared], compress=compress)
        posterior = posterior_of(question, prepared, drawn)
        record = _record(spectra, question, prepared, drawn)
        key = key_for(seed, "groups", drawn.label)
        tree = tree_of(
            prepared.model,
            question.likelihood,
            posterior,
            drawn.stats,
            prepared.observations,
            prepared.unit,
            question.sampling,
            key,
            drawn.scores,
        )
    tree.attrs[RECORD] = record.to_json()
    if doubt := record.data.doubt:
        warnings.warn(f"{spectra.name or 'data'}: {doubt}", stacklevel=2)
    return Fit(tree, drawn.integral, prepared.model)


def _record(spectra: Spectra | Trajectories, question: Question, prepared: Prepared, drawn: Drawn) -> Record:
    """How a fit came about and what went in."""
    model, name = prepared.model, question.likelihood.name
    return Record(
        model=model.name,
        likelihood=name,
        sampler=drawn.sampler,
        sampler_asked_for=question.sampler,
        seed=question.seed,
        standardisation=prepared.unit.to_json(),
        integral=_integral_record(question, prepared, drawn),
        data=record_given(
            spectra,
            pooled=prepared.pooled,
            degenerate=model.needs_degenerate,
            apart=prepared.apart,
        ),
        structure=model.structure,
        sampling=asdict(question.sampling),
        compression=drawn.compression,
        versions={"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        **model.stated.to_json(),
        known=find_known(model, question.likelihood),
        nominal_from={name: model.nominal_from[name]} if name in model.nominal_from else {},
    )


def _integral_record(question: Question, prepared: Prepared, drawn: Drawn) -> IntegralRecord | None:
    found = drawn.integral
    if found is None:
        return None
    return IntegralRecord(log_evidence(question, prepared, drawn), found.se, found.k_hat, found.effective)


def log_evidence(question: Question, prepared: Prepared, drawn: Drawn) -> float | None:
    """Ln ∫ L π in units of the data; None for a composite likelihood, which has no evidence."""
    if question.likelihood.composite or drawn.integral is None:
        return None
    return drawn.integral.log_value - question.likelihood.log_frame(prepared.observations, prepared.unit)


def posterior_of(question: Question, prepared: Prepared, drawn: Drawn) -> dict[str, np.ndarray]:
    """Draws of the reported parameters in units of the data, corrected where the likelihood is a composite."""
    model, likelihood, points, unit = prepared.model, question.likelihood, drawn.points, prepared.unit
    sites = sites_of(model, likelihood)(points.reshape(-1, points.shape[-1]), unit)
    if likelihood.corrected:
        # all chains about their common mean: chains that disagree stay apart
        key = key_for(question.seed, "correction", drawn.label)
        sites = correct_draws(model, likelihood, sites, prepared.observations, unit, key, pooled=prepared.pooled)
    return {
        name: np.asarray(values).reshape(*points.shape[:2], *values.shape[1:])
        for name, values in reported_parameters(model, sites, unit).items()
    }
