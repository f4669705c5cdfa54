"""Spectra: what they accept, refuse, and which levels they pair."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.data.clusters import group_by_gaps
from simulators import ensembles


def ensemble(*centres: float, sigma: float = 0.02, runs: int = 300) -> np.ndarray:
    """Degenerate pairs at the given centres, each (run, 2)."""
    return np.hstack([ensembles.one_species(centre=c, sigma=sigma, runs=runs, seed=i) for i, c in enumerate(centres)])


def test_levels_descend_and_settings_are_kept() -> None:
    spectra = cf.Spectra([[1, 3, 2], [5.0, 4.0, 6.0]], learning_rate=0.1, batch_size=np.int64(16), targets=[1, 3, 2])
    np.testing.assert_array_equal(spectra.eigenvalues, [[3, 2, 1], [6, 5, 4]])
    np.testing.assert_array_equal(spectra.targets, [3, 2, 1])
    with pytest.raises(ValueError, match="read-only"):
        spectra.eigenvalues[0, 0] = 1.0
    assert (spectra.runs, spectra.levels, spectra.learning_rate, spectra.batch_size) == (2, 3, 0.1, 16.0)


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 3, 4), (5, 3, 3), (5, 1, 3)])
def test_weights_give_squared_singular_values(shape) -> None:
    w = np.random.default_rng(0).normal(size=shape)
    spectra = cf.Spectra.from_weights(w)
    gram = w @ w.swapaxes(1, 2) if shape[1] < shape[2] else w.swapaxes(1, 2) @ w
    np.testing.assert_allclose(spectra.eigenvalues, np.linalg.eigvalsh(gram)[:, ::-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("eigenvalues", "message"),
    [
        ([1.0, 2.0], r"eigenvalues: expected shape \(run, level\), got \(2,\)"),
        (np.zeros((3, 0)), r"eigenvalues: expected shape \(run, level\), got \(3, 0\)"),
        ([[1.0, 2.0]], "eigenvalues: expected at least 2 runs.*got 1"),
        ([[1.0, np.nan], [1, 2]], r"eigenvalues: expected finite numbers, got 1 NaN.*first at \(0, 1\)"),
        ([[1.0, np.inf], [1, 2]], "eigenvalues: expected finite"),
        ([[1.0, -0.1], [1, 2]], "eigenvalues: squared singular values cannot be negative, got -0.1"),
        ([[1.0, 2.0], [1.0]], "eigenvalues: expected a rectangular numeric array"),
        (np.array([[1.0, None], [1, 2]], dtype=object), "eigenvalues: expected real numbers, got dtype object"),
        ([[1 + 1j, 2], [1, 2]], "eigenvalues: expected real numbers, got dtype complex"),
        ([["a", "b"], ["c", "d"]], "eigenvalues: expected real numbers, got dtype <U1"),
    ],
)
def test_bad_eigenvalues_are_refused(eigenvalues, message) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.Spectra(eigenvalues)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"learning_rate": -0.1}, "learning_rate: expected one positive number, got -0.1"),
        ({"batch_size": 0}, "batch_size: expected one positive number, got 0"),
        ({"learning_rate": np.nan}, "learning_rate: expected finite"),
        ({"targets": [1.0]}, r"targets: expected shape \(2,\)"),
    ],
)
def test_bad_settings_are_refused(setting, message) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.Spectra([[1.0, 2.0], [1.0, 3.0]], **setting)


def test_bad_weights_are_refused() -> None:
    with pytest.raises(cf.DataError, match=r"weights: expected shape \(run, M, N\), got \(2, 2\)"):
        cf.Spectra.from_weights(np.ones((2, 2)))
    with pytest.raises(cf.DataError, match="weights: expected finite"):
        cf.Spectra.from_weights(np.full((2, 2, 2), np.nan))


def test_rounding_below_zero_is_no_error() -> None:
    assert cf.Spectra([[4.0, -1e-16], [4.0, 1e-17]]).levels == 2


def test_pairs_are_found_by_gaps_from_the_top() -> None:
    x = np.hstack([ensemble(5.0, 3.0), np.random.default_rng(1).normal(1.0, 0.02, (300, 1))])
    spectra = cf.Spectra(x, name="runs", learning_rate=0.1)
    np.testing.assert_array_equal(spectra.pair(0).eigenvalues, spectra.eigenvalues[:, :2])
    second = spectra.pair(1)
    np.testing.assert_array_equal(second.eigenvalues, spectra.eigenvalues[:, 2:4])
    assert second.learning_rate == 0.1
    assert second.provenance["levels"] == [2, 3]
    with pytest.raises(cf.DataError, match=r"no pair 2 among 2 pairs.*gaps.*levels 0,1 at 5\.\d+ ± .*level 4 at "):
        spectra.pair(2)


def test_three_levels_in_a_bunch_are_no_pair() -> None:
    x = np.hstack([ensemble(4.0), np.random.default_rng(1).normal(4.03, 0.02, (300, 1))])
    assert group_by_gaps(np.sort(x, axis=1)[:, ::-1]) == [[0, 1, 2]]
    with pytest.raises(
        cf.DataError, match=r"no pair 0 among 0 pairs.*levels 0,1,2 at.*spectra.cluster.*clusters=.*targets="
    ):
        cf.Spectra(x).pair(0)


def test_targets_decide_where_gaps_cannot() -> None:
    x = ensemble(4.05, 4.0)
    spectra = cf.Spectra(x, targets=[4.05, 4.05, 4.0, 4.0])
    assert spectra.pair(1).provenance["levels"] == [2, 3]
    np.testing.assert_array_equal(spectra.pair(1).targets, [4.0, 4.0])
    with pytest.raises(cf.DataError, match="grouped by their targets"):
        cf.Spectra(x, targets=[7.0, 5.0, 3.0, 1.0]).pair(0)


def test_resolved_levels_do_not_pair() -> None:
    x = np.random.default_rng(0).normal([4.0, 1.0], 0.02, (100, 2))
    with pytest.raises(cf.DataError, match="no pair 0 among 0 pairs"):
        cf.Spectra(x).pair(0)


@pytest.mark.one_by_default
@pytest.mark.parametrize("runs", [2, 3, 5, 20])
def test_few_runs_seldom_hide_a_pair(runs: int) -> None:
    pairs = [ensembles.one_species(centre=4.0, sigma=0.1, runs=runs, seed=seed) for seed in range(200)]
    assert sum(len(group_by_gaps(pair)) == 2 for pair in pairs) <= 8


def test_one_level_is_no_pair() -> None:
    with pytest.raises(cf.DataError, match="a pair needs at least 2 levels, got 1"):
        cf.Spectra([[1.0], [2.0]]).pair(0)


def test_single_precision_rounding_below_zero_is_no_error() -> None:
    assert cf.Spectra(np.array([[4.0, -1.7e-8], [4.0, 1e-8]], dtype=np.float32)).levels == 2
    with pytest.raises(cf.DataError, match="cannot be negative"):
        cf.Spectra([[4.0, -1.7e-8], [4.0, 1e-8]])


def test_masks_and_unsaveable_provenance_are_refused() -> None:
    with pytest.raises(cf.DataError, match="expected no masked entries, got 1"):
        cf.Spectra(np.ma.masked_greater([[4.0, 999.0], [4.0, 3.0]], 100))
    with pytest.raises(cf.DataError, match="provenance: expected JSON values"):
        cf.Spectra([[4.0, 3.0], [4.0, 3.0]], provenance={"seed": np.int64(3)})


def test_fingerprint_knows_the_data() -> None:
    x = ensemble(4.0)
    assert cf.Spectra(x).fingerprint == cf.Spectra(x[:, ::-1], name="other").fingerprint
    assert cf.Spectra(x).fingerprint != cf.Spectra(x + 1e-12).fingerprint
