"""A multilayer perceptron and its loss, for many sets of weights at once.

    f(x) = W_L a(W_(L−1) … a(W_1 x))

Here, unlike in other simulators, the run is the first axis of every array: products of matrices of a few thousand
elements are worth a library's call, and XLA's batched products take the batch in front
(``benchmarks/perceptron_layouts.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["ACTIVATIONS", "LOSSES", "Layers", "losses"]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda z: z,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "sigmoid": jax.nn.sigmoid,
}


class Layers(NamedTuple):
    """What is trained: ``weights`` of each layer, (run, out, in), and ``biases``, (run, out); none where () stands."""

    weights: tuple[Float[Array, "run out in"], ...]
    biases: tuple[Float[Array, "run out"], ...]


def losses(
    activation: str,
    loss: str,
    layers: Layers,
    inputs: Float[Array, "#run sample feature"],
    targets: Float[Array, "#run sample output"],
) -> Float[Array, " run"]:
    """Mean loss of each run over its samples, without weight decay.

    :param activation: a of every layer but the last, a name of ``ACTIVATIONS``.
    :param loss: a name of ``LOSSES``.
    """
    act, hidden = ACTIVATIONS[activation], inputs
    for place, w in enumerate(layers.weights):
        # samples that all runs share are in one product with the weights of all of them
        shared = hidden.shape[0] == 1
        hidden = jnp.einsum("bi,roi->rbo", hidden[0], w) if shared else jnp.einsum("rbi,roi->rbo", hidden, w)
        if layers.biases:
            hidden = hidden + layers.biases[place][:, None]
        if place < len(layers.weights) - 1:
            hidden = act(hidden)
    return LOSSES[loss](hidden, targets).mean(axis=1)


def _half_squares(outputs: Array, targets: Array) -> Array:
    """½|f − y|² of each sample."""
    return 0.5 * ((outputs - targets) ** 2).sum(axis=2)


def _cross_entropies(outputs: Array, targets: Array) -> Array:
    """−Σ_k y_k ln softmax(f)_k of each sample."""
    return -(targets * jax.nn.log_softmax(outputs, axis=2)).sum(axis=2)


LOSSES = {"mse": _half_squares, "cross-entropy": _cross_entropies}
