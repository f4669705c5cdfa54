"""Theory without fitting: the width of a level from its drift and its gradient noise (Eq. 9).

Near its centre c a step of training at learning rate α and batch size \\|B\\| changes a level without neighbours by

    Δ = −αΩ (x − c) + √V ξ,    V = (2α²/|B|) g̃²,    ξ of mean 0 and variance 1, anew at every step,

which is stationary with the variance V/(1 − (1 − αΩ)²), the width of Eq. 9 with the factor of a finite step,

    σ² = (α/|B|) (g̃²/Ω) · 2/(2 − αΩ).

V is that of a diagonal element of X. Levels of a degenerate cluster repel, but their mean does not feel it: of m levels
with equal drift and isotropic noise it has the same Ω, and the variance V/m a step. Ω, V and c are those of the
regression of the mean's change on the mean.

What this tests: once the runs are stationary, V/(1 − (1 − αΩ)²) *is* the variance of the mean, times m, whatever the
dynamics, because x and x + Δ have the same variance; measured, the two agree to 0.1 %. Agreement with a width inferred
from spacings or densities then shows that the noise is isotropic, and that these are the widths Eq. 9 speaks of. Where
the runs are still on their way, or kicked away on purpose, it is a prediction of what is not in the data, and it fails
for dynamics with a memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from coulombfit.answers.answer import Answer
from coulombfit.checks.inferred import FEWEST, Inferred, bootstrap, judge_draws, posterior
from coulombfit.data.dimensions import SNAPSHOTS
from coulombfit.data.spectra import real_array
from coulombfit.inference.fit_result import Fit
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.seeds import check_seed, fingerprint_of, generator_for

__all__ = ["WidthPrediction", "WidthRatio", "predict_width"]

FEWEST_STEPS = 50
"""Steps of all runs below which intervals of a variance are too narrow."""
MARGIN = np.log(1.25)
"""Distance of ln(predicted/inferred width) from 0 within which its 90 % interval must end for a yes."""
SURE = 0.99
"""Probability of a stationary state from which its width is predicted."""


@dataclass(frozen=True, eq=False)
class WidthPrediction(Inferred):
    """Posterior of Ω, g̃², c and of the width σ that they imply by Eq. 9.

    ``tree`` has the draws ``omega``, ``g2``, ``centre`` and ``sigma``; σ is infinite in draws with αΩ outside (0, 2),
    which have no stationary state. ``table`` has a row for each: median, lower, upper. ``restoring`` is the posterior
    probability that 0 < αΩ < 2. ``learning_rate`` and ``runs`` are those of the data.
    """

    learning_rate: float
    runs: int

    @property
    def restoring(self) -> float:
        """P(0 < αΩ < 2)."""
        return float(np.isfinite(self.tree["posterior"]["sigma"]).mean())

    @property
    def answer(self) -> Answer:
        """Whether there is a stationary state, whose width is predicted: yes and no from a probability of 99 % on."""
        if self.restoring >= SURE:
            return Answer.YES
        return Answer.NO if self.restoring <= 1.0 - SURE else Answer.CANNOT_TELL

    @property
    def verdict(self) -> str:
        """One sentence."""
        omega = self.table.loc["omega"]
        drift = f"Ω = {self.quoted('omega')} from {self.runs} runs"
        if self.answer is Answer.NO:
            why = "steps are too large for it, αΩ ≥ 2" if omega["median"] > 0 else "the drift is not restoring"
            return f"no width is predicted, there is no stationary state: {why}, {drift}."
        if self.answer is Answer.CANNOT_TELL:
            too_large = omega["median"] * self.learning_rate > 1
            why = "steps may be too large for it, αΩ ≥ 2" if too_large else "the drift is not significantly restoring"
            return (
                f"the data cannot tell whether there is a stationary state, and no width is predicted: {why}, {drift}."
            )
        return f"predicted σ = {self.quoted('sigma')}; {drift}, g̃² = {self.quoted('g2')}."

    def compare(self, inferred: Fit | ArrayLike, *, seed: int = 0) -> WidthRatio:
        """Predicted over inferred width.

        Both posteriors count as independent. Where they come from the same runs the interval is on the safe side.

        :param inferred: a fit of a pair, whose ``sigma`` or ``sigma_m`` is taken, or draws of σ, any shape, units of x.
        :param seed: the same seed gives the same draws.
        :raises ArgumentError: for a fit without one width.
        :raises DataError: for draws that are no positive numbers.
        """
        check_seed(seed)
        if isinstance(inferred, Fit):
            names = [name for name in ("sigma_m", "sigma") if name in inferred.numbers]
            if not names:
                raise ArgumentError(f"inferred: expected a fit with one width, got {inferred.model.name!r}; give draws")
            inferred = inferred.numbers[names[0]].to_numpy()
        draws = real_array(inferred, "inferred").ravel()
        if not draws.size or draws.min() <= 0:
            raise DataError("inferred: expected positive draws of a width, got none or some that are not")
        predicted = self.tree["posterior"]["sigma"].to_numpy().ravel()
        rng = generator_for(seed, "inferred widths", fingerprint_of(draws, predicted))
        chosen = rng.choice(draws, predicted.shape)
        return WidthRatio(posterior({"ratio": predicted / chosen}))


@dataclass(frozen=True, eq=False)
class WidthRatio(Inferred):
    """Posterior of predicted over inferred width, ``ratio`` of ``tree`` and ``table``."""

    @property
    def answer(self) -> Answer:
        """Whether Eq. 9 predicts the width: no where 1 is outside the 99 % interval; yes where the 90 % interval holds
        it and ends within a factor of 1.25 of it; else the data cannot tell."""
        ratio = self.tree["posterior"]["ratio"].to_numpy()
        return judge_draws(np.log(np.maximum(ratio, np.finfo(float).tiny)), 0.0, MARGIN)

    @property
    def verdict(self) -> str:
        """One sentence."""
        row = self.table.loc["ratio"]
        if not np.isfinite(row["upper"]):
            least = f"at most that it is above {row['lower']:.3g} times the inferred one"
            return f"the data cannot tell: no width is predicted, {least}."
        said = {
            Answer.YES: "the width predicted by Eq. 9 is in agreement with the inferred one",
            Answer.NO: "the width predicted by Eq. 9 is NOT in agreement with the inferred one",
        }.get(self.answer, "the data cannot tell whether the width predicted by Eq. 9 is the inferred one")
        return f"{said}: their ratio is {self.quoted('ratio')}."


def predict_width(
    levels: ArrayLike, changes: ArrayLike, *, learning_rate: float, batch_size: float, seed: int = 0
) -> WidthPrediction:
    r"""Predict the stationary width of a degenerate cluster from its dynamics, by regression of the mean's change.

    .. math:: \bar\Delta = -\alpha\Omega (\bar x - c) + \sqrt{V/m}\,\xi, \qquad \tilde g^2 = \frac{|B|}{2\alpha^2} V,
        \qquad \sigma^2 = \frac{V}{1 - (1 - \alpha\Omega)^2} \quad \text{(Eq. 9)}

    Draws are a Bayesian bootstrap over runs, so that noise need be neither Gaussian nor independent within a run; its
    weights have the Dirichlet concentration 1 − 4/R, which gives means the variance of Student's t. Runs are the unit:
    cut one long run into blocks of many relaxation times.

    :param levels: shape (run, snapshot, level) or (run, level): all levels of one cluster, units of x.
    :param changes: same shape, their change in the one step that follows.
    :param learning_rate: α > 0.
    :param batch_size: \|B\| > 0.
    :param seed: the same seed gives the same draws.
    :raises ArgumentError: for a learning rate, batch size or seed out of range.
    :raises DataError: for arrays of other or unlike shapes, fewer than 10 runs or 50 steps, or constant levels.
    """
    check_seed(seed)
    alpha, batch = positive("learning_rate", learning_rate), positive("batch_size", batch_size)
    dims = SNAPSHOTS if getattr(levels, "ndim", None) == 3 else ("run", "level")
    given, change = real_array(levels, "levels", dims), real_array(changes, "changes", dims)
    if given.ndim not in (2, 3) or 0 in given.shape:
        raise DataError(f"levels: expected shape (run, snapshot, level) or (run, level), got {given.shape}")
    if change.shape != given.shape:
        raise DataError(f"changes: expected the shape of levels, {given.shape}, got {change.shape}")
    runs, size = len(given), given.shape[-1]
    if runs < FEWEST or given.size // size < FEWEST_STEPS:
        raise DataError(
            f"levels: expected at least {FEWEST} runs, into which long ones may be cut, and {FEWEST_STEPS} steps in "
            f"all, got {runs} runs and {given.size // size} steps"
        )
    x, d = (values.mean(axis=-1).reshape(runs, -1) for values in (given, change))
    origin, unit, step = x.mean(), x.std(), d.std()
    if unit <= 1e-12 * abs(origin) or step <= 1e-12 * unit:
        raise DataError(f"levels: expected means that fluctuate and change, got sd {unit:.3g}, of changes {step:.3g}")
    x, d = (x - origin) / unit, d / step
    moments = np.stack([(x**i * d**j).mean(axis=1) for i, j in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))], axis=1)
    mx, md, mxx, mxd, mdd = bootstrap(moments, generator_for(seed, "drift and noise", fingerprint_of(x, d))).T
    slope = (mxd - mx * md) / (mxx - mx**2)
    free = x.size / max(x.size - 2, 1)
    variance = size * step**2 * free * (mdd - md**2 - slope * (mxd - mx * md))
    decay = -slope * step / unit
    stable = (decay > 0) & (decay < 2)
    memory = np.where(stable, 1.0 - (1.0 - decay) ** 2, 1.0)
    draws = {
        "omega": decay / alpha,
        "g2": 0.5 * batch / alpha**2 * variance,
        "centre": origin + unit * (mx - md / slope),
        "sigma": np.where(stable, np.sqrt(np.maximum(variance, 0.0) / memory), np.inf),
    }
    return WidthPrediction(posterior(draws), alpha, runs)
