"""What linear response says of a student, and its learning curve, with nothing fitted.

To first order in the noise a degenerate level κ of the teacher has the widths σ_i² = 4κ v_i, where v_i is the
stationary variance of the weights in a mode of ZᵀZ (:mod:`simulators.teacher_student.response`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import not_negative, positive
from simulators.engine.schedule import RELAXATIONS
from simulators.teacher_student.response import Response, Setup, respond, setup

__all__ = ["displacement", "learning_curve", "relaxation_times", "steps_needed", "steps_to_stationarity", "widths"]

# A start is forgotten when it adds less than this fraction to the stationary variance; without noise, to unity.
FORGOTTEN = 0.01
DEGENERATE = 1e-9
"""Distance relative to the greatest level up to which two levels are one."""


def widths(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    batches: str = "averaged",
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
    momentum: float = 0.0,
) -> Float[np.ndarray, " mode"]:
    """Linear-response widths of the levels of a linear student, units of x.

    Levels in descending order of κ; of a degenerate one the widths of its species, descending: σ_i² = 4κ v_i, one a
    mode of ZᵀZ within the level. Without a hidden layer the levels of a symmetric noise have the same widths.

    :param Z: second layer, shape (K, M); identity where not given.
    :param kappa: teacher eigenvalues, shape (min(M, N),), or one number for a degenerate teacher.
    :param inputs: N, the number of inputs; by default M.
    :param batches: the inputs of a step, "averaged", "independent" or "shared", as in :func:`simulate`.
    :param learning_rate: α.
    :param noise: standard deviation of one sample's gradient noise.
    :param batch_size: \\|B\\|, the number of samples in a step.
    :param momentum: γ of the heavy ball.
    :raises ValueError: for an argument outside its range, or α at which mean squares grow without bound.
    """
    s = setup(Z, kappa, inputs)
    of = _stable(s, batches, learning_rate, noise, batch_size, momentum)
    variance = (of.modes * of.variance) @ of.modes.T
    order = np.argsort(-s.kappa)
    level = np.cumsum(np.diff(s.kappa[order], prepend=np.inf) < -DEGENERATE * s.kappa.max())
    found: list[float] = []
    for one in np.unique(level):
        members = order[level == one]
        found += np.linalg.eigvalsh(4.0 * s.kappa[members[0]] * variance[np.ix_(members, members)])[::-1].tolist()
    return np.sqrt(np.maximum(found, 0.0))


def displacement(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    batches: str = "averaged",
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
    momentum: float = 0.0,
) -> float:
    """Shift of the mean of all levels from that of the teacher's, ⟨tr δWᵀδW⟩ over their number: v₁ + v₂ for 2×2.

    Exact for a linear student and η of independent elements, at any noise.

    :param Z: second layer, shape (K, M); identity where not given.
    :param kappa: teacher eigenvalues, shape (min(M, N),), or one number for a degenerate teacher.
    :param inputs: N, the number of inputs; by default M.
    :param batches: the inputs of a step, "averaged", "independent" or "shared", as in :func:`simulate`.
    :param learning_rate: α.
    :param noise: standard deviation of one sample's gradient noise.
    :param batch_size: \\|B\\|, the number of samples in a step.
    :param momentum: γ of the heavy ball.
    :raises ValueError: as :func:`widths`.
    """
    s = setup(Z, kappa, inputs)
    total = _stable(s, batches, learning_rate, noise, batch_size, momentum).variance.sum() * s.teacher.shape[1]
    return float(total / s.kappa.size)


def relaxation_times(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    activation: str = "identity",
    batches: str = "averaged",
    learning_rate: float = 0.1,
    batch_size: int = 1,
    momentum: float = 0.0,
) -> Float[np.ndarray, " mode"]:
    """Steps in which a mode of training forgets its start by a factor e, ascending.

    Of a linear student one for each mode of ZᵀZ, whatever κ: −1/ln\\|1 − αλ_i\\| for averaged inputs without momentum,
    1/(αλ_i) for small α; with true batches, of root mean squares, which fade more slowly. Of an activated one M·N, of
    small errors about the teacher and on average over batches. A mode that never learns has an infinite time.

    :param Z: second layer, shape (K, M); identity where not given.
    :param kappa: teacher eigenvalues, shape (min(M, N),), or one number for a degenerate teacher.
    :param inputs: N, the number of inputs; by default M.
    :param activation: a, "identity", "tanh" or "relu".
    :param batches: the inputs of a step, "averaged", "independent" or "shared", as in :func:`simulate`.
    :param learning_rate: α.
    :param batch_size: \\|B\\|, the number of samples in a step.
    :param momentum: γ of the heavy ball.
    :raises ValueError: for an argument outside its range, or an activated network whose response is not known.
    """
    s = setup(Z, kappa, inputs)
    return np.sort(
        respond(
            s,
            activation=activation,
            batches=batches,
            learning_rate=learning_rate,
            momentum=momentum,
            noise=0.0,
            batch_size=batch_size,
        ).memory
    )


def steps_to_stationarity(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    activation: str = "identity",
    batches: str = "averaged",
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
    momentum: float = 0.0,
) -> float:
    """Steps after which the random start adds less than 1 % to the stationary variance of every weight.

    The start is W_ij ~ N(0, 1), so its second moment about W_t is at most 1 + κ and decays as e^(−2t/τ_i); it has to
    fall below 0.01 v_i. The quieter the training, the longer that takes; never less than five relaxation times. Modes
    that never learn never get there: infinite. Of activated students, which have yet to come near the teacher, the
    least that is needed.

    :param Z: second layer, shape (K, M); identity where not given.
    :param kappa: teacher eigenvalues, shape (min(M, N),), or one number for a degenerate teacher.
    :param inputs: N, the number of inputs; by default M.
    :param activation: a, "identity", "tanh" or "relu".
    :param batches: the inputs of a step, "averaged", "independent" or "shared", as in :func:`simulate`.
    :param learning_rate: α.
    :param noise: standard deviation of one sample's gradient noise.
    :param batch_size: \\|B\\|, the number of samples in a step.
    :param momentum: γ of the heavy ball.
    :raises ValueError: as :func:`relaxation_times`.
    """
    s = setup(Z, kappa, inputs)
    of = respond(
        s,
        activation=activation,
        batches=batches,
        learning_rate=learning_rate,
        momentum=momentum,
        noise=noise,
        batch_size=batch_size,
    )
    return steps_needed(s, of)


def steps_needed(s: Setup, of: Response) -> float:
    """The same of a response."""
    if not of.stable:
        return np.inf
    variance = of.variance if of.s2 else np.ones_like(of.rate)
    with np.errstate(divide="ignore"):
        forgetting = 0.5 * np.log((1.0 + s.kappa.max()) / (FORGOTTEN * variance))
    return float((of.memory * np.maximum(forgetting, RELAXATIONS)).max())


def learning_curve(t: ArrayLike, *, kappa: float, start: float, rate: float) -> Float[np.ndarray, "*t"]:
    """Learning of one level without noise, x(t) = [√κ + (√x₀ − √κ) e^(−at)]² (Eq. 22).

    :param t: steps, any shape.
    :param kappa: the teacher's eigenvalue κ.
    :param start: x₀.
    :param rate: a, per step; for a level that lies in one mode of ZᵀZ, 1/:func:`relaxation_times`.
    """
    positive(kappa=kappa)
    not_negative(start=start, rate=rate)
    root = np.sqrt(kappa)
    return np.asarray((root + (np.sqrt(start) - root) * np.exp(-rate * np.asarray(t, dtype=float))) ** 2)


def _stable(s: Setup, batches: str, learning_rate: float, noise: float, batch_size: int, momentum: float) -> Response:
    """The response of a linear student whose mean squares stay finite."""
    of = respond(
        s,
        activation="identity",
        batches=batches,
        learning_rate=learning_rate,
        momentum=momentum,
        noise=noise,
        batch_size=batch_size,
    )
    if not of.stable:
        raise ValueError(
            f"learning_rate: mean squares of the weights grow without bound at batch_size = {batch_size}; expected "
            f"below {learning_rate * of.limit / of.rate.max():.4g}, got {learning_rate!r}"
        )
    return of
