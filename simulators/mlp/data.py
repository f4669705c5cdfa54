"""What perceptrons are trained on: given arrays, or data made by a teacher, a mixture of Gaussians, or scikit-learn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import as_numbers
from simulators.engine.isolation import isolated
from simulators.mlp.network import ACTIVATIONS

__all__ = ["MADE", "Data", "given_data", "made_data"]

MADE = ("digits", "mixture", "teacher")
LABEL_NOISE = 0.1
"""Standard deviation of the noise on a teacher's outputs."""
SEPARATION = 4.0
"""Root mean square distance of the means of two Gaussian classes, in units of the spread of an input in a class."""


@dataclass(frozen=True, eq=False)
class Data:
    """Samples, equal where their numbers are.

    :param inputs: (sample, feature).
    :param targets: (sample, output); of classes, 1 for the class of a sample and 0 for others.
    :param fingerprint: SHA-256 of both.
    """

    inputs: Float[np.ndarray, "sample feature"]
    targets: Float[np.ndarray, "sample output"]
    fingerprint: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def samples(self) -> int:
        """How many there are."""
        return len(self.inputs)


def given_data(data: Any, widths: tuple[int, ...], loss: str) -> Data:
    """Data from a pair of arrays: inputs (sample, feature), and targets (sample, output) or labels (sample,).

    :raises ValueError: where they do not fit the network and the loss.
    """
    if isinstance(data, Data):
        data = (data.inputs, data.targets)
    if isinstance(data, str) or not isinstance(data, tuple | list) or len(data) != 2:
        shown = repr(data) if isinstance(data, str) else type(data).__name__
        raise ValueError(f"data: expected {', '.join(MADE)}, or arrays (inputs, targets), got {shown}")
    inputs = as_numbers("data", data[0], f"inputs of shape (sample, {widths[0]})", (2,))
    if inputs.shape[1] != widths[0]:
        raise ValueError(f"data: expected inputs of shape (sample, {widths[0]}), got {inputs.shape}")
    wanted = f"targets of shape ({len(inputs)}, {widths[-1]}), or as many labels from 0 to {widths[-1] - 1}"
    targets = as_numbers("data", data[1], wanted, (1, 2))
    if len(targets) != len(inputs):
        raise ValueError(f"data: expected {wanted}, got shape {targets.shape}")
    if targets.ndim == 1:
        if not np.isin(targets, np.arange(widths[-1])).all():
            raise ValueError(f"data: expected {wanted}, got labels from {targets.min():g} to {targets.max():g}")
        targets = _indicators(targets.astype(int), widths[-1])
    if targets.shape[1] != widths[-1]:
        raise ValueError(f"data: expected {wanted}, got shape {targets.shape}")
    if loss == "cross-entropy" and ((targets < 0).any() or not np.allclose(targets.sum(axis=1), 1.0)):
        raise ValueError("data: expected labels, or probabilities that sum to 1, for loss = 'cross-entropy'")
    return _sealed(inputs, targets)


@lru_cache(maxsize=8)
def made_data(kind: str, widths: tuple[int, ...], activation: str, loss: str, samples: int | None, seed: int) -> Data:
    """Data of a kind in ``MADE``.

    :param samples: how many; None stands for 1000, of digits for all 1797.
    :raises ValueError: for more digits than there are, or a network that does not fit them.
    :raises ImportError: for digits where scikit-learn is not installed.
    """
    if kind == "digits":
        return _digits(widths, samples)
    rng = np.random.default_rng([seed, MADE.index(kind)])
    count = 1000 if samples is None else samples
    if kind == "mixture":
        means = SEPARATION / np.sqrt(2.0 * widths[0]) * rng.standard_normal((widths[-1], widths[0]))
        labels = rng.integers(widths[-1], size=count)
        inputs = means[labels] + rng.standard_normal((count, widths[0]))
        return _sealed(inputs, _indicators(labels, widths[-1]))
    inputs = rng.standard_normal((count, widths[0]))
    outputs = inputs
    for place, (rows, columns) in enumerate(zip(widths[1:], widths[:-1], strict=True)):
        outputs = outputs @ rng.standard_normal((rows, columns)).T / np.sqrt(columns)
        outputs = _activated(activation, outputs) if place < len(widths) - 2 else outputs
    if loss == "mse":
        return _sealed(inputs, outputs + LABEL_NOISE * rng.standard_normal(outputs.shape))
    # the greatest of logits with Gumbel noise has the probabilities of a softmax
    return _sealed(inputs, _indicators((outputs + rng.gumbel(size=outputs.shape)).argmax(axis=1), widths[-1]))


def _digits(widths: tuple[int, ...], samples: int | None) -> Data:
    """The 1797 images of 8 × 8 pixels that come with scikit-learn, from 0 to 1, about their mean image."""
    if (widths[0], widths[-1]) != (64, 10):
        raise ValueError(f"widths: expected 64 inputs and 10 outputs for data = 'digits', got {widths}")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "data: 'digits' are those of scikit-learn, which is not installed; pip install 'coulombfit[data]', or give "
            "arrays (inputs, targets)"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    if samples is not None and samples > len(pixels):
        raise ValueError(f"samples: expected {len(pixels)} at most for data = 'digits', got {samples}")
    inputs = pixels[:samples] / 16.0
    return _sealed(inputs - inputs.mean(axis=0), _indicators(labels[:samples], 10))


def _activated(activation: str, z: np.ndarray) -> np.ndarray:
    with isolated(True):
        return np.asarray(ACTIVATIONS[activation](jnp.asarray(z)))


def _indicators(labels: np.ndarray, classes: int) -> Float[np.ndarray, "sample class"]:
    return np.eye(classes)[labels]


def _sealed(inputs: ArrayLike, targets: ArrayLike) -> Data:
    """Data that nobody can change."""
    parts = [np.array(part, dtype=np.float64) for part in (inputs, targets)]
    digest = hashlib.sha256(repr([part.shape for part in parts]).encode())
    for part in parts:
        part.flags.writeable = False
        digest.update(part.tobytes())
    return Data(parts[0], parts[1], digest.hexdigest())
