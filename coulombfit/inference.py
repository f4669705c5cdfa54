"""fit(): from observations to a posterior. The only user of numpyro.infer."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import xarray as xr
from jaxtyping import Array, Float
from numpy.typing import ArrayLike
from numpyro.infer import MCMC, NUTS

from coulombfit.errors import DataError
from coulombfit.models import MODELS, OBSERVED, Model, Parameters, Standardisation, find_model
from coulombfit.precision import double_precision
from coulombfit.progress import working
from coulombfit.result import RECORD, Fit
from coulombfit.spectra import Spectra

__all__ = ["Sampling", "fit"]

SAMPLERS = ("nuts",)
STATISTICS = ("energy", "potential_energy", "num_steps", "accept_prob", "adapt_state.step_size")
Law = Callable[[Parameters], dist.Distribution]
PACKAGES = ("coulombfit", "jax", "numpyro", "arviz-base", "arviz-stats", "numpy", "xarray")


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


def fit(
    data: Spectra | ArrayLike,
    model: str = "one-species",
    likelihood: str = "pair",
    *,
    sampler: str = "nuts",
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: bool | None = None,
) -> Fit:
    """Infer the parameters of ``model`` from an ensemble of pairs, in float64 whatever the caller's setting.

    :param data: spectra of two levels (``spectra.pair(k)``), or a plain array of shape (run, 2).
    :param model: "gaussian", "one-species" or "two-species"; what they report is listed in :mod:`coulombfit.models`.
    :param likelihood: "pair", the joint law of the two levels, or "spacing", the law of S = x₁ − x₂ alone.
    :param sampler: "nuts".
    :param seed: the same seed on the same machine with the same versions gives the same draws.
    :param sampling: chain lengths and the like.
    :param progress: show what is being done; by default where stderr is a terminal.
    :return: a :class:`Fit`, converged or not: see ``fit.diagnosis``.
    :raises ValueError: for an unknown name or a combination that does not exist.
    :raises DataError: for data that no pair law can describe.
    """
    chosen = find_model(model, likelihood)
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler: expected one of {', '.join(map(repr, SAMPLERS))}, got {sampler!r}")
    if isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed!r}")
    sampling = sampling or Sampling()
    spectra = data if isinstance(data, Spectra) else Spectra(data)
    observations = _observations(spectra, likelihood)
    unit = Standardisation.of(observations, likelihood)
    with working(f"fitting {model} to {spectra.runs} runs", show=progress), double_precision():
        tree = _infer(chosen, likelihood, unit, observations, int(seed), sampling)
    record = {
        "model": model,
        "likelihood": likelihood,
        "sampler": sampler,
        "seed": int(seed),
        "sampling": asdict(sampling),
        "standardisation": asdict(unit),
        "data": {
            "name": spectra.name,
            "runs": spectra.runs,
            "learning_rate": spectra.learning_rate,
            "batch_size": spectra.batch_size,
            "fingerprint": spectra.fingerprint,
            "provenance": spectra.provenance,
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }
    tree.attrs[RECORD] = json.dumps(record)
    return Fit(tree)


def _observations(spectra: Spectra, likelihood: str) -> Float[np.ndarray, "run ..."]:
    if spectra.levels != 2:
        raise DataError(
            f"data: expected pairs, shape (run, 2), got {spectra.levels} level(s); pick a pair with spectra.pair(k)"
        )
    spacing = spectra.eigenvalues[:, 0] - spectra.eigenvalues[:, 1]
    tied = np.flatnonzero(spacing == 0)
    if tied.size:
        raise DataError(
            f"data: expected pairs of distinct levels, got {tied.size} tied (S = 0), first in run {tied[0]}; "
            "levels repel, so equal ones mean a copied, rounded or constructed spectrum"
        )
    return spectra.eigenvalues if likelihood == "pair" else spacing


@lru_cache(maxsize=32)
def _sampler(
    model: str, likelihood: str, sampling: Sampling, parallel: bool
) -> Callable[[Array, Array], tuple[Parameters, Parameters]]:
    """Sites and statistics, shape (chain, draw), from a key a chain and standardised observations.

    A pure function of its data, kept: JAX compiles it once for every shape of data, not once for every fit.
    """

    def chain(key: Array, observations: Array) -> tuple[Parameters, Parameters]:
        kernel = NUTS(
            MODELS[model].program(likelihood),
            dense_mass=True,
            target_accept_prob=sampling.target_accept,
            max_tree_depth=sampling.max_treedepth,
        )
        mcmc = MCMC(kernel, num_warmup=sampling.warmup, num_samples=sampling.draws, progress_bar=False)
        mcmc.run(key, observations, extra_fields=STATISTICS)
        return mcmc.get_samples(), mcmc.get_extra_fields()

    def in_turn(keys: Array, observations: Array) -> tuple[Parameters, Parameters]:
        # faster than vmap, which makes every chain take the longest trajectory of all
        return jax.lax.map(lambda key: chain(key, observations), keys)

    return jax.pmap(chain, in_axes=(0, None)) if parallel else jax.jit(in_turn)


def _infer(
    model: Model,
    likelihood: str,
    unit: Standardisation,
    observations: Float[np.ndarray, "run ..."],
    seed: int,
    sampling: Sampling,
) -> xr.DataTree:
    """Sample, and lay out every group of the tree in units of the data."""
    key_run, key_prior, key_predictive = jax.random.split(jax.random.key(seed), 3)
    run = _sampler(model.name, likelihood, sampling, jax.local_device_count() >= sampling.chains > 1)
    sites, stats = run(jax.random.split(key_run, sampling.chains), jnp.asarray(unit.apply(observations)))
    # off the devices of the chains, on which every further step would be compiled anew
    sites, stats = jax.tree.map(lambda values: jnp.asarray(np.asarray(values)), (sites, stats))
    posterior = model.parameters(sites, unit)
    priors = model.sites(likelihood)
    keys = jax.random.split(key_prior, len(priors))
    prior_sites = {
        name: prior.sample(key, (1, sampling.draws)) for key, (name, prior) in zip(keys, priors.items(), strict=True)
    }
    law, site = getattr(model, likelihood), OBSERVED[likelihood]
    kept, predicted = _thin(sampling, sampling.per_run_draws), _thin(sampling, sampling.predictive_draws)
    log_likelihood = _log_likelihood(law, _take(posterior, kept), jnp.asarray(observations))
    predictive = _predict(law, _take(posterior, predicted), key_predictive, len(observations))
    sample_stats = {
        "diverging": stats["diverging"],
        "energy": stats["energy"],
        "lp": -stats["potential_energy"],
        "n_steps": stats["num_steps"],
        "acceptance_rate": stats["accept_prob"],
        "step_size": stats["adapt_state.step_size"],
        "reached_max_treedepth": stats["num_steps"] >= 2**sampling.max_treedepth - 1,
    }
    event = observations.shape[1:]
    every = np.arange(sampling.draws)
    return xr.DataTree.from_dict(
        {
            "posterior": _dataset(posterior, every),
            "prior": _dataset(model.parameters(prior_sites, unit), every),
            "log_likelihood": _dataset({site: log_likelihood}, kept, ("run",)),
            "posterior_predictive": _dataset({site: predictive}, predicted, ("run", "level")[: 1 + len(event)]),
            "sample_stats": _dataset(sample_stats, every),
            "observed_data": xr.Dataset({site: (("run", "level")[: observations.ndim], observations)}),
        }
    )


def _thin(sampling: Sampling, wanted: int) -> np.ndarray:
    """Indices of ``wanted`` evenly spaced draws of a chain, or of all where there are fewer."""
    return np.linspace(0, sampling.draws - 1, min(wanted, sampling.draws)).astype(int)


def _take(parameters: Parameters, draws: np.ndarray) -> Parameters:
    return {name: values[:, draws] for name, values in parameters.items()}


def _dataset(arrays: Parameters, draws: np.ndarray, dims: tuple[str, ...] = ()) -> xr.Dataset:
    variables = {name: (("chain", "draw", *dims), np.asarray(values)) for name, values in arrays.items()}
    chains = len(next(iter(variables.values()))[1])
    return xr.Dataset(variables, coords={"chain": np.arange(chains), "draw": draws})


def _over_draws(function: Callable[..., Array], parameters: Parameters, *extra: Array) -> Array:
    """``function`` of each (chain, draw) in turn: memory stays that of one draw beside the result."""
    shape = next(iter(parameters.values())).shape
    flat = jax.tree.map(lambda values: values.reshape(shape[0] * shape[1], *values.shape[2:]), (parameters, *extra))
    mapped = jax.lax.map(lambda arguments: function(*arguments), flat)
    return mapped.reshape(*shape, *mapped.shape[1:])


@partial(jax.jit, static_argnums=0)
def _log_likelihood(law: Law, parameters: Parameters, observations: Array) -> Array:
    """Log density of every run's observation, shape (chain, draw, run)."""
    return _over_draws(lambda one: law(one).log_prob(observations), parameters)


@partial(jax.jit, static_argnums=(0, 3))
def _predict(law: Law, parameters: Parameters, key: Array, runs: int) -> Array:
    """New observations, shape (chain, draw, run, …)."""
    keys = jax.random.split(key, next(iter(parameters.values())).shape)
    return _over_draws(lambda one, k: law(one).sample(k, (runs,)), parameters, keys)
