"""What likelihoods see of spectra, and what they refuse."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.models.likelihoods import LIKELIHOODS

X = np.random.default_rng(0).normal([5.0, 3.0], 0.05, (40, 2))


def test_a_level_that_was_chosen_is_no_list_of_pooled_levels(tmp_path) -> None:
    """Of 40 runs the density would make 20 pairs out of unrelated levels."""
    chosen = cf.Spectra(X).level(1)
    chosen.save(tmp_path / "level.nc")
    weights = np.sqrt(X[:, :1, None])  # (run, 1, 1): each matrix has one level
    with cf.Recorder(tmp_path / "recording") as recorder:
        recorder.log(0, weights)
    for run in range(3):
        np.savez(tmp_path / f"{run}.npz", W=weights[run])
    for one in (
        chosen,
        cf.read(tmp_path / "level.nc"),
        cf.Spectra(X, levels=[1]),
        cf.Spectra(X[:, 1:], clusters="single"),
        cf.Spectra(X[:, 1:]).level(0),
        cf.Spectra.from_weights(weights),
        cf.Spectra.from_trajectory(np.random.default_rng(0).normal(4.0, 0.1, (100, 1))),
        cf.read(tmp_path / "recording"),
        cf.read([tmp_path / f"{run}.npz" for run in range(3)], weights="W"),
    ):
        for name in ("density", "density-raw", "pair", "spacing"):
            with pytest.raises(cf.DataError, match=r"got one level, [01], of every run.*cf\.fit\(spectra, 'levels'\)"):
                LIKELIHOODS[name].observe(one)


def test_a_plain_list_is_pooled_levels() -> None:
    assert LIKELIHOODS["density"].observe(cf.Spectra(X[:, :1])).shape == (20, 2)
    with pytest.raises(cf.DataError, match="the levels of whole pairs, an even number, got 39"):
        LIKELIHOODS["density"].observe(cf.Spectra(X[:39, :1]))


def test_all_levels_names_what_leaves_out_zeros() -> None:
    x = np.column_stack([X, np.zeros((40, 2))])
    with pytest.raises(cf.DataError, match=r"tied ones.*levels='nonzero'"):
        LIKELIHOODS["levels"].observe(cf.Spectra(x))
    assert LIKELIHOODS["levels"].observe(cf.Spectra(x, levels="nonzero")).shape == (40, 2)
