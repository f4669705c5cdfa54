"""Second moments of batches drawn directly, against their exact laws."""

import jax
import numpy as np
import pytest
from scipy import stats

from simulators.linalg import wishart
from simulators.linalg.small_matrices import product, transpose

# Chance that any one goodness-of-fit test here fails by luck; seeds are fixed, so it is spent once.
FALSE_ALARM = 1e-3
LANES = 20_000
DEGREES = ([1, 2, 3, 4], [7, 16, 23, 24], [1, 2, 3, 25], [100, 4096])


@pytest.mark.one_by_default
@pytest.mark.parametrize(
    ("double", "degrees"),
    [
        *((False, degrees) for degrees in DEGREES),
        (True, DEGREES[1]),
        *(pytest.param(True, degrees, marks=pytest.mark.slow) for degrees in (DEGREES[0], *DEGREES[2:])),
    ],
)
def test_chi_squares(double, degrees) -> None:
    """Each row by Kolmogorov and Smirnov, and a degree more or less is seen (up to where the data could tell)."""
    with jax.enable_x64(double):
        draws = np.asarray(wishart.chi_squares(jax.random.key(1), np.array(degrees), LANES))
    assert draws.dtype == (np.float64 if double else np.float32)
    for row, k in zip(draws, degrees, strict=True):
        assert stats.kstest(row, stats.chi2(k).cdf).pvalue > FALSE_ALARM / len(degrees)
        if k < 30:
            assert stats.kstest(row, stats.chi2(k + 1).cdf).pvalue < FALSE_ALARM
    assert abs(stats.spearmanr(draws[0], draws[1]).statistic) < 4 / np.sqrt(LANES)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "batch_size"), [(4, 16), (4, 40), (4, 4), (4, 2), (3, 1), (2, 100_000)])
def test_moments_of_the_second_moment(size, batch_size) -> None:
    """⟨C_ij C_kl⟩_c = (δ_ik δ_jl + δ_il δ_jk)/|B| and ⟨C⟩ = 1, and the rank is that of the batch."""
    numbers = wishart.draw(jax.random.key(2), size, batch_size, LANES)
    root = wishart.triangle(numbers, size)
    c = np.asarray(product(root, transpose(root))) / batch_size
    deviation = c - np.eye(size)[:, :, None]
    assert np.abs(deviation.mean(axis=2)).max() < 5 * np.sqrt(2 / batch_size / LANES)
    found = np.einsum("ijr,klr->ijkl", deviation, deviation) / LANES * batch_size
    eye = np.eye(size)
    expected = np.einsum("ik,jl->ijkl", eye, eye) + np.einsum("il,jk->ijkl", eye, eye)
    np.testing.assert_allclose(found, expected, atol=5 * np.sqrt((8 + 48 / batch_size) / LANES))
    assert np.linalg.matrix_rank(c[:, :, 0]) == min(size, batch_size)


@pytest.mark.slow
def test_against_samples() -> None:
    """The least eigenvalue, which feels every element, against that of sampled batches."""
    root = wishart.triangle(wishart.draw(jax.random.key(3), 3, 5, 4000), 3)
    direct = np.linalg.svd(np.moveaxis(root, -1, 0), compute_uv=False)[:, -1]
    samples = np.random.default_rng(4).standard_normal((4000, 3, 5))
    assert stats.ks_2samp(direct, np.linalg.svd(samples, compute_uv=False)[:, -1]).pvalue > FALSE_ALARM
