"""Perceptrons: the step against one written in NumPy, their batches, starts, minima and files."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf, expit

import coulombfit as cf
import simulators
from simulators import MLP, mlp
from simulators.engine import checkpoint

RNG = np.random.default_rng(1)
FEW = (RNG.standard_normal((7, 4)), RNG.standard_normal((7, 2)))
LABELLED = (FEW[0], np.array([0, 1, 1, 0, 1, 0, 0]))
SLOPES: dict[str, tuple[Callable, Callable]] = {
    "identity": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "sigmoid": (expit, lambda z: expit(z) * expit(-z)),
    "gelu": (
        lambda z: z * 0.5 * (1 + erf(z / np.sqrt(2))),
        lambda z: 0.5 * (1 + erf(z / np.sqrt(2))) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    ),
}


def propagated_back(
    weights: list[np.ndarray], biases: list[np.ndarray], x: np.ndarray, y: np.ndarray, activation: str, loss: str
) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
    """Loss and gradients of one network, as in a textbook."""
    act, slope = SLOPES[activation]
    hidden, before = [x], []
    for place, (w, b) in enumerate(zip(weights, biases, strict=True)):
        before.append(hidden[-1] @ w.T + b)
        hidden.append(act(before[-1]) if place < len(weights) - 1 else before[-1])
    if loss == "mse":
        value, delta = 0.5 * ((hidden[-1] - y) ** 2).sum() / len(x), (hidden[-1] - y) / len(x)
    else:
        p = np.exp(hidden[-1]) / np.exp(hidden[-1]).sum(axis=1, keepdims=True)
        value, delta = -(y * np.log(p)).sum() / len(x), (p - y) / len(x)
    on_weights, on_biases = [], []
    for place in reversed(range(len(weights))):
        on_weights.insert(0, delta.T @ hidden[place])
        on_biases.insert(0, delta.sum(axis=0))
        if place:
            delta = (delta @ weights[place]) * slope(before[place - 1])
    return value, on_weights, on_biases


@pytest.mark.parametrize(
    ("activation", "loss", "widths", "biases", "momentum"),
    [
        ("tanh", "mse", (4, 3, 2), False, 0.0),
        ("gelu", "cross-entropy", (4, 3, 2), True, 0.4),
        pytest.param("relu", "mse", (4, 5, 3, 2), True, 0.0, marks=pytest.mark.slow),
        pytest.param("sigmoid", "cross-entropy", (4, 3, 2), False, 0.4, marks=pytest.mark.slow),
        pytest.param("identity", "mse", (4, 3, 2), False, 0.0, marks=pytest.mark.slow),
    ],
)
def test_steps_are_those_of_a_network_written_in_numpy(
    activation: str, loss: str, widths: tuple[int, ...], biases: bool, momentum: float
) -> None:
    """Of all data, without noise, two runs from starts of their own."""
    setting = {"activation": activation, "loss": loss, "widths": widths, "biases": biases, "momentum": momentum}
    data = FEW if loss == "mse" else LABELLED
    run = mlp.simulate(
        **setting, data=data, start="own", replacement=False, batch_size=7, learning_rate=0.3, weight_decay=0.2,
        runs=2, steps=4, save_every=1, keep_weights=True,
    )  # fmt: skip
    x, y = data[0], data[1] if loss == "mse" else np.eye(2)[data[1]]
    for k in range(2):
        weights = [layer.weights[k, 0] for layer in run.layers]
        offsets = [np.zeros(len(w)) for w in weights]
        change = [np.zeros_like(p) for p in (*weights, *offsets)]
        for t in range(5):
            value, on_weights, on_biases = propagated_back(weights, offsets, x, y, activation, loss)
            assert run.loss[k, t] == pytest.approx(value, rel=1e-12)
            for layer, w in zip(run.layers, weights, strict=True):
                np.testing.assert_allclose(layer.weights[k, t], w, rtol=1e-11, atol=1e-13)
                singular = np.linalg.svd(w, compute_uv=False)
                np.testing.assert_allclose(layer.eigenvalues[k, t], singular**2, rtol=1e-10, atol=1e-13)
            decayed = [g + 0.2 * w for g, w in zip(on_weights, weights, strict=True)]
            gradient = [*decayed, *(g * biases for g in on_biases)]
            change = [momentum * c - 0.3 * g for c, g in zip(change, gradient, strict=True)]
            moved = [p + c for p, c in zip((*weights, *offsets), change, strict=True)]
            weights, offsets = moved[: len(weights)], moved[len(weights) :]


def counted(**setting: Any) -> np.ndarray:
    """How often each sample was used, (run, snapshot, sample): its input is a weight of its own, which decays."""
    rate, size = 0.1, setting["batch_size"]
    run = mlp.simulate(
        widths=(12, 1), activation="identity", loss="mse", data=(np.eye(12), np.zeros((12, 1))), learning_rate=rate,
        weight_decay=0.0, warmup=0, keep_weights=True, save_every=1, **setting,
    )  # fmt: skip
    w = run.layer(0).weights[:, :, 0]
    factors = w[:, 1:] / w[:, :-1]
    counts = (1 - factors) * size / rate
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    return np.round(counts).astype(int)


def test_an_epoch_without_replacement_uses_a_sample_once_and_in_any_order() -> None:
    counts = counted(batch_size=5, replacement=False, runs=60, steps=20)
    epochs = counts.reshape(60, 10, 2, 12).sum(axis=2)
    assert epochs.max() == 1
    assert (epochs.sum(axis=2) == 10).all()
    used = epochs.mean(axis=(0, 1))
    # binomial of 600, once in ten thousand for twelve samples
    np.testing.assert_allclose(used, 10 / 12, atol=4.4 * np.sqrt(10 / 12 * 2 / 12 / 600))
    assert len({row.tobytes() for row in counts[:, 0]}) > 50, "runs have orders of their own"
    assert len({row.tobytes() for row in counts[0, ::2]}) > 8, "and so have epochs"


def test_batches_with_replacement_are_multinomial() -> None:
    counts = counted(batch_size=5, replacement=True, runs=60, steps=20).reshape(-1, 12)
    assert (counts.sum(axis=1) == 5).all()
    np.testing.assert_allclose(counts.mean(axis=0), 5 / 12, atol=4.4 * np.sqrt(5 / 12 / len(counts)))
    assert counts.var(axis=0).mean() == pytest.approx(5 * 11 / 144, rel=0.05)


SMALL = {"widths": (4, 3, 2), "data": FEW, "loss": "mse", "weight_decay": 0.05, "learning_rate": 0.1, "batch_size": 3}


@pytest.mark.parametrize("replacement", [True, False])
def test_a_run_is_the_same_in_whatever_ensemble(replacement: bool) -> None:
    setting = {**SMALL, "replacement": replacement, "steps": 30, "seed": 5}
    many, few = mlp.simulate(**setting, runs=37), mlp.simulate(**setting, runs=3)
    watched = mlp.simulate(**setting, runs=3, save_every=10)
    for place in (0, 1):
        np.testing.assert_allclose(many.layer(place).eigenvalues[:3], few.layer(place).eigenvalues, rtol=1e-12)
        np.testing.assert_allclose(watched.layer(place).eigenvalues[:, -1:], few.layer(place).eigenvalues, rtol=1e-12)
    assert np.unique(many.layer(0).eigenvalues).size == 37 * 3
    assert MLP(**SMALL, replacement=replacement).simulate(runs=3, steps=30, seed=5).parameters == few.parameters


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an epoch, with the changes of the heavy ball."""
    setting = {**SMALL, "replacement": False, "momentum": 0.5, "runs": 3, "steps": 30, "save_every": 5}
    expected = mlp.simulate(**setting)
    save, left = checkpoint.Checkpoint.save, [4]

    def failing(self: checkpoint.Checkpoint, *arguments: Any, **more: Any) -> None:
        save(self, *arguments, **more)
        left[0] -= 1
        if left[0] <= 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint.Checkpoint, "save", failing)
        mlp.simulate(**setting, checkpoint=tmp_path / "work")
    assert list((tmp_path / "work").glob("group-*.npz"))
    found = mlp.simulate(**setting, checkpoint=tmp_path / "work")
    np.testing.assert_array_equal(found.loss, expected.loss)
    for one, other in zip(found.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(one.eigenvalues, other.eigenvalues)


@pytest.mark.slow
def test_training_without_noise_goes_to_the_minimum_where_others_begin() -> None:
    """Of one linear layer it is that of ridge regression, W = YᵀX (XᵀX + nλ)⁻¹."""
    setting = {**SMALL, "widths": (4, 2), "activation": "identity"}
    x, y = FEW
    expected = np.linalg.svd(np.linalg.solve(x.T @ x + 7 * 0.05 * np.eye(4), x.T @ y), compute_uv=False) ** 2
    quiet = mlp.simulate(**{**setting, "batch_size": 7}, start="own", replacement=False, runs=2, steps=3000)
    np.testing.assert_allclose(quiet.layer(0).eigenvalues[:, 0], np.tile(expected, (2, 1)), rtol=1e-9)
    together = mlp.simulate(**setting, runs=2, steps=10, save_every=10)
    np.testing.assert_allclose(together.layer(0).eigenvalues[:, 0], np.tile(expected, (2, 1)), rtol=1e-7)
    assert np.ptp(together.layer(0).eigenvalues[:, 1], axis=0).min() > 1e-4


def test_starts_are_common_to_settings_or_of_every_run() -> None:
    starts = {}
    for name, more in {
        "common": {},
        "another rate": {"learning_rate": 0.05, "batch_size": 2, "momentum": 0.5},
        "another seed": {"seed": 3},
        "another start": {"start_seed": 1},
        "own": {"start": "own"},
    }.items():
        run = mlp.simulate(**{**SMALL, "warmup": 0, **more}, runs=3, steps=1, save_every=1)
        starts[name] = run.layer(0).eigenvalues[:, 0]
    assert np.ptp(starts["common"], axis=0).max() == 0
    np.testing.assert_array_equal(starts["another rate"], starts["common"])
    np.testing.assert_array_equal(starts["another seed"], starts["common"])
    assert (starts["another start"][0] != starts["common"][0]).all()
    assert np.ptp(starts["own"], axis=0).min() > 0.01


def test_what_is_not_at_a_minimum_is_warned_about() -> None:
    with pytest.warns(UserWarning, match=r"warmup = 2: after 2 steps the gradient .* do not begin at a minimum"):
        mlp.simulate(**SMALL, warmup=2, runs=2, steps=1)


@pytest.mark.slow
def test_runs_that_diverge_are_left_out_or_refused() -> None:
    with pytest.raises(simulators.Diverged, match="all 2 runs diverged: weights grew without bound"):
        mlp.simulate(**{**SMALL, "learning_rate": 30.0, "activation": "identity"}, runs=2, steps=2000)


def test_every_layer_is_a_trajectory_and_one_file_has_all(tmp_path: Path) -> None:
    run = mlp.simulate(**SMALL, runs=12, steps=40, save_every=20, keep_weights=True)
    assert [layer.parameters["layer"] for layer in run.layers] == [0, 1]
    assert run.layer(-1) is run.layers[1]
    assert run.layer(0).eigenvalues.shape == (12, 3, 3)
    assert run.layer(1).weights.shape == (12, 3, 2, 3)
    assert run.layer(0).parameters["batch_size"] == 3
    with pytest.raises(ValueError, match="layer: expected -2 to 1, got 2"):
        run.layer(2)
    run._replace(layers=tuple(layer._replace(weights=None) for layer in run.layers)).save(tmp_path / "run.nc")
    layers = cf.read_layers(tmp_path / "run.nc")
    assert list(layers) == ["layer_0", "layer_1"]
    for place, spectra in enumerate(layers.values()):
        np.testing.assert_array_equal(spectra.eigenvalues, run.layer(place).eigenvalues[:, -1])
        assert (spectra.learning_rate, spectra.batch_size) == (0.1, 3.0)
        assert spectra.provenance["step"] == 40
    one = cf.read(tmp_path / "run.nc", eigenvalues="layer_1", snapshot=1)
    np.testing.assert_array_equal(one.eigenvalues, run.layer(1).eigenvalues[:, 1])
    assert list(cf.read_layers(tmp_path / "run.nc", "*_1")) == ["layer_1"]
    assert run.to_dataset()["weights_0"].sizes == {"run": 12, "snapshot": 3, "row_0": 3, "column_0": 4}


# --- data


@pytest.mark.parametrize(
    ("data", "loss"),
    [
        ("teacher", "mse"),
        pytest.param("teacher", "cross-entropy", marks=pytest.mark.slow),
        pytest.param("mixture", "mse", marks=pytest.mark.slow),
        ("mixture", "cross-entropy"),
    ],
)
def test_made_data_can_be_learnt_and_depend_on_their_seed(data: str, loss: str) -> None:
    setting = MLP(widths=(6, 4, 3), data=data, loss=loss, samples=200, weight_decay=1e-3)
    made, other = setting._data, dataclasses.replace(setting, data_seed=1)._data
    assert made.inputs.shape == (200, 6)
    assert made.targets.shape == (200, 3)
    assert made != other
    assert made == dataclasses.replace(setting, learning_rate=0.3)._data
    run = setting.simulate(runs=2, steps=1, save_every=1)
    guess = np.log(3) if loss == "cross-entropy" else 0.5 * (made.targets**2).sum(axis=1).mean()
    assert run.loss[0, 0] < 0.9 * guess


def test_digits_are_those_of_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    data = MLP(data="digits")._data
    assert data.inputs.shape == (1797, 64)
    np.testing.assert_allclose(data.inputs.mean(axis=0), 0.0, atol=1e-12)
    assert data.targets.sum(axis=0).min() == 174
    with pytest.raises(ValueError, match="widths: expected 64 inputs and 10 outputs for data = 'digits'"):
        MLP(widths=(64, 16, 9), data="digits").simulate(runs=1, steps=1)


def test_digits_without_scikit_learn_are_one_honest_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'coulombfit\[data\]', or give arrays"):
        MLP(data="digits", samples=5).simulate(runs=1, steps=1)


def test_given_data_are_kept_and_compared_by_their_numbers() -> None:
    inputs, targets = FEW[0].copy(), FEW[1].copy()
    setting = MLP(**{**SMALL, "data": (inputs, targets)})
    inputs[:] = 0.0
    assert setting == MLP(**SMALL)
    assert hash(setting) == hash(MLP(**SMALL))
    assert setting != MLP(**{**SMALL, "data": (inputs, targets)})
    labels = MLP(**{**SMALL, "data": LABELLED})
    assert labels == MLP(**{**SMALL, "data": (FEW[0], np.eye(2)[LABELLED[1]])})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": (4,)}, "widths: expected two or more whole numbers above 0"),
        ({"widths": (4, 0, 2)}, "widths: expected two or more whole numbers above 0"),
        ({"activation": "selu"}, "activation: expected one of identity, tanh, relu, gelu, sigmoid, got 'selu'"),
        ({"loss": "hinge"}, "loss: expected one of mse, cross-entropy, got 'hinge'"),
        ({"learning_rate": 0.0}, "learning_rate: expected a finite number above 0, got 0.0"),
        ({"batch_size": 8, "replacement": False}, "batch_size: expected 7 at most, .* without replacement, got 8"),
        ({"momentum": 1.0}, "momentum: expected a number from 0 to below 1, got 1.0"),
        ({"weight_decay": -1.0}, "weight_decay: expected a finite number, 0 or above"),
        ({"start": "cold"}, "start: expected one of common, own, got 'cold'"),
        ({"start": "own", "warmup": 5}, "warmup: expected 0 or None for start = 'own', got 5"),
        ({"warmup": -5}, "warmup: expected a whole number above 0, got -5"),
        ({"samples": 5}, "samples: expected None for data that is given, got 5"),
        ({"data": "cats"}, "data: expected one of digits, mixture, teacher, got 'cats'"),
        ({"data": FEW[0]}, "data: expected digits, mixture, teacher, or arrays"),
        ({"data": (FEW[0][:, :3], FEW[1])}, r"data: expected inputs of shape \(sample, 4\), got \(7, 3\)"),
        ({"data": (FEW[0], FEW[1][:5])}, r"data: expected targets of shape \(7, 2\), .* got shape \(5, 2\)"),
        ({"data": (FEW[0], np.arange(7))}, "as many labels from 0 to 1, got labels from 0 to 6"),
        ({"loss": "cross-entropy"}, "data: expected labels, or probabilities that sum to 1"),
        ({"data": (FEW[0] * np.nan, FEW[1])}, "data: expected inputs .* got elements that are not finite"),
    ],
)
def test_arguments_are_checked_before_any_compute(arguments: dict, message: str, unchecked: None) -> None:
    with pytest.raises(ValueError, match=message):
        MLP(**{**SMALL, **arguments})
