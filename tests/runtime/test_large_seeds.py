"""Every public function that takes a seed takes all that are documented, from 0 to 2⁶³ − 1, and refuses others."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import coulombfit as cf
import simulators
from simulators import ensembles

LARGEST = 2**63 - 1
RNG = np.random.default_rng(0)
PAIRS = ensembles.one_species(centre=4.0, sigma=0.04, runs=40, seed=2)
SETTINGS = [
    cf.Spectra(2.0 + 0.1 * np.sqrt(b) * RNG.normal(size=(40, 1)), 0.1 * b, 1, targets=[2.0]) for b in (1.0, 2.0, 4.0)
]
TIMES = np.arange(0, 30, 3)
CURVES = 4.0 / (1 + 3 * np.exp(-0.3 * TIMES))[None, :, None] + 0.05 * RNG.normal(size=(300, len(TIMES), 1))
LEVELS = 4.0 + 0.1 * RNG.normal(size=(20, 60))
CHANGES = -0.1 * (LEVELS - 4.0) + 0.03 * RNG.normal(size=(20, 60))
SHORT = cf.Sampling(chains=1, warmup=50, draws=50)
SMALL: dict[str, Any] = {"runs": 4, "steps": 5, "seed": None}


def fitted() -> cf.Fit:
    return cf.fit(PAIRS, "gaussian", sampler="laplace")


CALLS: dict[str, Callable[[int], object]] = {
    "calibrate": lambda seed: cf.calibrate("gaussian", runs=5, datasets=20, sampler="laplace", seed=seed).table,
    "degeneracy": lambda seed: cf.degeneracy(PAIRS, seed=seed).table,
    "displacement": lambda seed: cf.displacement(SETTINGS, quadratic=False, seed=seed).table,
    "evidence": lambda seed: cf.evidence({"a": fitted(), "b": cf.fit(PAIRS, sampler="laplace")}, seed=seed).table,
    "fit": lambda seed: cf.fit(PAIRS, sampler="nuts", sampling=SHORT, seed=seed).table(),
    "fit_many": lambda seed: cf.fit_many([PAIRS, PAIRS + 1], "gaussian", seed=seed),
    "learning_curve": lambda seed: cf.learning_curve(CURVES, TIMES, seed=seed).table,
    "moments": lambda seed: cf.moments(PAIRS, seed=seed).table,
    "noise_scaling": lambda seed: (
        cf.noise_scaling({b: np.random.default_rng(b).normal(0, b**-0.5, 50) for b in (4, 16)}, seed=seed).table
    ),
    "predict_width": lambda seed: (
        cf.predict_width(LEVELS[..., None], CHANGES[..., None], learning_rate=0.1, batch_size=4, seed=seed).table
    ),
    "predictive": lambda seed: cf.predictive(fitted(), seed=seed).table,
    "scaling": lambda seed: cf.scaling(SETTINGS, sampler="laplace", seed=seed, progress=False).table,
    "width_consistency": lambda seed: (
        cf.width_consistency(PAIRS, models=["one-species"], likelihoods=["pair"], seed=seed).table
    ),
    "dyson.simulate": lambda seed: (
        simulators.dyson.simulate(centres=[4.0, 4.0], widths=0.1, **SMALL | {"seed": seed}).eigenvalues
    ),
    "ensembles.one_species": lambda seed: ensembles.one_species(centre=4.0, sigma=0.1, runs=3, seed=seed),
    "ensembles.perturbed": lambda seed: ensembles.perturbed(levels=[4.0, 3.0], widths=0.1, runs=3, seed=seed),
    "ensembles.two_species": lambda seed: ensembles.two_species(
        centre=4.0, sigma_1=0.1, sigma_2=0.1, runs=3, seed=seed
    ),
    "gaussian_rbm.simulate": lambda seed: (
        simulators.gaussian_rbm.simulate(
            kernel=simulators.gaussian_rbm.lattice_kernel(4, 4.0), **SMALL | {"seed": seed}
        ).eigenvalues
    ),
    "mlp.simulate": lambda seed: (
        simulators.mlp.simulate(widths=(4, 3, 2), data="teacher", **SMALL | {"seed": seed}).layer(0).eigenvalues
    ),
    "teacher_student.simulate": lambda seed: (
        simulators.teacher_student.simulate(kappa=4.0, **SMALL | {"seed": seed}).eigenvalues
    ),
}


def public() -> set[str]:
    """Names of all public functions with a seed."""
    found = {name: getattr(cf, name) for name in cf.__all__}
    for module in (name for name in simulators.__all__ if inspect.ismodule(getattr(simulators, name))):
        of = getattr(simulators, module)
        found |= {f"{module}.{name}": getattr(of, name) for name in of.__all__}
    functions = {name: each for name, each in found.items() if inspect.isfunction(each)}
    return {name for name, each in functions.items() if "seed" in inspect.signature(each).parameters}


def test_all_functions_with_a_seed_are_called() -> None:
    assert public() == set(CALLS)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*too few|.*steps|.*runs")
@pytest.mark.parametrize("name", sorted(CALLS))
def test_c10_the_largest_seed_works_and_the_next_is_refused(name: str, unchecked: None) -> None:
    assert CALLS[name](LARGEST) is not None
    assert CALLS[name](2**32) is not None
    for seed in (2**63, -1):
        with pytest.raises(ValueError, match="seed: expected a whole number from 0 to 2\\*\\*63 - 1, got"):
            CALLS[name](seed)
