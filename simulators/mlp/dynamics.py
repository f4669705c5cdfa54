"""One step of mini-batch stochastic gradient descent of perceptrons, for many runs at once.

    change ← γ change − α (∇L_B(W) + λW),    W ← W + change

with the mean loss L_B over the |B| samples of a batch, of each run its own. Biases do not decay.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt

from simulators.engine.ensemble import Dynamics
from simulators.linalg.small_matrices import squared_singular_values
from simulators.mlp.network import Layers, losses

__all__ = ["Numbers", "Perceptrons", "mlp_dynamics", "random_layers"]

LANES = (16, 128)
"""Fewest and most runs in a chunk: more of them leave a core without work where runs are few."""
WORK = 2**17
"""Numbers that a step of a chunk works with, half a megabyte of single precision: more runs in it are no faster."""
SEEN = 512
"""Samples over which the loss of a snapshot is taken at most."""


class Numbers(NamedTuple):
    """Numbers of a setting: data; where all runs begin, (1, …), nothing of starts of their own; α, γ, λ."""

    inputs: Float[Array, "sample feature"]
    targets: Float[Array, "sample output"]
    start: Layers
    learning_rate: Float[Array, ""]
    momentum: Float[Array, ""]
    weight_decay: Float[Array, ""]


class Perceptrons(NamedTuple):
    """State of a chunk of runs, the run first: layers, and their last change where there is momentum.

    Without replacement ``order`` has the samples in the order of this epoch, of which ``place`` were seen.
    """

    layers: Layers
    change: Layers
    order: Int[Array, "sample run"]
    place: Int[Array, ""]


def random_layers(widths: tuple[int, ...], biases: bool, key: Key[Array, ""], runs: int) -> Layers:
    """W_ij ~ N(0, 1/in), biases 0."""
    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    keys = jax.random.split(key, len(pairs))
    weights = [jax.random.normal(k, (runs, *shape)) / np.sqrt(shape[1]) for k, shape in zip(keys, pairs, strict=True)]
    return Layers(tuple(weights), tuple(jnp.zeros((runs, rows)) for rows, _ in pairs) if biases else ())


@lru_cache(maxsize=64)
def mlp_dynamics(
    widths: tuple[int, ...],
    activation: str,
    loss: str,
    biases: bool,
    samples: int,
    batch_size: int,
    momentum: bool,
    replacement: bool,
    own: bool,
    keep_weights: bool,
) -> Dynamics:
    """The dynamics of a perceptron; cached, because JAX compiles anew for every new function.

    :param samples: how many there are.
    :param own: whether every run has a random start of its own.
    """
    whole = batch_size == samples and not replacement
    mean_loss = partial(losses, activation, loss)

    def init(n: Numbers, key: Key[Array, ""], lanes: int) -> Perceptrons:
        if own:
            layers = random_layers(widths, biases, key, lanes)
        else:
            layers = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (lanes, *leaf.shape[1:])), n.start)
        change = jax.tree.map(jnp.zeros_like, layers) if momentum else Layers((), ())
        kept = 0 if replacement or whole else samples
        order = jnp.broadcast_to(jnp.arange(kept, dtype=jnp.int32)[:, None], (kept, lanes))
        return Perceptrons(layers, change, order, jnp.zeros((), jnp.int32))

    def draw(n: Numbers, key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> Any:
        if whole:
            return ()
        if replacement:
            return jax.random.randint(key, (batch_size, lanes), 0, samples, jnp.int32)
        return jax.random.bits(key, (batch_size, lanes), jnp.uint32)

    def step(n: Numbers, state: Perceptrons, drawn: Any) -> Perceptrons:
        layers, change, order, place = state
        if whole:
            inputs, targets = n.inputs[None], n.targets[None]
        else:
            chosen = drawn
            if not replacement:
                order, place, chosen = _next_batch(order, place, drawn)
            inputs, targets = n.inputs[chosen.T], n.targets[chosen.T]
        # the runs' losses are independent, so the gradient of their sum is that of each
        gradient = jax.grad(lambda now: mean_loss(now, inputs, targets).sum())(layers)
        decayed = tuple(g + n.weight_decay * w for g, w in zip(gradient.weights, layers.weights, strict=True))
        gradient = Layers(decayed, gradient.biases)
        if momentum:
            change = jax.tree.map(lambda c, g: n.momentum * c - n.learning_rate * g, change, gradient)
            layers = jax.tree.map(jnp.add, layers, change)
        else:
            layers = jax.tree.map(lambda w, g: w - n.learning_rate * g, layers, gradient)
        return Perceptrons(layers, change, order, place)

    def observe(n: Numbers, state: Perceptrons) -> dict[str, np.ndarray]:
        # the run from behind the chunk to the end
        weights = [np.moveaxis(np.asarray(w), 1, -1) for w in state.layers.weights]
        observed = {f"layer_{place}": squared_singular_values(w) for place, w in enumerate(weights)}
        every = -(-samples // SEEN)
        observed["loss"] = np.asarray(_loss_of_chunks(mean_loss)(state.layers, n.inputs[::every], n.targets[::every]))
        return {**observed, **{f"weights_{place}": w for place, w in enumerate(weights)}} if keep_weights else observed

    return Dynamics(init, draw, step, observe, _most(widths, batch_size))


def _most(widths: tuple[int, ...], batch_size: int) -> int:
    """Runs in a chunk: of weights, their changes and gradients, and what nodes have and get back of each sample."""
    parameters = sum(rows * columns for rows, columns in zip(widths[1:], widths[:-1], strict=True))
    lanes = LANES[1]
    while lanes > LANES[0] and lanes * (3 * parameters + 2 * batch_size * sum(widths)) > WORK:
        lanes //= 2
    return lanes


@lru_cache(maxsize=64)
def _loss_of_chunks(mean_loss: Any) -> Any:
    """The loss of chunks of runs, compiled."""
    return jax.jit(jax.vmap(lambda layers, x, y: mean_loss(layers, x[None], y[None]), (0, None, None)))


def _next_batch(
    order: Int[Array, "sample run"], place: Int[Array, ""], bits: UInt[Array, "batch run"]
) -> tuple[Array, Array, Array]:
    """The next samples of an epoch in random order, each swapped to its place when it is its turn (Fisher and Yates).

    The rest of an epoch that is too short for a batch is left out, as any order may be shuffled anew.
    """
    samples, runs = order.shape
    size = bits.shape[0]
    place = jnp.where(place + size > samples, 0, place)
    run = jnp.arange(runs)

    def swap(j: Array, current: Array) -> Array:
        here = place + j
        other = here + (bits[j] % (samples - here).astype(jnp.uint32)).astype(jnp.int32)
        mine, theirs = current[here], current[other, run]
        return current.at[other, run].set(mine).at[here].set(theirs)

    order = jax.lax.fori_loop(0, size, swap, order)
    return order, place + size, jax.lax.dynamic_slice_in_dim(order, place, size)
