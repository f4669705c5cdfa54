"""A setting of a student's training: the one place where arguments of its physics are declared and checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import as_tuples
from simulators.engine.callers import warn
from simulators.engine.schedule import Options, Schedule
from simulators.engine.signatures import with_arguments
from simulators.engine.trajectory import Trajectory, evolve
from simulators.teacher_student.activations import why_unknown
from simulators.teacher_student.dynamics import student_dynamics, student_numbers
from simulators.teacher_student.response import Response, Setup, check_training, respond, setup
from simulators.teacher_student.theory import level_widths, mean_displacement, refuse_growth, steps_needed

__all__ = ["TeacherStudent"]


@dataclass(frozen=True, kw_only=True)
class TeacherStudent:
    """A student with one hidden layer, its teacher, and how it is trained (Eqs. 13 to 28).

    Settings are equal where their arguments are. Rates and noise are numbers without unit, eigenvalues x = ξ² of WᵀW
    and κ share one unit.

    :param Z: second layer, shape (K, M); identity where not given.
    :param kappa: teacher eigenvalues κ, shape (min(M, N),), or one number for a degenerate teacher.
    :param inputs: N, the number of inputs; by default M.
    :param activation: a, "identity", "tanh" or "relu".
    :param batches: the inputs of a step: "averaged", replaced by their mean (Eq. 17, linear networks only);
        "independent", \\|B\\| new ones for every run; "shared", the same \\|B\\| for all runs.
    :param learning_rate: α.
    :param momentum: γ of the heavy ball, W changes by γ times its last change and α times the gradient.
    :param noise: standard deviation of one sample's gradient noise η (Eq. 28).
    :param symmetric_noise: η symmetric, with the variance halved off the diagonal; W is square then.
    :param batch_size: \\|B\\|, the number of samples in a step, over which noise is averaged.
    :raises ValueError: for an argument outside its range, or α beyond the stable range of a linear network with
        averaged inputs, 0 < α < 2(1 + γ)/λ_max, λ the eigenvalues of ZᵀZ.
    """

    Z: ArrayLike | None = None
    kappa: ArrayLike = 4.0
    inputs: int | None = None
    activation: str = "identity"
    batches: str = "averaged"
    learning_rate: float = 0.1
    momentum: float = 0.0
    noise: float = 0.1
    symmetric_noise: bool = False
    batch_size: int = 1

    def __post_init__(self) -> None:
        rows, columns = self._setup.teacher.shape
        check_training(self.activation, self.batches, self.learning_rate, self.momentum, self.noise, self.batch_size)
        if self.symmetric_noise and rows != columns:
            raise ValueError(f"symmetric_noise: expected a square W, got {rows} × {columns}")
        if self.activation == "identity":
            _ = self._response  # refuses what diverges; of activated networks it takes long, and is left for later
        # nobody can change them, and equal ones are equal
        object.__setattr__(self, "Z", as_tuples(self.Z))
        object.__setattr__(self, "kappa", as_tuples(self.kappa))

    @cached_property
    def _setup(self) -> Setup:
        return setup(self.Z, self.kappa, self.inputs)

    @cached_property
    def _response(self) -> Response:
        return respond(
            self._setup,
            activation=self.activation,
            batches=self.batches,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            noise=self.noise,
            batch_size=self.batch_size,
        )

    @with_arguments(Options, Schedule)
    def simulate(
        self, *, runs: int = 1000, steps: int = 8000, keep_weights: bool = False, **options: Unpack[Options]
    ) -> Trajectory:
        """Train an ensemble of students from W_ij ~ N(0, 1).

        :param keep_weights: keep the weights as well.
        :raises ValueError: for an argument outside its range, or averaged inputs of an activated network.
        :raises Diverged: where every run diverged, as small batches may at an α that is stable on average.
        :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
        :warns UserWarning: where α is too large for batches as small; where runs diverged, which are left out; where
            the run is shorter than :meth:`steps_to_stationarity`, or that is not known.
        """
        schedule = Schedule(runs=runs, steps=steps, **options)
        if self.activation != "identity" and self.batches == "averaged":
            raise ValueError(
                f"batches: expected 'independent' or 'shared' for activation = {self.activation!r}, got 'averaged'"
            )
        cause = self._prepare(schedule)
        dynamics = student_dynamics(
            self.activation,
            self.batches,
            1 if self.batches == "averaged" else int(self.batch_size),
            self.momentum > 0,
            self.noise > 0,
            bool(self.symmetric_noise),
            bool(keep_weights),
        )
        noise = self.noise / self.batch_size**0.5
        numbers = student_numbers(self._setup, self.learning_rate, self.momentum, noise, schedule.dtype)
        record = {**self._record(), "keep_weights": bool(keep_weights)}
        return evolve(dynamics, numbers, schedule, record, cause)

    def widths(self) -> Float[np.ndarray, " mode"]:
        """Linear-response widths of the levels of a linear student, units of x.

        Levels in descending order of κ; of a degenerate one the widths of its species, descending: σ_i² = 4κ v_i, one
        a mode of ZᵀZ within the level. Without a hidden layer the levels of a symmetric noise have the same widths.

        :raises ValueError: where they are not known: of an activated student, or of symmetric noise with a hidden layer
            or true batches; or for α at which mean squares grow without bound.
        """
        self._refuse_activated("widths")
        curvature = self._setup.curvature
        alone = np.allclose(curvature, curvature[0, 0] * np.eye(len(curvature)))
        if self.symmetric_noise and (self.batches != "averaged" or not alone):
            raise ValueError(
                "symmetric_noise: expected False for widths with a hidden layer or true batches, "
                f"got {self.symmetric_noise!r}"
            )
        refuse_growth(self._response, self.learning_rate, self.batch_size)
        return level_widths(self._setup, self._response)

    def displacement(self) -> float:
        """Shift of the mean of all levels from that of the teacher's, ⟨tr δWᵀδW⟩ over their number: v₁ + v₂ for 2×2.

        Exact for a linear student and η of independent elements, at any noise; units of x.

        :raises ValueError: where it is not known: of an activated student, or of symmetric noise; or for α at which
            mean squares grow without bound.
        """
        self._refuse_activated("displacement")
        if self.symmetric_noise:
            raise ValueError(f"symmetric_noise: expected False for displacement, got {self.symmetric_noise!r}")
        refuse_growth(self._response, self.learning_rate, self.batch_size)
        return mean_displacement(self._setup, self._response)

    def relaxation_times(self) -> Float[np.ndarray, " mode"]:
        """Steps in which a mode of training forgets its start by a factor e, ascending.

        Of a linear student one for each mode of ZᵀZ, whatever κ: −1/ln\\|1 − αλ_i\\| for averaged inputs without
        momentum, 1/(αλ_i) for small α; with true batches, of root mean squares, which fade more slowly. Of an activated
        one M·N, of small errors about the teacher and on average over batches. A mode that never learns has an infinite
        time.

        :raises ValueError: for an activated network whose response is not known.
        """
        return np.sort(self._response.memory)

    def steps_to_stationarity(self) -> float:
        """Steps after which the random start adds less than 1 % to the stationary variance of every weight.

        The start is W_ij ~ N(0, 1), so its second moment about W_t is at most 1 + κ and decays as e^(−2t/τ_i); it has
        to fall below 0.01 v_i. The quieter the training, the longer that takes; never less than five relaxation times.
        Modes that never learn never get there: infinite. Of activated students, which have yet to come near the
        teacher, the least that is needed.

        :raises ValueError: for an activated network whose response is not known.
        """
        return steps_needed(self._setup, self._response)

    def _refuse_activated(self, what: str) -> None:
        if self.activation != "identity":
            raise ValueError(f"activation: expected 'identity' for {what}, got {self.activation!r}")

    def _prepare(self, schedule: Schedule) -> str:
        """Warn of runs that are too short or may diverge, and say what it means where they do."""
        unknown = why_unknown(self.activation, self._setup.teacher)
        if unknown is not None:
            warn(f"steps = {schedule.steps}: how many are needed is not known, {unknown}")
            return "weights grew without bound, as they may at so large a learning rate or so small a batch"
        response = self._response
        stable = self.learning_rate * response.limit / response.rate.max()
        if response.stable:
            schedule.warn_if_short(steps_needed(self._setup, response), "the slowest mode")
        else:
            warn(
                f"learning_rate = {self.learning_rate}: at batch_size = {self.batch_size} mean squares of the weights "
                f"about the teacher grow without bound; they stay finite below {stable:.4g}"
            )
        return f"weights grew without bound. About the teacher they stay finite for learning_rate below {stable:.4g}"

    def _record(self) -> dict[str, Any]:
        """Every argument as a JSON value: streams of random numbers are drawn for these."""
        return {
            "simulator": "teacher-student",
            "Z": self._setup.z.tolist(),
            "kappa": self._setup.kappa.tolist(),
            "inputs": self._setup.teacher.shape[1],
            "activation": self.activation,
            "batches": self.batches,
            "learning_rate": float(self.learning_rate),
            "momentum": float(self.momentum),
            "noise": float(self.noise),
            "symmetric_noise": bool(self.symmetric_noise),
            "batch_size": int(self.batch_size),
        }
