"""Training of students with one hidden layer, many at once (Eqs. 13 to 28)."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from simulators.engine.schedule import Schedule
from simulators.engine.trajectory import Trajectory, evolve
from simulators.teacher_student.activations import why_unknown
from simulators.teacher_student.dynamics import student_dynamics, student_numbers
from simulators.teacher_student.response import check_training, respond, setup
from simulators.teacher_student.theory import (
    steps_needed,
)

__all__ = ["Z_EQ26", "Z_EQ27", "simulate"]

Z_EQ26 = np.array([[-0.1727, -0.8341], [-0.0106, -0.7750]])
"""Second layer of Eq. 26; the eigenvalues of ZᵀZ are 1.31440 and 0.01189."""

Z_EQ27 = np.array([[-1.8198, 0.5861], [-0.6574, 0.0473]])
"""Second layer of Eq. 27; the eigenvalues of ZᵀZ are 4.06759 and 0.02201."""


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
    :param seed: the same seed gives the same runs of a setting, in whatever ensemble; another setting has others.
    :param dtype: "float32" or "float64".
    :param progress: show progress on stderr; by default where it is a terminal.
    :param checkpoint: folder for unfinished work; the same call goes on from there, to the same bits.
    :raises ValueError: for an argument outside its range, or α beyond the stable range of a linear network with
        averaged inputs, 0 < α < 2(1 + γ)/λ_max.
    :raises Diverged: where every run diverged, as small batches may at an α that is stable on average.
    :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
    :warns UserWarning: where α is too large for batches as small; where runs diverged, which are left out; where the
        run is shorter than :func:`steps_to_stationarity`, or that is not known.
    """
    schedule = Schedule(runs, steps, save_every, seed, dtype, progress, checkpoint).check()
    s = setup(Z, kappa, inputs)
    check_training(activation, batches, learning_rate, momentum, noise, batch_size)
    if activation != "identity" and batches == "averaged":
        raise ValueError(f"batches: expected 'independent' or 'shared' for activation = {activation!r}, got 'averaged'")
    if symmetric_noise and s.teacher.shape[0] != s.teacher.shape[1]:
        raise ValueError(f"symmetric_noise: expected a square W, got {s.teacher.shape[0]} × {s.teacher.shape[1]}")
    cause = "weights grew without bound, as they may at so large a learning rate or so small a batch"
    unknown = why_unknown(activation, s.teacher)
    if unknown is not None:
        warnings.warn(f"steps = {steps}: how many are needed is not known, {unknown}", UserWarning, stacklevel=2)
    else:
        of = respond(
            s,
            activation=activation,
            batches=batches,
            learning_rate=learning_rate,
            momentum=momentum,
            noise=noise,
            batch_size=batch_size,
        )
        stable = learning_rate * of.limit / of.rate.max()
        cause = f"weights grew without bound. About the teacher they stay finite for learning_rate below {stable:.4g}"
        if of.stable:
            schedule.warn_if_short(steps_needed(s, of), "the slowest mode")
        else:
            warnings.warn(
                f"learning_rate = {learning_rate}: at batch_size = {batch_size} mean squares of the weights about the "
                f"teacher grow without bound; they stay finite below {stable:.4g}",
                UserWarning,
                stacklevel=2,
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
        "keep_weights": bool(keep_weights),
    }
    dynamics = student_dynamics(
        activation,
        batches,
        1 if batches == "averaged" else int(batch_size),
        momentum > 0,
        noise > 0,
        bool(symmetric_noise),
        bool(keep_weights),
    )
    numbers = student_numbers(s, learning_rate, momentum, noise / batch_size**0.5, dtype)
    return evolve(dynamics, numbers, schedule, parameters, cause)
