"""Spectra as training leaves them, and on the way there (Figs. 2 and 4)."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from coulombfit.checks.training.learning_curve import LearningCurve
from coulombfit.data.dimensions import SNAPSHOTS
from coulombfit.data.spectra import Spectra, real_array
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.plots.fits import edges_of_levels
from coulombfit.plots.kit.axes import one_axes, own_lettering
from coulombfit.plots.kit.palette import Style, grey, level_style, text_colour
from coulombfit.plots.kit.symbols import DENSITY, EIGENVALUE

__all__ = ["learning_curve", "level_diagram"]

GRID = 300
TAIL = (1 - INTERVAL) / 2


@own_lettering
def level_diagram(spectra: Spectra, ax: Axes | None = None, *, mu2: float | None = None) -> Axes:
    """Histogram of all levels of all runs, and the targets as dashed lines, degenerate ones with their number (Fig. 2).

    :param spectra: targets are drawn where they are known.
    :param ax: what to draw on; the axes of a new figure where None.
    :param mu2: μ², to show λ = μ² − x, the learnt kernel of a Gaussian RBM, in place of x.
    :raises ValueError: for a μ² that is not finite.
    """
    if mu2 is not None and not np.isfinite(mu2):
        raise ValueError(f"mu2: expected a finite number, got {mu2!r}")
    ax = one_axes(ax)

    def shown(x: np.ndarray) -> np.ndarray:
        return x if mu2 is None else mu2 - x

    values = shown(spectra.eigenvalues)
    looks: Style = {"color": grey(ax, 0.35), "histtype": "stepfilled"}
    ax.hist(values.ravel(), edges_of_levels(values), density=True, label=f"{spectra.runs} runs", **looks)
    if spectra.targets is not None:
        targets, times = np.unique(shown(spectra.targets).round(9), return_counts=True)
        thin = mpl.rcParams["axes.linewidth"]
        for k, (target, degenerate) in enumerate(zip(targets, times, strict=True)):
            ax.axvline(target, color=text_colour(), linestyle="--", linewidth=thin, label="targets" if k == 0 else None)
            if degenerate > 1:
                place = ax.get_xaxis_transform()
                ax.annotate(
                    f"×{degenerate}", (target, 1.0), (0, 2), xycoords=place, textcoords="offset points", ha="center",
                    fontsize="small",
                )  # fmt: skip
    kernel = r"learnt eigenvalue $\lambda = \mu^2 - x$"
    ax.set(xlabel=EIGENVALUE if mu2 is None else kernel)
    ax.set(ylabel=DENSITY if mu2 is None else r"density $\rho(\lambda)$, units of $1/\lambda$")
    # targets run through it
    ax.legend(framealpha=1.0, edgecolor="none", fontsize="small")
    return ax


@own_lettering
def learning_curve(
    result: LearningCurve,
    ax: Axes | None = None,
    *,
    eigenvalues: ArrayLike | None = None,
    steps: ArrayLike | None = None,
) -> Axes:
    """Eq. 22 as inferred for every level, median and 90 % band, against the step on a logarithmic axis (Fig. 4).

    :param result: what :func:`coulombfit.learning_curve` has found.
    :param ax: what to draw on; the axes of a new figure where None.
    :param eigenvalues: shape (run, snapshot, level), those it was inferred from: their means are drawn as points, with
        one standard error.
    :param steps: shape (snapshot,), those of the eigenvalues; by default the steps that were used.
    :raises ValueError: for other shapes.
    """
    count = len(result.fits)
    at = result.steps if steps is None else real_array(steps, "steps")
    x = None if eigenvalues is None else real_array(eigenvalues, "eigenvalues", SNAPSHOTS)
    if x is not None and (x.ndim != 3 or x.shape[1:] != (at.size, count) or len(x) < 2):
        raise ValueError(f"eigenvalues: expected shape (run, {at.size}, {count}), got {x.shape}")
    ax = one_axes(ax)
    first, last = float(at.min()) + 1.0, float(at.max()) + 1.0
    across = np.geomspace(first, last, GRID) - 1.0
    lower, middle, upper = result.curves(across).quantile([TAIL, 0.5, 1 - TAIL], ("chain", "draw")).to_numpy()
    for k in range(count):
        looks = level_style(k, count)
        colour = looks["color"]
        ax.fill_between(across + 1, lower[k], upper[k], color=colour, alpha=0.25, linewidth=0)
        ax.plot(across + 1, middle[k], color=colour, label=f"level {k}, Eq. 22")
        if x is not None:
            error = x[:, :, k].std(axis=0, ddof=1) / np.sqrt(len(x))
            size = 0.65 * mpl.rcParams["lines.markersize"]
            label = f"level {k}, mean of {len(x)} runs"
            mean = x[:, :, k].mean(axis=0)
            ax.errorbar(at + 1, mean, error, fmt=looks["marker"], markersize=size, color=colour, label=label)
    ax.set(xscale="log", xlabel="step $t + 1$", ylabel=EIGENVALUE)
    ax.legend(frameon=False, fontsize="small")
    return ax
