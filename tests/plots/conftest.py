"""What tests of figures share: fits, and every figure as a call."""

from collections.abc import Callable

import numpy as np
import pytest

import coulombfit as cf
from coulombfit import plots
from tests.plots.made_up import (
    TARGETS,
    a_calibration,
    a_check,
    a_comparison,
    a_scaling,
    an_evidence,
    made_up,
    of_pairs,
    settings,
)


@pytest.fixture(scope="module")
def fits() -> dict[str, cf.Fit]:
    return {model: of_pairs(model) for model in ("gaussian", "one-species", "two-species", "anisotropic")}


@pytest.fixture(scope="module")
def gas() -> cf.Fit:
    rng = np.random.default_rng(0)
    observed = TARGETS + 0.05 * rng.normal(size=(100, 4))
    centre = np.array([5.0, 4.0, 3.0]) + 0.01 * rng.normal(size=(2, 50, 3))
    names = ("chain", "draw", "cluster")
    posterior = {"centre": (names, centre), "sigma": (names, 0.05 + 0.002 * rng.normal(size=(2, 50, 3)))}
    return made_up("gas", "levels", observed, posterior, structure={"sizes": [1, 2, 1]})


@pytest.fixture(scope="module")
def drawn(fits, gas) -> dict[str, tuple[int, Callable]]:
    """Every function of this package: how many axes it takes, and a call that passes on where to draw."""
    steps = np.arange(0.0, 160.0, 16.0)
    mean = (2.0 - 1.5 * np.exp(-np.array([0.05, 0.02]) * steps[:, None])) ** 2
    curves = mean + 0.1 * np.random.default_rng(5).normal(size=(200, 10, 2))
    learnt = cf.learning_curve(curves, steps)
    displacement, spectra = cf.displacement(settings()), settings()[0]
    several = {f"setting {k}": fits["one-species"] for k in range(2)}
    pairs = [cf.Spectra(fit.observations, 0.1, 16, name=name) for name, fit in several.items()]
    both = {name: fits[name] for name in ("two-species", "anisotropic")}
    return {
        "density": (1, lambda on: plots.density(fits, on)),
        "residuals": (1, lambda on: plots.residuals(fits, on)),
        "spacing": (1, lambda on: plots.spacing(fits, on)),
        "levels": (1, lambda on: plots.levels({"gas": gas}, on)),
        "widths": (1, lambda on: plots.widths({"gas": gas}, on, predicted={"theory": (TARGETS, 0.01 * TARGETS)})),
        "comparison": (1, lambda on: plots.comparison(a_comparison(list(fits)), on)),
        "evidence": (1, lambda on: plots.evidence(an_evidence(list(fits)), on)),
        "displacement": (1, lambda on: plots.displacement(displacement, on)),
        "level_diagram": (1, lambda on: plots.level_diagram(spectra, on, mu2=9.0)),
        "learning_curve": (1, lambda on: plots.learning_curve(learnt, on, eigenvalues=curves, steps=steps)),
        "surmise": (1, lambda on: plots.surmise(pairs, on)),
        "mean_spacing": (1, lambda on: plots.mean_spacing(several, on)),
        "stacked_densities": (1, lambda on: plots.stacked_densities(several, on)),
        "study": (3, lambda on: plots.study(pairs, several, on)),
        "laws": (3, lambda on: plots.laws(fits, on)),
        "scaling": (3, lambda on: plots.scaling(a_scaling(), on)),
        "corner": (6, lambda on: plots.corner(both, on, truths={"sigma_m": 0.04})),
        "ranks": (2, lambda on: plots.ranks(of_pairs("one-species", "nuts"), on)),
        "calibration": (2, lambda on: plots.calibration(a_calibration(), on)),
        "predictive": (6, lambda on: plots.predictive(a_check(), on)),
        "pit": (2, lambda on: plots.pit(a_check(), on)),
    }
