"""Figures of a study: the same pair of levels at several settings of α and \\|B\\|, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy import stats

from coulombfit.data.same_pair import same_pair
from coulombfit.data.spectra import Spectra
from coulombfit.inference.fit_result import Fit
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.plots.kit.axes import Panels, grid, label_decades, one_axes, own_lettering
from coulombfit.plots.kit.bands import QUANTILES, bin_edges, density_at, law_at_draws
from coulombfit.plots.kit.names import legible, with_every_name
from coulombfit.plots.kit.palette import grey, level_style, text_colour
from coulombfit.plots.kit.saving import figure_of
from coulombfit.plots.kit.symbols import EIGENVALUE
from coulombfit.runtime.errors import ArgumentError

__all__ = ["mean_spacing", "stacked_densities", "study", "surmise"]

PANELS = ("spacings", "widths against mean spacings", "densities")

BINS = 12
"""Bins of a spacing in units of its mean, up to the last of ``REACH``: 50 runs leave five in the fullest of them."""
REACH = 3.0
"""Spacing over its mean up to which bins are; of the surmise a share of 8·10⁻⁴ lies beyond."""
ONE_SD = float(stats.norm.cdf(1.0) - stats.norm.cdf(-1.0))
GRID = 300
BESIDE_DIAGONAL: dict[str, Any] = {
    "frameon": False,
    "handlelength": 1.2,
    "handletextpad": 0.4,
    "labelspacing": 0.25,
    "borderaxespad": 0.2,
}
"""Looks of a legend that stays above a diagonal."""
STEP = 1.15
"""Distance of the baselines of stacked densities, in heights of the highest."""
HEIGHT = 0.3
"""Height of a figure of stacked densities per density, in heights of the style."""


@own_lettering
def study(spectra: Sequence[Spectra], fits: Mapping[str, Fit], axes: Iterable[Axes] | None = None) -> Panels:
    """Spacings on the surmise, √π σ against the mean spacing, and densities above each other, of one pair.

    :param spectra: one a setting, as for :func:`surmise`.
    :param fits: of the same pairs, as for :func:`mean_spacing` and :func:`stacked_densities`, by the name to show.
    :param axes: three, in this order.
    :raises ArgumentError: as these, and for another number of axes.
    :raises DataError: as :func:`surmise`.
    """
    panels = grid(axes, PANELS, 3)
    surmise(spectra, panels[0])
    mean_spacing(fits, panels[1])
    stacked_densities(fits, panels[2])
    # settings look the same in all panels, and narrow ones have room for one legend
    legend = panels[0].get_legend()
    panels[0].legend(legend.legend_handles[:1], ["surmise"], frameon=False, fontsize="small", loc="upper right")
    return panels


@own_lettering
def surmise(spectra: Sequence[Spectra], ax: Axes | None = None, *, pair: int = 0) -> Axes:
    """P(S/⟨S⟩) of one degenerate pair at every setting, on the Wigner surmise of N = 2, (π/2)s exp(−πs²/4), unfitted.

    ⟨S⟩ is the mean over the runs of a setting, the only number that is taken from the data. Bars are the interval of
    one standard deviation of a share of so many runs, by Jeffreys; settings stand beside each other within a bin. Every
    law of a degenerate pair that repels has this spacing; two split levels have fewer small ones, levels that do not
    repel have more.

    :param spectra: one a setting, with levels grouped alike.
    :param ax: what to draw on; the axes of a new figure where None.
    :param pair: which degenerate pair, 0 the topmost.
    :raises ArgumentError: for no spectra.
    :raises DataError: for settings without such a pair, or that are grouped unlike each other, naming them.
    """
    pairs = {name: one.eigenvalues for name, one in same_pair(spectra, pair).items()}
    ax = one_axes(ax)
    edges = np.linspace(0.0, REACH, BINS + 1)
    middle, width = 0.5 * (edges[1:] + edges[:-1]), REACH / BINS
    s = np.linspace(0.0, 1.1 * REACH, GRID)
    thin = mpl.rcParams["axes.linewidth"]
    law = 0.5 * np.pi * s * np.exp(-0.25 * np.pi * s**2)
    ax.plot(s, law, color=text_colour(), linewidth=1.5 * thin, label="Wigner surmise, $N = 2$", zorder=1)
    apart = 0.6 * width / len(pairs)
    for k, (name, x) in enumerate(pairs.items()):
        spacing = x[:, 0] - x[:, 1]
        counts, _ = np.histogram(spacing / spacing.mean(), edges)
        seen = counts / (len(x) * width)
        ends = [stats.beta.ppf(q, counts + 0.5, len(x) - counts + 0.5) / width for q in _ends(ONE_SD)]
        # of an empty bin the interval begins at zero, and no bar ends short of its point
        bars = np.abs(np.array([np.where(counts > 0, ends[0], 0.0), ends[1]]) - seen)
        style = level_style(k, len(pairs))
        ax.errorbar(
            middle + (k - 0.5 * (len(pairs) - 1)) * apart, seen, bars, fmt=style["marker"], color=style["color"],
            markersize=0.55 * mpl.rcParams["lines.markersize"], elinewidth=thin, label=legible(name),
        )  # fmt: skip
    ax.set(xlabel=r"$S/\langle S\rangle$", ylabel=r"$P(S/\langle S\rangle)$", xlim=(0, 1.1 * REACH), ylim=(0, None))
    with_every_name(ax.legend(frameon=False, fontsize="small" if len(pairs) < 6 else "x-small", loc="upper right"))
    return ax


@own_lettering
def mean_spacing(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """√π σ as fitted against the mean spacing ⟨S⟩ of the same runs, and the diagonal, on which a pair of the law lies.

    Bars are the posterior's 90 % interval upwards and that of a mean of so many runs, 1.64 standard errors, sideways.
    σ is σ_m where a law has two widths (Eq. 31). Both come from the same runs, and the likelihood of a pair sees the
    spacings, too: points on the diagonal do not confirm a law, points far off it speak against one.
    :func:`coulombfit.width_consistency` keeps the two sources of σ_m apart.

    :param fits: fits of pairs by a law whose spacing is the surmise, by the name to show.
    :param ax: what to draw on; the axes of a new figure where None.
    :raises ArgumentError: for no fits, and for fits without the surmise, naming them.
    """
    _require_pairs(fits)
    for name, fit in fits.items():
        if not fit.model.surmise:
            raise ArgumentError(f"fits: expected laws whose spacing is the surmise, got {fit.model.name} of {name!r}")
    ax = one_axes(ax)
    labels, model = _labels(fits, ", ")
    largest, smallest, thin = 0.0, np.inf, mpl.rcParams["axes.linewidth"]
    for k, (name, fit) in enumerate(fits.items()):
        draws = np.sqrt(np.pi) * fit.parameters[str(fit.model.surmise)].ravel()
        spacing = fit.observations[:, 0] - fit.observations[:, 1]
        lower, upper = np.quantile(draws, _ends(INTERVAL))
        mean, middle = spacing.mean(), draws.mean()
        error = stats.norm.ppf(0.5 * (1 + INTERVAL)) * spacing.std(ddof=1) / np.sqrt(len(spacing))
        style = level_style(k, len(fits))
        ax.errorbar(
            [mean], [middle], [[middle - lower], [upper - middle]], [error], fmt=style["marker"], color=style["color"],
            markersize=0.55 * mpl.rcParams["lines.markersize"], elinewidth=thin,
            label=labels[name],
        )  # fmt: skip
        largest, smallest = max(largest, upper, mean + error), min(smallest, lower, mean - error)
    ends = (smallest / 1.1, 1.1 * largest)
    ax.plot(ends, ends, color=grey(ax, 0.5), linewidth=thin, zorder=1, label=r"$\sqrt{\pi}\,\sigma = \langle S\rangle$")
    scale = "log" if smallest > 0 and largest > 10.0 * smallest else "linear"
    ax.set(xlabel=r"mean spacing $\langle S\rangle$, units of $x$", ylabel=r"$\sqrt{\pi}\,\sigma$, units of $x$")
    if model:
        ax.set_title(f"width as fitted, {model}", fontsize="medium")
    ax.set(xscale=scale, yscale=scale, xlim=ends, ylim=ends)
    for axis in (ax.xaxis, ax.yaxis):
        if scale == "log":
            label_decades(axis)
        else:
            axis.set_major_locator(MaxNLocator(5))
    with_every_name(ax.legend(fontsize="small" if len(fits) < 6 else "x-small", loc="upper left", **BESIDE_DIAGONAL))
    return ax


@own_lettering
def stacked_densities(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Density of a level at every setting, one above the other in the order given, on one axis of eigenvalues.

    Each has the histogram of its own levels (grey) and the density as fitted, median and 90 % band, on a scale of its
    own: the greatest of its median is as high in all of them, so that shapes compare and widths are read off the axis.

    :param fits: fits of a pair by models with a density, one a setting, by the name to show.
    :param ax: what to draw on; the axes of a new figure where None.
    :raises ArgumentError: for no fits, of anything but pairs, or of models without a density, naming them.
    """
    _require_pairs(fits)
    for name, fit in fits.items():
        if not fit.model.offers("density"):
            raise ArgumentError(f"fits: expected models with a density of a level, got {fit.model.name} of {name!r}")
    if ax is None:
        ax = one_axes(None)
        figure = figure_of(ax)
        figure.set_figheight(figure.get_figheight() * max(1.0, HEIGHT * len(fits)))
    ax = one_axes(ax)
    low = min(fit.observations.min() for fit in fits.values())
    high = max(fit.observations.max() for fit in fits.values())
    margin = 0.03 * (high - low)
    thin = mpl.rcParams["axes.linewidth"]
    for k, fit in enumerate(fits.values()):
        x, base, order = fit.observations.ravel(), STEP * k, 3 * (len(fits) - k)
        own = np.ptp(x)
        across = np.linspace(x.min() - 0.2 * own, x.max() + 0.2 * own, GRID)
        lower, middle, upper = np.quantile(law_at_draws(fit, fit.model.density, across, density_at), QUANTILES, axis=0)
        unit = middle.max()
        heights, edges = np.histogram(x, bin_edges(x), density=True)
        looks = {"fill": True, "facecolor": grey(ax, 0.15), "edgecolor": grey(ax, 0.4), "linewidth": 0.6 * thin}
        ax.stairs(base + heights / unit, edges, baseline=base, zorder=order, **looks)
        colour = level_style(k, len(fits))["color"]
        ax.fill_between(
            across, base + lower / unit, base + upper / unit, color=colour, alpha=0.3, linewidth=0, zorder=order + 1
        )
        ax.plot(across, base + middle / unit, color=colour, linewidth=1.2 * thin, zorder=order + 1)
        ax.axhline(base, color=grey(ax, 0.4), linewidth=0.6 * thin, zorder=order)
    labels, model = _labels(fits, "\n")
    ax.set_yticks(STEP * np.arange(len(fits)), list(labels.values()), fontsize="small", verticalalignment="bottom")
    if model:
        ax.set_title(f"density of a level, {model}", fontsize="medium")
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel=EIGENVALUE, xlim=(low - margin, high + margin), ylim=(-0.05, None))
    return ax


def _require_pairs(fits: Mapping[str, Fit]) -> None:
    if not isinstance(fits, Mapping) or not fits:
        raise ArgumentError(f"fits: expected fits by name, at least one, got {type(fits).__name__} of none")
    for name, fit in fits.items():
        if not fit.observed_by.of_pairs or fit.observations.ndim != 2:
            raise ArgumentError(f"fits: expected fits of pairs, got {fit.model.name} ({fit.likelihood}) of {name!r}")


def _labels(fits: Mapping[str, Fit], between: str) -> tuple[dict[str, str], str]:
    """Names of fits with their models, or without where there is one for all, and that one."""
    models = {legible(fit.model.name) for fit in fits.values()}
    if len(models) == 1:
        return {name: legible(name) for name in fits}, models.pop()
    return {name: f"{legible(name)}{between}{legible(fit.model.name)}" for name, fit in fits.items()}, ""


def _ends(content: float) -> tuple[float, float]:
    return 0.5 * (1.0 - content), 0.5 * (1.0 + content)
