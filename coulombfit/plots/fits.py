"""Figures of fits beside their data: densities, what is left of them, spacings, all levels of a gas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from coulombfit.inference.fit_result import Fit
from coulombfit.plots.kit.axes import Panels, given_axes, legend_on_top, new_figure, one_axes, own_lettering
from coulombfit.plots.kit.bands import QUANTILES, bin_edges, density_at, law_at_draws, share_below
from coulombfit.plots.kit.names import legible
from coulombfit.plots.kit.palette import grey, styles, zorder_of
from coulombfit.plots.kit.symbols import DENSITY, EIGENVALUE, SPACING

__all__ = ["density", "laws", "levels", "residuals", "spacing"]

GRID = 300
"""Points of a curve."""
BIN_OF_A_LEVEL = 0.35
"""Width of a bin in units of a level's standard deviation, of histograms of many levels."""
PANELS = ("density", "residuals", "spacing")


@own_lettering
def laws(fits: Mapping[str, Fit], axes: Iterable[Axes] | None = None) -> Panels:
    """Density with residuals, and spacing, of pair fits.

    :param fits: pair fits of the same data, by the name to show.
    :param axes: three: density, residuals, spacing. New ones have the residuals below the density.
    :raises ValueError: for fits of different data or of spacings, or another number of axes.
    """
    _require(fits, pairs=True)
    panels = given_axes(axes, PANELS)
    if panels is None:
        figure = new_figure(1, 2, 0.75, tall=1.1)
        made = figure.subplot_mosaic([["density", "spacing"], ["residuals", "spacing"]], height_ratios=(2.2, 1))
        made["residuals"].sharex(made["density"])
        made["density"].tick_params(labelbottom=False)
        panels = np.array([made[name] for name in PANELS], dtype=object)
    density(fits, panels[0])
    residuals(fits, panels[1])
    spacing(fits, panels[2])
    if axes is None:
        panels[0].set(xlabel="", ylabel=r"$\rho(x)$, units of $1/x$")
        # the legend of the spacings serves both
        panels[0].get_legend().remove()
        panels[0].autoscale(axis="y")
        panels[0].set_ylim(0, None)
    return panels


@own_lettering
def density(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Histogram of all levels with each model's one-level density: posterior median and 90 % band (Eqs. 11, 32).

    :param fits: pair fits of the same data, by the name to show.
    :param ax: what to draw on; the axes of a new figure where None.
    :raises ValueError: for fits of different data or of spacings.
    """
    _require(fits, pairs=True)
    ax = one_axes(ax)
    found = next(iter(fits.values())).observations.ravel()
    _histogram(ax, found, "levels")
    margin = 0.1 * np.ptp(found)
    across = np.linspace(found.min() - margin, found.max() + margin, GRID)
    _bands(ax, fits, across, "density")
    ax.set(xlabel=EIGENVALUE, ylabel=DENSITY)
    return ax


@own_lettering
def residuals(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Levels in the bins of their histogram less what each model expects there, in units of the error of the bin.

    The error of a bin of N levels is √(Np(1 − p)), at least that of one level, p by the posterior median; the band is
    the posterior's 90 %. Lines of a law that holds stay within ±2 but for one bin in twenty; levels of one run repel,
    which makes them stay closer.

    :param fits: pair fits of the same data, by the name to show.
    :param ax: what to draw on; the axes of a new figure where None.
    :raises ValueError: for fits of different data or of spacings.
    """
    _require(fits, pairs=True)
    ax = one_axes(ax)
    found = next(iter(fits.values())).observations.ravel()
    edges = bin_edges(found)
    counts, _ = np.histogram(found, edges)
    thin = mpl.rcParams["axes.linewidth"]
    ax.axhspan(-2.0, 2.0, color=grey(ax, 0.12), linewidth=0)
    ax.axhline(0.0, color=grey(ax, 0.4), linewidth=thin)
    for name, style in styles(fits).items():
        shares = _shares(fits[name], edges)
        lower, middle, upper = np.quantile(shares, QUANTILES, axis=0)
        error = np.sqrt(np.maximum(found.size * middle * (1.0 - middle), 1.0))
        low, high = (found.size * (end - middle) / error for end in (lower, upper))
        colour = style["color"]
        # a step begins at its edge, and the last one ends with a repetition
        bands = [np.append(each, each[-1]) for each in (low, high)]
        ax.fill_between(edges, bands[0], bands[1], step="post", color=colour, alpha=0.25, linewidth=0)
        left = (counts - found.size * middle) / error
        ax.stairs(left, edges, baseline=None, label=legible(name), **style, zorder=zorder_of(style))
    ax.set(xlabel=EIGENVALUE, ylabel="residual / error")
    reach = max(3.0, float(np.abs(ax.get_ylim()).max()))
    ax.set_ylim(-reach, reach)
    return ax


@own_lettering
def spacing(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Histogram of the spacings S with each model's law: posterior median and 90 % band (Eq. 31).

    :param fits: fits of the same data, by the name to show.
    :param ax: what to draw on; the axes of a new figure where None.
    :raises ValueError: for fits of different data.
    """
    _require(fits, pairs=False)
    ax = one_axes(ax)
    fit = next(iter(fits.values()))
    spacings = fit.observations if fit.observations.ndim == 1 else fit.observations[:, 0] - fit.observations[:, 1]
    _histogram(ax, spacings, "spacings")
    # a law of spacings lives on S > 0
    across = np.linspace(0.0, 1.1 * spacings.max(), GRID + 1)[1:]
    _bands(ax, fits, across, "spacing")
    ax.set(xlabel=SPACING, ylabel="density $P(S)$, units of $1/x$", xlim=(0, None))
    return ax


@own_lettering
def levels(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Histogram of all levels, new levels under each model (lines) where they were drawn, and centres (ticks on top).

    :param fits: fits of all levels of the same data, by the name to show.
    :param ax: what to draw on; the axes of a new figure where None.
    :raises ValueError: for other fits.
    """
    _require(fits)
    if any(fit.observed_by.of_pairs for fit in fits.values()):
        raise ValueError("fits: expected fits of all levels, not of a pair")
    ax = one_axes(ax)
    observed = next(iter(fits.values())).observations
    observed = observed.reshape(-1, observed.shape[-1])  # all snapshots of levels over training
    edges = edges_of_levels(observed)
    ax.hist(observed.ravel(), edges, density=True, label="levels", color=grey(ax, 0.2), histtype="stepfilled")
    for name, style in styles(fits).items():
        if "posterior_predictive" in fits[name].tree.children:
            new = _predicted_levels(fits[name]).ravel()
            ax.hist(new, edges, density=True, label=legible(name), histtype="step", **style)
        else:
            ax.plot([], [], label=f"{legible(name)}, centres", **style)
        for centre in fits[name].parameters.get("centre", np.zeros((1, 1, 0))).mean(axis=(0, 1)):
            ax.plot([centre, centre], [0.95, 1.0], transform=ax.get_xaxis_transform(), color=style["color"])
    ax.set(xlabel=EIGENVALUE, ylabel=DENSITY)
    legend_on_top(ax)
    return ax


def edges_of_levels(eigenvalues: Float[np.ndarray, "run level"]) -> list[float]:
    """Bins in which peaks stay apart: a fraction of a level's width."""
    count = np.ptp(eigenvalues) / (BIN_OF_A_LEVEL * eigenvalues.std(axis=0).mean())
    return list(np.linspace(eigenvalues.min(), eigenvalues.max(), int(np.clip(count, 8, 1000))))


def _require(fits: Mapping[str, Fit], *, pairs: bool = False) -> None:
    """Refuse fits that cannot share a histogram."""
    if len({fit.record.data.fingerprint for fit in fits.values()}) != 1:
        raise ValueError("fits: expected one or more fits of the same data")
    for fit in fits.values():
        if pairs and not fit.observed_by.of_pairs:
            raise ValueError(f"fits: expected fits of pairs, got {fit.model.name}")
    if pairs and any(fit.observations.ndim == 1 for fit in fits.values()):
        raise ValueError("fits: expected fits of pairs, got spacings, which have no one-level density")


def _histogram(ax: Axes, values: Float[np.ndarray, " n"], label: str) -> None:
    thin = 0.6 * mpl.rcParams["axes.linewidth"]
    looks = {"color": grey(ax, 0.15), "edgecolor": grey(ax, 0.4), "linewidth": thin, "histtype": "stepfilled"}
    ax.hist(values, list(bin_edges(values)), density=True, label=label, **looks)


def _bands(ax: Axes, fits: Mapping[str, Fit], across: np.ndarray, law: str) -> None:
    """The density of the law, "density" or "spacing", of every fit; of a model without it, that of predicted pairs."""
    for name, style in styles(fits).items():
        fit = fits[name]
        if not fit.model.offers(law):
            predicted = _predicted_levels(fit)
            values = predicted.ravel() if law == "density" else predicted[..., 0] - predicted[..., 1]
            ax.hist(values.ravel(), list(across), density=True, label=legible(name), histtype="step", **style)
            continue
        found = law_at_draws(fit, getattr(fit.model, law), across, density_at)
        lower, middle, upper = np.quantile(found, QUANTILES, axis=0)
        ax.fill_between(across, lower, upper, color=style["color"], alpha=0.25, linewidth=0)
        ax.plot(across, middle, label=legible(name), **style, zorder=zorder_of(style))
    ax.set_ylim(0, None)
    legend_on_top(ax)


def _shares(fit: Fit, edges: np.ndarray) -> Float[np.ndarray, "draw bin"]:
    """Shares of the levels that lie in each bin; of a model without a density, those of predicted pairs."""
    if fit.model.offers("density"):
        return np.diff(law_at_draws(fit, fit.model.density, edges, share_below), axis=1)
    predicted = _predicted_levels(fit)
    return np.histogram(predicted, edges)[0][None] / predicted.size


def _predicted_levels(fit: Fit) -> Float[np.ndarray, "chain draw run ..."]:
    return fit.tree["posterior_predictive"][fit.observed_by.observed].to_numpy()
