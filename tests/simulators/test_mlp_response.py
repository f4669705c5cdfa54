"""Linear response of perceptrons against closed forms, and training against linear response.

The widths of K independent levels from n runs have the standard error 1/√(2nK) of their mean logarithm; tests allow
four of these, beside what is of second order in the noise.
"""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from simulators import MLP, mlp

RNG = np.random.default_rng(2)
X = RNG.standard_normal((60, 3)) * [1.0, 0.8, 0.6]
Y = X @ RNG.standard_normal((3, 2)) + 0.5 * RNG.standard_normal((60, 2))
LINEAR = {
    "widths": (3, 2),
    "activation": "identity",
    "loss": "mse",
    "data": (X, Y),
    "weight_decay": 0.1,
    "learning_rate": 0.02,
    "batch_size": 10,
}
NETWORK = {"widths": (6, 5, 4), "data": "mixture", "samples": 300, "weight_decay": 0.02, "batch_size": 32}


def regression_widths(learning_rate: float, batch_size: int, momentum: float) -> np.ndarray:
    """Widths of ridge regression by a Lyapunov equation of weights and their changes, elements in order of rows."""
    n, decay = len(X), LINEAR["weight_decay"]
    second = X.T @ X / n + decay * np.eye(3)
    w = np.linalg.solve(second, X.T @ Y / n).T
    single = ((X @ w.T - Y)[:, :, None] * X[:, None, :]).reshape(n, 6)
    noise = np.cov(single.T, bias=True) / batch_size
    h, one = np.kron(np.eye(2), second), np.eye(6)
    move = np.block([[one - learning_rate * h, momentum * one], [-learning_rate * h, momentum * one]])
    kick = learning_rate**2 * np.kron(np.ones((2, 2)), noise)
    covariance = solve_discrete_lyapunov(move, kick)[:6, :6]
    u, s, vt = np.linalg.svd(w)
    directions = [np.outer(u[:, k], vt[k]).ravel() for k in range(2)]
    return np.array([2 * s[k] * np.sqrt(d @ covariance @ d) for k, d in enumerate(directions)])


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_of_linear_regression_widths_are_those_of_a_lyapunov_equation(momentum: float) -> None:
    expected = regression_widths(0.2, 4, momentum)
    found = mlp.level_widths(**{**LINEAR, "learning_rate": 0.2, "batch_size": 4}, momentum=momentum)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_squared_widths_go_as_alpha_over_batch_size_and_one_less_momentum() -> None:
    """σ² ∝ α/((1 − γ)|B|) for small α, in which the heavy ball only rescales the learning rate."""
    small = {**LINEAR, "learning_rate": 1e-4}
    base = mlp.level_widths(**small)[0]
    np.testing.assert_allclose(mlp.level_widths(**{**small, "batch_size": 40})[0], base / 2, rtol=1e-12)
    np.testing.assert_allclose(mlp.level_widths(**{**small, "learning_rate": 4e-4})[0], base * 2, rtol=1e-3)
    np.testing.assert_allclose(mlp.level_widths(**small, momentum=0.75)[0], base * 2, rtol=1e-3)


@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_training_of_a_linear_layer_has_the_widths_of_theory(momentum: float) -> None:
    setting = {**LINEAR, "momentum": momentum}
    expected = mlp.level_widths(**setting)[0]
    steps = int(mlp.steps_to_stationarity(**setting)[0].max())
    x = mlp.simulate(**setting, runs=1500, steps=steps, seed=1).layer(0).eigenvalues[:, -1]
    ratio = np.log(x.std(axis=0, ddof=1) / expected)
    assert abs(ratio.mean()) < 4 / np.sqrt(2 * 2 * 1500) + 0.02
    if momentum:
        plain = mlp.level_widths(**LINEAR)[0]
        assert (x.std(axis=0) > 1.7 * plain).all()


def test_levels_reach_their_widths_in_the_steps_of_theory() -> None:
    """With one rate h for all weights, 1 − (1 − αh)^2t of the squared width is reached after t steps."""
    inputs = np.sqrt(3) * np.vstack([np.eye(3), -np.eye(3)])
    noisy = inputs @ [[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]] + 0.3 * RNG.standard_normal((6, 2))
    setting = {**LINEAR, "data": (inputs, noisy)}
    expected = np.log(0.01) / (2 * np.log1p(-0.02 * 1.1))
    np.testing.assert_array_equal(mlp.steps_to_stationarity(**setting)[0], np.ceil(expected))


@pytest.mark.slow
def test_both_layers_of_a_network_have_the_widths_of_theory() -> None:
    """Levels that have had the time to reach them."""
    setting = MLP(**NETWORK, learning_rate=0.1)
    theory, needed = setting.level_widths(), setting.steps_to_stationarity()
    run = setting.simulate(runs=640, steps=2000, seed=2)
    for place, (widths, steps) in enumerate(zip(theory, needed, strict=True)):
        x = run.layer(place).eigenvalues[:, -1]
        taken = np.flatnonzero(steps <= 2000)
        assert len(taken) >= 3
        ratio = np.log(x.std(axis=0, ddof=1)[taken] / widths[taken])
        assert abs(ratio.mean()) < 4 / np.sqrt(2 * 640 * len(taken)) + 0.03, (place, ratio)
        assert np.abs(ratio).max() < 0.15


@pytest.mark.slow
def test_a_level_that_is_not_above_its_noise_has_no_width() -> None:
    """Of two classes the outputs' sum is not learnt and has no noise; of three nodes one is enough."""
    data = (X, (Y[:, 0] > 0).astype(int))
    first, last = mlp.level_widths(**{**LINEAR, "widths": (3, 3, 2), "data": data, "loss": "cross-entropy"})
    assert np.isfinite(first[0])
    assert np.isfinite(last[0])
    assert np.isnan(last[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 9.0}, r"training diverges from the minimum; expected below 2\(1 \+ momentum\)/h_max"),
        ({"replacement": False}, "replacement: expected True for linear response, got False"),
        ({"start": "own"}, "warmup: expected steps to a minimum for linear response, got none"),
        ({"warmup": 0}, "warmup: expected steps to a minimum for linear response, got none"),
        ({"data": (X * [1, 1, 0], Y), "weight_decay": 0.0}, None),
        (
            {"widths": (3, 1001, 2), "warmup": 2},
            "widths: the response is known for networks of 3000 parameters at most, got 5005",
        ),
    ],
)
def test_what_is_not_known_is_refused(arguments: dict, message: str | None) -> None:
    setting = MLP(
        **{**LINEAR, "warmup": 30, **arguments} if arguments.get("start") != "own" else {**LINEAR, **arguments}
    )
    if message is None:
        assert np.isfinite(setting.level_widths()[0]).all(), "an input that never varies moves nothing"
        return
    with pytest.raises(ValueError, match=message):
        setting.level_widths()
