"""Figures of a report: SVG with text as text, a title, and a caption that says how to read it and what is alarming."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coulombfit import plots
from coulombfit.checks.fits.predictive import PredictiveCheck
from coulombfit.checks.settings.scaling_result import Scaling
from coulombfit.data.spectra import Spectra
from coulombfit.inference.fit_result import Fit
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.plots.kit.axes import LETTERING, own_lettering
from coulombfit.plots.kit.saving import figure_of

__all__ = ["Picture", "draw_chains", "draw_laws", "draw_predictions", "draw_scaling", "draw_study"]

PATH = re.compile(r' d="[^"]*"')
DIGITS = re.compile(r"(\.\d\d)\d+")


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, with what it shows and how to read it."""

    source: str
    title: str
    caption: str


@own_lettering
def draw_laws(fits: Mapping[str, Fit]) -> list[Picture]:
    """The data with every law that was fitted to them."""
    first = next(iter(fits.values()))
    if not first.observed_by.of_pairs:
        caption = (
            "All levels of all runs (grey), new levels under each model (lines) and the bare centres (ticks on "
            "top), from which repulsion displaces the levels. Lines that leave the grey are alarming."
        )
        across = (
            f"Width of every level against its centre, posterior mean and {INTERVAL:.0%} interval. Under the scaling "
            "rule σ² is in proportion to noise over curvature; a level far off a common curve is worth a look."
        )
        return [
            _picture(plots.levels(fits), "Levels", caption),
            _picture(plots.widths(fits), "Widths", across),
        ]
    pictures = []
    if first.observations.ndim > 1:
        caption = (
            "On top, all levels of all runs (grey) and the density of one level under each model: posterior median and "
            f"{INTERVAL:.0%} band. Below, the levels of each bin less what a model expects, in units of the error of "
            "the bin. A good model follows the top and both tails and stays within ±2; lines that leave it over many "
            "neighbouring bins are alarming."
        )
        figure = Figure(figsize=(6.4, 5.8), layout="constrained")
        panels = figure.subplots(2, 1, sharex=True, height_ratios=(2.3, 1.0))
        plots.density(fits, panels[0]).set_xlabel("")
        plots.residuals(fits, panels[1])
        pictures.append(_picture(panels, "Spectral density and residuals", caption))
    caption = (
        "Spacings of the pairs (grey) and their law under each model. Levels that repel leave a hole at S = 0, the "
        "Wigner surmise; a Gaussian without repulsion fills it. A band beside the grey is alarming."
    )
    pictures.append(_picture(plots.spacing(fits), "Level spacing", caption))
    return pictures


def draw_predictions(name: str, check: PredictiveCheck) -> Picture:
    """The data among replicated data."""
    return _picture(
        plots.predictive(check),
        f"Data among what the fit predicts, {name}",
        "On top, each quantity of the data (line) among those of 400 ensembles drawn from the posterior (grey): a line "
        "far out in a tail is alarming. Below, how the data are distributed within the law, as the difference from "
        "uniform: a curve that leaves the band is alarming.",
    )


def draw_chains(name: str, fit: Fit) -> Picture | None:
    """Ranks of the draws of each chain; None of a fit without chains to compare."""
    if fit.record.sampler != "nuts" or fit.tree["posterior"].sizes["chain"] < 2:
        return None
    return _picture(
        plots.ranks(fit),
        f"Ranks of the draws, {name}",
        "How each chain's draws rank among all draws, as the difference from uniform. Chains that explored the same "
        "posterior wander about zero, inside the grey envelope; a chain that leaves it or stands apart is alarming.",
    )


def draw_scaling(scaling: Scaling) -> Picture:
    """Widths against √(α/|B|)."""
    return _picture(
        plots.scaling(scaling),
        "Widths of all settings against the linear scaling rule",
        "Left, σ of every setting (points, one standard deviation) and the rule with the posterior's amplitude (line, "
        f"{INTERVAL:.0%} band), and the same on logarithmic axes, where the rule has slope ½. Right, σ over the rule "
        "with exponents inferred; the grey band is the scatter between settings. Points with a trend, or outside the "
        "band by more than their bars, are alarming.",
    )


def draw_study(pairs: Mapping[str, Spectra], fits: Mapping[str, Fit]) -> list[Picture]:
    """One pair of levels at all settings, side by side.

    :param pairs: of every setting, by its name.
    :param fits: of these pairs, by the name of the setting.
    """
    surmised = {name: fit for name, fit in fits.items() if fit.model.surmise}
    dense = {name: fit for name, fit in fits.items() if fit.model.offers("density")}
    found = [
        _picture(
            plots.surmise(list(pairs.values())),
            "Spacings of all settings on the Wigner surmise",
            "Spacings over their mean in each setting (points, one standard deviation of counts) and the surmise, to "
            "which nothing is fitted. Points below the line at small spacings are those of split levels, points above "
            "it those of levels that do not repel.",
        )
    ]
    if surmised:
        caption = (
            f"√π σ as fitted, with its {INTERVAL:.0%} interval, against the mean spacing with that of a mean. Both "
            "come from the same runs, so that points on the diagonal do not confirm a law; points off it are alarming."
        )
        found.append(_picture(plots.mean_spacing(surmised), "Widths against mean spacings", caption))
    if dense:
        caption = (
            "Levels of each setting (grey) and their density as fitted, posterior median and "
            f"{INTERVAL:.0%} band, each on a scale of its own. A band that leaves its grey is alarming."
        )
        found.append(_picture(plots.stacked_densities(dense), "Densities of all settings", caption))
    return found


def _picture(axes: Axes | Iterable[Axes], title: str, caption: str) -> Picture:
    buffer = io.BytesIO()
    # text stays text, and the same fits give the same bytes
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "coulombfit", **LETTERING}):
        figure_of(axes).savefig(buffer, format="svg", metadata={"Date": None})
    # a hundredth of a point is less than anyone sees, and half the size
    short = PATH.sub(lambda path: DIGITS.sub(r"\1", path.group()).replace("\n", ""), buffer.getvalue().decode())
    encoded = base64.b64encode(short.encode()).decode("ascii")
    return Picture(f"data:image/svg+xml;base64,{encoded}", title, caption)
