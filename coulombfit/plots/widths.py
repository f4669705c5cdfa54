"""Widths of levels against where they lie."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from coulombfit.inference.fit_result import Fit
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.plots.kit.axes import legend_on_top, one_axes, own_lettering
from coulombfit.plots.kit.names import legible
from coulombfit.plots.kit.palette import LINES, styles, text_colour

__all__ = ["widths"]

Curve = tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]
MARKERS = "os^vD"


@own_lettering
def widths(fits: Mapping[str, Fit], ax: Axes | None = None, *, predicted: Mapping[str, Curve] | None = None) -> Axes:
    """Width σ of every level against its centre, posterior means with 90 % intervals, beside predictions as lines.

    :param fits: fits whose parameters are centres and widths, by the name to show.
    :param ax: what to draw on; the axes of a new figure where None.
    :param predicted: by the name to show, places x and the widths there, as √(2xα/\\|B\\|) of a Gaussian RBM.
    :raises ValueError: for fits without a centre and a width.
    """
    for name, fit in fits.items():
        if not {"centre", "sigma"} <= fit.parameters.keys():
            found = ", ".join(fit.parameters)
            raise ValueError(f"fits: expected fits with a centre and a sigma, got {name!r} with {found}")
    ax = one_axes(ax)
    ends = [(1.0 - INTERVAL) / 2.0, (1.0 + INTERVAL) / 2.0]
    for k, (name, style) in enumerate(styles(fits).items()):
        draws = {
            one: values.reshape(values.shape[0] * values.shape[1], -1) for one, values in fits[name].parameters.items()
        }
        centre, sigma = draws["centre"].mean(axis=0), draws["sigma"].mean(axis=0)
        spread = {
            one: np.abs(np.quantile(draws[one], ends, axis=0) - draws[one].mean(axis=0)) for one in ("centre", "sigma")
        }
        ax.errorbar(
            centre, sigma, spread["sigma"], spread["centre"], fmt=MARKERS[k % len(MARKERS)], color=style["color"],
            markersize=0.65 * mpl.rcParams["lines.markersize"], label=legible(name),
        )  # fmt: skip
    for (name, (x, width)), line in zip((predicted or {}).items(), LINES, strict=False):
        ax.plot(
            x, width, color=text_colour(), linestyle=line, linewidth=mpl.rcParams["axes.linewidth"], label=legible(name)
        )
    ax.set(xlabel="centre $x_c$, units of $x$", ylabel=r"width $\sigma$, units of $x$")
    legend_on_top(ax)
    return ax
