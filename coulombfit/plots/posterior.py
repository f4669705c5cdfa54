"""Posteriors of parameters: each by itself, and in pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy import stats

from coulombfit.inference.fit_result import Fit
from coulombfit.models.parameters import Parameter, find_parameter
from coulombfit.plots.kit.axes import Panels, given_axes, new_figure, own_lettering
from coulombfit.plots.kit.names import legible, with_every_name
from coulombfit.plots.kit.palette import Style, styles, text_colour
from coulombfit.plots.kit.symbols import symbol

__all__ = ["corner"]

CONTENTS = (0.9, 0.5)
"""Posterior probability inside the outer and inner contour."""
DRAWS = 1000
GRID = 50
BINS = 40
MOST = 8
TICKS = 2
"""Intervals between ticks, at most: panels are small."""


@own_lettering
def corner(
    fits: Mapping[str, Fit] | Fit,
    axes: Iterable[Axes] | None = None,
    *,
    parameters: Sequence[str] | None = None,
    truths: Mapping[str, float] | None = None,
) -> Panels:
    """Posterior of every parameter, and of every two: contours hold 50 % and 90 %.

    :param fits: one fit, or several by the name to show, which have these parameters in common.
    :param axes: n(n + 1)/2 for n parameters, the lower triangle row by row: (0, 0), (1, 0), (1, 1), (2, 0), …
    :param parameters: names of ``fit.numbers``, at most 8; by default the free parameters of the first fit.
    :param truths: known values by parameter, as lines.
    :raises ValueError: for parameters that a fit does not have, fewer than one or more than 8, or another number of
        axes.
    """
    several_fits = {fits.model.name: fits} if isinstance(fits, Fit) else dict(fits)
    if not several_fits:
        raise ValueError("fits: expected at least one, got none")
    names = list(parameters) if parameters is not None else _free(next(iter(several_fits.values())))
    for label, fit in several_fits.items():
        missing = [name for name in names if name not in fit.numbers]
        if missing:
            has = ", ".join(map(str, fit.numbers))
            raise ValueError(f"parameters: expected names that every fit has, {label!r} has {has}; got {missing[0]!r}")
    if not 1 <= len(names) <= MOST:
        raise ValueError(f"parameters: expected 1 to {MOST} of them, got {len(names)}; choose with parameters=")
    places = [(i, j) for i in range(len(names)) for j in range(i + 1)]
    panels = given_axes(axes, [f"{names[i]} and {names[j]}" if i > j else names[i] for i, j in places])
    if panels is None:
        panels = _triangle(len(names), places)
    looks, known = styles(several_fits), truths or {}
    reports = [one for fit in several_fits.values() for one in fit.model.reports]
    thinned = {label: _draws(fit, names) for label, fit in several_fits.items()}
    for ax, (i, j) in zip(panels, places, strict=True):
        for label, draws in thinned.items():
            if i == j:
                _marginal(ax, draws[i], label, looks[label])
            else:
                _contours(ax, draws[j], draws[i], looks[label])
        _mark(ax, known.get(names[j]), known.get(names[i]) if i > j else None)
        ax.set_xlabel(_with_unit(names[j], reports))
        ax.set_ylabel("posterior density" if i == j else _with_unit(names[i], reports))
        ax.xaxis.set_major_locator(MaxNLocator(TICKS))
        ax.yaxis.set_major_locator(MaxNLocator(TICKS))
    if axes is None:
        _outer_labels(panels, places, len(names))
    if len(several_fits) > 1:
        # of a triangle made here, in the empty corner
        where: Any = panels[0].figure if axes is None and len(names) > 1 else panels[0]
        handles, labels = panels[0].get_legend_handles_labels()
        with_every_name(where.legend(handles, labels, frameon=False, fontsize="small", loc="upper right"))
    return panels


def _free(fit: Fit) -> list[str]:
    """Parameters that determine all others: those that have priors; all of a model that samples others."""
    model = fit.model
    parameters = {site: parameter for parameter, site in model.sampled_as.items()}
    sampled = [parameters.get(site, site) for site in model.sites(fit.observed_by)]
    numbers = [str(name) for name in fit.numbers if not find_parameter(str(name), model.reports).redundant]
    found = [name for name in numbers if name.partition("[")[0] in sampled]
    return found if len(found) >= model.free_parameters(fit.observed_by) else numbers


def _draws(fit: Fit, names: Sequence[str]) -> list[Float[np.ndarray, " draw"]]:
    found = [fit.numbers[name].to_numpy().ravel() for name in names]
    step = max(1, found[0].size // DRAWS)
    return [values[::step] for values in found]


def _marginal(ax: Axes, draws: Float[np.ndarray, " draw"], label: str, style: Style) -> None:
    bins = list(np.histogram_bin_edges(draws, "fd")) if np.ptp(draws) > 0 else BINS
    ax.hist(draws, bins, density=True, histtype="stepfilled", color=style["color"], alpha=0.25)
    ax.hist(draws, bins, density=True, histtype="step", label=legible(label), **style)
    ax.set_ylim(0, None)
    ax.tick_params(left=False, labelleft=False)


def _contours(ax: Axes, x: Float[np.ndarray, " draw"], y: Float[np.ndarray, " draw"], style: Style) -> None:
    kernel = stats.gaussian_kde(np.stack([x, y]))
    # of a density at its own draws so many lie below each contour
    at = np.quantile(kernel(np.stack([x, y])), [1.0 - content for content in CONTENTS])
    spans = [np.linspace(values.min(), values.max(), GRID) for values in (x, y)]
    mesh = np.stack(np.meshgrid(*spans))
    height = kernel(mesh.reshape(2, -1)).reshape(GRID, GRID)
    shades = [(style["color"], alpha) for alpha in (0.2, 0.5)]
    ax.contourf(*mesh, height, levels=[*at, height.max() * 1.01], colors=shades)
    ax.contour(*mesh, height, levels=at, colors=style["color"], linestyles=style["linestyle"])


def _mark(ax: Axes, x: float | None, y: float | None) -> None:
    looks: Style = {"color": text_colour(), "linewidth": mpl.rcParams["axes.linewidth"], "linestyle": "--"}
    if x is not None:
        ax.axvline(x, **looks)
    if y is not None:
        ax.axhline(y, **looks)


def _with_unit(name: str, reports: Sequence[Parameter]) -> str:
    return symbol(name, reports) + ("" if find_parameter(name, reports).unit == "1" else ", units of $x$")


def _triangle(count: int, places: Sequence[tuple[int, int]]) -> Panels:
    panel = 0.45 if count > 1 else 1.0
    grid: Any = new_figure(count, count, panel).subplots(count, count, sharex="col", squeeze=False)
    found = np.empty(len(places), dtype=object)
    for k, (i, j) in enumerate(places):
        found[k] = grid[i, j]
    for i, j in np.ndindex(count, count):
        if j > i:
            grid[i, j].remove()
    return found


def _outer_labels(panels: Panels, places: Sequence[tuple[int, int]], count: int) -> None:
    """Label only the left column and the bottom row of a triangle of panels that was made here."""
    for ax, (i, j) in zip(panels, places, strict=True):
        if i < count - 1:
            ax.set_xlabel("")
        if j > 0 or (i == 0 and count > 1):
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
