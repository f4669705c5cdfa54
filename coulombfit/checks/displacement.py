"""Centres of levels against α/|B|: whether they are displaced from their targets, how far, and by what (Fig. 3).

With g = α/|B| and the mean y_sl of a degenerate level l over the runs of setting s,

    y_s = t + d g_s + e g_s² + noise of covariance C_s,

where C_s is that of the means of all levels over runs: levels of one run are correlated. Priors are flat, so that the
posterior of intercepts t, slopes d and curvatures e is Gaussian and exact, but for C being estimated from the runs.

What repulsion between levels of fixed width would do (Eq. 5) is known from the widths: d_l = σ_l²/g Σ_j 1/(t_l − t_j).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from coulombfit.checks.settings import Settings, settings_of
from coulombfit.errors import DataError
from coulombfit.result import INTERVAL, Text
from coulombfit.seeds import check_seed
from coulombfit.spectra import Spectra, real_array

__all__ = ["Displacement", "displacement"]

DRAWS = 4000
REJECTED = 0.01
"""p-value below which a prediction is rejected."""
REPULSION = "repulsion alone"


@dataclass(frozen=True, eq=False)
class Displacement:
    """Posterior of how centres depend on α/\\|B\\|.

    ``table`` has a row a level: ``limit``, the centre as α/\\|B\\| → 0, and ``slope``, each with sd and interval, and
    the slope of every prediction. ``tests`` has a row a statement about all levels at once, with χ², its degrees of
    freedom and ``p_value``: that the limits are the ``targets``, that there is ``no displacement``, that the slopes are
    those of a prediction, and that the ``fit`` describes the centres. ``tree`` has draws of limit, slope and curvature.
    ``settings`` are the statistics of the data, ``predictions`` the names of what was tested.
    """

    table: pd.DataFrame
    tests: pd.DataFrame
    tree: xr.DataTree
    settings: Settings
    predictions: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One sentence."""
        p = self.tests["p_value"]
        if p["fit"] < REJECTED:
            return (
                f"the centres are no {'parabola' if 'curvature' in self.tree['posterior'] else 'line'} in α/|B| "
                f"(p = {p['fit']:.2g}): train longer, or take smaller α/|B|."
            )
        seen = "" if p["no displacement"] < REJECTED else "not seen to be "
        parts = [f"centres are {seen}displaced (p of no displacement {p['no displacement']:.2g})"]
        if "targets" in p:
            parts.append(f"as α/|B| → 0 they are {_agreeing(p['targets'])} their targets (p = {p['targets']:.2g})")
        parts += [f"slopes are {_agreeing(p[name])} {name} (p = {p[name]:.2g})" for name in self.predictions]
        return "; ".join(parts) + "."

    def summary(self) -> Text:
        """The tables and the verdict as text."""
        tables = (
            self.table.to_string(float_format="{:.5g}".format),
            self.tests.to_string(float_format="{:.3g}".format),
        )
        return Text("\n".join([*tables, self.verdict]))


def displacement(
    spectra: Sequence[Spectra],
    *,
    targets: ArrayLike | None = None,
    predictions: Mapping[str, ArrayLike] | None = None,
    quadratic: bool = True,
    seed: int = 0,
) -> Displacement:
    """Infer slopes of centres in α/\\|B\\|, and test predictions of them.

    :param spectra: settings with learning_rate and batch_size, as for :func:`coulombfit.scaling`, of at least as
        many α/\\|B\\| as a level has coefficients.
    :param targets: centres of noiseless training, one a degenerate level, from the top; by default the spectra's own.
    :param predictions: slopes by name, shape (level,), as for example 1/g times those of
        ``simulators.gaussian_rbm.displacements``. Repulsion alone is always among them where there are several levels.
    :param quadratic: whether centres may bend.
    :param seed: of the draws in ``tree``; all tables are in closed form.
    :raises ValueError: for too few settings, or values of another shape.
    :raises DataError: for spectra without a setting, or whose levels form unlike clusters.
    """
    check_seed(seed)
    settings = settings_of(spectra)
    g, count = settings.strength, len(settings.sizes)
    order = 3 if quadratic else 2
    if np.unique(g).size < order:
        raise ValueError(f"spectra: expected at least {order} values of α/|B|, got {np.unique(g).size}")
    aims = _targets(spectra, targets, settings.sizes)
    middle = np.exp(np.log(g).mean())
    # one column a coefficient, in units of a typical α/|B|
    powers = (g[:, None] / middle) ** np.arange(order)
    normal, right, chi2 = np.zeros((order, count, order, count)), np.zeros((order, count)), 0.0
    for row, y, covariance in zip(powers, settings.centre, settings.covariance, strict=True):
        inverse = np.linalg.inv(covariance)
        normal += np.einsum("a,b,kl->akbl", row, row, inverse)
        right += np.outer(row, inverse @ y)
        chi2 += y @ inverse @ y
    covariance = np.linalg.inv(normal.reshape(order * count, -1))
    mean = covariance @ right.ravel()
    scale = np.repeat(middle ** -np.arange(order), count)
    draws = np.random.default_rng(seed).multivariate_normal(mean, covariance, DRAWS) * scale
    mean, covariance, chi2 = mean * scale, covariance * np.outer(scale, scale), chi2 - mean @ right.ravel()
    limit, slope = mean[:count], mean[count : 2 * count]
    each = slice(0, count), slice(count, 2 * count)
    known = {name: real_array(value, f"predictions[{name!r}]") for name, value in (predictions or {}).items()}
    for name, value in known.items():
        if value.shape != (count,):
            raise ValueError(f"predictions: expected {count} slopes of {name!r}, one a level, got shape {value.shape}")
    if count > 1:
        known[REPULSION] = _repulsion(settings, limit)
    tests = {"fit": _chi2(chi2, g.size * count - order * count)}
    tests["no displacement"] = _test(slope, covariance[each[1], each[1]])
    if aims is not None:
        tests["targets"] = _test(limit - aims, covariance[each[0], each[0]])
    tests |= {name: _test(slope - value, covariance[each[1], each[1]]) for name, value in known.items()}
    table = pd.DataFrame(index=pd.RangeIndex(count, name="level"))
    half = stats.norm.ppf(0.5 + INTERVAL / 2)
    for name, part, values in zip(("limit", "slope"), each, (limit, slope), strict=True):
        sd = np.sqrt(np.diag(covariance)[part])
        table[name], table[f"{name} sd"] = values, sd
        table[f"{name} lower"], table[f"{name} upper"] = values - half * sd, values + half * sd
    if aims is not None:
        table.insert(0, "target", aims)
    for name, value in known.items():
        table[name] = value
    draws = draws.reshape(1, DRAWS, order, count)
    names = ("limit", "slope", "curvature")[:order]
    posterior = {name: (("chain", "draw", "level"), draws[:, :, k]) for k, name in enumerate(names)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior)})
    return Displacement(table, pd.DataFrame.from_dict(tests, orient="index"), tree, settings, tuple(known))


def _agreeing(p: float) -> str:
    return f"{'NOT ' if p < REJECTED else ''}in agreement with"


def _chi2(value: float, freedom: int) -> dict[str, float]:
    return {"chi2": value, "freedom": freedom, "p_value": float(stats.chi2.sf(value, freedom)) if freedom else np.nan}


def _test(difference: Float[np.ndarray, " level"], covariance: Float[np.ndarray, "level level"]) -> dict[str, float]:
    return _chi2(float(difference @ np.linalg.solve(covariance, difference)), difference.size)


def _targets(
    spectra: Sequence[Spectra], targets: ArrayLike | None, sizes: tuple[int, ...]
) -> Float[np.ndarray, " level"] | None:
    if targets is not None:
        found = real_array(targets, "targets")
        if found.shape != (len(sizes),):
            raise ValueError(f"targets: expected {len(sizes)}, one a degenerate level, got shape {found.shape}")
        return found
    own = [one.targets for one in spectra]
    if any(values is None for values in own):
        return None
    first = np.asarray(own[0])
    if any(not np.allclose(values, first) for values in own if values is not None):
        raise DataError("spectra: expected the same targets in every setting; give targets=")
    return np.array([part.mean() for part in np.split(first, np.cumsum(sizes)[:-1])])


def _repulsion(settings: Settings, limit: Float[np.ndarray, " level"]) -> Float[np.ndarray, " level"]:
    """Slopes of a gas of fixed widths, σ²/g from all settings."""
    strength = (settings.q / settings.strength[:, None]).sum(axis=0) / settings.nu.sum(axis=0)
    apart = limit[:, None] - limit + np.diag(np.full(limit.size, np.inf))
    return strength * (np.asarray(settings.sizes) / apart).sum(axis=1)
