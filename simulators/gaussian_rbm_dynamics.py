"""One step of a Gaussian RBM's training, for many machines at once (Eq. 10)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from simulators import wishart
from simulators.small_matrices import cholesky, inverse, product, squared_singular_values, transpose
from simulators.training import Dynamics

__all__ = ["Machine", "machine_dynamics"]


class Machine(NamedTuple):
    """State of a chunk of runs: weights in the basis of the target's modes and, where chains persist, a root F of the
    second moment of their samples, Σ φφᵀ = F Fᵀ."""

    weights: Float[Array, "visible hidden run"]
    root: Float[Array, "visible column run"]


@lru_cache(maxsize=64)
def machine_dynamics(
    modes_bytes: bytes,
    kappa_values: tuple[float, ...],
    hidden: int,
    mu2: float,
    sigma_h2: float,
    learning_rate: float,
    batch_size: int,
    noise: str,
    gibbs_steps: int,
    start: float | None,
    keep_weights: bool,
    dtype: str,
) -> Dynamics:
    """The machine's dynamics; cached, because JAX compiles anew for every new function."""
    visible = len(kappa_values)
    modes = np.frombuffer(modes_bytes).reshape(visible, visible).astype(dtype)
    kappa, eye = np.asarray(kappa_values, dtype), np.eye(visible, dtype=dtype)[:, :, None]

    def kernel_of(w: Array) -> Array:
        return jnp.asarray(mu2 * eye) - sigma_h2 * product(w, transpose(w))

    def init(key: Key[Array, ""], lanes: int) -> Machine:
        key_weights, key_chains = jax.random.split(key)
        if start is None:
            diagonal = np.zeros((visible, hidden))
            np.fill_diagonal(diagonal, np.sqrt(np.maximum(mu2 - kappa, 0.0) / sigma_h2))
            w = jnp.broadcast_to(jnp.asarray(diagonal, jnp.result_type(float))[:, :, None], (visible, hidden, lanes))
        else:
            w = start * jax.random.normal(key_weights, (visible, hidden, lanes))
        if not gibbs_steps:
            return Machine(w, w[:0])
        samples = wishart.triangle(wishart.draw(key_chains, visible, batch_size, lanes), visible)
        return Machine(w, product(cholesky(inverse(kernel_of(w))), samples))

    def draw(key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Any, Any]:
        key_data, key_model = jax.random.split(key)
        data = wishart.draw(key_data, visible, batch_size, lanes) if noise in ("data", "both") else ()
        if noise in ("model", "both"):
            return data, wishart.draw(key_model, visible, batch_size, lanes)
        if not gibbs_steps:
            return data, ()
        key_old, key_new = jax.random.split(key_model)
        old = jax.random.normal(key_old, (visible, min(batch_size, visible), lanes))
        return data, (old, wishart.draw(key_new, visible, batch_size - visible, lanes) if batch_size > visible else ())

    def step(state: Machine, numbers: tuple[Any, Any]) -> Machine:
        (w, root), (data, model) = state, numbers
        exact = inverse(kernel_of(w))
        of_target, of_model = jnp.asarray(eye / kappa[:, None, None]), exact
        if data:
            of_target = _moment(wishart.triangle(data, visible) / np.sqrt(kappa)[:, None, None])
        if noise in ("model", "both"):
            of_model = _moment(product(cholesky(exact), wishart.triangle(model, visible)))
        if gibbs_steps:
            root = _sweeps(w, exact, root, *model)
            of_model = _moment(root)
        return Machine(w + learning_rate * sigma_h2 * product(of_target - of_model, w), root)

    def _moment(root: Array) -> Array:
        return product(root, transpose(root)) / batch_size

    def _sweeps(w: Array, exact: Array, root: Array, old: Array, new: Any) -> Array:
        """All chains through k Gibbs sweeps, φ ← Aφ + ξ with A = (σ_h²WWᵀ/μ²)^k and ⟨ξξᵀ⟩ = M − AMA.

        Of the samples only their second moment matters. ξ splits into a part along the row space of φ, as many columns
        as it has, and a rest that is independent of φ and enters by its own second moment.
        """
        sweep = sigma_h2 / mu2 * product(w, transpose(w))
        carried = sweep
        for _ in range(gibbs_steps - 1):
            carried = product(carried, sweep)
        kick = cholesky(exact - product(carried, product(exact, carried)))
        moved = product(carried, root) + product(kick, old)
        if not new:
            return moved
        rest = product(kick, wishart.triangle(new, visible))
        return cholesky(product(moved, transpose(moved)) + product(rest, transpose(rest)))

    def observe(state: Machine) -> dict[str, Array]:
        x = sigma_h2 * squared_singular_values(state.weights)
        kept = {"eigenvalues": jnp.where(x[0] < mu2, x, jnp.nan)}
        if keep_weights:
            kept["weights"] = jnp.einsum("ij,jkr->ikr", modes, state.weights)
        return kept

    return Dynamics(init, draw, step, observe)
