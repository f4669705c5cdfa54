"""Standard deviations of importance sampling against sums over a grid, where few runs leave bent posteriors."""

import numpy as np
import pytest

import coulombfit as cf
from benchmarks.coverage import TRUTHS, data_sets
from coulombfit.models import MODELS
from coulombfit.runtime.precision import double_precision
from tests.inference.quadrature import posterior_moments

RUNS = 10
TOLERANCE, SHARE = 0.1, 0.98


def errors_of(name: str, likelihood: str, sets: int) -> np.ndarray:
    """Largest relative error of a standard deviation, of every data set that is not sent to chains by its k̂."""
    data = data_sets(name, RUNS, sets, TRUTHS[name])
    many = cf.fit_many(list(data), name, likelihood, progress=False)
    found = many.table["sd"].unstack("parameter")
    errors = []
    with double_precision():
        for (label, row), one in zip(found.iterrows(), data, strict=True):
            if many.fits.loc[label, "sampler"] == "nuts":
                continue
            seen = MODELS[name].observe(cf.Spectra(one), likelihood)
            exact = posterior_moments(MODELS[name], likelihood, seen)
            assert set(exact) == set(row.index)
            errors.append(max(abs(sd / exact[str(parameter)][1] - 1.0) for parameter, sd in row.items()))
    return np.array(errors)


@pytest.mark.one_slow
@pytest.mark.parametrize("name", ["one-species", "two-species"])
@pytest.mark.slow
def test_sds_of_ten_runs_are_those_of_a_quadrature(name: str) -> None:
    """Forty data sets, of which one may be off: of the 300 below three are of two species, and none of one."""
    errors = errors_of(name, "pair", 40)
    assert len(errors) > 30, "chains took the place of importance sampling"
    assert (errors > TOLERANCE).sum() <= 1
    assert np.median(errors) < 0.03


@pytest.mark.parametrize(
    ("name", "likelihood", "sets"),
    [
        ("one-species", "pair", 300),
        ("two-species", "pair", 300),
        ("anisotropic", "pair", 300),
        ("one-species", "density-raw", 100),
    ],
)
@pytest.mark.long
def test_sds_of_ten_runs_are_within_ten_per_cent_of_a_quadrature(name: str, likelihood: str, sets: int) -> None:
    """In 98 % of the data sets at least, counting those that k̂ sends to chains; and these are few."""
    errors = errors_of(name, likelihood, sets)
    assert len(errors) >= 0.9 * sets
    assert (errors > TOLERANCE).sum() <= (1.0 - SHARE) * sets


@pytest.mark.slow
def test_the_quadrature_knows_a_gaussian_posterior() -> None:
    """Of the null model ten times finer makes no difference, and with 300 runs σ has an sd of σ/√2·600, but for its
    prior."""
    pairs = data_sets("gaussian", 300, 1)[0]
    model = MODELS["gaussian"]
    with double_precision():
        coarse, fine = (posterior_moments(model, "pair", pairs, fine=count) for count in (28, 280))
    for parameter, (mean, sd) in fine.items():
        assert coarse[parameter] == pytest.approx((mean, sd), rel=1e-6)
    mean, sd = fine["sigma"]
    assert sd == pytest.approx(mean / np.sqrt(1200), rel=0.01)
    assert fine["centre"][1] == pytest.approx(pairs.std() / np.sqrt(600), rel=0.01)
