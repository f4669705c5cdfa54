"""Figures: what each takes and returns, labels, one palette, styles of the user."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import coulombfit as cf
from coulombfit import plots
from coulombfit.models import MODELS
from tests.plots.made_up import (
    a_calibration,
    a_comparison,
    an_evidence,
    of_pairs,
    settings,
)

SEVERAL = ("laws", "scaling", "study", "corner", "ranks", "calibration", "predictive", "pit")
FIGURES = (
    *("density", "residuals", "spacing", "levels", "comparison", "evidence", "displacement", "level_diagram", "widths"),
    *("learning_curve", "surmise", "mean_spacing", "stacked_densities", *SEVERAL),
)
OTHERS = {"level_style", "model_style", "require_figure", "savefig", "styles"}


def test_every_figure_is_tested(drawn) -> None:
    assert set(FIGURES) == set(drawn) == set(plots.__all__) - OTHERS


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_taken_and_returned(drawn, name: str) -> None:
    """Drawn where it is told, and else outside pyplot; styles are left alone; every axis says what it is."""
    count, draw = drawn[name]
    before = dict(mpl.rcParams)
    given = Figure().subplots(1, count, squeeze=False).ravel()
    returned = draw(given[0] if count == 1 else given)
    assert list(np.atleast_1d(returned)) == list(given)
    assert all(ax.has_data() for ax in given)
    made = np.atleast_1d(draw(None))
    assert made.shape == (count,)
    assert isinstance(made[0].figure.figure, Figure)
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before
    for ax in given:
        assert ax.get_xlabel()
        named = all(label.get_text() for label in ax.get_yticklabels())
        assert ax.get_ylabel() or (name in ("comparison", "evidence", "stacked_densities", "study") and named)
    text = " ".join(f"{ax.get_xlabel()} {ax.get_ylabel()}" for ax in given)
    if name in ("density", "spacing", "levels", "laws", "displacement", "scaling", "corner"):
        assert re.search(r"\$.*x", text)
        assert re.search("units?", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_figures_draw_in_a_dark_style(drawn, name: str, tmp_path: Path) -> None:
    """Warnings are errors; nothing is drawn in the colour of the background, and labels leave room for the panels."""
    width = "page" if name in SEVERAL else "column"
    with plt.style.context("dark_background"):
        axes = np.atleast_1d(drawn[name][1](None))
        plots.savefig(axes, tmp_path / "figure.png", width)
        lines = [line.get_color() for ax in axes for line in ax.get_lines()]
        faces = [to_hex(patch.get_facecolor()) for ax in axes for patch in ax.patches if patch.get_fill()]
        errors = [to_hex(c) for ax in axes for each in ax.findobj(LineCollection) for c in each.get_colors()]
    assert not {"#000000", "black", "k"} & {*map(str, lines), *faces, *errors}


def colours(axes: Any) -> dict[str, str]:
    found = {}
    for ax in np.atleast_1d(axes):
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            colour = handle.get_color() if hasattr(handle, "get_color") else handle.get_edgecolor()
            found[label] = to_hex(colour)
    return found


def test_a_model_has_one_colour_everywhere(fits, drawn) -> None:
    renamed = {f"my {name}": fit for name, fit in fits.items()}
    expected = {f"my {name}": to_hex(MODELS[name].colour) for name in fits}
    for draw in (plots.density, plots.residuals, plots.spacing, plots.laws):
        assert expected.items() <= colours(draw(renamed)).items(), draw.__name__
    assert colours(plots.corner(renamed, parameters=["centre"])) == expected
    for draw, result in ((plots.comparison, a_comparison), (plots.evidence, an_evidence)):
        ax = draw(result(list(renamed)), fits=renamed)
        bars = [to_hex(bar.get_facecolor()) for bar in ax.patches]
        names = [label.get_text() for label in ax.get_yticklabels()]
        assert dict(zip(names, bars, strict=True)) == expected
    assert colours(plots.calibration(a_calibration()))["one-species (pair)"] == to_hex(MODELS["one-species"].colour)
    assert set(colours(drawn["ranks"][1](None)).values()) == {to_hex(MODELS["one-species"].colour)}


def test_fits_of_one_model_are_told_apart(fits) -> None:
    again = dict.fromkeys(("one", "two", "three"), fits["two-species"])
    found = plots.styles(again)
    assert found["one"] == plots.model_style("two-species")
    assert len({style["color"] for style in found.values()}) == 3
    assert len({style["linestyle"] for style in found.values()}) == 3


def test_levels_and_models_have_no_colour_in_common() -> None:
    models = {to_hex(model.colour) for model in MODELS.values() if model.colour}
    several = [plots.level_style(k, 6) for k in range(6)]
    assert len({style["color"] for style in several}) == len({style["marker"] for style in several}) == 6
    assert not models & {style["color"] for style in several}


@pytest.mark.parametrize("name", SEVERAL)
def test_another_number_of_axes_is_refused(drawn, name: str) -> None:
    count, draw = drawn[name]
    with pytest.raises(ValueError, match=f"axes: expected {count} matplotlib Axes, for .*; got {count + 1}"):
        draw(Figure().subplots(1, count + 1))


def test_residuals_are_those_of_the_bins(fits) -> None:
    """Of the law that made the data they scatter by one; levels of a run repel, which makes it less."""
    ax = plots.residuals({"one": fits["one-species"], "null": fits["gaussian"]})
    values = {patch.get_label(): patch.get_data().values for patch in ax.patches if hasattr(patch, "get_data")}
    assert 0.6 < values["one"].std() < 1.3
    assert abs(values["one"].mean()) < 0.3
    levels = fits["one-species"].observations
    inside = plots.density({"one": fits["one-species"]}).get_xlim()
    assert inside[0] < levels.min() < levels.max() < inside[1]
    assert np.abs(values["null"]).max() > 2.0


def test_the_corner_shows_the_posterior(fits) -> None:
    fit = fits["two-species"]
    axes = plots.corner(fit)
    labels = ["$x_c$, units of $x$", r"$\sigma_m$, units of $x$", "$r$"]
    assert [axes[k].get_xlabel() for k in (3, 4, 5)] == labels
    contour = next(c for c in axes[1].collections if len(getattr(c, "levels", [])) == 2)
    outer = contour.get_paths()[0]
    draws = np.stack([fit.numbers[name].to_numpy().ravel() for name in ("centre", "sigma_m")], axis=1)
    assert np.mean(outer.contains_points(draws)) == pytest.approx(0.9, abs=0.03)
    with pytest.raises(ValueError, match=r"parameters: .* 'one-species' has centre, sigma, mean_spacing; got 'r'"):
        plots.corner({"two-species": fit, "one-species": fits["one-species"]}, parameters=["r"])
    with pytest.raises(ValueError, match="parameters: expected 1 to 8 of them, got 9"):
        plots.corner(fit, parameters=["r"] * 9)


def test_ranks_need_chains(fits) -> None:
    with pytest.raises(ValueError, match="fit: expected two or more Markov chains, got 4 of sampler 'laplace'"):
        plots.ranks(fits["one-species"])


def test_a_chain_that_stands_apart_is_seen() -> None:
    apart = of_pairs("one-species", "nuts")
    apart.tree["posterior"]["sigma"][{"chain": 0}] += 0.01
    ax = plots.ranks(apart)[1]
    low, high = (f(ax.collections[0].get_paths()[0].vertices[:, 1]) for f in (np.min, np.max))
    reach = {line.get_label(): np.abs(line.get_ydata()).max() for line in ax.get_lines()}
    assert reach["chain 0"] > 3 * max(high, -low)
    assert reach["chain 1"] < reach["chain 0"] / 2


def test_the_level_diagram_has_a_line_a_target() -> None:
    spectra = settings()[0]
    at = [line.get_xdata()[0] for line in plots.level_diagram(spectra, mu2=9.0).get_lines()]
    assert at == [4.0, 5.0, 6.0]
    ax = plots.level_diagram(spectra)
    assert [text.get_text() for text in ax.texts] == ["×2"]
    assert plots.level_diagram(replace(spectra, targets=None)).get_lines()[:] == []
    with pytest.raises(ValueError, match="mu2: expected a finite number, got nan"):
        plots.level_diagram(spectra, mu2=float("nan"))


def test_learning_curves_of_another_shape_are_refused() -> None:
    steps = np.arange(0.0, 160.0, 16.0)
    curves = 4.0 + np.random.default_rng(0).normal(size=(100, 10, 1))
    with pytest.raises(ValueError, match=r"eigenvalues: expected shape \(run, 10, 1\), got \(100, 9, 1\)"):
        plots.learning_curve(cf.learning_curve(curves, steps), eigenvalues=curves[:, :9], steps=steps)
