"""Numbers that should be uniform: ranks of chains, ranks of the truth, probability integral transforms.

Drawn is the difference of their distribution from the uniform one. A band holds the whole of such a curve with
probability 99 %, so that one that leaves it anywhere is alarming.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import matplotlib as mpl
import numpy as np
from arviz_stats.ecdf_utils import ecdf_pit
from jaxtyping import Float
from matplotlib.axes import Axes
from scipy import stats

from coulombfit.answers.numbers import probability
from coulombfit.checks.fits.calibration import Calibration
from coulombfit.checks.fits.predictive import PredictiveCheck
from coulombfit.inference.fit_result import Fit
from coulombfit.models.parameters import find_parameter
from coulombfit.plots.kit.axes import Panels, grid, left_labels, own_lettering
from coulombfit.plots.kit.names import legible
from coulombfit.plots.kit.palette import LINES, grey, model_style, text_colour
from coulombfit.plots.kit.symbols import symbol

__all__ = ["calibration", "pit", "ranks"]

ENVELOPE = 0.99
SIMULATIONS = 1000
MOST = 500
"""Numbers for which a band is simulated; for more it shrinks as their square root."""
RANK_DRAWS = 250
COLUMNS = 3
DIFFERENCE = "ECDF − uniform"


@own_lettering
def ranks(fit: Fit, axes: Iterable[Axes] | None = None) -> Panels:
    """How the draws of each chain rank among all draws, a panel a parameter: chains that agree wander about zero.

    :param fit: one by sampler "nuts".
    :param axes: as many as ``fit.numbers`` has parameters, the mean spacing left out.
    :raises ValueError: for a fit without two chains or more, or another number of axes.
    """
    chains = fit.tree["posterior"].sizes["chain"]
    if fit.record.sampler != "nuts" or chains < 2:
        raise ValueError(f"fit: expected two or more Markov chains, got {chains} of sampler {fit.record.sampler!r}")
    reports = fit.model.reports
    posterior = fit.numbers[[name for name in fit.numbers if not find_parameter(str(name), reports).redundant]]
    # a few hundred draws a chain show any disagreement, and neighbours depend on each other less
    thinned = posterior.thin(draw=max(1, posterior.sizes["draw"] // RANK_DRAWS))
    panels = grid(axes, [str(name) for name in thinned], COLUMNS, sharey=True)
    colour = model_style(fit.model)["color"]
    for ax, (name, draws) in zip(panels, thinned.items(), strict=True):
        placed = stats.rankdata(draws.to_numpy()).reshape(draws.shape) / draws.size
        _band(ax, placed.shape[1], chains)
        for k, one in enumerate(placed):
            # all in the model's colour: what counts is whether one stands apart
            _curve(ax, one, color=colour, linestyle=LINES[k % len(LINES)], label=f"chain {k}")
        ax.set(title=symbol(str(name), reports), xlabel="rank, as a fraction", ylabel=DIFFERENCE)
    return panels if axes is not None else left_labels(panels)


@own_lettering
def calibration(result: Calibration, axes: Iterable[Axes] | None = None) -> Panels:
    """Ranks of the truth among posterior draws, a panel a parameter.

    Above zero on the left and below on the right, posteriors are too narrow; the other way round, too wide; on one side
    of zero throughout, they are shifted.

    :param result: what :func:`coulombfit.calibrate` has found.
    :param axes: as many as ``result.table`` has rows.
    :raises ValueError: for another number of axes.
    """
    panels = grid(axes, list(map(str, result.uniform)), COLUMNS, sharey=True)
    colour = model_style(result.name.partition(" ")[0])["color"]
    for ax, (name, values) in zip(panels, result.uniform.items(), strict=True):
        _band(ax, values.size)
        _curve(ax, values.to_numpy(), color=colour, label=legible(result.name))
        ax.set_title(f"{symbol(str(name), result.parameters)}: p {probability(result.table.loc[name, 'p_value'])}")
        ax.set(xlabel="rank of the truth, as a fraction", ylabel=DIFFERENCE)
    return panels if axes is not None else left_labels(panels)


@own_lettering
def pit(check: PredictiveCheck, axes: Iterable[Axes] | None = None) -> Panels:
    """Probability integral transforms of the data of every run under the fitted law, for spacings and for levels.

    The band is that of independent numbers and a law that is known: too wide for parameters that were fitted, and for
    levels that repel.

    :param check: :func:`coulombfit.predictive` of a fit.
    :param axes: as many as ``check.tree["pit"]`` has variables, which are spacings and, where they were fitted, levels.
    :raises ValueError: for another number of axes.
    """
    transforms = {str(name): values.to_numpy().ravel() for name, values in check.tree["pit"].to_dataset().items()}
    panels = grid(axes, list(transforms), COLUMNS, sharey=True)
    for ax, (name, values) in zip(panels, transforms.items(), strict=True):
        _band(ax, values.size)
        _curve(ax, values, color=text_colour(), label="data")
        ax.set(xlabel=f"transform $F$ of {name}", ylabel=DIFFERENCE)
    return panels if axes is not None else left_labels(panels)


def _curve(ax: Axes, values: Float[np.ndarray, " n"], **style: Any) -> None:
    at = np.arange(1, min(values.size, MOST)) / min(values.size, MOST)
    below = np.searchsorted(np.sort(values), at, side="right") / values.size
    ax.plot(at, below - at, **style)


def _band(ax: Axes, count: int, chains: int = 1) -> None:
    at, lower, upper = _envelope(min(count, MOST), chains)
    shrunk = np.sqrt(min(1.0, MOST / count))
    ax.fill_between(at, shrunk * (lower - at), shrunk * (upper - at), color=grey(ax, 0.15), linewidth=0)
    ax.axhline(0.0, color=grey(ax, 0.4), linewidth=mpl.rcParams["axes.linewidth"])


@lru_cache(maxsize=64)
def _envelope(count: int, chains: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places and both ends of the band; it depends on nothing but the numbers of draws and chains."""
    even = (np.arange(count) + 0.5) / count
    at, _, lower, upper = ecdf_pit(even, ENVELOPE, SIMULATIONS, n_chains=chains)
    return at, lower, upper
