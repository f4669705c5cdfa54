"""The linear scaling rule: whether widths follow √(α/|B|) over a set of training settings (Eq. 9, Fig. 3).

The model is in :mod:`coulombfit.checks.settings.scaling_model`: ln σ = ln a + ½ b_α ln α − ½ b_B ln|B| + ln f + ε for
each degenerate level of each setting, with the eigenvalues themselves as data. The rule says that both exponents are 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.checks.settings.finite_steps import MOST_LEVELS, infer_steps
from coulombfit.checks.settings.scaling_model import (
    EXPONENTS,
    Rule,
    Widths,
    log_posterior,
    parameters_of,
    start_of,
    widths_of,
)
from coulombfit.checks.settings.scaling_result import Scaling
from coulombfit.checks.settings.statistics import Settings, settings_of
from coulombfit.checks.settings.width_of_new_setting import Extent
from coulombfit.data.spectra import Spectra, real_array
from coulombfit.inference.convergence import diagnose
from coulombfit.inference.posterior_table import posterior_table
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError
from coulombfit.runtime.parallel import Call, side_by_side
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.progress import working
from coulombfit.runtime.seeds import check_seed, key_for
from coulombfit.samplers.importance import Integral, integrate
from coulombfit.samplers.nuts import chain_for
from coulombfit.samplers.settings import Sampling, check_sampler

__all__ = ["scaling"]

SETTINGS = Sampling()
MARGIN = 0.25


def scaling(
    spectra: Sequence[Spectra],
    *,
    factors: ArrayLike | None = None,
    curvature: ArrayLike | None = None,
    scatter: bool = True,
    tolerance: float = 0.1,
    margin: float = MARGIN,
    sampler: str = "nuts",
    seed: int = 0,
    sampling: Sampling = SETTINGS,
    progress: bool | None = None,
) -> Scaling:
    """Infer the exponents of the linear scaling rule from the spectra of several settings.

    :param spectra: two or more, with learning_rate and batch_size, and levels that form the same clusters. Where their
        ``provenance["momentum"]`` is stated, as simulations do, σ² ∝ α/((1 − μ)\\|B\\|) of the heavy ball is the rule.
    :param factors: f, what σ is known to be proportional to besides; shape (setting,) or (setting, level). By default
        the ``factor`` of each spectra's provenance, or 1.
    :param curvature: Ω, one number or shape (level,): use the form for finite steps, and compare the two; 0 insists on
        that for small steps. Where it is not given and the exponent of the learning rate comes out above 1, Ω is
        inferred, as finite steps look like that: see :class:`FiniteSteps`.
    :param scatter: whether settings may scatter beyond sampling. Without, intervals are right only if none do.
    :param tolerance: δ of the posterior probability that \\|b − 1\\| < δ.
    :param margin: how far from 1 the 90 % interval of an exponent may reach for the answer to be yes.
    :param sampler: "nuts", here the default, as few settings leave a posterior with an edge at no scatter; or
        "laplace", importance sampling, which turns to "nuts" where its Pareto k̂ is above 0.7.
    :param seed: the same seed gives the same draws.
    :param sampling: chain lengths and the like.
    :param progress: show what is being done; by default where stderr is a terminal.
    :raises ArgumentError: for fewer than two spectra, settings that do not differ, αΩ ≥ 2, or numbers that make no
        sense.
    :raises DataError: for spectra without a setting, or whose levels form unlike clusters; for momentum that some
        state and others do not; for the same data under
        different settings.
    :warns UserWarning: of data given twice, which count once, and of spectra that still drift.
    """
    check_seed(seed)
    tolerance, margin = positive("tolerance", tolerance), positive("margin", margin)
    check_sampler(sampler)
    settings = settings_of(spectra, factors)
    count = len(settings.sizes)
    omega = None if curvature is None else _curvature(curvature, count)
    varying = (bool(np.ptp(settings.learning_rate) > 0), bool(np.ptp(settings.batch_size) > 0))
    exponents = tuple(name for name, varies in zip(EXPONENTS, varying, strict=True) if varies)
    if not exponents:
        raise ArgumentError("spectra: expected settings that differ in learning_rate or batch_size, got all the same")
    rule = Rule(exponents, count, scatter)
    small, typical = widths_of(rule, settings, np.zeros(count))
    data = small
    if omega is not None:
        data, typical = widths_of(rule, settings, omega)
    with working(f"inferring the scaling of {len(settings.names)} settings", show=progress), double_precision():
        free = _integrate(rule, data, seed)
        points, stats = _draws(rule, data, free, sampler, sampling, seed)
        posterior = {name: np.asarray(values) for name, values in parameters_of(rule)(points, data).items()}
        fixed = {name: _integrate(rule, data.with_exponent_1(k), seed) for k, name in enumerate(exponents)}
        linear = _integrate(rule, small, seed) if omega is not None and omega.any() else None
        steps = None
        if omega is None and _above_one(posterior) and count <= MOST_LEVELS:
            steps = infer_steps(rule, data, float(settings.step_rate.max()), free, fixed[EXPONENTS[0]], 0, seed)
    posterior["amplitude"] = typical * np.exp(posterior.pop("log_amplitude"))
    tree = _tree(posterior, stats)
    return Scaling(
        tree=tree,
        table=posterior_table(tree["posterior"].to_dataset()),
        rule=_against_one(posterior, fixed, free, tolerance),
        levels=_levels(settings, data, posterior, typical),
        diagnosis=diagnose(tree),
        tolerance=tolerance,
        finite_step=None if linear is None else free.log_value - linear.log_value,
        margin=margin,
        steps=steps,
        notes=settings.notes,
        doubt=settings.doubt,
        extent=_extent(settings, np.zeros(count) if omega is None else omega),
    )


def _extent(settings: Settings, curvature: np.ndarray) -> Extent:
    rate, batch = settings.learning_rate, settings.batch_size
    log_rate = np.log(rate[:, None] / (1.0 - 0.5 * settings.step_rate[:, None] * curvature))
    place = {"b_learning_rate": 0.5 * float(log_rate.mean()), "b_batch_size": -0.5 * float(np.log(batch).mean())}
    momentum = None if np.ptp(settings.momentum) > 0 else float(np.max(settings.momentum))
    return Extent(place, (rate.min(), rate.max()), (batch.min(), batch.max()), tuple(curvature.tolist()), momentum)


def _curvature(curvature: ArrayLike, count: int) -> np.ndarray:
    given = real_array(curvature, "curvature")
    if given.shape not in ((), (count,)):
        raise ArgumentError(f"curvature: expected one number or {count}, one a level, got shape {given.shape}")
    return np.broadcast_to(given, (count,))


def _above_one(posterior: dict[str, np.ndarray]) -> bool:
    """Whether the interval of the learning rate's exponent lies above 1."""
    draws = posterior.get(EXPONENTS[0])
    return draws is not None and bool(np.quantile(draws, (1 - INTERVAL) / 2) > 1.0)


def _draws(
    rule: Rule, data: Widths, free: Integral, sampler: str, sampling: Sampling, seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Points, shape (chain, draw, coordinate), and statistics of the sampler."""
    if sampler == "laplace" and free.reliable:
        points = free.resample(sampling.chains * sampling.draws, seed).reshape(sampling.chains, sampling.draws, -1)
        return points, {"pareto_k": np.array(free.k_hat), "effective": np.array(free.effective)}
    walk, arguments = chain_for(log_posterior(rule), free, free.peak, sampling)
    keys = [key_for(seed, "chain", chain, free.label) for chain in range(sampling.chains)]
    chains = side_by_side(Call(walk, (key, *arguments, data)) for key in keys)
    return jax.tree.map(lambda *each: np.stack(each), *chains)


def _integrate(rule: Rule, data: Widths, seed: int) -> Integral:
    return integrate(log_posterior(rule), start_of(rule), jax.tree.map(jnp.asarray, data), seed=seed)


def _tree(posterior: dict[str, np.ndarray], stats: dict[str, np.ndarray]) -> xr.DataTree:
    names = ("chain", "draw", "level")
    groups = {
        group: xr.Dataset({name: (names[: values.ndim], values) for name, values in arrays.items()})
        for group, arrays in (("posterior", posterior), ("sample_stats", stats))
    }
    return xr.DataTree.from_dict(groups)


def _against_one(
    posterior: dict[str, np.ndarray], fixed: dict[str, Integral], free: Integral, tolerance: float
) -> pd.DataFrame:
    """Every exponent against 1: the probability to be within the tolerance, and the Bayes factor of being 1."""
    rows = {
        name: {
            "within": float((np.abs(posterior[name] - 1.0) < tolerance).mean()),
            "log_bayes_factor": one.log_value - free.log_value,
            "pareto_k": max(one.k_hat, free.k_hat),
        }
        for name, one in fixed.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _levels(settings: Settings, data: Widths, posterior: dict[str, np.ndarray], typical: np.ndarray) -> pd.DataFrame:
    """σ of every setting and level from its own data (an inverse gamma law of σ²), and as the rule has it."""
    rows = {}
    momentum = np.broadcast_to(settings.momentum, len(settings.names))
    for s, k in np.ndindex(settings.nu.shape):
        log_rule = data.expected[s, k] + np.log(posterior["amplitude"][..., k] / typical[k])
        for name, regressor in data.regressors.items():
            if name in posterior:
                log_rule = log_rule + (posterior[name] - 1.0) * regressor[s, k]
        sigma = np.sqrt(settings.q[s, k] / settings.nu[s, k])
        rows[settings.names[s], k] = {
            "learning_rate": settings.learning_rate[s],
            "batch_size": settings.batch_size[s],
            "momentum": momentum[s],
            "factor": settings.factor[s, k],
            "sigma": sigma,
            "sd": sigma / np.sqrt(2.0 * settings.nu[s, k]),
            "rule": np.exp(log_rule).mean(),
            "rule_sd": np.exp(log_rule).std(ddof=1),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["setting", "level"])
