"""Gaussian RBMs against linear response, perturbation theory and their own Gibbs chains."""

import logging
import warnings

import jax
import numpy as np
import pytest

from simulators import Diverged, gaussian_rbm
from simulators.gaussian_rbm.dynamics import machine_dynamics, machine_numbers
from simulators.gaussian_rbm.theory import target

SETTING = {"learning_rate": 0.05, "batch_size": 64}
PAIRS = [(1, 2), (3, 4), (5, 6), (7, 8)]


def test_the_lattice_field() -> None:
    """κ_n = m² + 2 − 2 cos(2πn/N), so x = 5, 4.618 twice, … 1."""
    expected = [5, 4.618, 4.618, 3.618, 3.618, 2.382, 2.382, 1.382, 1.382, 1]
    np.testing.assert_allclose(gaussian_rbm.targets(), expected, atol=5e-4)
    kappa = np.linalg.eigvalsh(gaussian_rbm.lattice_kernel(6, 1.0))
    np.testing.assert_allclose(kappa, np.sort(3 - 2 * np.cos(2 * np.pi * np.arange(6) / 6)), atol=1e-12)


def test_widths_in_closed_form() -> None:
    """√(2xα/|B|) at leading order; 2/(2 − αΩ), Ω = 2x/κ²; √2 for both; memory of persistent chains as stated."""
    x = gaussian_rbm.targets()
    leading = np.sqrt(2 * x * 0.05 / 64)
    np.testing.assert_allclose(gaussian_rbm.widths(**SETTING, finite_step=False), leading)
    np.testing.assert_allclose(gaussian_rbm.widths(**SETTING), leading / np.sqrt(1 - 0.05 * x / (9 - x) ** 2))
    np.testing.assert_allclose(
        gaussian_rbm.widths(**SETTING, noise="both"), np.sqrt(2) * gaussian_rbm.widths(**SETTING)
    )
    np.testing.assert_allclose(gaussian_rbm.widths(**SETTING, noise="model"), gaussian_rbm.widths(**SETTING))
    for k, factor in ((3, 1.04), (1, 1.71)):
        ratio = gaussian_rbm.widths(**SETTING, noise="pcd", gibbs_steps=k) / gaussian_rbm.widths(**SETTING)
        assert ratio[1] ** 2 == pytest.approx(factor, abs=0.005)


def test_scales_of_the_hidden_layer() -> None:
    """σ_h enters through α σ_h² alone, since X = σ_h² WWᵀ."""
    one = gaussian_rbm.widths(learning_rate=0.2, batch_size=64, sigma_h=0.5)
    np.testing.assert_allclose(one, gaussian_rbm.widths(**SETTING))


def test_displacements_against_measured_ones() -> None:
    """8000 machines at α/|B| = 0.05/256, measured apart from this code; units of α/|B|."""
    found = gaussian_rbm.displacements(learning_rate=0.05, batch_size=256) / (0.05 / 256)
    measured = [26.6, -10.8, -14.3, -16.9, -16.4, -24.4]
    error = [2.5, 1.7, 1.5, 1.2, 0.9, 1.1]
    assert (np.abs(found[[0, 1, 3, 5, 7, 9]] - measured) < 2 * np.array(error)).all()
    np.testing.assert_allclose(found[[0, 1, 9]], [24.1, -11.1, -24.3], atol=0.06)
    with pytest.raises(ValueError, match="noise: expected 'data', 'model' or 'both' for displacements, got 'pcd'"):
        gaussian_rbm.displacements(**SETTING, noise="pcd")


def spread(run, theory) -> np.ndarray:
    """Measured over predicted widths: of pairs by ⟨S²⟩ = 4σ²."""
    x = run.eigenvalues[:, -1]
    return np.array([np.sqrt(np.mean((x[:, i] - x[:, j]) ** 2) / 4) / theory[i] for i, j in PAIRS])


@pytest.mark.one_slow
@pytest.mark.slow
@pytest.mark.parametrize("noise", ["data", "model", "both"])
def test_stationary_widths_and_centres(noise) -> None:
    """Within 4 % of linear response, corrections being O(α/|B|), and three standard errors of √(4σ²) from ⟨S²⟩."""
    setting = {**SETTING, "noise": noise}
    run = gaussian_rbm.simulate(**setting, runs=1024, steps=3500, dtype="float32", seed=1)
    tolerance = 0.04 * (2 if noise == "both" else 1) + 3 * 0.5 / np.sqrt(1024)
    np.testing.assert_allclose(spread(run, gaussian_rbm.widths(**setting)), 1, atol=tolerance)
    x = run.eigenvalues[:, -1]
    levels = np.stack([x[:, 0], *(x[:, [i, j]].mean(axis=1) for i, j in PAIRS), x[:, 9]], axis=1)
    shift = levels.mean(axis=0) - gaussian_rbm.targets()[[0, 1, 3, 5, 7, 9]]
    predicted = gaussian_rbm.displacements(**setting)[[0, 1, 3, 5, 7, 9]]
    error = levels.std(axis=0) / np.sqrt(len(levels))
    assert (np.abs(shift - predicted) < 4 * error + 0.1 * np.abs(predicted)).all()
    assert (np.abs(shift) > 4 * error).sum() >= 2, "too few runs to see the displacement at all"


@pytest.mark.long
@pytest.mark.parametrize("gibbs_steps", [1, 3])
def test_persistent_chains_widen_the_levels(gibbs_steps) -> None:
    """The factor √((1 + ρ)/(1 − ρ)), for slow learning."""
    setting = {"learning_rate": 0.03, "batch_size": 64, "noise": "pcd", "gibbs_steps": gibbs_steps}
    run = gaussian_rbm.simulate(**setting, runs=1024, steps=5400, dtype="float32", seed=2)
    np.testing.assert_allclose(spread(run, gaussian_rbm.widths(**setting)), 1, atol=0.05)
    if gibbs_steps == 1:
        assert spread(run, gaussian_rbm.widths(**{**setting, "noise": "model"}))[0] > 1.2


@pytest.mark.slow
@pytest.mark.parametrize(
    "batch_size", [pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow), 30]
)
def test_persistent_chains_have_the_law_of_gibbs_sweeps(batch_size) -> None:
    """Second moments over one step, learning all but off, against explicit chains h|φ and φ|h."""
    size, sweeps, runs = 3, 2, 4096
    kernel = np.diag([4.0, 5.0, 8.0])
    x = 9 - np.array([4.0, 5.0, 8.0])
    rng = np.random.default_rng(5)
    phi = rng.standard_normal((runs, size, batch_size)) / np.sqrt(np.diag(kernel))[:, None]
    first = np.einsum("rib,rjb->rij", phi, phi)
    for _ in range(sweeps):
        h = np.sqrt(x)[:, None] * phi + rng.standard_normal(phi.shape)
        phi = np.sqrt(x)[:, None] * h / 9 + rng.standard_normal(phi.shape) / 3
    second = np.einsum("rib,rjb->rij", phi, phi)

    dynamics = machine_dynamics(batch_size, "pcd", sweeps, False)
    aim = target(kernel=kernel, mu2=9.0, sigma_h=1.0)
    setting = machine_numbers(aim, size, learning_rate=1e-12, start=None, dtype="float64")
    with jax.enable_x64(True):
        state = dynamics.init(setting, jax.random.key(0), runs)
        mine = [np.einsum("ikr,jkr->rij", state.root, state.root)]
        state = dynamics.step(setting, state, dynamics.draw(setting, jax.random.key(1), jax.random.key(2), runs))
        mine.append(np.einsum("ikr,jkr->rij", state.root, state.root))

    def moments(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Means, variances, and covariances over the step, in units of the target's moments."""
        scale = np.sqrt(np.outer(1 / np.diag(kernel), 1 / np.diag(kernel)))
        a, b = a / scale, b / scale
        da, db = a - a.mean(axis=0), b - b.mean(axis=0)
        root = np.sqrt(batch_size)
        return np.stack([b.mean(axis=0) / root, (db**2).mean(axis=0) / batch_size, (da * db).mean(axis=0) / batch_size])

    np.testing.assert_allclose(moments(*mine), moments(first, second), atol=8 * np.sqrt(8 / runs))
    rho = (x / 9) ** (2 * sweeps)
    kept = moments(*mine)[2]
    np.testing.assert_allclose(np.diag(kept), 2 * rho, atol=6 * np.sqrt(8 / runs))


@pytest.mark.slow
def test_learning_from_small_weights() -> None:
    """Eigenvalues grow from about zero to the target."""
    run = gaussian_rbm.simulate(
        learning_rate=0.5, batch_size=4096, start=0.1, runs=8, steps=2000, save_every=100, dtype="float64"
    )
    assert run.eigenvalues[:, 0].max() < 0.6
    np.testing.assert_allclose(run.eigenvalues[:, -1].mean(axis=0), gaussian_rbm.targets(), atol=0.25)
    assert gaussian_rbm.steps_to_stationarity(learning_rate=0.5, start=0.1) > gaussian_rbm.steps_to_stationarity(
        learning_rate=0.5
    )


@pytest.mark.slow
def test_fewer_hidden_nodes_learn_the_greatest_modes() -> None:
    run = gaussian_rbm.simulate(learning_rate=0.05, batch_size=4096, hidden=3, runs=4, steps=3500, keep_weights=True)
    assert run.eigenvalues.shape == (4, 1, 3)
    np.testing.assert_allclose(run.eigenvalues[:, -1].mean(axis=0), gaussian_rbm.targets(hidden=3), atol=0.05)
    assert run.weights.shape == (4, 1, 10, 3)
    kernel = 9 * np.eye(10) - (run.weights[:, -1] @ run.weights[:, -1].transpose(0, 2, 1)).mean(axis=0)
    least = np.linalg.eigh(gaussian_rbm.lattice_kernel())[1][:, 0]
    assert least @ kernel @ least == pytest.approx(4, abs=0.05), "weights are in the basis the kernel is given in"


@pytest.mark.slow
def test_runs_that_leave_the_model_are_counted_and_left_out() -> None:
    with pytest.warns(UserWarning, match=r"\d+ of 256 runs diverged and are left out: weights left the region"):
        run = gaussian_rbm.simulate(learning_rate=0.05, batch_size=1, runs=256, steps=3500, dtype="float32")
    assert 0 < run.excluded < 256
    assert run.eigenvalues.shape == (256 - run.excluded, 1, 10)
    assert np.isfinite(run.eigenvalues).all()
    assert (run.eigenvalues < 9).all()


@pytest.mark.slow
def test_when_all_leave_it_is_an_error() -> None:
    with pytest.raises(Diverged, match=r"all 64 runs diverged: .* below about 0\.04"):
        gaussian_rbm.simulate(learning_rate=0.5, batch_size=1, runs=64, steps=2000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 4.0}, "learning_rate: training diverges; expected below 2/max Ω = 3.2, got 4.0"),
        ({"noise": "loud"}, "noise: expected one of data, model, both, pcd, got 'loud'"),
        ({"kernel": np.diag([4.0, 9.5])}, "kernel: expected eigenvalues between 0 and mu2 = 9, got 4 to 9.5"),
        ({"kernel": [[1.0, 2.0], [0.0, 1.0]]}, "kernel: expected a finite symmetric matrix"),
        ({"kernel": "lattice"}, "kernel: expected a finite symmetric matrix, got 'lattice'"),
        ({"kernel": []}, r"kernel: expected a finite symmetric matrix, got shape \(0,\)"),
        ({"kernel": [[np.nan]]}, "kernel: expected a finite symmetric matrix, got elements that are not finite"),
        ({"hidden": 0}, "hidden: expected a whole number above 0, got 0"),
        ({"batch_size": 0}, "batch_size: expected a whole number above 0, got 0"),
        ({"gibbs_steps": 0}, "gibbs_steps: expected a whole number above 0, got 0"),
        ({"start": 1.0}, "start: expected below 0.474, where"),
        ({"start": -1.0}, "start: expected a finite number above 0, got -1.0"),
        ({"dtype": "half"}, "dtype: expected one of float32, float64, got 'half'"),
    ],
)
def test_nonsense_is_refused_before_any_compute(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        gaussian_rbm.simulate(**arguments)


@pytest.mark.slow
def test_short_runs_are_warned_about() -> None:
    with pytest.warns(UserWarning, match="steps = 100: the slowest level needs 31.. steps"):
        gaussian_rbm.simulate(runs=2, steps=100)


def test_the_learnt_plane_turns_at_the_stated_rate() -> None:
    """A mode left out mixes with the last one learnt and fades as e^(−α(1/κ_i − 1/κ_j)t), by the mean update."""
    kappa, angle = np.array([4.0, 5.0, 6.5]), 1e-4
    aim = target(kernel=np.diag(kappa), hidden=2)
    turned = np.zeros((3, 2))
    np.fill_diagonal(turned, np.sqrt(9 - kappa))
    turned[2, 1] = angle
    step = (np.diag(1 / kappa) - np.linalg.inv(9 * np.eye(3) - turned @ turned.T)) @ turned
    assert -step[2, 1] / angle == pytest.approx(aim.turning_rates(1.0).min(), rel=1e-6)
    np.testing.assert_allclose(aim.turning_rates(0.1), 0.1 * (1 / kappa[:2] - 1 / 6.5))
    slowest = -5 / np.log1p(-0.05 * (1 / 5 - 1 / 6.5))
    assert gaussian_rbm.steps_to_stationarity(learning_rate=0.05, kernel=np.diag(kappa), hidden=2) == pytest.approx(
        slowest
    )


@pytest.mark.long
def test_a_degenerate_level_cut_in_two_never_rests() -> None:
    with pytest.warns(UserWarning, match="the slowest level needs for ever to forget its start"):
        gaussian_rbm.simulate(hidden=2, runs=2, steps=3500)


@pytest.mark.slow
def test_settings_of_one_shape_share_one_compilation() -> None:
    """Numbers are arguments of the compiled code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        go = lambda **setting: gaussian_rbm.simulate(runs=2, steps=10, batch_size=7, **setting)  # noqa: E731
        first = go(learning_rate=0.05)
        with jax.log_compiles(), pytest.MonkeyPatch.context() as patch:
            compiled: list[str] = []
            patch.setattr(logging.getLogger("jax._src.interpreters.pxla"), "warning", compiled.append)
            patch.setattr(logging.getLogger("jax._src.dispatch"), "warning", compiled.append)
            second = go(learning_rate=0.04, kernel=gaussian_rbm.lattice_kernel(10, 3.0))
    assert not compiled
    assert not np.allclose(first.eigenvalues, second.eigenvalues)
