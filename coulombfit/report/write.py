"""One self-contained HTML file from fits and their comparison."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import matplotlib as mpl
import matplotlib.pyplot as plt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coulombfit import plots
from coulombfit.checks.comparison import Comparison
from coulombfit.files import write_text
from coulombfit.result import INTERVAL, Fit

__all__ = ["write_report"]


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, with what it shows and how to read it."""

    source: str
    title: str
    caption: str


def write_report(
    path: str | Path, *, fits: Mapping[str, Fit], comparison: Comparison | None = None, title: str = "Posterior report"
) -> None:
    """Write the report: verdicts, parameters with intervals, figures, gate, comparison, priors, versions and seeds.

    :param path: an .html file; needs no network to be read.
    :param fits: fits by the name to show; fits of the same observations share their figures.
    :param comparison: shown where given.
    :raises ValueError: without fits.
    """
    if not fits:
        raise ValueError("fits: expected at least one fit to report, got none")
    groups: dict[tuple[str, str], dict[str, Fit]] = {}
    for name, fit in fits.items():
        groups.setdefault((fit.record["data"]["fingerprint"], fit.likelihood), {})[name] = fit
    environment = Environment(
        loader=PackageLoader("coulombfit", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("template.html").render(
        title=title,
        fits=fits,
        comparison=comparison,
        interval=f"{INTERVAL:.0%}",
        laws=[(group, _law_pictures(group)) for group in groups.values()],
        ranks={name: _rank_picture(name, fit) for name, fit in fits.items()},
        symbol=_symbol,
    )
    write_text(page, path)


SYMBOLS = {
    name: Markup(symbol)
    for name, symbol in {
        "centre": "centre <i>x<sub>c</sub></i>",
        "beta": "repulsion <i>β</i>",
        "sigma": "width <i>σ</i>",
        "sigma_1": "wider width <i>σ</i><sub>1</sub>",
        "sigma_2": "narrower width <i>σ</i><sub>2</sub>",
        "sigma_m": "mean width <i>σ<sub>m</sub></i>",
        "r": "asymmetry <i>r</i> = (<i>σ</i><sub>1</sub>² − <i>σ</i><sub>2</sub>²) / 2<i>σ<sub>m</sub></i>²",
        "mean_spacing": "mean spacing ⟨<i>S</i>⟩ = √π <i>σ<sub>m</sub></i>",
    }.items()
}


def _symbol(parameter: str) -> Markup:
    """A parameter as it is written; of one cluster of a gas with the cluster's number."""
    name, _, cluster = parameter.partition("[")
    return SYMBOLS[name] + (f" of cluster {cluster.removesuffix(']')}" if cluster else "")


def _law_pictures(group: Mapping[str, Fit]) -> list[Picture]:
    likelihood = next(iter(group.values())).likelihood
    pictures = []
    if likelihood == "levels":
        return [
            _picture(
                _figure(plots.levels(group)),
                "Levels",
                "All levels of all runs (grey), new levels under each model (lines) and the bare centres (ticks on "
                "top), from which repulsion displaces the levels. Lines that leave the grey are alarming.",
            )
        ]
    if likelihood != "spacing":
        pictures.append(
            _picture(
                _figure(plots.density(group)),
                "Spectral density",
                "All levels of all runs (grey) and the density of one level under each model: posterior median and "
                f"{INTERVAL:.0%} band. A good model follows the top and both tails; a histogram that leaves the band "
                "over many neighbouring bins is alarming.",
            )
        )
    pictures.append(
        _picture(
            _figure(plots.spacing(group)),
            "Level spacing",
            "Spacings of the pairs (grey) and their law under each model. Levels that repel leave a hole at S = 0, the "
            "Wigner surmise; a Gaussian without repulsion fills it.",
        )
    )
    return pictures


def _rank_picture(name: str, fit: Fit) -> Picture:
    return _picture(
        plots.ranks(fit),
        f"Ranks of the draws, {name}",
        "How each chain's draws rank among all draws, as the difference from uniform. Chains that explored the same "
        "posterior wander about zero, inside the grey envelope or, where ArviZ prints one, with p above 0.01; a chain "
        "that stands apart is alarming.",
    )


def _figure(ax: Axes) -> Figure:
    return cast(Figure, ax.figure)


def _picture(figure: Figure, title: str, caption: str) -> Picture:
    buffer = io.BytesIO()
    # text stays text, and the same fits give the same bytes
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "coulombfit"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    # ArviZ draws through pyplot, which would keep the figure and show it in a notebook
    plt.close(figure)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(f"data:image/svg+xml;base64,{encoded}", title, caption)
