"""The linear scaling rule: whether widths follow √(α/|B|) over a set of training settings (Eq. 9, Fig. 3).

The model is in :mod:`coulombfit.checks.scaling_model`: ln σ = ln a + ½ b_α ln α − ½ b_B ln|B| + ln f + ε for each
degenerate level of each setting, with the eigenvalues themselves as data. The rule says that both exponents are 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.checks.scaling_model import EXPONENTS, Rule, Widths, log_posterior, parameters_of, start_of, widths_of
from coulombfit.checks.settings import Settings, settings_of
from coulombfit.cores import Call, side_by_side
from coulombfit.diagnostics import Diagnosis, diagnose
from coulombfit.importance import Integral, integrate
from coulombfit.precision import double_precision
from coulombfit.progress import working
from coulombfit.result import INTERVAL, Text
from coulombfit.sampler import Sampling, chain_for
from coulombfit.seeds import check_seed, key_for
from coulombfit.spectra import Spectra, real_array

__all__ = ["Scaling", "scaling"]

SETTINGS = Sampling()
DECISIVE = 3.0
"""Log Bayes factor from which a preference is stated, 20 to 1."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Posterior of the scaling rule.

    ``table`` has a row a parameter: the exponents ``b_learning_rate`` and ``b_batch_size``, as far as the settings
    differ in them; the ``scatter`` τ; the ``amplitude`` of each level, σ/(f √(α/\\|B\\|)) amid the settings.
    ``rule`` has a row an exponent: ``within``, the posterior probability that \\|b − 1\\| < tolerance, and
    ``log_bayes_factor``, of b = 1 over b free. ``levels`` has a row a setting and level: σ from its own data, and as
    the rule has it. ``finite_step`` is the log Bayes factor of α/(1 − αΩ/2) over α, where Ω was given.
    ``tree`` has the draws, ``diagnosis`` says whether the sampler converged, ``tolerance`` is that of ``within``.
    """

    tree: xr.DataTree
    table: pd.DataFrame
    rule: pd.DataFrame
    levels: pd.DataFrame
    diagnosis: Diagnosis
    tolerance: float
    finite_step: float | None

    @property
    def verdict(self) -> str:
        """One sentence."""
        parts = []
        for name, row in self.rule.iterrows():
            b = self.table.loc[name]
            parts.append(
                f"{name} = {b['mean']:.3f} ± {b['sd']:.3f}, "
                f"{'in agreement' if b['lower'] <= 1.0 <= b['upper'] else 'NOT in agreement'} with 1 (probability "
                f"{row['within']:.2g} to be within {self.tolerance:g} of it, log Bayes factor of b = 1 "
                f"{row['log_bayes_factor']:.1f})"
            )
        if "scatter" in self.table.index:
            parts.append(f"settings scatter by {self.table.loc['scatter', 'mean']:.1%} beyond sampling")
        if self.finite_step is not None:
            form = "finite" if self.finite_step > 0 else "small"
            better = f"the form for {form} steps is the better one"
            close = "the forms for small and finite steps are not told apart"
            told = better if abs(self.finite_step) > DECISIVE else close
            parts.append(f"{told}, log Bayes factor {abs(self.finite_step):.1f}")
        if not self.diagnosis.passed:
            parts.append(self.diagnosis.verdict.rstrip("."))
        return "; ".join(parts) + "."

    def summary(self) -> Text:
        """The tables, the verdict and the gate as text."""
        tables = [one.to_string(float_format="{:.4g}".format) for one in (self.levels, self.table, self.rule)]
        return Text("\n".join([*tables, self.verdict, str(self.diagnosis)]))


def scaling(
    spectra: Sequence[Spectra],
    *,
    factors: ArrayLike | None = None,
    curvature: ArrayLike | None = None,
    scatter: bool = True,
    tolerance: float = 0.1,
    seed: int = 0,
    sampling: Sampling = SETTINGS,
    progress: bool | None = None,
) -> Scaling:
    """Infer the exponents of the linear scaling rule from the spectra of several settings.

    :param spectra: two or more, with learning_rate and batch_size, and levels that form the same clusters.
    :param factors: f, what σ is known to be proportional to besides; shape (setting,) or (setting, level). By default
        the ``factor`` of each spectra's provenance, or 1.
    :param curvature: Ω, one number or shape (level,): use the finite-step form, and compare the two.
    :param scatter: whether settings may scatter beyond sampling. Without, intervals are right only if none do.
    :param tolerance: δ of the posterior probability that \\|b − 1\\| < δ.
    :param seed: the same seed gives the same draws.
    :param sampling: chain lengths and the like.
    :param progress: show what is being done; by default where stderr is a terminal.
    :raises ValueError: for fewer than two spectra, settings that do not differ, or αΩ ≥ 2.
    :raises DataError: for spectra without a setting, or whose levels form unlike clusters.
    """
    check_seed(seed)
    settings = settings_of(spectra, factors)
    count = len(settings.sizes)
    varying = (np.ptp(settings.learning_rate) > 0, np.ptp(settings.batch_size) > 0)
    exponents = tuple(name for name, varies in zip(EXPONENTS, varying, strict=True) if varies)
    if not exponents:
        raise ValueError("spectra: expected settings that differ in learning_rate or batch_size, got all the same")
    rule = Rule(exponents, count, scatter)
    small, typical = widths_of(rule, settings, np.zeros(count))
    data = small
    if curvature is not None:
        data, typical = widths_of(rule, settings, np.broadcast_to(real_array(curvature, "curvature"), (count,)))
    with working(f"inferring the scaling of {len(spectra)} settings", show=progress), double_precision():
        free = _integral(rule, data, seed)
        walk, arguments = chain_for(log_posterior(rule), free, free.peak, sampling)
        keys = [key_for(seed, "chain", chain, free.label) for chain in range(sampling.chains)]
        chains = side_by_side(Call(walk, (key, *arguments, data)) for key in keys)
        points, stats = jax.tree.map(lambda *each: np.stack(each), *chains)
        posterior = {name: np.asarray(values) for name, values in parameters_of(rule)(points, data).items()}
        fixed = {name: _integral(rule, data.with_exponent_1(k), seed) for k, name in enumerate(exponents)}
        linear = None if curvature is None else _integral(rule, small, seed)
    posterior["amplitude"] = typical * np.exp(posterior.pop("log_amplitude"))
    tree = _tree(posterior, stats)
    table = _table(tree)
    rule_table = pd.DataFrame.from_dict(
        {
            name: {
                "within": float((np.abs(posterior[name] - 1.0) < tolerance).mean()),
                "log_bayes_factor": one.log_value - free.log_value,
                "pareto_k": max(one.k_hat, free.k_hat),
            }
            for name, one in fixed.items()
        },
        orient="index",
    )
    return Scaling(
        tree,
        table,
        rule_table,
        _levels(settings, data, posterior, typical),
        diagnose(tree),
        tolerance,
        None if linear is None else free.log_value - linear.log_value,
    )


def _integral(rule: Rule, data: Widths, seed: int) -> Integral:
    return integrate(log_posterior(rule), start_of(rule), jax.tree.map(jnp.asarray, data), seed=seed)


def _tree(posterior: dict[str, np.ndarray], stats: dict[str, np.ndarray]) -> xr.DataTree:
    names = ("chain", "draw", "level")
    groups = {
        group: xr.Dataset({name: (names[: values.ndim], values) for name, values in arrays.items()})
        for group, arrays in (("posterior", posterior), ("sample_stats", stats))
    }
    return xr.DataTree.from_dict(groups)


def _table(tree: xr.DataTree) -> pd.DataFrame:
    rows = {}
    for name, draws in tree["posterior"].to_dataset().items():
        several = "level" in draws.dims
        for k, values in enumerate(np.moveaxis(draws.to_numpy(), -1, 0) if several else [draws.to_numpy()]):
            lower, upper = np.quantile(values, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
            label = f"{name}[{k}]" if several else str(name)
            rows[label] = {"mean": values.mean(), "sd": values.std(ddof=1), "lower": lower, "upper": upper}
    return pd.DataFrame.from_dict(rows, orient="index")


def _levels(settings: Settings, data: Widths, posterior: dict[str, np.ndarray], typical: np.ndarray) -> pd.DataFrame:
    """σ of every setting and level from its own data (an inverse gamma law of σ²), and as the rule has it."""
    rows = {}
    for s, k in np.ndindex(settings.nu.shape):
        log_rule = data.expected[s, k] + np.log(posterior["amplitude"][..., k] / typical[k])
        for name, regressor in data.regressors.items():
            if name in posterior:
                log_rule = log_rule + (posterior[name] - 1.0) * regressor[s, k]
        sigma = np.sqrt(settings.q[s, k] / settings.nu[s, k])
        rows[settings.names[s], k] = {
            "learning_rate": settings.learning_rate[s],
            "batch_size": settings.batch_size[s],
            "factor": settings.factor[s, k],
            "sigma": sigma,
            "sd": sigma / np.sqrt(2.0 * settings.nu[s, k]),
            "rule": np.exp(log_rule).mean(),
            "rule_sd": np.exp(log_rule).std(ddof=1),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["setting", "level"])
