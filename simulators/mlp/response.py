r"""Linear response of a perceptron at its minimum: widths of all levels, with nothing fitted.

At a minimum of the loss with weight decay, of Hessian H = Σ_i h_i e_i e_iᵀ, let G be the covariance of the gradients of
single samples. Batches drawn with replacement kick the weights by α times noise of covariance G/|B|, and to first order
in it the deviations δ_i = e_iᵀδw of the heavy ball have the stationary covariance

.. math:: \langle \delta_i \delta_j \rangle = \frac{\alpha^2}{|B|}\, \frac{(1 - \gamma^2)\, G_{ij}}
    {1 - a_i a_j (1 + \gamma^2) + \gamma(a_i^2 + a_j^2) - 2\gamma^2 + \gamma^4}, \qquad a_i = 1 + \gamma - \alpha h_i,

for γ = 0 and small α (α/|B|) G_ij/(h_i + h_j). A singular value s_k of a layer moves by u_kᵀ δW v_k and its square by
2 s_k times that, which is all that a width is. Not in the source.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from simulators.engine.isolation import isolated
from simulators.mlp.minimum import Problem, objective, train_together
from simulators.mlp.network import losses

__all__ = ["LARGEST", "Response", "respond"]

LARGEST = 3000
"""Most parameters of which the curvature is worked out, as a dense matrix."""
TOGETHER = 16
"""Columns of the Hessian, and samples, at once."""
NO_CURVATURE = 1e-7
"""Curvature relative to the greatest up to which a direction has none."""
NO_NOISE = 1e-9
"""Variance of single samples' gradients relative to the greatest up to which a direction has none."""
DEAD = 2.0
"""Standard deviations that a singular value has to be above 0 for its square to move in proportion to it."""
ROUNDING = 1e-6
"""Singular value relative to the greatest of its layer up to which it is 0 but for what training together has left."""
FORGOTTEN = 0.01
"""A width has been reached when its square lacks less than this fraction."""
LONGEST = 1e7
"""Steps beyond which none are counted."""


class Curvature(NamedTuple):
    """At a minimum: ``rates`` h_i, ascending; ``noise`` G in the basis of their directions; and of the levels of each
    layer, singular values and what a unit step in each direction adds to them.
    """

    rates: Float[np.ndarray, " direction"]
    noise: Float[np.ndarray, "direction direction"]
    values: tuple[Float[np.ndarray, " level"], ...]
    slopes: tuple[Float[np.ndarray, "level direction"], ...]


class Response(NamedTuple):
    """Of all levels by layer: widths, NaN where not known, and the steps in which runs that part reach them."""

    widths: tuple[Float[np.ndarray, " level"], ...]
    steps: tuple[Float[np.ndarray, " level"], ...]


def respond(problem: Problem, warmup: int, learning_rate: float, batch_size: int, momentum: float) -> Response:
    """Linear response of a setting.

    :raises ValueError: where it is not known.
    """
    c = _curvature(problem, warmup)
    a = 1.0 + momentum - learning_rate * c.rates
    greatest = float(c.rates.max())
    if learning_rate * greatest >= 2.0 * (1.0 + momentum):
        raise ValueError(
            f"learning_rate: training diverges from the minimum; expected below 2(1 + momentum)/h_max = "
            f"{2.0 * (1.0 + momentum) / greatest:.4g}, got {learning_rate!r}"
        )
    flat = c.rates < NO_CURVATURE * greatest
    strength = np.diagonal(c.noise)
    moved = flat & (strength > NO_NOISE * strength.max())
    if moved.any():
        raise ValueError(
            f"weight_decay: expected enough of it, or a longer warmup, for a minimum: {moved.sum()} directions that "
            f"noise moves have no curvature, the least h is {c.rates.min():.3g} of {greatest:.3g}"
        )
    products = a[:, None] * a
    below = 1.0 - products * (1.0 + momentum**2) + momentum * (a[:, None] ** 2 + a**2) - 2 * momentum**2 + momentum**4
    still = flat[:, None] | flat
    kicked = learning_rate**2 / batch_size * (1.0 - momentum**2) * c.noise
    covariance = np.where(still, 0.0, kicked / np.where(still, 1.0, below))
    root = np.sqrt(np.maximum(a**2 - 4.0 * momentum, 0.0))
    memory = np.where(a**2 > 4.0 * momentum, 0.5 * (np.abs(a) + root), np.sqrt(momentum))
    memory = np.where(flat, 0.0, memory)
    widths, steps = [], []
    for s, slopes in zip(c.values, c.slopes, strict=True):
        variance = np.einsum("ki,ij,kj->k", slopes, covariance, slopes, optimize=True)
        alive = (s > DEAD * np.sqrt(np.maximum(variance, 0.0))) & (s > ROUNDING * s.max())
        widths.append(np.where(alive, 2.0 * s * np.sqrt(np.maximum(variance, 0.0)), np.nan))
        steps.append(np.where(alive, _steps(slopes, covariance, memory), np.nan))
    return Response(tuple(widths), tuple(steps))


def _steps(
    slopes: Float[np.ndarray, "level direction"], covariance: np.ndarray, memory: Float[np.ndarray, " direction"]
) -> Float[np.ndarray, " level"]:
    """Steps from the minimum on after which the squared width of each level lacks less than FORGOTTEN."""
    whole = np.einsum("ki,ij,kj->k", slopes, covariance, slopes, optimize=True)
    low, high = np.zeros(len(slopes)), np.full(len(slopes), np.log(LONGEST))
    for _ in range(20):  # halves, to a part in 10⁵
        middle = 0.5 * (low + high)
        left = slopes * memory ** np.exp(middle)[:, None]
        enough = np.einsum("ki,ij,kj->k", left, covariance, left, optimize=True) <= FORGOTTEN * whole
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.ceil(np.exp(high))


@lru_cache(maxsize=4)
def _curvature(problem: Problem, warmup: int) -> Curvature:
    """Hessian and noise at the minimum of a problem; takes some seconds for a thousand parameters."""
    minimum = train_together(problem, warmup)
    size = sum(leaf.size for leaf in jax.tree.leaves(minimum.layers))
    if size > LARGEST:
        raise ValueError(f"widths: the response is known for networks of {LARGEST} parameters at most, got {size}")
    with isolated(True):
        flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, minimum.layers))
        slope = jax.grad(lambda point: objective(problem, unravel(point)))

        def column(direction: jax.Array) -> jax.Array:
            return jax.jvp(slope, (flat,), (direction,))[1]

        def of_one(sample: tuple[jax.Array, jax.Array]) -> jax.Array:
            x, y = sample
            one = partial(losses, problem.activation, problem.loss, inputs=x[None, None], targets=y[None, None])
            return jax.grad(lambda point: one(layers=unravel(point))[0])(flat)

        data = (jnp.asarray(problem.data.inputs), jnp.asarray(problem.data.targets))
        hessian = np.asarray(jax.jit(lambda all_: jax.lax.map(column, all_, batch_size=TOGETHER))(jnp.eye(size)))
        gradients = np.asarray(jax.jit(lambda all_: jax.lax.map(of_one, all_, batch_size=TOGETHER))(data))
        rates, modes = np.linalg.eigh(0.5 * (hessian + hessian.T))
        gradients = (gradients - gradients.mean(axis=0)) @ modes
        values, slopes = _levels(tuple(np.asarray(w) for w in minimum.layers.weights), modes)
    return Curvature(rates, gradients.T @ gradients / len(gradients), values, slopes)


def _levels(
    weights: tuple[np.ndarray, ...], modes: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Singular values of each layer, descending, and u_kᵀ E v_k for the part E of every direction in the layer."""
    values, slopes, before = [], [], 0
    for w in weights:  # in the flat vector they come first, one after the other
        u, s, vt = np.linalg.svd(w[0], full_matrices=False)
        outer = np.einsum("mk,kn->kmn", u, vt).reshape(len(s), -1)
        values.append(s)
        slopes.append(outer @ modes[before : before + w.size])
        before += w.size
    return tuple(values), tuple(slopes)
