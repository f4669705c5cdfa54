"""One step of a Gaussian RBM's training, for many machines at once (Eq. 10)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from simulators.engine.ensemble import Dynamics
from simulators.gaussian_rbm.theory import Target
from simulators.linalg import wishart
from simulators.linalg.small_matrices import cholesky, inverse, product, squared_singular_values, transpose

__all__ = ["Machine", "Numbers", "machine_dynamics", "machine_numbers"]


class Machine(NamedTuple):
    """State of a chunk of runs: weights in the basis of the target's modes and, where chains persist, a root F of the
    second moment of their samples, Σ φφᵀ = F Fᵀ."""

    weights: Float[Array, "visible hidden run"]
    root: Float[Array, "visible column run"]


class Numbers(NamedTuple):
    """Of a setting: ``modes`` and ``covariance`` 1/κ of the target, the weights ``aim`` that have learnt it, μ², σ_h²,
    α, and the standard deviation of weights at the ``start``, 0 for one at the target."""

    modes: Float[Array, "visible visible"]
    covariance: Float[Array, "visible 1 1"]
    aim: Float[Array, "visible hidden 1"]
    mu2: Float[Array, ""]
    sigma_h2: Float[Array, ""]
    learning_rate: Float[Array, ""]
    start: Float[Array, ""]


def machine_numbers(aim: Target, hidden: int, learning_rate: float, start: float | None, dtype: str) -> Numbers:
    """The numbers of a setting in one precision."""
    weights = np.zeros((aim.kappa.size, hidden))
    np.fill_diagonal(weights, np.sqrt(np.maximum(aim.mu2 - aim.kappa, 0.0) / aim.sigma_h2))
    scalars = (aim.mu2, aim.sigma_h2, learning_rate, start or 0.0)
    exact = (aim.modes, 1.0 / aim.kappa[:, None, None], weights[:, :, None], *scalars)
    return Numbers._make(np.asarray(value, dtype) for value in exact)


@lru_cache(maxsize=64)
def machine_dynamics(batch_size: int, noise: str, gibbs_steps: int, keep_weights: bool) -> Dynamics:
    """The machine's dynamics; cached, because JAX compiles anew for every new function."""

    def kernel_of(n: Numbers, w: Array) -> Array:
        return n.mu2 * jnp.eye(w.shape[0], dtype=w.dtype)[:, :, None] - n.sigma_h2 * product(w, transpose(w))

    def init(n: Numbers, key: Key[Array, ""], lanes: int) -> Machine:
        key_weights, key_chains = jax.random.split(key)
        visible, hidden, _ = n.aim.shape
        random = n.start * jax.random.normal(key_weights, (visible, hidden, lanes))
        w = jnp.where(n.start > 0, random, n.aim)
        if not gibbs_steps:
            return Machine(w, w[:0])
        samples = wishart.triangle(wishart.draw(key_chains, visible, batch_size, lanes), visible)
        return Machine(w, product(cholesky(inverse(kernel_of(n, w))), samples))

    def draw(n: Numbers, key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Any, Any]:
        visible = n.aim.shape[0]
        key_data, key_model = jax.random.split(key)
        data = wishart.draw(key_data, visible, batch_size, lanes) if noise in ("data", "both") else ()
        if noise in ("model", "both"):
            return data, wishart.draw(key_model, visible, batch_size, lanes)
        if not gibbs_steps:
            return data, ()
        key_old, key_new = jax.random.split(key_model)
        old = jax.random.normal(key_old, (visible, min(batch_size, visible), lanes))
        return data, (old, wishart.draw(key_new, visible, batch_size - visible, lanes) if batch_size > visible else ())

    def step(n: Numbers, state: Machine, drawn: tuple[Any, Any]) -> Machine:
        (w, root), (data, model) = state, drawn
        visible = w.shape[0]
        exact = inverse(kernel_of(n, w))
        of_target, of_model = n.covariance * jnp.eye(visible, dtype=w.dtype)[:, :, None], exact
        if data:
            of_target = _moment(jnp.sqrt(n.covariance) * wishart.triangle(data, visible))
        if noise in ("model", "both"):
            of_model = _moment(product(cholesky(exact), wishart.triangle(model, visible)))
        if gibbs_steps:
            root = _sweeps(n, w, exact, root, *model)
            of_model = _moment(root)
        return Machine(w + n.learning_rate * n.sigma_h2 * product(of_target - of_model, w), root)

    def _moment(root: Array) -> Array:
        return product(root, transpose(root)) / batch_size

    def _sweeps(n: Numbers, w: Array, exact: Array, root: Array, old: Array, new: Any) -> Array:
        """All chains through k Gibbs sweeps, φ ← Aφ + ξ with A = (σ_h²WWᵀ/μ²)^k and ⟨ξξᵀ⟩ = M − AMA.

        Of the samples only their second moment matters. ξ splits into a part along the row space of φ, as many columns
        as it has, and a rest that is independent of φ and enters by its own second moment.
        """
        sweep = n.sigma_h2 / n.mu2 * product(w, transpose(w))
        carried = sweep
        for _ in range(gibbs_steps - 1):
            carried = product(carried, sweep)
        kick = cholesky(exact - product(carried, product(exact, carried)))
        moved = product(carried, root) + product(kick, old)
        if not new:
            return moved
        rest = product(kick, wishart.triangle(new, w.shape[0]))
        return cholesky(product(moved, transpose(moved)) + product(rest, transpose(rest)))

    def observe(n: Numbers, state: Machine) -> dict[str, np.ndarray]:
        weights = np.asarray(state.weights)
        x = np.asarray(n.sigma_h2) * squared_singular_values(weights)
        kept = {"eigenvalues": np.where(x[..., :1, :] < n.mu2, x, np.nan)}
        if keep_weights:
            kept["weights"] = np.einsum("ij,...jkr->...ikr", np.asarray(n.modes), weights)
        return kept

    return Dynamics(init, draw, step, observe)
