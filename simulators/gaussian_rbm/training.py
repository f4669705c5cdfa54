"""Training of Gaussian restricted Boltzmann machines, many at once (Eq. 10)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from simulators.engine.arguments import positive
from simulators.engine.schedule import RELAXATIONS, Schedule, relaxation_time
from simulators.engine.trajectory import Trajectory, evolve
from simulators.gaussian_rbm.dynamics import machine_dynamics, machine_numbers
from simulators.gaussian_rbm.theory import (
    Target,
    check_noise,
    lattice_kernel,
    refuse_unstable,
    target,
)

__all__ = ["simulate", "steps_to_stationarity"]


def simulate(
    *,
    learning_rate: float = 0.05,
    batch_size: int = 64,
    noise: str = "data",
    gibbs_steps: int = 3,
    kernel: ArrayLike | None = None,
    hidden: int | None = None,
    mu2: float = 9.0,
    sigma_h: float = 1.0,
    start: float | None = None,
    runs: int = 1000,
    steps: int = 3500,
    save_every: int | None = None,
    keep_weights: bool = False,
    seed: int = 0,
    dtype: str = "float64",
    progress: bool | None = None,
    checkpoint: str | Path | None = None,
) -> Trajectory:
    """Train an ensemble of machines.

    :param learning_rate: α.
    :param batch_size: \\|B\\|, samples a step.
    :param noise: what is sampled: "data", \\|B\\| samples of the target, the model's second moment exact; "model", the
        other way round; "both"; or "pcd", the target's second moment exact, the model's from \\|B\\| persistent chains.
    :param gibbs_steps: k, sweeps of a persistent chain in a step.
    :param kernel: the target's kernel, symmetric positive definite, (N_v, N_v); by default :func:`lattice_kernel`.
    :param hidden: N_h; by default N_v. With fewer, the greatest modes are learnt.
    :param mu2: μ².
    :param sigma_h: σ_h.
    :param start: standard deviation of the weights at the start; None starts every run at the target.
    :param runs: number of independent machines.
    :param steps: number of updates.
    :param save_every: keep the spectrum at steps 0, save_every, 2 save_every, …; None keeps the last one only.
    :param keep_weights: keep the weights as well.
    :param seed: the same seed gives the same runs of a setting, in whatever ensemble; another setting has others.
    :param dtype: "float32", at two to three times the speed, or "float64".
    :param progress: show progress on stderr; by default where it is a terminal.
    :param checkpoint: folder for unfinished work; the same call goes on from there, to the same bits.
    :raises ValueError: for an argument outside its range.
    :raises Diverged: where every run left the region in which K is positive definite.
    :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
    :warns UserWarning: where runs left it, which are left out; where the run is shorter than
        :func:`steps_to_stationarity`.
    """
    schedule = Schedule(runs, steps, save_every, seed, dtype, progress, checkpoint).check()
    aim = target(kernel=kernel, hidden=hidden, mu2=mu2, sigma_h=sigma_h)
    check_noise(noise, batch_size, gibbs_steps)
    refuse_unstable(aim.rates(learning_rate), learning_rate)
    sweeps = int(gibbs_steps) if noise == "pcd" else 0
    columns = aim.kappa.size if hidden is None else int(hidden)
    schedule.warn_if_short(_steps_needed(aim, learning_rate, start, columns), "the slowest level")
    parameters = {
        "simulator": "gaussian-rbm",
        "learning_rate": float(learning_rate),
        "batch_size": int(batch_size),
        "noise": noise,
        "gibbs_steps": sweeps or None,
        "kernel": (lattice_kernel() if kernel is None else np.asarray(kernel, dtype=float)).tolist(),
        "hidden": columns,
        "mu2": aim.mu2,
        "sigma_h": float(sigma_h),
        "start": None if start is None else float(start),
        "keep_weights": bool(keep_weights),
    }
    dynamics = machine_dynamics(int(batch_size), noise, sweeps, bool(keep_weights))
    numbers = machine_numbers(aim, columns, learning_rate, start, dtype)
    return evolve(dynamics, numbers, schedule, parameters, _cause(aim))


def steps_to_stationarity(
    *,
    learning_rate: float,
    start: float | None = None,
    kernel: ArrayLike | None = None,
    hidden: int | None = None,
    mu2: float = 9.0,
    sigma_h: float = 1.0,
) -> float:
    """Steps after which centres and widths no longer depend on the start: five relaxation times of the slowest level.

    With fewer hidden nodes than visible ones, also of the turning of the learnt plane against the modes left out, which
    eigenvalues feel to second order, at the rates α(1/κ_i − 1/κ_j); infinite where a degenerate level is cut in two.

    From random weights the time in which the slowest mode grows to its target without noise comes on top, taken for a
    typical least singular value; runs with a lesser one take longer. Starting at the target is faster.

    :param learning_rate: α.
    :param start: standard deviation of the weights at the start; None starts every run at the target.
    :param kernel: the target's kernel, symmetric positive definite, (N_v, N_v); by default :func:`lattice_kernel`.
    :param hidden: N_h; by default N_v.
    :param mu2: μ².
    :param sigma_h: σ_h.
    :raises ValueError: for an argument outside its range, or a learning rate at which training diverges.
    """
    aim = target(kernel=kernel, hidden=hidden, mu2=mu2, sigma_h=sigma_h)
    refuse_unstable(aim.rates(learning_rate), learning_rate)
    return _steps_needed(aim, learning_rate, start, aim.kappa.size if hidden is None else hidden)


def _steps_needed(aim: Target, learning_rate: float, start: float | None, hidden: int) -> float:
    rates = aim.rates(learning_rate)
    needed = RELAXATIONS * float(relaxation_time(1.0 - np.append(rates, aim.turning_rates(learning_rate))).max())
    if start is None:
        return needed
    positive(start=start)
    greatest = aim.sigma_h2 * start**2 * (np.sqrt(aim.kappa.size) + np.sqrt(hidden)) ** 2
    if greatest >= aim.mu2:
        raise ValueError(
            f"start: expected below {start * np.sqrt(aim.mu2 / greatest):.3g}, where μ² − σ_h²WWᵀ is positive "
            f"definite, got {start!r}"
        )
    # the slowest mode without noise, ẋ = 2αx(1/κ − 1/(μ² − x)), from a typical least x to half its target
    slow = int(np.argmin(rates))
    kappa, x = aim.kappa[slow], aim.x[slow]
    growth = np.log(0.5 * x) - 2.0 * np.log(start) - np.log(aim.sigma_h2 / hidden)
    saturation = np.log(2.0)
    time = kappa / (2.0 * learning_rate * aim.sigma_h2 * x) * (aim.mu2 * growth + kappa * saturation)
    return needed + max(float(time), 0.0)


def _cause(aim: Target) -> str:
    return (
        "weights left the region where μ² − σ_h²WWᵀ is positive definite and the model exists. Noise stays well below "
        "the least eigenvalue of the target kernel, six widths of one noise away, for learning_rate/batch_size below "
        f"about {aim.kappa[0] ** 2 / (72.0 * aim.x[0] * aim.sigma_h2):.2g}"
    )
