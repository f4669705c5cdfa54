"""A setting of a Gaussian RBM's training: the one place where arguments of its physics are declared and checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import as_tuples
from simulators.engine.schedule import Options, Schedule, relaxation_time
from simulators.engine.signatures import with_arguments
from simulators.engine.trajectory import Trajectory, evolve
from simulators.gaussian_rbm.dynamics import machine_dynamics, machine_numbers
from simulators.gaussian_rbm.theory import (
    Target,
    check_noise,
    check_start,
    lattice_kernel,
    level_displacements,
    level_widths,
    refuse_unstable,
    steps_needed,
    target,
)

__all__ = ["GaussianRBM"]


@dataclass(frozen=True, kw_only=True)
class GaussianRBM:
    """A Gaussian restricted Boltzmann machine, its target, and how it is trained (Eq. 10).

    Settings are equal where their arguments are. Eigenvalues x_i of X = σ_h² WᵀW, κ_i of the kernel and μ² share one
    unit, that of φ⁻².

    :param learning_rate: α.
    :param batch_size: \\|B\\|, samples a step.
    :param noise: what is sampled: "data", \\|B\\| samples of the target, the model's second moment exact; "model", the
        other way round; "both"; or "pcd", the target's second moment exact, the model's from \\|B\\| persistent chains.
    :param gibbs_steps: k, sweeps of a persistent chain in a step.
    :param kernel: the target's kernel, symmetric positive definite, (N_v, N_v); by default :func:`lattice_kernel`.
    :param hidden: N_h; by default N_v. With fewer, the greatest modes are learnt.
    :param mu2: μ², the inverse variance of a visible node.
    :param sigma_h: σ_h, the standard deviation of a hidden node.
    :param start: standard deviation of the weights at the start; None starts every run at the target.
    :raises ValueError: for an argument outside its range, a kernel that cannot be learnt, or a learning rate at which
        training diverges, αΩ_i ≥ 2 with Ω_i = 2σ_h²x_i/κ_i².
    """

    learning_rate: float = 0.05
    batch_size: int = 64
    noise: str = "data"
    gibbs_steps: int = 3
    kernel: ArrayLike | None = None
    hidden: int | None = None
    mu2: float = 9.0
    sigma_h: float = 1.0
    start: float | None = None

    def __post_init__(self) -> None:
        aim = self._target
        check_noise(self.noise, self.batch_size, self.gibbs_steps)
        refuse_unstable(aim.rates(self.learning_rate), self.learning_rate)
        check_start(aim, self.start, self._columns)
        # nobody can change it, and equal ones are equal
        object.__setattr__(self, "kernel", as_tuples(self.kernel))

    @cached_property
    def _target(self) -> Target:
        return target(kernel=self.kernel, hidden=self.hidden, mu2=self.mu2, sigma_h=self.sigma_h)

    @property
    def _columns(self) -> int:
        return self._target.kappa.size if self.hidden is None else int(self.hidden)

    @with_arguments(Options, Schedule)
    def simulate(
        self, *, runs: int = 1000, steps: int = 3500, keep_weights: bool = False, **options: Unpack[Options]
    ) -> Trajectory:
        """Train an ensemble of machines.

        :param keep_weights: keep the weights as well.
        :raises ValueError: for an argument outside its range.
        :raises Diverged: where every run left the region in which K is positive definite.
        :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
        :warns UserWarning: where runs left it, which are left out; where the run is shorter than
            :meth:`steps_to_stationarity`.
        """
        schedule = Schedule(runs=runs, steps=steps, **options)
        schedule.warn_if_short(self.steps_to_stationarity(), "the slowest level")
        dynamics = machine_dynamics(int(self.batch_size), self.noise, self._sweeps, bool(keep_weights))
        numbers = machine_numbers(self._target, self._columns, self.learning_rate, self.start, schedule.dtype)
        record = {**self._record(), "keep_weights": bool(keep_weights)}
        return evolve(dynamics, numbers, schedule, record, self._cause())

    def targets(self) -> Float[np.ndarray, " level"]:
        """Eigenvalues x_i = μ² − κ_i that are learnt, descending, shape (level,)."""
        return self._target.x

    def widths(self, *, finite_step: bool = True) -> Float[np.ndarray, " level"]:
        r"""Stationary widths σ_i of the levels, in the order of :meth:`targets`, units of x (Eq. 9).

        .. math:: \sigma_i^2 = \frac{\alpha}{|B|}\, \frac{\tilde g_i^2}{\Omega_i} \cdot \frac{2}{2 - \alpha\Omega_i}
            = \frac{4 x_i\, \alpha/|B|}{2 - \alpha\Omega_i}, \qquad \tilde g_i^2 = 4x_i^2/\kappa_i^2

        so σ_i² → 2x_i α/\|B\| for small α (the source writes √(x_i α/\|B\|) in one place). Both noises together double
        it. Persistent chains of k Gibbs sweeps remember a mode by ρ = (x_i/μ²)^2k a step, which multiplies it by
        (1 + ρ)/(1 − ρ) where learning is slow beside the chains.

        :param finite_step: keep the factor 2/(2 − αΩ); without it the leading order in α.
        """
        return level_widths(
            self._target, self.learning_rate, self.batch_size, self.noise, self.gibbs_steps, finite_step
        )

    def displacements(self) -> Float[np.ndarray, " level"]:
        r"""Shift of the mean of each level from its target, to first order in α/\|B\| and for small α, units of x.

        .. math:: \Delta_i = -\frac{\alpha}{2|B|} \Bigl[ \sum_j (1 + \delta_{ij}) \frac{\mu^2 + x_j}{\mu^2 - x_j}
            - \sum_{j:\, x_j \ne x_i} \frac{x_i + x_j}{x_i - x_j} \Bigr]

        Stationarity of ⟨X⟩ to second order in the noise, and second-order level repulsion; of a degenerate level the
        mean of its pair. Not in the source, which names repulsion alone. Noise "both" doubles it.

        :raises ValueError: where it is not known: for noise "pcd", or fewer hidden nodes than visible ones.
        """
        if self.noise == "pcd":
            raise ValueError("noise: expected 'data', 'model' or 'both' for displacements, got 'pcd'")
        visible = self._target.kappa.size
        if self._columns < visible:
            raise ValueError(f"hidden: expected {visible} or more for displacements, got {self.hidden!r}")
        return level_displacements(self._target, self.learning_rate, self.batch_size, self.noise)

    def relaxation_times(self) -> Float[np.ndarray, " level"]:
        """Steps in which a small deviation of x_i is forgotten by a factor e, in the order of :meth:`targets`.

        −1/ln\\|1 − αΩ_i\\|; 1/(αΩ_i) for small α.
        """
        return relaxation_time(1.0 - self._target.rates(self.learning_rate))

    def steps_to_stationarity(self) -> float:
        """Steps after which centres and widths no longer depend on the start.

        Five relaxation times of the slowest level. With fewer hidden nodes than visible ones, also of the turning of
        the learnt plane against the modes left out, which eigenvalues feel to second order, at the rates
        α(1/κ_i − 1/κ_j); infinite where a degenerate level is cut in two.

        From random weights the time in which the slowest mode grows to its target without noise comes on top, taken for
        a typical least singular value; runs with a lesser one take longer. Starting at the target is faster.
        """
        return steps_needed(self._target, self.learning_rate, self.start, self._columns)

    @property
    def _sweeps(self) -> int:
        """Gibbs sweeps a step, 0 where no chains persist."""
        return int(self.gibbs_steps) if self.noise == "pcd" else 0

    def _record(self) -> dict[str, Any]:
        """Every argument as a JSON value: streams of random numbers are drawn for these."""
        kernel = lattice_kernel() if self.kernel is None else np.asarray(self.kernel, dtype=float)
        return {
            "simulator": "gaussian-rbm",
            "learning_rate": float(self.learning_rate),
            "batch_size": int(self.batch_size),
            "noise": self.noise,
            "gibbs_steps": self._sweeps or None,
            "kernel": kernel.tolist(),
            "hidden": self._columns,
            "mu2": self._target.mu2,
            "sigma_h": float(self.sigma_h),
            "start": None if self.start is None else float(self.start),
        }

    def _cause(self) -> str:
        """What it means where runs diverge, and below which noise they do not."""
        aim = self._target
        # six widths of the greatest level, σ² = 2xα/|B|, are as long as its distance κ from μ²
        bound = aim.kappa[0] ** 2 / (6**2 * 2.0 * aim.x[0] * aim.sigma_h2)
        return (
            "weights left the region where μ² − σ_h²WWᵀ is positive definite and the model exists. Noise stays well "
            "below the least eigenvalue of the target kernel, six widths of one noise away, for "
            f"learning_rate/batch_size below about {bound:.2g}"
        )
