"""Intervals have their nominal coverage: 200 repeated fits of data drawn from each model.

The unit of replication is the data set. At 90 % nominal, 200 fits put the observed coverage within 85 to 95 % with a
false-alarm rate of about 2 % a parameter; the seeds are fixed.
"""

import arviz_stats as azs
import numpy as np
import pytest

import coulombfit as cf
from simulators import ensembles

FITS = 200


def one_species(seed: int) -> np.ndarray:
    return ensembles.one_species(centre=4.0, sigma=0.04, runs=30, seed=seed)


def two_species(seed: int) -> np.ndarray:
    return ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=100, seed=seed)


SIGMA_M = np.sqrt(0.001)
CASES = {
    "one-species": (one_species, {"centre": 4.0, "sigma": 0.04, "mean_spacing": np.sqrt(np.pi) * 0.04}),
    "two-species": (
        two_species,
        {
            "centre": 4.0,
            "sigma_1": 0.04,
            "sigma_2": 0.02,
            "sigma_m": SIGMA_M,
            "r": 0.6,
            "mean_spacing": np.sqrt(np.pi) * SIGMA_M,
        },
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["one-species", "two-species"])
def test_ninety_percent_intervals_cover(model: str) -> None:
    draw, truth = CASES[model]
    sampling = cf.Sampling(chains=1, warmup=250, draws=800, target_accept=0.85)
    covered = dict.fromkeys(truth, 0)
    for seed in range(FITS):
        posterior = cf.fit(draw(seed), model, seed=seed, sampling=sampling).tree["posterior"].to_dataset()
        # an interval's ends are only as good as the draws behind them
        assert min(float(size) for size in azs.ess(posterior, method="tail").values()) > 150
        for name, value in truth.items():
            lower, upper = np.quantile(posterior[name], [0.05, 0.95])
            covered[name] += lower <= value <= upper
    rates = {name: count / FITS for name, count in covered.items()}
    assert all(0.85 <= rate <= 0.95 for rate in rates.values()), rates
