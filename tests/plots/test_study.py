"""Figures of a study: where points, bars and curves are, and what is refused."""

import numpy as np
import pytest
from matplotlib.axes import Axes

import coulombfit as cf
from coulombfit import plots
from simulators import ensembles
from tests.plots.made_up import of_pairs


def points(ax: Axes, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the k-th series, and the ends of its upright bars."""
    x, y = ax.containers[k].lines[0].get_data()
    # upright bars come last
    ends = np.array([segment[:, 1] for segment in ax.containers[k].lines[2][-1].get_segments()])
    return np.asarray(x), np.asarray(y), ends


def share_of_bars_that_hold_the_surmise(x: np.ndarray) -> float:
    ax = plots.surmise([cf.Spectra(x, targets=[4.0, 4.0])])
    at, seen, ends = points(ax, 0)
    assert np.sum(seen) * (at[1] - at[0]) == pytest.approx(1.0, abs=3e-2)
    edges = np.linspace(0.0, 3.0, len(at) + 1)
    below = 1.0 - np.exp(-0.25 * np.pi * edges**2)
    expected = np.diff(below) / np.diff(edges)
    return float(((ends[:, 0] <= expected) & (expected <= ends[:, 1])).mean())


def test_bars_are_one_standard_deviation_about_the_surmise() -> None:
    """Of 20 data sets two thirds of all bars hold it (sd 0.03); of levels that do not repel, far fewer."""
    held = [
        share_of_bars_that_hold_the_surmise(ensembles.one_species(centre=4.0, sigma=0.1, runs=2000, seed=seed))
        for seed in range(20)
    ]
    assert 0.59 < np.mean(held) < 0.80
    free = 4.0 + 0.1 * np.random.default_rng(0).normal(size=(2000, 2))
    assert share_of_bars_that_hold_the_surmise(free) < 0.4


def test_settings_share_one_panel_whatever_their_width() -> None:
    x = ensembles.one_species(centre=4.0, sigma=0.1, runs=200, seed=0)
    ax = plots.surmise([cf.Spectra(x, name="one"), cf.Spectra(4.0 + 0.2 * (x - 4.0), name="other")])
    (_, one, _), (_, other, _) = points(ax, 0), points(ax, 1)
    np.testing.assert_allclose(one, other)
    assert [text.get_text() for text in ax.get_legend().get_texts()][1:] == ["one", "other"]


def test_settings_without_a_pair_are_refused_by_name() -> None:
    x = np.array([4.0, 1.0]) + 0.01 * np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(cf.DataError, match="expected one of 0 degenerate pairs of first, second, got 0; only pairs"):
        plots.surmise([cf.Spectra(x, name="first"), cf.Spectra(x + 1e-3, name="second")])


def test_a_width_lies_beside_its_mean_spacing() -> None:
    fit = of_pairs("one-species")
    ax = plots.mean_spacing({"one": fit})
    x, y, ends = points(ax, 0)
    spacing = fit.observations[:, 0] - fit.observations[:, 1]
    draws = np.sqrt(np.pi) * fit.parameters["sigma"]
    assert x[0] == pytest.approx(spacing.mean())
    assert y[0] == pytest.approx(draws.mean())
    np.testing.assert_allclose(ends[0], np.quantile(draws, [0.05, 0.95]))
    sideways = ax.containers[0].lines[2][0].get_segments()[0][:, 0]
    assert np.ptp(sideways) == pytest.approx(2 * 1.6449 * spacing.std(ddof=1) / 20, rel=1e-4)
    # two widths have the surmise of σ_m
    fit = of_pairs("anisotropic")
    ax = plots.mean_spacing({"one": of_pairs("one-species"), "two": fit})
    assert points(ax, 1)[1][0] == pytest.approx(np.sqrt(np.pi) * fit.parameters["sigma_m"].mean())
    assert "two, anisotropic" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_densities_stand_on_their_own_lines() -> None:
    fits = {"below": of_pairs("one-species"), "above": of_pairs("one-species")}
    ax = plots.stacked_densities(fits)
    first, second = ax.get_yticks()
    curves = [line.get_ydata() for line in ax.lines if len(line.get_ydata()) > 2]
    for base, curve in zip((first, second), curves, strict=True):
        assert curve.max() == pytest.approx(base + 1.0)
        assert curve.min() == pytest.approx(base, abs=0.01)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["below", "above"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (plots.mean_spacing, "whose spacing is the surmise, got gaussian of 'null'"),
        (lambda fits: plots.mean_spacing({}), "fits: expected fits by name, at least one"),
        (lambda fits: plots.stacked_densities({}), "fits: expected fits by name, at least one"),
        (lambda fits: plots.surmise([]), "spectra: expected a list of spectra, at least one"),
    ],
)
def test_what_has_no_such_figure_is_refused(draw, message: str) -> None:
    with pytest.raises(cf.ArgumentError, match=message):
        draw({"null": of_pairs("gaussian")})
