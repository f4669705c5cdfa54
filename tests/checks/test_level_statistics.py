"""Widths of clusters of levels that push each other."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.checks.settings.level_statistics import level_statistics
from simulators import ensembles

CENTRES = np.array([4.5, 4.2, 4.0])
SINGLE = [[0], [1], [2]]


def test_clusters_far_apart_are_sums_of_squares() -> None:
    x = ensembles.perturbed(levels=[9.0, 5.0, 5.0], widths=0.1, runs=50, seed=1)
    nu, q, centre, covariance = level_statistics(x, [[0], [1, 2]])
    np.testing.assert_array_equal(nu, [49, 149])
    np.testing.assert_allclose(q, [((x[:, 0] - x[:, 0].mean()) ** 2).sum(), ((x[:, 1:] - x[:, 1:].mean()) ** 2).sum()])
    np.testing.assert_allclose(centre, [x[:, 0].mean(), x[:, 1:].mean()])
    assert covariance.shape == (2, 2)


@pytest.mark.slow
def test_widths_of_levels_that_push_each_other() -> None:
    """σ within 4 of its errors, which sums of squares miss by more: the middle level has no room to be as wide."""
    x = ensembles.perturbed(levels=CENTRES, widths=0.1, runs=4000, seed=2)
    nu, q, *_ = level_statistics(x, SINGLE)
    sigma, error = np.sqrt(q / nu), np.sqrt(0.5 / nu)
    assert (np.abs(np.log(sigma / 0.1)) < 4 * error).all()
    plain = x.std(axis=0)
    assert np.abs(np.log(plain / 0.1) / error).max() > 8


@pytest.mark.long
def test_the_rule_holds_for_levels_of_any_distance() -> None:
    """Singles two to five widths apart: both exponents 1, which variances of levels would put below 1."""
    spectra = [
        cf.Spectra(
            ensembles.perturbed(levels=CENTRES, widths=0.4 * np.sqrt(rate / batch), runs=400, seed=seed),
            learning_rate=rate,
            batch_size=batch,
            clusters="single",
            name=f"{rate} {batch}",
        )
        for seed, (rate, batch) in enumerate([(0.05, 16), (0.1, 16), (0.4, 16), (0.4, 64), (1.6, 32), (0.8, 8)])
    ]
    result = cf.scaling(spectra, sampler="laplace")
    for name in ("b_learning_rate", "b_batch_size"):
        assert abs(result.table.loc[name, "mean"] - 1.0) < 4 * result.table.loc[name, "sd"]
