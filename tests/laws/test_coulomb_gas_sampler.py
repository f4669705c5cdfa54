"""The sampler of the Coulomb gas against its density and against simulated gases."""

import jax
import numpy as np
import pytest
from scipy import stats

from coulombfit.laws.gas.coulomb_gas import CoulombGas
from simulators import dyson
from tests.laws.gases import FALSE_ALARM, GASES, TEN, gas, levels_of, sample

pytestmark = pytest.mark.usefixtures("float64")


class TestSampler:
    def test_a_pair(self) -> None:
        x = sample(CoulombGas(np.array([4.0]), np.array([0.04]), (2,)), 4, 20_000)
        scale = np.sqrt(2) * 0.04
        assert stats.kstest(x[:, 0] - x[:, 1], "rayleigh", (0, scale)).pvalue > FALSE_ALARM
        assert stats.kstest(x.sum(axis=1) - 8, stats.norm(0, scale).cdf).pvalue > FALSE_ALARM
        assert stats.kstest(x[:, 0] - x[:, 1], "rayleigh", (0, 1.1 * scale)).pvalue < FALSE_ALARM

    @pytest.mark.parametrize("beta", [0.5, 2.0, 4.0])
    def test_a_pair_of_any_repulsion(self, beta: float) -> None:
        """S²/4σ² ~ Gamma((1 + β)/2)."""
        x = sample(CoulombGas(np.zeros(1), np.ones(1), (2,), beta), 5, 20_000)
        assert stats.kstest((x[:, 0] - x[:, 1]) ** 2 / 4, "gamma", ((1 + beta) / 2,)).pvalue > FALSE_ALARM
        assert stats.kstest((x[:, 0] - x[:, 1]) ** 2 / 4, "gamma", (0.6 + beta / 2,)).pvalue < FALSE_ALARM

    @pytest.mark.slow
    def test_twenty_levels_are_eigenvalues_of_gaussian_matrices(self) -> None:
        law = CoulombGas(np.array([1.0]), np.array([0.1]), (20,))
        x = sample(law, 6, 5000)
        normal = np.random.default_rng(7).standard_normal((5000, 20, 20))
        y = 1 + 0.1 * np.linalg.eigvalsh((normal + normal.transpose(0, 2, 1)) / 2)[:, ::-1]
        levels = [(x[:, i], y[:, i]) for i in (0, 1, 9, 19)]
        spacings = [(-np.diff(x)[:, i], -np.diff(y)[:, i]) for i in (0, 9, 18)]
        for ours, theirs in levels + spacings:
            assert stats.ks_2samp(ours, theirs).pvalue > FALSE_ALARM / 7
        assert stats.ks_2samp(spacings[1][0], 1.1 * spacings[1][1]).pvalue < FALSE_ALARM / 7

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["pair and two singles", "ten"])
    def test_clusters_are_as_simulated(self, name: str) -> None:
        """Levels, spacings and covariances against Langevin dynamics, which knows neither tangents nor clusters."""
        centres, widths, sizes = TEN if name == "ten" else GASES[name]
        c, w = levels_of(centres, widths, sizes)
        y = dyson.simulate(centres=c, widths=w, runs=8000, steps=150, seed=8).eigenvalues[:, -1]
        x = sample(CoulombGas(np.array(centres), np.array(widths), sizes), 9, 8000)
        columns = [(x[:, i], y[:, i]) for i in range(len(c))]
        columns += [(-np.diff(x)[:, i], -np.diff(y)[:, i]) for i in range(len(c) - 1)]
        for ours, theirs in columns:
            assert stats.ks_2samp(ours, theirs).pvalue > FALSE_ALARM / len(columns)
        u, v = (x - y.mean(axis=0)) / w, (y - y.mean(axis=0)) / w
        for i in range(len(c)):
            for j in range(i + 1):
                ours, theirs = u[:, i] * u[:, j], v[:, i] * v[:, j]
                error = np.sqrt((ours.var() + theirs.var()) / len(x))
                assert abs(ours.mean() - theirs.mean()) < 4.5 * error

    @pytest.mark.slow
    def test_the_displacement_is_seen(self) -> None:
        """Two singles: E x_i = c_i ± σ_i²/d exactly, 13 standard errors from the bare centre."""
        x = sample(gas("two singles"), 10, 12_000)
        error = 1 / np.sqrt(len(x))
        np.testing.assert_allclose(x.mean(axis=0), [8.5 + 1 / 8.5, -1 / 8.5], atol=4 * error)

    @pytest.mark.slow
    def test_draws_and_density_agree(self) -> None:
        """The mean of q/p over draws of p is 1 for a narrower q."""
        law = gas("pair and two singles")
        x = law.sample(jax.random.key(11), (40_000,))
        centres, widths, sizes = GASES["pair and two singles"]
        log_q, first = 0.0, 0
        for c, w, n in zip(centres, widths, sizes, strict=True):
            block = CoulombGas(np.array([c]), np.array([0.8 * w]), (n,))
            log_q, first = log_q + block.log_prob(x[:, first : first + n]), first + n
        ratio = np.exp(np.asarray(log_q - law.log_prob(x)))
        error = ratio.std() / np.sqrt(len(ratio))
        assert error < 0.01
        assert abs(ratio.mean() - 1) < 4 * error
