"""Which model: differences of predictions, and Bayes factors, a bar a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from coulombfit.checks.fits.comparison import Comparison
from coulombfit.checks.fits.evidence import Evidence
from coulombfit.inference.fit_result import Fit
from coulombfit.plots.kit.axes import one_axes, own_lettering
from coulombfit.plots.kit.names import legible
from coulombfit.plots.kit.palette import grey, model_style, styles

__all__ = ["comparison", "evidence"]

DECISIVE = 3.0
"""Log Bayes factor of 20 to 1."""


@own_lettering
def comparison(result: Comparison, ax: Axes | None = None, *, fits: Mapping[str, Fit] | None = None) -> Axes:
    """Expected log density of new runs less that of the best model (bars), with one standard error of the difference.

    :param result: what :func:`coulombfit.compare` has found.
    :param ax: what to draw on; the axes of a new figure where None.
    :param fits: those that were compared, where their names are not those of their models: for the colours.
    :raises ValueError: for fits of other names.
    """
    table = result.table
    ax = _bars(one_axes(ax), list(map(str, table.index)), table["elpd_diff"].to_numpy(), fits)
    errors = table["diff_se"].to_numpy()
    ax.errorbar(table["elpd_diff"], np.arange(len(table)), xerr=errors, fmt="none", ecolor=grey(ax, 0.7), capsize=3)
    _numbers(ax, table["elpd_diff"].to_numpy(), errors, float((table["elpd_diff"] - errors).min()))
    ax.set_xlabel(r"$\Delta$elpd to the best, nats, ± one standard error")
    return ax


@own_lettering
def evidence(result: Evidence, ax: Axes | None = None, *, fits: Mapping[str, Fit] | None = None) -> Axes:
    """Log Bayes factor of every model to the best (bars), and its range under other priors (lines with ends).

    Numbers have one standard error of the integral. The dotted line is odds of 20 to 1.

    :param result: what :func:`coulombfit.evidence` has found.
    :param ax: what to draw on; the axes of a new figure where None.
    :param fits: those that were weighed, where their names are not those of their models: for the colours.
    :raises ValueError: for fits of other names.
    """
    table = result.table
    names = list(map(str, table.index))
    factors = table["log_bayes_factor"].to_numpy()
    ax = _bars(one_axes(ax), names, factors, fits)
    least = float(factors.min())
    for k, name in enumerate(names[1:], start=1):
        others = result.factors(name, names[0])
        reach = np.array([[factors[k] - others.min()], [others.max() - factors[k]]])
        least = min(least, float(others.min()))
        ax.errorbar(factors[k], k, xerr=reach, fmt="none", ecolor=grey(ax, 0.7), capsize=3)
    ax.axvline(-DECISIVE, color=grey(ax, 0.5), linestyle=":", linewidth=mpl.rcParams["axes.linewidth"])
    _numbers(ax, factors, np.hypot(table["se"].to_numpy(), table["se"].iloc[0]), least)
    ax.set_xlabel(r"log Bayes factor to the best, $\ln Z/Z_{\mathrm{best}}$, nats")
    return ax


def _bars(ax: Axes, names: Sequence[str], values: Float[np.ndarray, " fit"], fits: Mapping[str, Fit] | None) -> Axes:
    """A bar a fit, the best on top, in the colour of its model."""
    if fits is not None and not set(names) <= set(fits):
        raise ValueError(f"fits: expected those of {', '.join(names)}, got {', '.join(fits) or 'none'}")
    looks = {name: model_style(name) for name in names} if fits is None else styles(fits)
    colours: list[Any] = [looks[name]["color"] for name in names]
    ax.barh(np.arange(len(names)), values, height=0.55, color=colours)
    ax.set_yticks(np.arange(len(names)), [legible(name) for name in names])
    for text in ax.get_yticklabels():
        text.set_usetex(False)
    ax.axvline(0.0, color=grey(ax, 0.7), linewidth=mpl.rcParams["axes.linewidth"])
    ax.invert_yaxis()
    return ax


def _numbers(ax: Axes, values: Float[np.ndarray, " fit"], errors: Float[np.ndarray, " fit"], least: float) -> None:
    """Beside every bar its length: among long ones short ones are not seen.

    :param least: where the longest bar ends, its error with it.
    """
    for k, (value, error) in enumerate(zip(values, errors, strict=True)):
        text = "best" if k == 0 else f"{value:.1f} ± {error:.1g}".replace("-", "−")
        ax.annotate(text, (0.0, k), (4, 0), textcoords="offset points", va="center", fontsize="small")
    ends = (1.08 * min(least, -1.0), -0.65 * min(least, -1.0))
    ax.set_xlim(*ends)
    # the room for the numbers on the right is no part of the scale
    ax.set_xticks([tick for tick in MaxNLocator(6).tick_values(*ends) if ends[0] <= tick <= 0.0])
