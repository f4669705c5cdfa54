"""Teacher-student training of a network with one hidden layer, f(x; W) = Z a(W x) (Eqs. 13 to 28).

The student W learns the teacher W_t through a fixed second layer Z, from inputs x ~ N(0, I). With the mini-batch
average of the inputs replaced by its mean (Eq. 16) and a linear network, an update is

    W ← W + α ZᵀZ (W_t − W − η),    η_ij ~ N(0, noise²/|B|) anew at every step,                               (Eq. 28)

where noise is the standard deviation of one sample's gradient noise. True mini-batches and the activations tanh and
relu are options, and keep η. Conventions: W is M × N, the eigenvalues x of X = WᵀW flow to the teacher's κ_i.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from numpy.typing import ArrayLike

from simulators import wishart
from simulators.arguments import check_dtype, check_save_every, check_seed, positive, whole
from simulators.small_matrices import product, squared_singular_values, transpose
from simulators.teacher_student_theory import (
    check_noise,
    check_stable,
    displacement,
    learning_curve,
    relaxation_times,
    setup,
    steps_to_stationarity,
    widths,
)
from simulators.training import Dynamics, ensemble
from simulators.trajectory import Trajectory, stayed

__all__ = [
    "Z_EQ26",
    "Z_EQ27",
    "displacement",
    "learning_curve",
    "relaxation_times",
    "simulate",
    "steps_to_stationarity",
    "widths",
]

Z_EQ26 = np.array([[-0.1727, -0.8341], [-0.0106, -0.7750]])
"""Second layer of Eq. 26; the eigenvalues of ZᵀZ are 1.31440 and 0.01189."""

Z_EQ27 = np.array([[-1.8198, 0.5861], [-0.6574, 0.0473]])
"""Second layer of Eq. 27; the eigenvalues of ZᵀZ are 4.06759 and 0.02201."""

ACTIVATIONS = {"identity": lambda y: y, "tanh": jnp.tanh, "relu": jax.nn.relu}
BATCHES = ("averaged", "independent", "shared")


class Student(NamedTuple):
    """State of a chunk of runs: weights, and their last change where there is momentum."""

    weights: Float[Array, "hidden input run"]
    change: Float[Array, "hidden input run"]


def simulate(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    activation: str = "identity",
    batches: str = "averaged",
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    noise: float = 0.1,
    symmetric_noise: bool = False,
    batch_size: int = 1,
    runs: int = 1000,
    steps: int = 8000,
    save_every: int | None = None,
    keep_weights: bool = False,
    seed: int = 0,
    dtype: str = "float64",
    progress: bool | None = None,
    checkpoint: str | Path | None = None,
) -> Trajectory:
    """Train an ensemble of students from W_ij ~ N(0, 1).

    :param Z: second layer, shape (K, M); identity where not given.
    :param kappa: teacher eigenvalues, shape (min(M, N),), or one number for a degenerate teacher.
    :param inputs: N, the number of inputs; by default M.
    :param activation: a, "identity", "tanh" or "relu".
    :param batches: the inputs of a step: "averaged", replaced by their mean (Eq. 17, linear networks only);
        "independent", \\|B\\| new ones for every run; "shared", the same \\|B\\| for all runs.
    :param learning_rate: α.
    :param momentum: γ of the heavy ball, W changes by γ times its last change and α times the gradient.
    :param noise: standard deviation of one sample's gradient noise.
    :param symmetric_noise: η symmetric, with the variance halved off the diagonal.
    :param batch_size: \\|B\\|, the number of samples in a step, over which noise is averaged.
    :param runs: number of independent students.
    :param steps: number of updates.
    :param save_every: keep the spectrum at steps 0, save_every, 2 save_every, …; None keeps the last one only.
    :param keep_weights: keep the weights as well.
    :param seed: the same seed gives the same runs, in whatever ensemble.
    :param dtype: "float32" or "float64".
    :param progress: show progress on stderr; by default where it is a terminal.
    :param checkpoint: folder for unfinished work; the same call goes on from there, to the same bits.
    :raises ValueError: for an argument outside its range, or α beyond the stable range of a linear network with
        averaged inputs, 0 < α < 2(1 + γ)/λ_max.
    :raises Diverged: where every run diverged, as small batches may at an α that is stable on average.
    :warns UserWarning: where α is too large for batches as small; where runs diverged, which are left out; where the
        run of a linear network is shorter than :func:`steps_to_stationarity`.
    """
    whole(runs=runs, steps=steps)
    check_seed(seed)
    check_save_every(save_every, steps)
    s = setup(Z, kappa, inputs)
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    if batches not in BATCHES:
        raise ValueError(f"batches: expected one of {', '.join(BATCHES)}, got {batches!r}")
    if activation != "identity" and batches == "averaged":
        raise ValueError(f"batches: expected 'independent' or 'shared' for activation = {activation!r}, got 'averaged'")
    if symmetric_noise and s.teacher.shape[0] != s.teacher.shape[1]:
        raise ValueError(f"symmetric_noise: expected a square W, got {s.teacher.shape[0]} × {s.teacher.shape[1]}")
    check_noise(noise, batch_size)
    check_dtype(dtype)
    positive(learning_rate=learning_rate)
    linear = activation == "identity"
    if linear:
        check_stable(s, learning_rate, momentum)
    noisy: dict[str, Any] = {
        "learning_rate": learning_rate,
        "noise": noise,
        "batch_size": batch_size,
        "momentum": momentum,
    }
    if linear:
        needed = steps_to_stationarity(Z=s.z, kappa=s.kappa, inputs=inputs, **noisy)
        if steps < needed:
            warnings.warn(
                f"steps = {steps}: the slowest mode needs {needed:.0f} steps to forget its start, "
                "so centres and widths of these spectra are not yet stationary",
                UserWarning,
                stacklevel=2,
            )
    # for the second moment Σ of a batch ⟨Σ²⟩ = 1 + (N + 1)/|B|, and mean squares contract while αλ⟨Σ²⟩ < 2
    excess = 0.0 if batches == "averaged" else (s.teacher.shape[1] + 1) / batch_size
    stable = 2.0 / (np.linalg.norm(s.curvature, 2) * (1.0 + excess))
    if linear and batches != "averaged" and not momentum and learning_rate >= stable:
        warnings.warn(
            f"learning_rate = {learning_rate}: at batch_size = {batch_size} mean squares of the weights grow without "
            f"bound; they stay finite below {stable:.4g}",
            UserWarning,
            stacklevel=2,
        )
    dynamics = _dynamics(
        tuple(map(tuple, s.z.tolist())),
        tuple(s.kappa.tolist()),
        s.teacher.shape[1],
        activation,
        batches,
        float(learning_rate),
        float(momentum),
        float(noise),
        bool(symmetric_noise),
        int(batch_size),
        bool(keep_weights),
        dtype,
    )
    parameters = {
        "simulator": "teacher-student",
        "Z": s.z.tolist(),
        "kappa": s.kappa.tolist(),
        "inputs": s.teacher.shape[1],
        "activation": activation,
        "batches": batches,
        "learning_rate": float(learning_rate),
        "momentum": float(momentum),
        "noise": float(noise),
        "symmetric_noise": bool(symmetric_noise),
        "batch_size": int(batch_size),
        "runs": int(runs),
        "steps": int(steps),
        "save_every": None if save_every is None else int(save_every),
        "keep_weights": bool(keep_weights),
        "seed": int(seed),
        "dtype": dtype,
    }
    observed, kept = ensemble(
        dynamics,
        runs=runs,
        steps=steps,
        save_every=save_every,
        seed=seed,
        dtype=dtype,
        progress=progress,
        checkpoint=checkpoint,
        setting=parameters,
    )
    cause = (
        f"weights grew without bound. Mean squares of a linear student stay finite for learning_rate below {stable:.4g}"
    )
    return stayed(observed, kept, parameters, cause)


@lru_cache(maxsize=64)
def _dynamics(
    z_rows: tuple[tuple[float, ...], ...],
    kappa: tuple[float, ...],
    inputs: int,
    activation: str,
    batches: str,
    learning_rate: float,
    momentum: float,
    noise: float,
    symmetric_noise: bool,
    batch_size: int,
    keep_weights: bool,
    dtype: str,
) -> Dynamics:
    """The student's dynamics; cached, because JAX compiles anew for every new function."""
    s = setup(np.asarray(z_rows), np.asarray(kappa), inputs)
    teacher, curvature = s.teacher[:, :, None].astype(dtype), s.curvature.astype(dtype)
    shape = s.teacher.shape
    linear = activation == "identity"
    act = ACTIVATIONS[activation]

    def init(key: Key[Array, ""], lanes: int) -> Student:
        weights = jax.random.normal(key, (*shape, lanes))
        return Student(weights, jnp.zeros_like(weights) if momentum else weights[:0])

    def draw(key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Any, Any]:
        key_noise, key_batch = jax.random.split(key)
        eta = noise / batch_size**0.5 * jax.random.normal(key_noise, (*shape, lanes)) if noise else ()
        if batches == "averaged":
            return eta, ()
        key_inputs, count = (common, 1) if batches == "shared" else (key_batch, lanes)
        if linear:
            return eta, wishart.draw(key_inputs, inputs, batch_size, count)
        return eta, jax.random.normal(key_inputs, (inputs, batch_size, count))

    def step(state: Student, numbers: tuple[Any, Any]) -> Student:
        (w, change), (eta, batch) = state, numbers
        missing = jnp.subtract(teacher, w)
        if batches == "averaged":
            signal = missing
        elif linear:
            root = wishart.triangle(batch, inputs)
            signal = product(missing, product(root, transpose(root)) / batch_size)
        else:
            student, slope = jax.jvp(act, (y := product(w, batch),), (jnp.ones_like(y),))
            error = act(product(jnp.asarray(teacher), batch)) - student
            signal = product(slope * _through(curvature, error), transpose(batch)) / batch_size
        kick = eta if noise else jnp.zeros_like(w)
        if symmetric_noise:
            kick = 0.5 * (kick + transpose(kick))
        gradient = _through(curvature, signal - kick) if linear else signal - _through(curvature, kick)
        update = learning_rate * gradient
        if momentum:
            update = change = momentum * change + update
        return Student(w + update, change)

    def observe(state: Student) -> dict[str, Array]:
        kept = {"eigenvalues": squared_singular_values(state.weights)}
        return {**kept, "weights": state.weights} if keep_weights else kept

    return Dynamics(init, draw, step, observe)


def _through(curvature: np.ndarray, a: Float[Array, "hidden m run"]) -> Float[Array, "hidden m run"]:
    """ZᵀZ A."""
    return jnp.einsum("ij,jkr->ikr", curvature, a)
