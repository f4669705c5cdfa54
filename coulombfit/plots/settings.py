"""Figures over several training settings (Fig. 3)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from coulombfit.checks.settings.displacement import Displacement
from coulombfit.checks.settings.repulsion import ALONE, TOGETHER
from coulombfit.checks.settings.scaling_result import Scaling
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.plots.kit.axes import Panels, grid, label_decades, legend_on_top, one_axes, own_lettering
from coulombfit.plots.kit.names import legible
from coulombfit.plots.kit.palette import LINES, grey, level_style
from coulombfit.plots.kit.symbols import ALPHA_OVER_B

__all__ = ["displacement", "scaling"]

GRID = 100
DASHES = (*LINES, (0, (8, 3)), (0, (5, 1, 1, 1, 1, 1)))
"""Lines of predictions: two repulsions, and four of the user's."""
REPULSIONS = {
    **dict(zip(ALONE, ("Eq. 7's repulsion", "a matrix's repulsion"), strict=True)),
    **dict(zip(TOGETHER, ("Eq. 7's, and besides", "a matrix's, and besides"), strict=True)),
}
"""Names of both repulsions in a legend."""
ENDS = ((1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2)
PANELS = ("widths on linear axes", "widths on logarithmic axes", "σ over the rule")
ROOT = r"$\sqrt{\alpha/|B|}$"
WIDTH = r"width $\sigma/f$, units of $x$"
"""f is the known factor, 1 where there is none."""


@own_lettering
def scaling(result: Scaling, axes: Iterable[Axes] | None = None) -> Panels:
    """Widths of every setting and level: against √(α/\\|B\\|), on logarithmic axes, and over the rule.

    Points are σ from the data of one setting, divided by the known factor, with one standard deviation. Lines are the
    linear rule with the posterior's amplitudes and both exponents 1, a slope of ½ on logarithmic axes. In the last
    panel σ is over the rule with the exponents inferred: bars hold sampling errors, the grey band is the scatter τ
    between settings. Points that leave it with a trend, or by more than their number allows, are alarming. Beside
    the exponents stands χ²/dof about a line with sampling errors alone, see :attr:`coulombfit.Scaling.chi_squared`.

    :param result: what :func:`coulombfit.scaling` has found.
    :param axes: three, in this order.
    :raises ValueError: for another number of axes.
    """
    panels = grid(axes, PANELS, 3)
    linear, logarithmic, ratio = panels
    table = result.levels.reset_index()
    strength = (table["learning_rate"] / table["batch_size"]).to_numpy()
    ranges = (
        np.linspace(0.0, 1.1 * strength.max(), GRID),
        np.geomspace(strength.min() / 1.3, 1.3 * strength.max(), GRID),
    )
    found = sorted(map(int, table["level"].unique()))
    if "scatter" in result.table.index:
        tau = result.table.loc["scatter", "mean"]
        ratio.axhspan(np.exp(-tau), np.exp(tau), color=grey(ratio, 0.12), linewidth=0)
    ratio.axhline(1.0, color=grey(ratio, 0.4), linewidth=mpl.rcParams["axes.linewidth"])
    for k in found:
        looks, at = level_style(k, len(found)), (table["level"] == k).to_numpy()
        colour, g = looks["color"], strength[at]
        points = {"fmt": looks["marker"], "markersize": 0.65 * mpl.rcParams["lines.markersize"], "color": colour}
        sigma, sd = ((table.loc[at, name] / table.loc[at, "factor"]).to_numpy() for name in ("sigma", "sd"))
        lower, middle, upper = np.quantile(result.tree["posterior"]["amplitude"].isel(level=k).to_numpy(), ENDS)
        for ax, across, seen in ((linear, ranges[0], np.sqrt), (logarithmic, ranges[1], np.asarray)):
            root = np.sqrt(across)
            ax.errorbar(seen(g), sigma, sd, label=f"level {k}", **points)
            ax.fill_between(seen(across), lower * root, upper * root, color=colour, alpha=0.25, linewidth=0)
            ax.plot(seen(across), middle * root, color=colour, linewidth=mpl.rcParams["axes.linewidth"])
        over = (table.loc[at, "sigma"] / table.loc[at, "rule"]).to_numpy()
        ratio.errorbar(g, over, over * sd / sigma, label=f"level {k}", **points)
    linear.set(xlabel=ROOT, ylabel=WIDTH, xlim=(0, None), ylim=(0, None))
    linear.set_title(r"the rule $\sigma \propto \sqrt{\alpha/|B|}$", fontsize="medium")
    logarithmic.set(xlabel=ALPHA_OVER_B, ylabel=WIDTH, xscale="log", yscale="log")
    logarithmic.set_title("slope ½", fontsize="medium")
    ratio.set(xlabel=ALPHA_OVER_B, ylabel=r"$\sigma$ over the rule", xscale="log")
    ratio.set_title(_exponents(result), fontsize="medium")
    linear.xaxis.set_major_locator(MaxNLocator(4))
    for axis in (logarithmic.xaxis, logarithmic.yaxis, ratio.xaxis):
        label_decades(axis)
    if len(found) > 1:
        linear.legend(frameon=False, fontsize="small", ncols=1 if len(found) < 5 else 2)
    return panels


def _exponents(result: Scaling) -> str:
    lines = [
        rf"$b_{{{symbol}}} = {row['mean']:.3f} \pm {row['sd']:.3f}$"
        for name, symbol in (("b_learning_rate", r"\alpha"), ("b_batch_size", "|B|"))
        if name in result.table.index
        for row in [result.table.loc[name]]
    ]
    if (found := result.chi_squared) is not None and found.freedom > 0:
        lines.append(rf"$\chi^2$/dof = {found.value:.1f}/{found.freedom}")
    return "\n".join(lines)


@own_lettering
def displacement(result: Displacement, ax: Axes | None = None) -> Axes:
    """Centres of every level less their limit, against α/\\|B\\|, with each prediction as a line.

    Points are means over runs less the posterior's limit, with one standard error; bands the posterior.

    :param result: what :func:`coulombfit.displacement` has found.
    :param ax: what to draw on; the axes of a new figure where None.
    """
    ax = one_axes(ax)
    g, count = result.settings.strength, len(result.table)
    across = np.linspace(0.0, 1.05 * g.max(), GRID)
    posterior, thin = result.tree["posterior"], mpl.rcParams["axes.linewidth"]
    size = 0.65 * mpl.rcParams["lines.markersize"]
    ax.axhline(0.0, color=grey(ax, 0.4), linewidth=thin)
    for k, row in result.table.iterrows():
        looks = level_style(int(k), count)
        colour, error = looks["color"], np.sqrt(result.settings.covariance[:, k, k])
        shifted, label = result.settings.centre[:, k] - row["limit"], f"$x_c$ = {row['limit']:.4g}"
        ax.errorbar(g, shifted, error, fmt=looks["marker"], markersize=size, color=colour, label=label)
        slope, bend = (
            posterior[name].isel(level=k).to_numpy().ravel()[:, None] if name in posterior else 0.0
            for name in ("slope", "curvature")
        )
        lower, upper = np.quantile(slope * across + bend * across**2, [ENDS[0], ENDS[2]], axis=0)
        ax.fill_between(across, lower, upper, color=colour, alpha=0.2, linewidth=0)
        for name, line in zip(result.predictions, cycle(DASHES)):
            ax.plot(across, row[name] * across, color=colour, linestyle=line, linewidth=thin)
    for name, line in zip(result.predictions, cycle(DASHES)):
        label = legible(REPULSIONS.get(name, name))
        ax.plot([], [], color=grey(ax, 0.8), linestyle=line, linewidth=thin, label=label)
    ax.set(xlabel=ALPHA_OVER_B, ylabel="centre less its limit, units of $x$", xlim=(0, None))
    legend_on_top(ax)
    return ax
