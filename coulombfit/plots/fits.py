"""Figures of fits and of their calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import arviz_plots as azp
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import xarray as xr
from arviz_stats.ecdf_utils import ecdf_pit
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coulombfit.checks.calibration import Calibration
from coulombfit.models import REDUNDANT, PairModel, Parameters
from coulombfit.precision import double_precision
from coulombfit.result import INTERVAL, Fit

__all__ = ["calibration", "density", "laws", "levels", "ranks", "spacing"]

# One colour (Okabe and Ito's, safe for the colour-blind) and one line style a model, everywhere.
# Broken lines lie above full ones, so that curves that coincide are all seen.
STYLES = {
    "anisotropic": {"color": "#CC79A7", "linestyle": "-"},
    "two-species": {"color": "#009E73", "linestyle": "-."},
    "one-species": {"color": "#0072B2", "linestyle": "--"},
    "gaussian": {"color": "#D55E00", "linestyle": ":"},
}
BAND_DRAWS = 200
RANK_DRAWS = 250
RANK_COLUMNS = 3
GRID = 400
BIN_OF_A_LEVEL = 0.35
GAS_COLOURS = ("#0072B2", "#D55E00")
ENVELOPE = 0.99
ENVELOPE_SIMULATIONS = 2000


def density(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Histogram of all levels with each model's one-level density: posterior median and 90 % band (Eqs. 11, 32).

    :param fits: pair fits of the same data, by the name to show.
    :raises ValueError: for fits of different data or of spacings.
    """
    _require(fits, pairs=True)
    ax = _axes(ax)
    levels = next(iter(fits.values())).observations.ravel()
    _histogram(ax, levels, "levels")
    margin = 0.1 * np.ptp(levels)
    _bands(
        ax, fits, np.linspace(levels.min() - margin, levels.max() + margin, GRID), lambda fit: _pair_model(fit).density
    )
    ax.set(xlabel="eigenvalue $x$", ylabel=r"spectral density $\rho(x)$")
    return ax


def spacing(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Histogram of the spacings S with each model's law: posterior median and 90 % band (Eq. 31).

    :param fits: fits of the same data, by the name to show.
    :raises ValueError: for fits of different data.
    """
    _require(fits, pairs=False)
    ax = _axes(ax)
    fit = next(iter(fits.values()))
    spacings = fit.observations if fit.likelihood == "spacing" else fit.observations[:, 0] - fit.observations[:, 1]
    _histogram(ax, spacings, "spacings")
    # a law of spacings lives on S > 0
    grid = np.linspace(0.0, 1.1 * spacings.max(), GRID + 1)[1:]
    _bands(ax, fits, grid, lambda fit: _pair_model(fit).spacing)
    ax.set(xlabel="spacing $S = x_1 - x_2$", ylabel="$P(S)$", xlim=(0, None))
    return ax


def laws(fits: Mapping[str, Fit]) -> Figure:
    """Density and spacing of pair fits side by side."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    density(fits, left)
    spacing(fits, right)
    return figure


def ranks(fit: Fit) -> Figure:
    """ArviZ's rank plot of the parameters, a panel each: chains that agree wander about zero together."""
    posterior = fit.numbers.drop_vars(REDUNDANT, errors="ignore")
    # the envelope is simulated, at a cost that grows with the draws; a few hundred a chain show any disagreement
    thinned = posterior.thin(draw=max(1, posterior.sizes["draw"] // RANK_DRAWS))
    rows = -(-len(thinned) // RANK_COLUMNS)
    collection = azp.plot_rank(
        xr.DataTree.from_dict({"posterior": thinned}),
        backend="matplotlib",
        col_wrap=RANK_COLUMNS,
        figure_kwargs={"figsize": (9, 2.6 * rows)},
    )
    figure: Figure = collection.viz["figure"].item()
    figure.set_layout_engine("constrained")
    return figure


def levels(fits: Mapping[str, Fit], ax: Axes | None = None) -> Axes:
    """Histogram of all levels of a gas, new levels under each model (lines), and the bare centres (ticks on top).

    :param fits: fits of the same data with likelihood "levels", by the name to show.
    :raises ValueError: for other fits.
    """
    _require(fits)
    if any(fit.likelihood != "levels" for fit in fits.values()):
        raise ValueError("fits: expected fits of all levels of a gas")
    ax = _axes(ax)
    observed = next(iter(fits.values())).observations
    # peaks stay apart where a bin is a fraction of a level's width
    count = np.ptp(observed) / (BIN_OF_A_LEVEL * observed.std(axis=0).mean())
    edges = list(np.linspace(observed.min(), observed.max(), int(np.clip(count, 8, 1000))))
    ax.hist(observed.ravel(), edges, density=True, label="levels", color="0.85", histtype="stepfilled")
    for (name, fit), colour in zip(fits.items(), GAS_COLOURS, strict=False):
        predicted = fit.tree["posterior_predictive"]["eigenvalues"].to_numpy()
        ax.hist(predicted.ravel(), edges, density=True, label=name, histtype="step", color=colour)
        for centre in fit.tree["posterior"]["centre"].mean(("chain", "draw")).to_numpy():
            ax.plot([centre, centre], [0.97, 1.0], transform=ax.get_xaxis_transform(), color=colour)
    ax.set(xlabel="eigenvalue $x$", ylabel=r"spectral density $\rho(x)$")
    ax.legend(frameon=False)
    return ax


def calibration(result: Calibration) -> Figure:
    """Ranks of the truth as the difference of their distribution from uniform, a panel a parameter.

    The grey band holds the whole of a uniform curve with probability 99 %: a curve that leaves it anywhere is alarming.
    Above zero on the left and below on the right, posteriors are too narrow; the other way round, too wide; on one side
    of zero throughout, they are shifted.
    """
    rows = -(-len(result.uniform) // RANK_COLUMNS)
    columns = min(len(result.uniform), RANK_COLUMNS)
    figure = Figure(figsize=(0.4 + 2.9 * columns, 0.3 + 2.4 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, (name, values) in zip(axes, result.uniform.items(), strict=False):
        at, below, lower, upper = ecdf_pit(values.to_numpy(), ENVELOPE, ENVELOPE_SIMULATIONS)
        ax.fill_between(at, lower - at, upper - at, color="0.85", linewidth=0)
        ax.axhline(0.0, color="0.6", linewidth=0.8)
        ax.plot(at, below - at, color="#0072B2")
        ax.set_title(f"{name}: p = {result.table.loc[name, 'p_value']:.2g}", fontsize="medium")
    for ax in axes[len(result.uniform) :]:
        ax.set_axis_off()
    figure.supxlabel("rank of the truth among posterior draws, as a fraction", fontsize="medium")
    figure.supylabel("ECDF − uniform", fontsize="medium")
    figure.suptitle(f"{result.name}, {result.ranks.sizes['dataset']} data sets")
    return figure


def _require(fits: Mapping[str, Fit], *, pairs: bool = False) -> None:
    """Refuse fits that cannot share a histogram."""
    if len({fit.record["data"]["fingerprint"] for fit in fits.values()}) != 1:
        raise ValueError("fits: expected one or more fits of the same data")
    for fit in fits.values() if pairs else ():
        _pair_model(fit)
    if pairs and any(fit.likelihood == "spacing" for fit in fits.values()):
        raise ValueError("fits: expected fits of pairs, got spacings, which have no one-level density")


def _pair_model(fit: Fit) -> PairModel:
    if not isinstance(fit.model, PairModel):
        raise ValueError(f"fits: expected fits of pairs, got {fit.model.name}")
    return fit.model


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        ax = Figure(figsize=(5.5, 3.6), layout="constrained").subplots()
    return ax


def _histogram(ax: Axes, values: Float[np.ndarray, " n"], label: str) -> None:
    # by the interquartile range, so that a narrow peak between wide tails is resolved
    bins = int(np.clip(len(np.histogram_bin_edges(values, "fd")) - 1, 8, 120))
    ax.hist(
        values, bins, density=True, label=label, color="0.85", edgecolor="0.6", linewidth=0.5, histtype="stepfilled"
    )


def _bands(ax: Axes, fits: Mapping[str, Fit], grid: np.ndarray, law_of: Callable[[Fit], Callable]) -> None:
    tail = (1 - INTERVAL) / 2
    for name, fit in fits.items():
        style = STYLES[fit.model.name]
        lower, middle, upper = np.quantile(_curves(fit, law_of(fit), grid), [tail, 0.5, 1 - tail], axis=0)
        ax.fill_between(grid, lower, upper, color=style["color"], alpha=0.25, linewidth=0)
        above = 2 + 0.1 * list(STYLES).index(fit.model.name)
        ax.plot(grid, middle, label=name, color=style["color"], linestyle=style["linestyle"], zorder=above)
    ax.set_ylim(0, None)
    ax.legend(frameon=False)


@double_precision()
def _curves(fit: Fit, law: Callable[[Parameters], dist.Distribution], grid: np.ndarray) -> np.ndarray:
    """The density on the grid for evenly spaced posterior draws, shape (draw, grid)."""
    posterior = fit.tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    step = max(1, posterior.sizes["sample"] // BAND_DRAWS)
    draws = {str(name): jnp.asarray(values.to_numpy()[::step]) for name, values in posterior.data_vars.items()}
    points = jnp.asarray(grid)

    def curve(one: Parameters) -> Array:
        return jnp.exp(law(one).log_prob(points))

    return np.asarray(jax.vmap(curve)(draws))
