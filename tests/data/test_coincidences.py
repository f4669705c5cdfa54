"""Copies of runs, which are no observations, and levels that meet by chance."""

import warnings

import numpy as np
import pytest

import coulombfit as cf
from tests.data.levels import pairs

# A3


def test_a3_copies_of_runs_are_no_observations() -> None:
    x = pairs(300)
    for copied in (np.concatenate([x] * 5), np.concatenate([x, x[:1]]), np.concatenate([x[:, :1]] * 2)):
        with pytest.raises(cf.DataError, match="eigenvalues: runs 0 and 300 are equal in all"):
            cf.Spectra(copied)
    with pytest.raises(cf.DataError, match=r"runs 0 and 1 are equal in all 2 .* 49 of 50 runs repeat another"):
        cf.Spectra(np.repeat(x[:1], 50, axis=0))
    with pytest.raises(cf.DataError, match="runs 0 and 300 are equal"):
        cf.Spectra(np.concatenate([x, x]).astype(np.float32))
    with pytest.raises(cf.DataError, match="runs 0 and 1 are equal"):
        cf.Spectra.from_weights(np.repeat(np.random.default_rng(0).normal(size=(1, 3, 2)), 2, axis=0))
    assert cf.Spectra(x[:, ::-1]).runs == 300


@pytest.mark.parametrize(("decimals", "refused"), [(1, False), (2, False), (3, True), (4, True)])
def test_a3_rounded_levels_that_meet_by_chance_are_warned_about(decimals: int, refused: bool) -> None:
    """With two decimals the chance that two runs agree is so large that copies cannot be told from it."""
    for seed in range(20):
        x = np.round(pairs(300, seed), decimals)
        if len(np.unique(x, axis=0)) < 300:
            with pytest.warns(UserWarning, match=rf"as may happen by chance with levels rounded to {decimals} decimal"):
                cf.Spectra(x)
        else:
            cf.Spectra(x)
    copied = np.concatenate([x] * 5)
    if refused:
        with pytest.raises(cf.DataError, match="runs repeat another: copies are no observations"):
            cf.Spectra(copied)
    else:
        with pytest.warns(UserWarning, match="if these are copies, leave them out"):
            cf.Spectra(copied)


def test_a3_half_precision_may_coincide() -> None:
    with pytest.warns(UserWarning, match="levels rounded to float16"):
        cf.Spectra(pairs(300).astype(np.float16))


def test_a3_distinct_runs_never_coincide() -> None:
    """10⁵ pairs and 10⁵ single levels: no false alarm."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = pairs(100_000)
        assert cf.Spectra(x).runs == cf.Spectra(x[:, :1]).runs == 100_000
