"""Figures: what each takes and returns, labels, one palette, styles of the user, files for journals."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

import coulombfit as cf
from coulombfit import plots
from coulombfit.models import MODELS
from simulators import ensembles

TARGETS = np.array([5.0, 4.0, 4.0, 3.0])
G = np.array([1e-3, 2e-3, 4e-3])


def record_of(model: str, likelihood: str) -> dict[str, Any]:
    """The least that a record holds."""
    data = {
        "name": None,
        "runs": 400,
        "learning_rate": None,
        "batch_size": None,
        "fingerprint": "one",
        "provenance": {},
    }
    return {
        "model": model,
        "likelihood": likelihood,
        "sampler": "laplace",
        "sampler_asked_for": "laplace",
        "seed": 0,
        "standardisation": {"location": 4.0, "scale": 0.05},
        "integral": {"log_evidence": None, "se": 0.0, "pareto_k": 0.0, "effective": 4000.0},
        "data": data,
    }


def made_up(model: str, likelihood: str, observed: np.ndarray, posterior: dict[str, tuple], **more: Any) -> cf.Fit:
    """A fit as far as figures look at it, without an inference."""
    groups = {
        "posterior": posterior,
        "observed_data": {"eigenvalues": (("run", "level"), observed)},
        "posterior_predictive": {"eigenvalues": (("chain", "draw", "run", "level"), observed[None, None] + 0.01)},
    }
    tree = xr.DataTree.from_dict({name: xr.Dataset(group) for name, group in groups.items()})
    tree.attrs["coulombfit"] = json.dumps(record_of(model, likelihood) | more)
    return cf.Fit(tree)


def of_pairs(model: str, sampler: str = "laplace") -> cf.Fit:
    """Draws about what describes 400 pairs of one species with σ = 0.04 about 4."""
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=400, seed=4)
    rng = np.random.default_rng(sorted(MODELS).index(model))
    noise = rng.normal(size=(3, 4, 150))
    wide = {"gaussian": 0.049}.get(model, 0.04) * np.exp(0.02 * noise[1])
    parameters = {"centre": 4.0 + 0.0015 * noise[0], "sigma": wide, "mean_spacing": np.sqrt(np.pi) * wide}
    if model in ("two-species", "anisotropic"):
        r = np.abs(np.tanh(0.2 * noise[2]))
        ends = {"sigma_1": wide * np.sqrt(1 + r), "sigma_2": wide * np.sqrt(1 - r)}
        parameters = {"centre": parameters["centre"], **ends, "sigma_m": wide, "r": r}
    draws = {name: (("chain", "draw"), values) for name, values in parameters.items()}
    return made_up(model, "pair", pairs, draws, sampler=sampler)


@pytest.fixture(scope="module")
def fits() -> dict[str, cf.Fit]:
    return {model: of_pairs(model) for model in ("gaussian", "one-species", "two-species", "anisotropic")}


@pytest.fixture(scope="module")
def gas() -> cf.Fit:
    rng = np.random.default_rng(0)
    observed = TARGETS + 0.05 * rng.normal(size=(100, 4))
    centre = np.array([5.0, 4.0, 3.0]) + 0.01 * rng.normal(size=(2, 50, 3))
    posterior = {"centre": (("chain", "draw", "cluster"), centre)}
    return made_up("gas", "levels", observed, posterior, structure={"sizes": [1, 2, 1]})


def settings() -> list[cf.Spectra]:
    rng = np.random.default_rng(1)
    shift = np.array([20.0, -5.0, -5.0, -20.0])
    return [
        cf.Spectra(TARGETS + g * shift + np.sqrt(g) * rng.normal(size=(200, 4)), g * 16, 16, TARGETS, name=f"{g}")
        for g in G
    ]


def a_scaling() -> cf.Scaling:
    """Three settings of two levels that follow the rule."""
    sigma = {(f"{g}", k): a * g**0.5 for g in G for k, a in enumerate((3.0, 2.0))}
    levels = pd.DataFrame({"sigma": sigma}).rename_axis(["setting", "level"])
    levels = levels.assign(learning_rate=16 * np.repeat(G, 2), batch_size=16, factor=1.0, sd=0.05 * levels["sigma"])
    amplitude = np.array([3.0, 2.0]) * np.exp(0.02 * np.random.default_rng(2).normal(size=(2, 50, 2)))
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"amplitude": (("chain", "draw", "level"), amplitude)})})
    table = pd.DataFrame({"mean": [1.01, 0.05], "sd": [0.02, 0.01]}, index=["b_learning_rate", "scatter"])
    return cf.Scaling(tree, table, table.iloc[:1], levels.assign(rule=levels["sigma"]), cf.Diagnosis(()), 0.1, None)


def a_calibration() -> cf.Calibration:
    uniform = np.random.default_rng(3).random((2, 200))
    ranks = xr.Dataset({name: ("dataset", values) for name, values in zip(("centre", "sigma"), uniform, strict=True)})
    table = pd.DataFrame({"p_value": [0.3, 0.5]}, index=["centre", "sigma"])
    return cf.Calibration("one-species (pair)", ranks, ranks, table, 0.0)


def a_check() -> cf.PredictiveCheck:
    rng = np.random.default_rng(4)
    names = ["level density", "spacing", "variance ratio", "binder"]
    table = pd.DataFrame({"observed": 0.1, "p_value": 0.4}, index=names)
    replicates = xr.Dataset({name.replace(" ", "_"): ("replicate", rng.random(400)) for name in names})
    pit = xr.Dataset({"spacings": ("run", rng.random(1500)), "levels": (("run", "level"), rng.random((1500, 2)))})
    return cf.PredictiveCheck(table, xr.DataTree.from_dict({"replicates": replicates, "pit": pit}))


def a_comparison(names: list[str]) -> cf.Comparison:
    diff = -np.arange(len(names)) * 20.0
    table = pd.DataFrame({"elpd_diff": diff, "diff_se": 2.0}, index=names)
    return cf.Comparison(table, xr.Dataset(), {})


def an_evidence(names: list[str]) -> cf.Evidence:
    value = -np.arange(len(names)) * 4.0
    table = pd.DataFrame({"log_evidence": value, "se": 0.01, "log_bayes_factor": value}, index=names)
    changes = pd.DataFrame({"wider": 0.5 * value - 1.0, "narrower": 1.0}, index=names)
    return cf.Evidence(table, changes)


@pytest.fixture(scope="module")
def drawn(fits, gas) -> dict[str, tuple[int, Callable]]:
    """Every function of this package: how many axes it takes, and a call that passes on where to draw."""
    steps = np.arange(0.0, 160.0, 16.0)
    mean = (2.0 - 1.5 * np.exp(-np.array([0.05, 0.02]) * steps[:, None])) ** 2
    curves = mean + 0.1 * np.random.default_rng(5).normal(size=(200, 10, 2))
    learnt = cf.learning_curve(curves, steps)
    displacement, spectra = cf.displacement(settings()), settings()[0]
    both = {name: fits[name] for name in ("two-species", "anisotropic")}
    return {
        "density": (1, lambda on: plots.density(fits, on)),
        "residuals": (1, lambda on: plots.residuals(fits, on)),
        "spacing": (1, lambda on: plots.spacing(fits, on)),
        "levels": (1, lambda on: plots.levels({"gas": gas}, on)),
        "comparison": (1, lambda on: plots.comparison(a_comparison(list(fits)), on)),
        "evidence": (1, lambda on: plots.evidence(an_evidence(list(fits)), on)),
        "displacement": (1, lambda on: plots.displacement(displacement, on)),
        "level_diagram": (1, lambda on: plots.level_diagram(spectra, on, mu2=9.0)),
        "learning_curve": (1, lambda on: plots.learning_curve(learnt, on, eigenvalues=curves, steps=steps)),
        "laws": (3, lambda on: plots.laws(fits, on)),
        "scaling": (3, lambda on: plots.scaling(a_scaling(), on)),
        "corner": (6, lambda on: plots.corner(both, on, truths={"sigma_m": 0.04})),
        "ranks": (2, lambda on: plots.ranks(of_pairs("one-species", "nuts"), on)),
        "calibration": (2, lambda on: plots.calibration(a_calibration(), on)),
        "predictive": (6, lambda on: plots.predictive(a_check(), on)),
        "pit": (2, lambda on: plots.pit(a_check(), on)),
    }


SEVERAL = ("laws", "scaling", "corner", "ranks", "calibration", "predictive", "pit")
FIGURES = (
    *("density", "residuals", "spacing", "levels", "comparison", "evidence", "displacement", "level_diagram"),
    *("learning_curve", *SEVERAL),
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
        assert ax.get_ylabel() or name in ("comparison", "evidence")
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
    models = {to_hex(model.colour) for model in MODELS.values()}
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


def sizes_of_letters(figure: Figure) -> set[float]:
    return {text.get_fontsize() for text in figure.findobj(Text)}


@pytest.mark.parametrize(("width", "inches"), [("column", 3.375), ("page", 7.0), (12, 12.0)])
def test_a_saved_figure_has_the_width_asked_for_and_is_left_as_it_was(fits, tmp_path: Path, width, inches) -> None:
    axes = plots.density(fits) if width == "column" else plots.laws(fits)
    figure = np.atleast_1d(axes)[0].figure
    size, letters = figure.get_size_inches().tolist(), sizes_of_letters(figure)
    plots.savefig(axes, tmp_path / "figure.png", width, dpi=100)
    pixels = plt.imread(tmp_path / "figure.png").shape
    assert pixels[1] == pytest.approx(100 * inches, abs=1)
    assert pixels[0] / pixels[1] == pytest.approx(size[1] / size[0], abs=0.01)
    assert figure.get_size_inches().tolist() == size
    assert sizes_of_letters(figure) == letters
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


def test_letters_are_at_most_eight_points_and_text_stays_text(fits, tmp_path: Path) -> None:
    ax = plots.density(fits)
    for name in ("one.svg", "two.svg", "one.pdf"):
        plots.savefig(ax, tmp_path / name)
    svg = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert ">one-species<" in svg
    assert 0 < max(float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )*([\d.]+)px", svg)) <= 8.01
    # matplotlib 3.11 names some clip paths by where they lie in memory
    one, two = (
        re.sub("p[0-9a-f]{10}", "", (tmp_path / f"{k}.svg").read_text(encoding="utf-8")) for k in ("one", "two")
    )
    assert one == two
    assert b"/Type3" not in (tmp_path / "one.pdf").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": "wide"}, ValueError, 'width: expected "column" or "page", or inches from 0.5 to 100, got .wide.'),
        ({"width": True}, ValueError, "width: expected .*, got True"),
        ({"width": -1.0}, ValueError, "width: expected .*, got -1.0"),
        ({"path": "figure.doc"}, ValueError, "path: expected a figure's ending, .*pdf, .*png, .*svg.*'figure.doc'"),
        ({"path": "nowhere/figure.png"}, OSError, "the folder nowhere does not exist"),
        ({"dpi": 0}, ValueError, "dpi: expected a number above 0, got 0"),
    ],
)
def test_files_that_cannot_be_are_refused(tmp_path: Path, monkeypatch, arguments, error, message) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"drawn": Figure().subplots(), "path": "figure.png"} | arguments
    with pytest.raises(error, match=message):
        plots.savefig(**given)
    assert list(tmp_path.iterdir()) == []


def test_panels_that_do_not_fit_are_refused(drawn, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"width: 3\.375 in is too narrow for 6 panels as they are laid out"):
        plots.savefig(drawn["predictive"][1](None), tmp_path / "figure.png")
    assert list(tmp_path.iterdir()) == []


def test_axes_of_two_figures_are_refused(tmp_path: Path) -> None:
    two = [Figure().subplots(), Figure().subplots()]
    assert all(isinstance(ax, Axes) for ax in two)
    with pytest.raises(ValueError, match="drawn: expected axes of one figure"):
        plots.savefig(two, tmp_path / "figure.png")
