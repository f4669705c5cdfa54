"""Which levels of a matrix are looked at."""

import numpy as np
import pytest

import coulombfit as cf

RNG = np.random.default_rng(1)
X = RNG.normal([5.0, 4.0, 3.0, 1.0], 0.05, (30, 4))


def test_levels_are_chosen_by_number() -> None:
    chosen = cf.Spectra(X, levels=[3, 1], targets=[5.0, 4.0, 3.0, 1.0])
    np.testing.assert_array_equal(chosen.eigenvalues, cf.Spectra(X).eigenvalues[:, [1, 3]])
    np.testing.assert_array_equal(chosen.targets, [4.0, 1.0])
    assert chosen.provenance["levels"] == [1, 3]
    stated = cf.Spectra(X, levels=range(1, 4), clusters=[[1], [2, 3]])
    assert (stated.clusters, stated.provenance["levels"]) == ([[0], [1, 2]], [1, 2, 3])
    # chosen again: numbers of those at hand, places of the whole matrix
    again = cf.Spectra(stated.eigenvalues, provenance=stated.provenance, levels=[1, 2])
    assert (again.provenance["levels"], again.clusters) == ([2, 3], [[0, 1]])


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(6, 5), (5, 6), (80, 70)])
def test_dead_levels_of_rank_deficient_weights_are_left_out(kind, shape) -> None:
    rank = 3
    w = (RNG.normal(size=(10, shape[0], rank)) @ RNG.normal(size=(10, rank, shape[1]))).astype(kind)
    found = cf.Spectra.from_weights(w, levels="nonzero")
    assert found.provenance["levels"] == [0, 1, 2]
    assert "parted" not in found.provenance
    full = RNG.normal(size=(10, *shape)).astype(kind)
    assert cf.Spectra.from_weights(full, levels="nonzero").levels == min(shape)


def test_zeros_of_eigenvalues_in_their_own_precision() -> None:
    x = np.column_stack([X, 1e-15 * np.abs(RNG.normal(size=30)), np.zeros(30)])
    assert cf.Spectra(x, levels="nonzero").provenance["levels"] == [0, 1, 2, 3]
    small = np.column_stack([X, 1e-7 * np.abs(RNG.normal(size=30))])
    assert cf.Spectra(small, levels="nonzero").levels == 5
    assert cf.Spectra(small.astype(np.float32), levels="nonzero").levels == 4


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("alive", "levels: expected numbers from the top, or 'nonzero', got 'alive'"),
        (3, "levels: expected whole numbers from the top, or 'nonzero', got 3"),
        ([1.5], "levels: expected whole numbers"),
        (b"01", "levels: expected whole numbers"),
        ([], "levels: expected at least one, got none"),
        ([1, 1], r"levels: expected every level once, got \[1, 1\]"),
        ([0, 4], "levels: expected numbers from 0, the topmost, to 3, got 4"),
        ([-1], "levels: expected numbers from 0, the topmost, to 3, got -1"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_are_no_levels_is_refused(levels, message) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.Spectra(X, levels=levels)


def test_zero_in_some_runs_only_is_no_dead_level() -> None:
    x = X.copy()
    x[:5, 3] = 0.0
    with pytest.raises(cf.DataError, match=r"level 3 zero in 5 of 30 runs.*levels=range\(3\)"):
        cf.Spectra(x, levels="nonzero")
    with pytest.raises(cf.DataError, match="got zero for all of them"):
        cf.Spectra.from_trajectory(np.zeros((100, 3)), levels="nonzero")


def test_clusters_are_of_the_levels_that_are_chosen() -> None:
    with pytest.raises(cf.DataError, match="clusters: expected levels among 1–2, got 0"):
        cf.Spectra(X, levels=[1, 2], clusters=[[0], [1, 2]])


def test_a_trajectory_without_its_dead_levels() -> None:
    x = np.column_stack([RNG.normal([5.0, 2.0, 1.9], 0.05, (400, 3)), np.zeros(400)])
    with pytest.raises(cf.DataError, match=r"level 3 constant.*levels='nonzero'"):
        cf.Spectra.from_trajectory(x)
    found = cf.Spectra.from_trajectory(x, levels="nonzero", clusters="single")
    assert (found.clusters, found.provenance["levels"]) == ([[0], [1], [2]], [0, 1, 2])
    some = cf.Spectra.from_trajectory(x, levels=[1, 2], clusters=[[1, 2]])
    assert (some.clusters, some.provenance["levels"]) == ([[0, 1]], [1, 2])
    assert some.provenance["trajectory"]["slowest"].split("level")[1].strip(" s")[0] in "12"
