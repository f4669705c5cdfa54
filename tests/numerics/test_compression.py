"""Few weighted observations in place of many: against the plain sum, for every model and likelihood."""

import jax
import numpy as np
import pytest

import coulombfit as cf
from coulombfit.inference.log_posterior import TOLERANCE, UNSEEN, Represented, log_likelihood, represent
from coulombfit.models import MODELS, Model
from coulombfit.numerics.compression import uncompressed
from simulators import ensembles

SLOW = {*(("anisotropic", likelihood) for likelihood in ("density", "density-raw", "pair")), ("gas", "levels")}
SLOW |= {("two-species", "density-raw"), ("gas-beta", "levels"), ("split-pair", "spacing"), ("split-pair", "pair")}
LONG = {("split-pair-two-widths", "pair"), ("anisotropic", "density-raw"), ("anisotropic", "density")}
SLOW -= LONG
CASES = [
    pytest.param(
        name,
        likelihood,
        marks=[pytest.mark.long] * ((name, likelihood) in LONG) + [pytest.mark.slow] * ((name, likelihood) in SLOW),
    )
    for name, model in MODELS.items()
    # steps of trajectories are compressed in laws/trajectory; scores of conditionals are not
    for likelihood in (one.name for one in model.likelihoods if not (one.over_time or one.spread_of_runs))
]


def levels(model: str, runs: int, sigma_2: float = 0.02, seed: int = 1) -> cf.Spectra:
    """Two species, or a gas of a pair and a level far from it."""
    pairs = ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=sigma_2, runs=runs, seed=seed)
    if model != "gas":
        return cf.Spectra(pairs)
    single = 1.0 + 0.05 * np.random.default_rng(seed).standard_normal((runs, 1))
    return cf.Spectra(np.concatenate([pairs, single], axis=1))


def both(model: Model, likelihood: str, spectra: cf.Spectra) -> tuple[Represented, np.ndarray, np.ndarray]:
    """The representation that a fit uses, and ln L of it and of the plain sum, at the mode and at points about it."""
    model = model.fitted_to(spectra)
    seen = model.observe(spectra, likelihood)
    unit = model.unit(seen, likelihood)
    with jax.enable_x64(True):
        found = represent(model, model.likelihood(likelihood), seen, unit)
        peak = found.peak
        away = np.random.default_rng(7).standard_normal((40, len(peak.centre)))
        points = np.concatenate([peak.centre[None], peak.centre + 1.5 * away @ np.asarray(peak.root).T])
        several = log_likelihood(model, model.likelihood(likelihood))
        itself = uncompressed(np.asarray(model.likelihood(likelihood).terms(seen, unit)))
        return found, np.asarray(several(points, found.weighted, unit)), np.asarray(several(points, itself, unit))


@pytest.mark.parametrize(("name", "likelihood"), CASES)
def test_compression_against_the_plain_sum(name: str, likelihood: str) -> None:
    model = MODELS[name]
    found, small, whole = both(model, likelihood, levels(name, 3000))
    compression = model.compressions.get(likelihood)
    if compression is not None and compression.exact:
        assert found.weighted.size == 2
        assert found.error == 0.0
        # offset included: evidence rests on it
        np.testing.assert_allclose(small, whole, rtol=1e-10)
        return
    if compression is None:
        assert found.weighted.size >= 3000
        return
    assert found.weighted.size <= 1024
    assert found.error <= TOLERANCE
    difference = (small - whole) - (small - whole)[0]
    assert np.abs(difference).max() <= TOLERANCE
    # the constant, which evidence has, too
    assert abs(small[0] - whole[0]) <= 2 * TOLERANCE


def worst_within_reach(small: np.ndarray, whole: np.ndarray) -> float:
    """Largest difference between ln L and its value at the mode, at points where a draw may come.

    Where widths are equal, a flat direction of the proposal reaches 150 below the mode: there nothing is promised.
    """
    reached = whole > whole[0] - UNSEEN
    assert reached.sum() > 20
    difference = (small - whole) - (small - whole)[0]
    return float(np.abs(difference[reached]).max())


@pytest.mark.one_by_default
@pytest.mark.parametrize("likelihood", ["pair", "density"])
@pytest.mark.parametrize(
    "sigma_2", [pytest.param(0.04, marks=pytest.mark.slow), 0.004, pytest.param(0.0004, marks=pytest.mark.slow)]
)
def test_compression_follows_narrow_features(likelihood: str, sigma_2: float) -> None:
    """σ₂/σ₁ down to 0.01: the grid is made finer, or given up, as the error demands."""
    _, small, whole = both(MODELS["two-species"], likelihood, levels("two-species", 2000, sigma_2))
    assert worst_within_reach(small, whole) <= TOLERANCE


@pytest.mark.long
def test_outliers_are_compressed_with_the_rest() -> None:
    pairs = levels("two-species", 4000).eigenvalues.copy()
    pairs[:3] += np.array([[1.0, -1.0], [0.5, 0.5], [-0.9, -0.9]])
    for likelihood in ("pair", "density"):
        _, small, whole = both(MODELS["two-species"], likelihood, cf.Spectra(pairs))
        difference = (small - whole) - (small - whole)[0]
        assert np.abs(difference).max() <= TOLERANCE


@pytest.mark.slow
def test_nodes_do_not_grow_with_the_data() -> None:
    for likelihood, most in (("density", 144), ("pair", 1792)):
        sizes = [both(MODELS["two-species"], likelihood, levels("", runs))[0].weighted.size for runs in (10**4, 10**5)]
        assert sizes[1] <= most
        assert sizes[1] <= 3 * sizes[0]


@pytest.mark.one_slow
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "likelihood"), [("two-species", "pair"), ("two-species", "density"), ("anisotropic", "pair")]
)
def test_compression_of_very_many(name: str, likelihood: str) -> None:
    """Ln L of 300 000 pairs is of the order of 10⁵, and still right to a hundredth."""
    found, small, whole = both(MODELS[name], likelihood, levels(name, 300_000))
    assert found.weighted.size <= 4096
    difference = (small - whole) - (small - whole)[0]
    assert np.abs(difference).max() <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "likelihood"),
    [
        ("one-species", "pair"),
        ("two-species", "pair"),
        pytest.param("two-species", "density-raw", marks=pytest.mark.slow),
    ],
)
def test_posteriors_are_those_of_the_plain_sum(name: str, likelihood: str) -> None:
    """But for the Monte Carlo error of 4000 draws."""
    data = levels(name, 3000).eigenvalues
    settings = {"sampler": "laplace", "seed": 2}
    small, whole = (cf.fit(data, name, likelihood, compress=compress, **settings) for compress in (True, False))
    assert small.record["compression"]["nodes"] < 1000 < whole.record["compression"]["nodes"]
    one, other = small.table(), whole.table()
    assert (np.abs(one["mean"] - other["mean"]) < 0.08 * other["sd"]).all()
    np.testing.assert_allclose(one["sd"], other["sd"], rtol=0.06)
    if likelihood == "pair":
        evidence = [fit.record["integral"]["log_evidence"] for fit in (small, whole)]
        assert evidence[0] == pytest.approx(evidence[1], abs=2 * TOLERANCE)


@pytest.mark.slow
def test_few_observations_stay_as_they_are() -> None:
    found, small, whole = both(MODELS["two-species"], "pair", levels("two-species", 20))
    assert found.weighted.size == 32
    assert np.count_nonzero(found.weighted.weights) == 20
    np.testing.assert_array_equal(small, whole)


@pytest.mark.slow
def test_a_gas_whose_levels_spread_too_unevenly_stays_as_it_is() -> None:
    """Two nodes with each level's mean and spread would be out of order."""
    rng = np.random.default_rng(0)
    upper = np.where(np.arange(50) == 0, 100.0, rng.uniform(1.0, 1.1, 50))
    spectra = cf.Spectra(np.stack([upper, rng.uniform(0.9, 1.0, 50)], axis=1))
    model = MODELS["gas"].fitted_to(spectra)
    seen = model.observe(spectra, "levels")
    assert model.sizes == (2,)
    assert model.compressions["levels"].compress(seen) is None
