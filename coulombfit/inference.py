"""fit(): from observations to a posterior."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache, partial
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from coulombfit.composite import corrected
from coulombfit.models import OBSERVED, Model, PairModel, Parameters, Standardisation, find_model
from coulombfit.precision import double_precision
from coulombfit.progress import working
from coulombfit.result import RECORD, Fit
from coulombfit.sampler import SAMPLERS, Sampling, check_seed, markov_chain
from coulombfit.spectra import Spectra, real_array

__all__ = ["fit"]

PACKAGES = ("coulombfit", "jax", "numpyro", "arviz-base", "arviz-stats", "numpy", "xarray")


def fit(
    data: Spectra | ArrayLike,
    model: str = "one-species",
    likelihood: str | None = None,
    *,
    sampler: str = "nuts",
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: bool | None = None,
) -> Fit:
    """Infer the parameters of ``model`` from an ensemble of runs, in float64 whatever the caller's setting.

    :param data: spectra of two levels (``spectra.pair(k)``), or a plain array of shape (run, 2). For a density also
        levels pooled from whole pairs whose pairing is not known, shape (level,).
    :param model: "gaussian", "one-species", "two-species" or "anisotropic"; see :mod:`coulombfit.models.pairs`.
    :param likelihood: "pair", the default, is the joint law of the two levels; "spacing" the law of S = x₁ − x₂ alone;
        "density" the law of one level, with the intervals corrected for the repulsion between the two
        (:mod:`coulombfit.composite`); "density-raw" the same without that correction.
    :param sampler: "nuts".
    :param seed: the same seed on the same machine with the same versions gives the same draws.
    :param sampling: chain lengths and the like.
    :param progress: show what is being done; by default where stderr is a terminal.
    :return: a :class:`Fit`, converged or not: see ``fit.diagnosis``.
    :raises ValueError: for an unknown name or a combination that does not exist.
    :raises DataError: for data that no law of the model can describe.
    """
    chosen, likelihood = find_model(model, likelihood)
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler: expected one of {', '.join(map(repr, SAMPLERS))}, got {sampler!r}")
    check_seed(seed)
    sampling = sampling or Sampling()
    spectra = data if isinstance(data, Spectra) else _spectra(data)
    chosen = chosen.fitted_to(spectra)
    observations = chosen.observe(spectra, likelihood)
    unit = chosen.unit(observations, likelihood)
    pooled = len(observations) != spectra.runs  # levels whose pairing is not known
    what = f"fitting {model} to {spectra.runs} {'levels' if pooled else 'runs'}"
    with working(what, show=progress), double_precision():
        tree = _infer(chosen, likelihood, unit, observations, int(seed), sampling, pooled=pooled)
    record = {
        "model": model,
        "structure": chosen.structure,
        "likelihood": likelihood,
        "sampler": sampler,
        "seed": int(seed),
        "sampling": asdict(sampling),
        "standardisation": unit.to_json(),
        "data": {
            "name": spectra.name,
            "runs": spectra.runs,
            "pooled": pooled,
            "learning_rate": spectra.learning_rate,
            "batch_size": spectra.batch_size,
            "fingerprint": spectra.fingerprint,
            "provenance": spectra.provenance,
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }
    tree.attrs[RECORD] = json.dumps(record)
    return Fit(tree)


def _spectra(data: ArrayLike) -> Spectra:
    one_dimensional = real_array(data, "eigenvalues").ndim == 1
    return Spectra(np.asarray(data)[:, None] if one_dimensional else data)


@lru_cache(maxsize=32)
def _sampler(model: Model, likelihood: str, sampling: Sampling, parallel: bool) -> Callable[..., tuple]:
    """Sites and statistics, shape (chain, draw, …), from a key a chain, observations and their unit.

    Kept, so that JAX compiles it once for every shape of data, not once for every fit.
    """
    chain = markov_chain(model.program(likelihood), sampling, start_radius=model.start_radius)

    def in_turn(keys: Array, observations: Array, unit: Standardisation) -> tuple[Parameters, Parameters]:
        # faster than vmap, which makes every chain take the longest trajectory of all
        return jax.lax.map(lambda key: chain(key, observations, unit), keys)

    return jax.pmap(chain, in_axes=(0, None, None)) if parallel else jax.jit(in_turn)


def _infer(
    model: Model,
    likelihood: str,
    unit: Standardisation,
    observations: Float[np.ndarray, "run ..."],
    seed: int,
    sampling: Sampling,
    *,
    pooled: bool,
) -> xr.DataTree:
    """Sample, and lay out every group of the tree in units of the data."""
    key_run, key_prior, key_predictive = jax.random.split(jax.random.key(seed), 3)
    run = _sampler(model, likelihood, sampling, jax.local_device_count() >= sampling.chains > 1)
    sites, stats = run(jax.random.split(key_run, sampling.chains), jnp.asarray(observations), unit)
    # off the devices of the chains, on which every further step would be compiled anew
    sites, stats = jax.tree.map(lambda values: jnp.asarray(np.asarray(values)), (sites, stats))
    if likelihood == "density" and isinstance(model, PairModel):
        # all chains about their common mean: chains that disagree stay apart
        flat = jax.tree.map(jnp.ravel, sites)
        flat = corrected(model, flat, unit.apply(jnp.asarray(observations)), key_predictive, pooled=pooled)
        sites = jax.tree.map(lambda new, old: new.reshape(old.shape), flat, sites)
    posterior = model.parameters(sites, unit)
    priors = model.sites(likelihood)
    keys = jax.random.split(key_prior, len(priors))
    prior_sites = {
        name: prior.sample(key, (1, sampling.draws)) for key, (name, prior) in zip(keys, priors.items(), strict=True)
    }
    site = OBSERVED[likelihood]
    kept, predicted = _thin(sampling, sampling.per_run_draws), _thin(sampling, sampling.predictive_draws)
    log_likelihood = _log_likelihood(model, likelihood, _take(posterior, kept), jnp.asarray(observations))
    predictive = _predict(model, likelihood, _take(posterior, predicted), key_predictive, len(observations))
    every = np.arange(sampling.draws)
    dims = ("run", "level")[: observations.ndim]
    return xr.DataTree.from_dict(
        {
            "posterior": _dataset(posterior, every),
            "prior": _dataset(model.parameters(prior_sites, unit), every),
            "log_likelihood": _dataset({site: log_likelihood}, kept, ("run",)),
            "posterior_predictive": _dataset({site: predictive}, predicted, dims),
            "sample_stats": _dataset(stats, every),
            "observed_data": xr.Dataset({site: (dims, observations)}),
        }
    )


def _thin(sampling: Sampling, wanted: int) -> np.ndarray:
    """Indices of ``wanted`` evenly spaced draws of a chain, or of all where there are fewer."""
    return np.linspace(0, sampling.draws - 1, min(wanted, sampling.draws)).astype(int)


def _take(parameters: Parameters, draws: np.ndarray) -> Parameters:
    return {name: values[:, draws] for name, values in parameters.items()}


def _dataset(arrays: Parameters, draws: np.ndarray, dims: tuple[str, ...] = ()) -> xr.Dataset:
    chains = len(next(iter(arrays.values())))
    names = ("chain", "draw", *dims)
    # parameters of a gas have one value a cluster
    variables = {name: ((*names, "cluster")[: np.ndim(values)], np.asarray(values)) for name, values in arrays.items()}
    return xr.Dataset(variables, coords={"chain": np.arange(chains), "draw": draws})


def _over_draws(function: Callable[..., Array], parameters: Parameters, *extra: Array) -> Array:
    """``function`` of each (chain, draw) in turn: memory stays that of one draw beside the result."""
    shape = next(iter(parameters.values())).shape[:2]
    flat = jax.tree.map(lambda values: values.reshape(shape[0] * shape[1], *values.shape[2:]), (parameters, *extra))
    mapped = jax.lax.map(lambda arguments: function(*arguments), flat)
    return mapped.reshape(*shape, *mapped.shape[1:])


@partial(jax.jit, static_argnums=(0, 1))
def _log_likelihood(model: Model, likelihood: str, parameters: Parameters, observations: Array) -> Array:
    """Log density of every run's observation, shape (chain, draw, run)."""
    return _over_draws(lambda one: model.law(likelihood, one).log_prob(observations), parameters)


@partial(jax.jit, static_argnums=(0, 1, 4))
def _predict(model: Model, likelihood: str, parameters: Parameters, key: Array, runs: int) -> Array:
    """New observations, shape (chain, draw, run, …)."""
    keys = jax.random.split(key, next(iter(parameters.values())).shape[:2])
    return _over_draws(lambda one, k: model.simulate(likelihood, one).sample(k, (runs,)), parameters, keys)
