"""Teacher-student training with momentum, true batches and activations, against their theory."""

import warnings

import jax
import numpy as np
import pytest

from simulators import Diverged, teacher_student
from simulators.teacher_student.activations import ACTIVATIONS, response
from simulators.teacher_student.response import setup


def recursion(rate: float, momentum: float, steps: int = 20_000) -> float:
    """Stationary variance of w ← w − αλ(w + η) + γ(last change), by iterating the covariance."""
    a = np.array([[1 + momentum - rate, -momentum], [1.0, 0.0]])
    covariance = np.zeros((2, 2))
    for _ in range(steps):
        covariance = a @ covariance @ a.T + np.diag([rate**2, 0.0])
    return covariance[0, 0]


@pytest.mark.parametrize(("rate", "momentum"), [(0.1, 0.0), (0.1, 0.9), (1.5, 0.3), (0.02, 0.5)])
def test_widths_with_momentum(rate, momentum) -> None:
    """σ² = 4κv, v the stationary variance of the heavy ball; its memory the spectral radius."""
    widths = teacher_student.widths(learning_rate=rate, momentum=momentum, noise=1.0, kappa=1.0)
    np.testing.assert_allclose(widths**2 / 4, recursion(rate, momentum), rtol=1e-8)
    roots = np.roots([1.0, rate - 1 - momentum, momentum])
    times = teacher_student.relaxation_times(learning_rate=rate, momentum=momentum)
    np.testing.assert_allclose(times, -1 / np.log(np.abs(roots).max()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "theory"),
    [
        ({"batches": "independent", "batch_size": 16}, {"batches": "independent", "batch_size": 16}),
        ({"batches": "shared", "batch_size": 64}, {"batches": "shared", "batch_size": 64}),
        ({"momentum": 0.6, "learning_rate": 0.05}, {"momentum": 0.6, "learning_rate": 0.05}),
        ({"symmetric_noise": True}, {}),
        ({"inputs": 5}, {"inputs": 5}),
        pytest.param({"inputs": 2, "Z": np.eye(4)}, {"inputs": 2, "Z": np.eye(4)}, marks=pytest.mark.slow),
    ],
    ids=["independent batches", "shared batches", "momentum", "symmetric noise", "wide", "tall"],
)
def test_options_have_the_widths_of_linear_response(setting, theory) -> None:
    """Spacings of the pair, and the displacement of its mean where it is exact."""
    run = teacher_student.simulate(**setting, runs=2000, steps=400, seed=7)
    x = run.eigenvalues[:, -1]
    assert x.shape == (2000, 2)
    square = (x[:, 0] - x[:, 1]) ** 2
    sigma2 = np.mean(teacher_student.widths(**theory) ** 2)
    assert abs(square.mean() - 4 * sigma2) < 4 * square.std() / np.sqrt(2000) + 0.02 * 4 * sigma2
    mean = x.mean(axis=1) - 4.0
    if "symmetric_noise" not in setting:
        assert abs(mean.mean() - teacher_student.displacement(**theory)) < 4 * mean.std() / np.sqrt(2000)


def moments(rate: float, momentum: float, excess: float) -> tuple[float, float]:
    """Stationary variance, and the relaxation time of root mean squares, by iterating second moments."""
    a = np.array([[1 + momentum - rate, -momentum], [1.0, 0.0]])

    def step(covariance: np.ndarray) -> np.ndarray:
        # of the random part of the second moment only the weight's own variance is kicked
        return a @ covariance @ a.T + np.diag([rate**2 * excess * covariance[0, 0], 0.0])

    covariance, left = np.zeros((2, 2)), np.eye(2)
    for _ in range(20_000):
        covariance = step(covariance) + np.diag([rate**2, 0.0])
    for _ in range(3000):
        before, left = left, step(left)
        left, before = left / np.trace(left), before / np.trace(left)
    return covariance[0, 0], 2 / np.log(np.trace(before) / np.trace(left))


@pytest.mark.parametrize(
    ("rate", "momentum", "batch_size"), [(0.1, 0.0, 4), (0.3, 0.0, 2), (0.05, 0.9, 8), (0.4, 0.3, 6)]
)
def test_true_batches_widen_the_levels(rate, momentum, batch_size) -> None:
    """Variance αλs²/(2 − αλ(1 + (N + 1)/|B|)) without momentum, and its like with it; mean squares fade more slowly."""
    setting = {"learning_rate": rate, "momentum": momentum, "batch_size": batch_size, "batches": "independent"}
    excess = 3 / batch_size
    variance, time = moments(rate, momentum, excess)
    widths = teacher_student.widths(**setting, noise=1.0, kappa=1.0)
    np.testing.assert_allclose(widths**2 / 4, variance / batch_size, rtol=1e-8)
    if not momentum:
        assert variance == pytest.approx(rate / (2 - rate * (1 + excess)))
    np.testing.assert_allclose(teacher_student.relaxation_times(**setting), time, rtol=1e-6)
    averaged = teacher_student.relaxation_times(learning_rate=rate, momentum=momentum)
    assert (averaged < teacher_student.relaxation_times(**setting)).all()
    many = {**setting, "batch_size": 10**9}
    np.testing.assert_allclose(teacher_student.relaxation_times(**many), averaged, rtol=1e-6)


@pytest.mark.slow
def test_true_batches_in_a_simulation() -> None:
    """The displacement is exact: v₁ + v₂, three times that of averaged inputs here."""
    setting = {"batches": "independent", "batch_size": 2, "learning_rate": 0.5333, "noise": 0.2}
    run = teacher_student.simulate(**setting, runs=6000, steps=300, seed=21)
    mean = run.eigenvalues[:, -1].mean(axis=1) - 4.0
    expected = teacher_student.displacement(**setting)
    assert expected > 2 * teacher_student.displacement(**{**setting, "batches": "averaged"})
    assert abs(mean.mean() - expected) < 4 * mean.std() / np.sqrt(6000)
    with pytest.raises(ValueError, match=r"learning_rate: mean squares .* expected below 0\.8, got 0\.9"):
        teacher_student.widths(**{**setting, "learning_rate": 0.9})


@pytest.mark.one_by_default
@pytest.mark.parametrize(
    ("activation", "shape"), [("tanh", (2, 2)), ("relu", (2, 2)), ("tanh", (3, 2)), ("relu", (2, 3))]
)
def test_response_of_activated_students(activation, shape) -> None:
    """Against a two- or three-dimensional quadrature of the derivative of the mean update."""
    hidden, inputs = shape
    z = np.random.default_rng(1).normal(size=(2, hidden))
    s = setup(z, [2.0, 0.5], inputs)
    # relu has its edge at 0, so a grid without it in halves
    nodes, weights = np.polynomial.legendre.leggauss(36)
    nodes = np.concatenate([4 * nodes - 4, 4 * nodes + 4])
    weights = np.concatenate([weights, weights]) * 4 * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
    x = np.stack([axis.ravel() for axis in np.meshgrid(*[nodes] * inputs, indexing="ij")])
    weight = np.prod(np.stack([axis.ravel() for axis in np.meshgrid(*[weights] * inputs, indexing="ij")]), axis=0)
    act = ACTIVATIONS[activation]
    with jax.enable_x64(True):

        def update(w: jax.Array) -> jax.Array:
            y, slope = jax.jvp(act, (w @ x,), (jax.numpy.ones((hidden, x.shape[1])),))
            return (slope * (s.curvature @ (act(s.teacher @ x) - y)) * weight) @ x.T

        expected = -jax.jacobian(update)(jax.numpy.asarray(s.teacher))
    np.testing.assert_allclose(response(activation, s.curvature, s.teacher), expected, atol=1e-9)


@pytest.mark.slow
def test_activated_students_are_slower_and_say_so() -> None:
    """Tanh' ≤ 1, so all relaxation times are above the least of a linear student; a short run is warned about."""
    setting = {"activation": "tanh", "batches": "independent", "batch_size": 32}
    times = teacher_student.relaxation_times(**setting, kappa=[2.0, 0.5])
    assert times.shape == (4,)
    assert times.min() > teacher_student.relaxation_times()[0]
    with pytest.warns(UserWarning, match="steps = 50: the slowest mode needs .* to forget its start"):
        teacher_student.simulate(**setting, runs=2, steps=50)
    with pytest.warns(UserWarning, match="needed is not known, for relu with more hidden nodes than inputs"):
        teacher_student.simulate(**{**setting, "activation": "relu"}, inputs=1, runs=2, steps=5)
    with pytest.warns(UserWarning, match=r"learning_rate = 30\.0: .* grow without bound; they stay finite below"):
        teacher_student.simulate(**setting, learning_rate=30.0, runs=2, steps=5)
    with pytest.raises(ValueError, match="the response is not known for activated networks of more than 3000"):
        teacher_student.relaxation_times(activation="tanh", kappa=[1.0] * 60)


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "first", "last"), [("tanh", 300, 500), ("relu", 100, 200)])
def test_activated_students_relax_as_their_response_says(activation, first, last) -> None:
    """Late errors of noiseless students in large batches: the slowest mode's e^(−t/τ)."""
    setting = {"activation": activation, "kappa": [2.0, 0.5], "learning_rate": 0.2, "batch_size": 1024}
    slowest = teacher_student.relaxation_times(**setting, batches="independent").max()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run = teacher_student.simulate(
            **setting, batches="independent", noise=0.0, runs=40, steps=last, save_every=100, keep_weights=True
        )
    error = np.abs(np.abs(run.weights) - np.diag(np.sqrt([2.0, 0.5]))).max(axis=(2, 3))
    before, after = error[:, first // 100], error[:, last // 100]
    near = before < 0.05
    assert near.sum() > 5
    assert np.median((last - first) / np.log(before[near] / after[near])) == pytest.approx(slowest, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["tanh", pytest.param("relu", marks=pytest.mark.slow)])
def test_activations_learn_the_teacher(activation) -> None:
    """Without gradient noise the teacher is a fixed point, reached through true mini-batches."""
    run = teacher_student.simulate(
        activation=activation,
        batches="independent",
        batch_size=32,
        kappa=[2.0, 0.5],
        noise=0.0,
        learning_rate=0.5,
        runs=20,
        steps=1500,
        keep_weights=True,
    )
    w = np.abs(run.weights[:, -1])
    learnt = np.abs(w - np.diag(np.sqrt([2.0, 0.5]))).max(axis=(1, 2)) < 1e-3
    assert learnt.mean() > 0.5, "most starts lead to the teacher, up to signs"


def test_shared_batches_are_shared() -> None:
    """Of all runs, without other noise: the same batches contract all differences alike."""
    setting = {"batches": "shared", "noise": 0.0, "batch_size": 4, "steps": 5, "learning_rate": 0.3}
    with pytest.warns(UserWarning, match="not yet stationary"):
        run = teacher_student.simulate(**setting, runs=200, keep_weights=True, save_every=5)
    missing = run.weights - 2.0 * np.eye(2)
    maps = np.linalg.solve(missing[:, 0], missing[:, 1])
    np.testing.assert_allclose(maps, np.broadcast_to(maps[0], maps.shape), atol=1e-6)


@pytest.mark.slow
def test_small_batches_may_diverge_and_say_where_not() -> None:
    """⟨Σ²⟩ = 1 + (N + 1)/|B| = 4 for one sample of two inputs, so mean squares are finite for α < 1/2."""
    setting = {"batches": "independent", "batch_size": 1, "runs": 20, "steps": 3000, "noise": 0.0}
    with (
        pytest.warns(UserWarning, match=r"learning_rate = 1\.9: at batch_size = 1 mean squares .* below 0\.5"),
        pytest.raises(Diverged, match=r"all 20 runs diverged: weights grew .* learning_rate below 0\.5"),
    ):
        teacher_student.simulate(**setting, learning_rate=1.9)
    run = teacher_student.simulate(**setting, learning_rate=0.45)
    np.testing.assert_allclose(run.eigenvalues[:, -1], 4.0, rtol=1e-6)
