"""The groups of a fit's tree, as ArviZ has them, from points of the posterior in unbounded coordinates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from coulombfit.models import Likelihood, Model, Parameters, Standardisation
from coulombfit.models.site_priors import sample_sites, sites_at
from coulombfit.runtime.errors import ArgumentError
from coulombfit.samplers.settings import Sampling

__all__ = ["drop_known", "find_known", "reported_parameters", "sites_of", "tree_of"]


LONG, MUCH = 40_000, 400_000
"""Numbers of trajectories in the place of which new ones are drawn, at a draw of the posterior, and of all draws of a
chain; one run at least, at one draw."""
FEW, MUCH_SEEN = 50, 20_000_000
"""Draws of a chain at which log likelihoods of trajectories are kept, at least; and numbers that they are of, at most,
where there are more draws than that."""


@lru_cache(maxsize=64)
def sites_of(model: Model, likelihood: Likelihood) -> Callable[..., Parameters]:
    """Compiled ``f(points, unit)``: standardised sites of points, shape (point, coordinate)."""
    priors = model.site_priors(likelihood)
    return jax.jit(jax.vmap(lambda point, unit: sites_at(priors, point, unit)[0], in_axes=(0, None)))


_parameters = jax.jit(lambda model, sites, unit: model.parameters(sites, unit), static_argnums=0)


def reported_parameters(model: Model, sites: Parameters, unit: Standardisation) -> Parameters:
    """The reported parameters in units of the data.

    :param sites: shape (draw, …).
    :raises ArgumentError: where a model of one's own reports a parameter of another shape.
    """
    found = model.in_order(_parameters(model, sites, unit))
    draws = len(next(iter(sites.values())))
    for name, value in found.items():
        if value.ndim not in (1, 2) or len(value) != draws:
            raise ArgumentError(
                f"model: {model.name} reports {name} of shape {value.shape} for {draws} draws; expected ({draws},), or "
                f"({draws}, k) where these are several numbers"
            )
    return found


@partial(jax.jit, static_argnums=(0, 1, 4))
def _draw_from_priors(
    model: Model, likelihood: Likelihood, key: Array, unit: Standardisation, draws: int
) -> Parameters:
    return model.parameters(sample_sites(model.site_priors(likelihood), key, (1, draws), unit), unit)


def find_known(model: Model, likelihood: Likelihood) -> dict[str, Any]:
    """What is known of the reported parameters because some are, in units of the data: those that no draw changes."""
    if not model.stated.fixed:
        return {}
    sites = sample_sites(model.site_priors(likelihood), jax.random.key(0), (2,), model.reference)
    found = {name: np.asarray(values) for name, values in model.parameters(sites, model.reference).items()}
    return {name: values[0].tolist() for name, values in found.items() if (values[0] == values[1]).all()}


def drop_known(parameters: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are not known."""
    return {name: values for name, values in parameters.items() if name not in known}


def tree_of(
    model: Model,
    likelihood: Likelihood,
    posterior: Parameters | dict[str, np.ndarray],
    stats: Parameters | dict[str, np.ndarray],
    observations: Float[np.ndarray, "run ..."],
    unit: Standardisation,
    sampling: Sampling,
    key: Array,
    scores: Mapping[str, np.ndarray] | None = None,
) -> xr.DataTree:
    """Every group, in units of the data.

    :param posterior: draws of the reported parameters, shape (chain, draw, …).
    :param stats: of the sampler, shape (chain, draw) or ().
    :param scores: of the runs where the sampler has found them, shape (run,) or (run, level), in place of a log
        likelihood by draws.
    """
    key_prior, key_predictive = jax.random.split(key)
    runs, draws = len(observations), np.asarray(next(iter(posterior.values()))).shape[1]
    site, known = likelihood.observed, find_known(model, likelihood)
    rows = seen = _thin(runs, sampling.per_run_runs)
    ensembles, kept = likelihood.ensembles_kept(observations[rows], sampling), _thin(draws, sampling.per_run_draws)
    if likelihood.over_time:
        # a run is many numbers: few runs are predicted, and where one is long, few times
        rows, seen = _thin(runs, max(1, LONG // observations[0].size)), np.arange(runs)
        ensembles = max(1, min(ensembles, MUCH // observations[rows].size))
        kept = _thin(draws, max(FEW, min(sampling.per_run_draws, MUCH_SEEN // observations.size)))
    predicted = _thin(draws, ensembles)
    every = np.arange(draws)
    prior = model.in_order(_draw_from_priors(model, likelihood, key_prior, unit, draws))
    dims, unit_dim = likelihood.dims(observations), likelihood.unit_dim(observations)
    # the runs that are kept, where they are not all
    which = {} if len(rows) == runs else {"run": rows}
    which_seen = {} if len(seen) == runs else {unit_dim: seen}
    groups = {
        "posterior": _labelled(model, drop_known(posterior, known), every),
        "prior": _labelled(model, drop_known(prior, known), every),
    }
    if scores:
        groups["run_scores"] = xr.Dataset({name: (dims[: values.ndim], values) for name, values in scores.items()})
    else:
        each = _log_likelihood(model, likelihood, _take(posterior, kept), jnp.asarray(observations[seen]))
        groups["log_likelihood"] = _dataset({site: each}, kept, (unit_dim,)).assign_coords(which_seen)
    if ensembles and model.simulates(likelihood):
        given = jnp.asarray(observations[rows])
        new = _predict(model, likelihood, _take(posterior, predicted), key_predictive, given)
        groups["posterior_predictive"] = _dataset({site: new}, predicted, dims).assign_coords(which | model.coords)
    groups["sample_stats"] = _dataset(stats, every)
    groups["observed_data"] = xr.Dataset({site: (dims, observations)}).assign_coords(model.coords)
    return xr.DataTree.from_dict(groups)


def _thin(count: int, wanted: int) -> np.ndarray:
    """``wanted`` evenly spaced of so many, or all where there are fewer."""
    return np.linspace(0, count - 1, min(wanted, count)).astype(int)


def _take(parameters: Parameters | dict[str, np.ndarray], draws: np.ndarray) -> Parameters:
    # taken by NumPy: each shape would be six programs
    return {name: jnp.asarray(np.asarray(values)[:, draws]) for name, values in parameters.items()}


def _labelled(model: Model, arrays: Parameters | dict[str, np.ndarray], draws: np.ndarray) -> xr.Dataset:
    """Parameters, each along its own dimension, with labels where these are not 0, 1, …."""
    parts = []
    for name, values in arrays.items():
        dim, labels = model.labels(name)
        one = _dataset({name: np.asarray(values)}, draws, (dim,))
        parts.append(one if labels is None else one.assign_coords({dim: list(labels)}))
    return xr.merge(parts, join="exact") if parts else xr.Dataset()


def _dataset(arrays: Parameters | dict[str, np.ndarray], draws: np.ndarray, dims: tuple[str, ...] = ()) -> xr.Dataset:
    names = ("chain", "draw", *dims)
    variables = {name: (names[: np.ndim(values)], np.asarray(values)) for name, values in arrays.items()}
    shapes = [np.shape(values) for values in arrays.values() if np.ndim(values)]
    return xr.Dataset(variables, coords={"chain": np.arange(shapes[0][0]), "draw": draws} if shapes else {})


def _over_draws(function: Callable[..., Array], parameters: Parameters, *extra: Array) -> Array:
    """``function`` of each (chain, draw) in turn: memory stays that of one draw beside the result."""
    shape = next(iter(parameters.values())).shape[:2]
    flat = jax.tree.map(lambda values: values.reshape(shape[0] * shape[1], *values.shape[2:]), (parameters, *extra))
    mapped = jax.lax.map(lambda arguments: function(*arguments), flat)
    return mapped.reshape(*shape, *mapped.shape[1:])


@partial(jax.jit, static_argnums=(0, 1))
def _log_likelihood(model: Model, likelihood: Likelihood, parameters: Parameters, observations: Array) -> Array:
    """Log density of every unit of observation, shape (chain, draw, unit)."""
    return _over_draws(lambda one: likelihood.by_unit(model.law(likelihood, one), observations), parameters)


@partial(jax.jit, static_argnums=(0, 1))
def _predict(model: Model, likelihood: Likelihood, parameters: Parameters, key: Array, observations: Array) -> Array:
    """New observations in the place of each that is given, shape (chain, draw, run, …)."""
    keys = jax.random.split(key, next(iter(parameters.values())).shape[:2])
    return _over_draws(lambda one, k: likelihood.predict(model, one, k, observations), parameters, keys)
