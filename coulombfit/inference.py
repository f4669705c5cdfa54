"""fit(): from observations to a posterior."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from coulombfit.composite import corrected
from coulombfit.draws import draw
from coulombfit.groups import reported, sites_of, tree_of
from coulombfit.models import Model, PairModel, Standardisation, find_model
from coulombfit.precision import double_precision
from coulombfit.progress import working
from coulombfit.result import RECORD, Fit
from coulombfit.sampler import SAMPLERS, Sampling
from coulombfit.seeds import check_seed
from coulombfit.spectra import Spectra, real_array

__all__ = ["fit", "posterior_of", "spectra_of"]

PACKAGES = ("coulombfit", "jax", "numpyro", "arviz-base", "arviz-stats", "numpy", "xarray")


def fit(
    data: Spectra | ArrayLike,
    model: str = "one-species",
    likelihood: str | None = None,
    *,
    sampler: str = "nuts",
    compress: bool = True,
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
    :param sampler: "nuts", Markov chains; "laplace", importance sampling about the mode, which takes milliseconds, and
        turns to "nuts" where its Pareto k̂ is above 0.7.
    :param compress: let few weighted observations stand for many, with an error below 0.01 in ln L over the posterior
        (:mod:`coulombfit.compression`); False takes the plain sum.
    :param seed: the same seed on the same machine with the same versions gives the same draws.
    :param sampling: chain lengths and the like.
    :param progress: show what is being done; by default where stderr is a terminal.
    :return: a :class:`Fit`, converged or not: see ``fit.diagnosis``.
    :raises ValueError: for an unknown name, or a combination that does not exist.
    :raises DataError: for data that no law of the model can describe.
    """
    chosen, likelihood = find_model(model, likelihood)
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler: expected one of {', '.join(map(repr, SAMPLERS))}, got {sampler!r}")
    check_seed(seed)
    sampling = sampling or Sampling()
    spectra = data if isinstance(data, Spectra) else spectra_of(data)
    chosen = chosen.fitted_to(spectra)
    observations = chosen.observe(spectra, likelihood)
    unit = chosen.unit(observations, likelihood)
    pooled = len(observations) != spectra.runs  # levels whose pairing is not known
    what = f"fitting {model} to {spectra.runs} {'levels' if pooled else 'runs'}"
    with working(what, show=progress), double_precision():
        (drawn,) = draw(chosen, likelihood, [(observations, unit)], sampler, sampling, compress=compress, seed=seed)
        key_groups, key_correction = jax.random.split(jax.random.fold_in(jax.random.key(seed), 1))
        posterior = posterior_of(chosen, likelihood, drawn.points, observations, unit, key_correction, pooled=pooled)
        tree = tree_of(chosen, likelihood, posterior, drawn.stats, observations, unit, sampling, key_groups)
    integral = drawn.integral
    composite = likelihood.startswith("density")
    record = {
        "model": model,
        "structure": chosen.structure,
        "likelihood": likelihood,
        "sampler": drawn.sampler,
        "sampler_asked_for": sampler,
        "seed": int(seed),
        "sampling": asdict(sampling),
        "standardisation": unit.to_json(),
        "compression": {"nodes": drawn.represented.weighted.size, "error": drawn.represented.error},
        "integral": {
            # levels that are not independent have no evidence as if they were
            "log_evidence": None if composite else integral.log_value - chosen.log_frame(observations, unit),
            "se": integral.se,
            "pareto_k": integral.k_hat,
            "effective": integral.effective,
        },
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
    return Fit(tree, integral)


def spectra_of(data: ArrayLike) -> Spectra:
    """Spectra of a plain array, of one level where it has one dimension."""
    one_dimensional = real_array(data, "eigenvalues").ndim == 1
    return Spectra(np.asarray(data)[:, None] if one_dimensional else data)


def posterior_of(
    model: Model,
    likelihood: str,
    points: Float[np.ndarray, "chain draw coordinate"],
    observations: Float[np.ndarray, "run ..."],
    unit: Standardisation,
    key: Array,
    *,
    pooled: bool = False,
) -> dict[str, np.ndarray]:
    """Draws of the reported parameters in units of the data, corrected where the likelihood is a composite."""
    sites = sites_of(model, likelihood)(points.reshape(-1, points.shape[-1]))
    if likelihood == "density" and isinstance(model, PairModel):
        # all chains about their common mean: chains that disagree stay apart
        sites = corrected(model, sites, unit.apply(jnp.asarray(observations)), key, pooled=pooled)
    return {
        name: np.asarray(values).reshape(*points.shape[:2], *values.shape[1:])
        for name, values in reported(model, sites, unit).items()
    }
