"""Teacher-student training against linear response and closed forms."""

import jax
import numpy as np
import pytest

from simulators import ensembles, teacher_student
from simulators.teacher_student import Z_EQ26, Z_EQ27


def test_the_sources_layers_have_the_stated_curvatures() -> None:
    for z, products in (
        (Z_EQ26, [[0.0299, 0.1522], [0.1522, 1.2964]]),
        (Z_EQ27, [[3.7437, -1.0977], [-1.0977, 0.3458]]),
    ):
        np.testing.assert_allclose(z.T @ z, products, atol=1.5e-4)


@pytest.mark.parametrize(
    ("z", "expected"), [(Z_EQ26, (0.10609, 0.00976)), (Z_EQ27, (0.20211, 0.01328)), (None, (0.09177, 0.09177))]
)
def test_linear_response_widths(z, expected) -> None:
    """σ_i² = 4κ αλ_i s²/(2 − αλ_i), at κ = 4, α = 0.1, s = 0.1."""
    np.testing.assert_allclose(teacher_student.widths(Z=z), expected, atol=6e-6)


def test_widths_follow_noise_batch_and_teacher() -> None:
    base = teacher_student.widths(Z=Z_EQ26)
    np.testing.assert_allclose(teacher_student.widths(Z=Z_EQ26, batch_size=16), base / 4)
    np.testing.assert_allclose(teacher_student.widths(Z=Z_EQ26, noise=0.2), 2 * base)
    np.testing.assert_allclose(teacher_student.widths(Z=Z_EQ26, kappa=1.0), base / 2)


def test_widths_check_their_arguments() -> None:
    with pytest.raises(ValueError, match="batch_size: expected a whole number above 0, got -1"):
        teacher_student.widths(batch_size=-1)


def test_relaxation_times() -> None:
    np.testing.assert_allclose(
        teacher_student.relaxation_times(Z=Z_EQ26, learning_rate=1e-4), [1 / 1.31440e-4, 1 / 0.01189e-4], rtol=5e-4
    )
    assert teacher_student.relaxation_times(Z=[[1.0, 1.0]], learning_rate=0.1)[1] == np.inf
    assert teacher_student.widths(Z=[[1.0, 1.0]])[1] == 0


@pytest.mark.parametrize(
    ("z", "batch_size", "steps"), [(None, 4, 200), pytest.param(Z_EQ26, 1, 8500, marks=pytest.mark.slow)]
)
def test_stationary_moments(z, batch_size, steps) -> None:
    """Mean square spacing 4σ_m² and, for first-order noise, Var x = 3σ_m²/2 whatever the ratio of the widths."""
    setting = {"Z": z, "batch_size": batch_size, "noise": 0.05}
    run = teacher_student.simulate(**setting, runs=3000, steps=steps, seed=1)
    x = run.eigenvalues[:, -1]
    sigma_m2 = np.mean(teacher_student.widths(**setting) ** 2)
    square = (x[:, 0] - x[:, 1]) ** 2
    se = square.std() / np.sqrt(len(x))
    assert abs(square.mean() - 4 * sigma_m2) < 4 * se
    assert x.var() == pytest.approx(1.5 * sigma_m2, rel=0.06)
    assert (x[:, 0] >= x[:, 1]).all()


def test_noiseless_training_follows_the_linear_solution() -> None:
    """W(t) − W_t = (1 − αZᵀZ)^t (W(0) − W_t), so every eigenvalue ends at its teacher's."""
    run = teacher_student.simulate(kappa=[9.0, 4.0, 1.0], noise=0.0, runs=3, steps=400, save_every=100)
    assert run.eigenvalues.shape == (3, 5, 3)
    np.testing.assert_array_equal(run.steps, [0, 100, 200, 300, 400])
    np.testing.assert_allclose(run.eigenvalues[:, -1], np.tile([9.0, 4.0, 1.0], (3, 1)), rtol=1e-12)
    assert run.parameters["kappa"] == [9.0, 4.0, 1.0]


def test_a_run_is_the_same_in_any_ensemble_and_schedule() -> None:
    short = {"steps": 120, "Z": [[1.0, 0.0], [0.0, 1.0]]}
    many = teacher_student.simulate(runs=1030, seed=5, **short).eigenvalues
    few = teacher_student.simulate(runs=3, seed=5, **short).eigenvalues
    watched = teacher_student.simulate(runs=3, seed=5, save_every=20, **short).eigenvalues
    assert many.shape == (1030, 1, 2)
    np.testing.assert_allclose(many[:3], few, rtol=1e-13)
    np.testing.assert_allclose(watched[:, -1:], few, rtol=1e-13)
    assert np.unique(many).size == many.size
    other = teacher_student.simulate(runs=3, seed=6, **short).eigenvalues
    assert not np.allclose(other, few)


def test_precision_follows_the_argument() -> None:
    assert teacher_student.simulate(runs=2, steps=120, dtype="float32").eigenvalues.dtype == np.float32
    assert teacher_student.simulate(runs=2, steps=120).eigenvalues.dtype == np.float64
    assert jax.numpy.ones(1).dtype == np.float32


def test_short_runs_are_warned_about() -> None:
    with pytest.warns(UserWarning, match="steps = 6000: the slowest mode needs 76.. steps to forget its start"):
        teacher_student.simulate(Z=Z_EQ26, runs=2, steps=6000)


@pytest.mark.parametrize("setting", [{"Z": Z_EQ26}, {"Z": Z_EQ27, "noise": 0.02}, {"batch_size": 64}])
def test_steps_to_stationarity_make_the_start_negligible(setting) -> None:
    """By the closed form of the AR(1) second moment, and infinite where a mode never learns."""
    steps = teacher_student.steps_to_stationarity(**setting)
    z = setting.get("Z", np.eye(2))
    rate = 0.1 * np.linalg.eigvalsh(np.transpose(z) @ z)
    stationary = rate * setting.get("noise", 0.1) ** 2 / setting.get("batch_size", 1) / (2 - rate)
    start = 5.0 * (1 - rate) ** (2 * steps)
    assert max(start / stationary) == pytest.approx(0.01)
    assert teacher_student.steps_to_stationarity(Z=[[1.0, 1.0]]) == np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 2.0}, r"training diverges; expected below 2/λ_max\(ZᵀZ\) = 2, got 2.0"),
        ({"Z": Z_EQ27, "learning_rate": 0.5}, "expected below .* = 0.4917, got 0.5"),
        ({"learning_rate": -0.1}, "learning_rate: expected a finite number above 0, got -0.1"),
        ({"noise": -0.1}, "noise: expected a finite number, 0 or above, got -0.1"),
        ({"batch_size": 0}, "batch_size: expected a whole number above 0, got 0"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"seed": 2**70}, "seed: expected a whole number from 0"),
        ({"runs": 0}, "runs: expected a whole number above 0, got 0"),
        ({"steps": -5}, "steps: expected a whole number above 0, got -5"),
        ({"save_every": 7}, "save_every: expected a divisor of steps = 8000, got 7"),
        ({"dtype": "float16"}, "dtype: expected one of float32, float64, got 'float16'"),
        ({"kappa": [4.0, -1.0]}, "kappa: expected positive numbers, got"),
        ({"kappa": "four"}, "kappa: expected one positive number, or shape .* got 'four'"),
        ({"Z": []}, r"Z: expected a finite matrix, shape \(K, M\), got shape \(0,\)"),
        ({"kappa": [4.0, 4.0, 4.0], "Z": Z_EQ26}, "kappa: expected one number or 2, as W is 2 × 2, got 3"),
        ({"Z": np.zeros((2, 2))}, "Z: expected a layer that is not zero"),
        ({"Z": [1.0, 2.0]}, r"Z: expected a finite matrix, shape \(K, M\), got shape \(2,\)"),
        ({"Z": [[np.nan, 1.0]]}, "Z: expected a finite matrix, .* got elements that are not finite"),
    ],
)
def test_arguments_are_checked_before_any_compute(arguments, message) -> None:
    with pytest.raises(ValueError, match=message), pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)
        teacher_student.simulate(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "sigmoid"}, "activation: expected one of identity, tanh, relu, got 'sigmoid'"),
        ({"activation": "tanh"}, "batches: expected 'independent' or 'shared' for activation = 'tanh', got 'averaged'"),
        ({"batches": "all"}, "batches: expected one of averaged, independent, shared, got 'all'"),
        ({"momentum": 1.0}, "momentum: expected a number from 0 to below 1, got 1.0"),
        ({"learning_rate": 3.5, "momentum": 0.5}, r"expected below 2\(1 \+ momentum\)/λ_max\(ZᵀZ\) = 3, got 3.5"),
        ({"inputs": 0}, "inputs: expected a whole number above 0, got 0"),
        ({"inputs": 3, "symmetric_noise": True}, "symmetric_noise: expected a square W, got 2 × 3"),
    ],
)
def test_options_are_checked_before_any_compute(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        teacher_student.simulate(**arguments)


def test_levels_of_an_unlike_teacher_have_their_own_widths() -> None:
    """σ_i² = 4κ_i v, single levels beside a pair."""
    setting = {"kappa": [16.0, 4.0, 4.0], "noise": 0.05}
    widths = teacher_student.widths(**setting)
    np.testing.assert_allclose(widths / widths[1], [2, 1, 1])
    x = teacher_student.simulate(**setting, runs=2000, steps=200, seed=8).eigenvalues[:, -1]
    assert x[:, 0].std() == pytest.approx(widths[0], rel=4 / np.sqrt(4000))


def test_displacement_of_the_pair() -> None:
    """v₁ + v₂; + 0.0026 for the Z of Eq. 27 at the source's setting."""
    assert teacher_student.displacement(Z=Z_EQ27) == pytest.approx(0.0026, abs=5e-5)


def test_learning_curve() -> None:
    """Eq. 22 solves Eq. 21, ẋ = 2a(√(κx) − x)."""
    t, h = np.linspace(0, 30, 7), 1e-5
    curve = lambda s: teacher_student.learning_curve(s, kappa=4.0, start=1.0, rate=0.1)  # noqa: E731
    slope = (curve(t + h) - curve(t - h)) / (2 * h)
    np.testing.assert_allclose(slope, 0.2 * (np.sqrt(4 * curve(t)) - curve(t)), rtol=1e-8, atol=1e-9)
    assert curve(0.0) == 1.0
    assert curve(1e4) == 4.0


def test_students_without_noise_follow_eq_22_where_it_applies() -> None:
    """Aligned students keep singular vectors of the teacher: late in the learning of one mode."""
    with pytest.warns(UserWarning, match="not yet stationary"):
        run = teacher_student.simulate(noise=0.0, learning_rate=0.01, runs=50, steps=200, save_every=50, seed=9)
    late = np.sqrt(run.eigenvalues[:, 2:]) - 2
    trace = late.sum(axis=2)
    np.testing.assert_allclose(trace[:, 2] / trace[:, 1], 0.99**50, atol=0.2)


def test_ensembles_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="sigma: expected a finite number above 0, got -1"):
        ensembles.one_species(centre=0.0, sigma=-1.0, runs=3)
    with pytest.raises(ValueError, match="runs: expected a whole number above 0, got 0"):
        ensembles.two_species(centre=0.0, sigma_1=1.0, sigma_2=1.0, runs=0)
