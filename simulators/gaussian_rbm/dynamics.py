"""One step of a Gaussian RBM's training, for many machines at once (Eq. 10)."""

from __future__ import annotations

from collections.abc import Callable
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
    """Numbers of a setting: ``modes`` and ``covariance`` 1/κ of the target, the learnt weights ``aim``, μ², σ_h²,
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


class ModelMoment(NamedTuple):
    """How the second moment of the model is had: the chains' root at the ``start``, what is to ``draw`` for a step, and
    the ``moment`` with the root after it."""

    start: Callable[[Numbers, Array, Key[Array, ""]], Array]
    draw: Callable[[Numbers, Key[Array, ""], int], Any]
    moment: Callable[[Numbers, Machine, Array, Any], tuple[Array, Array]]


@lru_cache(maxsize=64)
def machine_dynamics(batch_size: int, noise: str, gibbs_steps: int, keep_weights: bool) -> Dynamics:
    """The machine's dynamics; cached, because JAX compiles anew for every new function."""
    sampled = noise in ("data", "both")
    if noise in ("model", "both"):
        model = _sampled_model(batch_size)
    elif gibbs_steps:
        model = _persistent_chains(batch_size, gibbs_steps)
    else:
        model = _exact_model()

    def init(n: Numbers, key: Key[Array, ""], lanes: int) -> Machine:
        key_weights, key_chains = jax.random.split(key)
        visible, hidden, _ = n.aim.shape
        random = n.start * jax.random.normal(key_weights, (visible, hidden, lanes))
        w = jnp.where(n.start > 0, random, n.aim)
        return Machine(w, model.start(n, w, key_chains))

    def draw(n: Numbers, key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Any, Any]:
        key_data, key_model = jax.random.split(key)
        data = wishart.draw(key_data, n.aim.shape[0], batch_size, lanes) if sampled else ()
        return data, model.draw(n, key_model, lanes)

    def step(n: Numbers, state: Machine, drawn: tuple[Any, Any]) -> Machine:
        w, (data, other) = state.weights, drawn
        visible = w.shape[0]
        if sampled:
            target_moment = _moment(jnp.sqrt(n.covariance) * wishart.triangle(data, visible), batch_size)
        else:
            target_moment = n.covariance * jnp.eye(visible, dtype=w.dtype)[:, :, None]
        model_moment, root = model.moment(n, state, inverse(_kernel(n, w)), other)
        return Machine(w + n.learning_rate * n.sigma_h2 * product(target_moment - model_moment, w), root)

    def observe(n: Numbers, state: Machine) -> dict[str, np.ndarray]:
        weights = np.asarray(state.weights)
        x = np.asarray(n.sigma_h2) * squared_singular_values(weights)
        observed = {"eigenvalues": np.where(x[..., :1, :] < n.mu2, x, np.nan)}
        if keep_weights:
            observed["weights"] = np.einsum("ij,...jkr->...ikr", np.asarray(n.modes), weights)
        return observed

    return Dynamics(init, draw, step, observe)


def _exact_model() -> ModelMoment:
    """K⁻¹ itself."""
    return ModelMoment(
        lambda n, w, key: w[:0],
        lambda n, key, lanes: (),
        lambda n, state, exact, drawn: (exact, state.root),
    )


def _sampled_model(batch_size: int) -> ModelMoment:
    """From independent samples of the model."""

    def draw(n: Numbers, key: Key[Array, ""], lanes: int) -> Any:
        return wishart.draw(key, n.aim.shape[0], batch_size, lanes)

    def moment(n: Numbers, state: Machine, exact: Array, drawn: Any) -> tuple[Array, Array]:
        root = product(cholesky(exact), wishart.triangle(drawn, exact.shape[0]))
        return _moment(root, batch_size), state.root

    return ModelMoment(lambda n, w, key: w[:0], draw, moment)


def _persistent_chains(batch_size: int, gibbs_steps: int) -> ModelMoment:
    """From chains that take ``gibbs_steps`` Gibbs sweeps in a step and start in the model's law.

    k sweeps are φ ← Aφ + ξ with A = (σ_h²WWᵀ/μ²)^k and ⟨ξξᵀ⟩ = M − AMA. Of the samples only their second moment
    matters. ξ splits into a part along the row space of φ, as many columns as it has, and a rest that is independent of
    φ and enters by its own second moment.
    """

    def start(n: Numbers, w: Array, key: Key[Array, ""]) -> Array:
        visible, _, lanes = w.shape
        samples = wishart.triangle(wishart.draw(key, visible, batch_size, lanes), visible)
        return product(cholesky(inverse(_kernel(n, w))), samples)

    def draw(n: Numbers, key: Key[Array, ""], lanes: int) -> tuple[Array, Any]:
        visible = n.aim.shape[0]
        key_old, key_new = jax.random.split(key)
        along = jax.random.normal(key_old, (visible, min(batch_size, visible), lanes))
        rest = wishart.draw(key_new, visible, batch_size - visible, lanes) if batch_size > visible else ()
        return along, rest

    def moment(n: Numbers, state: Machine, exact: Array, drawn: tuple[Array, Any]) -> tuple[Array, Array]:
        (w, root), (along, rest) = state, drawn
        sweep = n.sigma_h2 / n.mu2 * product(w, transpose(w))
        carried = sweep
        for _ in range(gibbs_steps - 1):
            carried = product(carried, sweep)
        kick = cholesky(exact - product(carried, product(exact, carried)))
        root = product(carried, root) + product(kick, along)
        if rest:
            apart = product(kick, wishart.triangle(rest, w.shape[0]))
            root = cholesky(product(root, transpose(root)) + product(apart, transpose(apart)))
        return _moment(root, batch_size), root

    return ModelMoment(start, draw, moment)


def _kernel(n: Numbers, w: Array) -> Array:
    """K = μ² − σ_h²WWᵀ."""
    return n.mu2 * jnp.eye(w.shape[0], dtype=w.dtype)[:, :, None] - n.sigma_h2 * product(w, transpose(w))


def _moment(root: Array, batch_size: int) -> Array:
    """The mean of φφᵀ from a root of its sum."""
    return product(root, transpose(root)) / batch_size
