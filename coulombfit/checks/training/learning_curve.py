r"""Learning curves: whether a level approaches its teacher as a linear student's does, and how fast (Eqs. 22, 24).

    x(t) = [√κ + (√x₀ − √κ) e^(−at)]²,    a = αΩ per step for slow learning.

Each level is inferred by itself, from its mean x̄(t) over R runs at T steps, whose covariance S/R is estimated from the
same runs. With Hotelling's T²(θ) = R (x̄ − x(θ))ᵀ S⁻¹ (x̄ − x(θ)) and p = 3 parameters the likelihood is

    L(θ) ∝ [1 + T²(θ)/(R − 1)]^(−(R − T + p)/2).

That is the multivariate t of Sellentin and Heavens (2016), whose exponent is −R/2, with another prior of the covariance
under which intervals of a linear model are exact (Rao 1959). Theirs are too narrow by about √((R − T)/(R − p)). Priors
are flat in √κ and √x₀, from 0 to 10 times that of the greatest mean, and in ln a, from 0.01 over the whole time to 10
over the least time between snapshots.

Whether Eq. 22 describes the mean at all is judged by the least T², (R − q)/(q(R − 1)) T² ~ F(q, R − q), q = T − p.
Eq. 22 is the curve of one run without noise, whose singular vectors are those of the teacher. Random starts are not
like this, and noise displaces the mean by its variance, which is to be small beside the error of the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy import linalg, optimize, stats

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.checks.inferred import Inferred, posterior
from coulombfit.data.dimensions import SNAPSHOTS
from coulombfit.data.spectra import real_array
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.seeds import check_seed, fingerprint_of
from coulombfit.samplers.importance import RELIABLE, weigh_function
from coulombfit.samplers.newton import Peak

__all__ = ["LearningCurve", "curve", "learning_curve"]

PARAMETERS = 3
"""√κ, √x₀ and a."""
FEWEST_SNAPSHOTS = 6
"""Least number of snapshots: three for the parameters, and as many to judge the fit by."""
RUNS_PER_SNAPSHOT = 4
"""Least number of runs per snapshot. A covariance of T snapshots from R runs widens intervals by √((R − p)/(R − T)): at
R = 4T by 15 %."""
MOST_SNAPSHOTS = 24
"""Snapshots that are fitted at most; others are left out by :func:`_thin_snapshots`."""
REACH = 10.0
"""Upper end of the flat priors of √κ and √x₀, in units of the root of the greatest mean."""
SEARCHES = 8
"""Least-squares fits, from rates spread evenly over their logarithmic range: the best is taken."""
DRAWS = 2000
ALARM = 0.01
UNRESOLVED = 10.0
"""Ratio of the ends of an interval from which a rate counts as not determined."""


@dataclass(frozen=True, eq=False)
class LearningCurve(Inferred):
    """Posterior of Eq. 22 for every level.

    ``tree`` has the draws ``kappa`` and ``start`` (x₀ at step 0), units of x, and ``rate`` (a, per step), dims (chain,
    draw, level). ``fits`` has a row a level: Hotelling's ``t2`` of the best curve, its ``p_value``, and ``pareto_k`` of
    the importance weights. ``steps`` are those that were used, of ``runs`` runs.
    """

    fits: pd.DataFrame
    steps: Float[np.ndarray, " snapshot"]
    runs: int

    @property
    def described(self) -> bool:
        """Whether Eq. 22 is compatible with every mean curve: no p-value below 0.01 over the number of levels."""
        return bool(self.fits["p_value"].min() * len(self.fits) >= ALARM)

    @property
    def answer(self) -> Answer:
        """Whether Eq. 22 describes the mean curves: no where it is rejected; yes where it is not and every rate is
        known to a factor of ten, by reliable weights; else the data cannot tell."""
        if not self.described:
            return Answer.NO
        rates = self.table.loc[[f"rate[{k}]" for k in self.fits.index]]
        known = (rates["upper"] <= UNRESOLVED * rates["lower"]).all()
        return Answer.YES if known and (self.fits["pareto_k"] <= RELIABLE).all() else Answer.CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether the numbers can be used: every Pareto k̂ is at most 0.7."""
        return bool((self.fits["pareto_k"] <= RELIABLE).all())

    @property
    def verdict(self) -> str:
        """One sentence."""
        size = f"{self.runs} runs at {len(self.steps)} steps"
        if self.described:
            rates = ", ".join(self.quoted(f"rate[{k}]") for k in self.fits.index)
            least = f"least p {probability(self.fits['p_value'].min())}"
            parts = [f"Eq. 22 describes the mean curves of {size} ({least})"]
            if self.answer is Answer.CANNOT_TELL:
                what = f"the mean curves of {size}, which do not reject it ({least})"
                parts = [f"the data cannot tell whether Eq. 22 describes {what}"]
            parts.append(f"rates a per step {rates}")
        else:
            bad = self.fits["p_value"] * len(self.fits) < ALARM
            which = ", ".join(f"{k} (p {probability(p)})" for k, p in self.fits["p_value"][bad].items())
            parts = [f"Eq. 22 does NOT describe the mean curve of level {which} over {size}"]
            parts.append("its rates are not those of single runs")
        for k in self.fits.index:
            row = self.table.loc[f"rate[{k}]"]
            if row["upper"] > UNRESOLVED * row["lower"]:
                parts.append(f"the rate of level {k} is not determined, {row['lower']:.2g} to {row['upper']:.2g}")
        if (unreliable := self.fits.index[~(self.fits["pareto_k"] <= RELIABLE)]).size:
            which = ", ".join(map(str, unreliable))
            parts.append(f"but Pareto k̂ of level {which} is above {RELIABLE}, and its intervals are unreliable")
        return "; ".join(parts) + "."

    def curves(self, steps: ArrayLike) -> xr.DataArray:
        """Draws of x(t) at ``steps``, dims (chain, draw, level, step), units of x.

        :param steps: shape (step,), at or after step 0.
        """
        t = xr.DataArray(real_array(steps, "steps"), dims="step")
        drawn = self.tree["posterior"].to_dataset()
        return curve(t, np.sqrt(drawn["kappa"]), np.sqrt(drawn["start"]), drawn["rate"])

    def widths(self, g2: ArrayLike, learning_rate: float, batch_size: float) -> xr.DataArray:
        r"""Draws of the stationary width that a rate implies, dims (chain, draw, level), units of x (Eqs. 9, 24).

        .. math:: \sigma^2 = \frac{2\alpha^2\tilde g^2/|B|}{1 - e^{-2a}} \to
            \frac{\alpha}{|B|} \frac{\tilde g^2}{\Omega}, \qquad 1 - \alpha\Omega = e^{-a}

        :param g2: g̃², one number or shape (level,), units of x² over learning rate and step squared.
        :param learning_rate: α > 0.
        :param batch_size: \|B\| > 0.
        :raises ArgumentError: for a g̃² that is not positive or of another shape, or numbers out of range.
        """
        alpha, batch = positive("learning_rate", learning_rate), positive("batch_size", batch_size)
        noise = real_array(g2, "g2")
        if noise.shape not in ((), (1,), (len(self.fits),)) or (noise <= 0).any():
            raise ArgumentError(f"g2: expected positive numbers, one or {len(self.fits)}, got shape {noise.shape}")
        rate = self.tree["posterior"]["rate"]
        return np.sqrt(2.0 * alpha**2 / batch * noise / -np.expm1(-2.0 * rate)).rename("sigma")


def curve(t: Any, root: Any, root_start: Any, rate: Any) -> Any:
    """Eq. 22 of √κ and √x₀, arrays that broadcast."""
    return (root + (root_start - root) * np.exp(-rate * t)) ** 2


def learning_curve(eigenvalues: ArrayLike, steps: ArrayLike, *, seed: int = 0) -> LearningCurve:
    """Infer κ, x₀ and a of every level from the mean over runs, and whether Eq. 22 describes it.

    Of more than R/4 or 24 snapshots some are used, as evenly in ln(1 + t) as they allow: the covariance of more could
    not be told from R runs.

    :param eigenvalues: shape (run, snapshot, level), units of x; levels descending or in the order of the species.
    :param steps: shape (snapshot,), ascending; Eq. 22 counts t from step 0.
    :param seed: the same seed gives the same draws.
    :raises ArgumentError: for a seed out of range.
    :raises DataError: for other shapes, negative levels, fewer than 6 snapshots or 24 runs, steps
        that do not ascend, or a level whose fluctuations at some steps follow from those at others.
    """
    check_seed(seed)
    x, t = real_array(eigenvalues, "eigenvalues", SNAPSHOTS), real_array(steps, "steps")
    if x.ndim != 3 or 0 in x.shape:
        raise DataError(f"eigenvalues: expected shape (run, snapshot, level), got {x.shape}")
    if t.shape != x.shape[1:2] or (np.diff(t) <= 0).any() or t[0] < 0:
        raise DataError(f"steps: expected shape ({x.shape[1]},), ascending from 0 or above, got {t.shape}")
    if x.mean(axis=0).min() < 0:
        raise DataError(f"eigenvalues: expected squared singular values, got a mean of {x.mean(axis=0).min():.3g}")
    least = RUNS_PER_SNAPSHOT * FEWEST_SNAPSHOTS
    if len(t) < FEWEST_SNAPSHOTS or len(x) < least:
        raise DataError(
            f"eigenvalues: expected at least {FEWEST_SNAPSHOTS} snapshots, and {RUNS_PER_SNAPSHOT} runs for each of "
            f"them, {least} in all, got {len(t)} snapshots of {len(x)} runs"
        )
    kept = _thin_snapshots(t, min(len(x) // RUNS_PER_SNAPSHOT, MOST_SNAPSHOTS))
    x, t = x[:, kept], t[kept]
    draws, rows = zip(*(_level(x[:, :, k], t, k, seed) for k in range(x.shape[2])), strict=True)
    values = np.stack(draws, axis=1)
    named = {"kappa": values[..., 0] ** 2, "start": values[..., 1] ** 2, "rate": np.exp(values[..., 2])}
    return LearningCurve(posterior(named), pd.DataFrame(rows).rename_axis("level"), t, len(x))


def _thin_snapshots(t: Float[np.ndarray, " snapshot"], most: int) -> Int[np.ndarray, " kept"]:
    """At most so many snapshots, the first and the last among them, by a rule that does not look at levels."""
    if len(t) <= most:
        return np.arange(len(t))
    u = np.log1p((t - t[0]) / (t[1] - t[0]))
    grids = (np.unique(np.abs(np.linspace(0.0, u[-1], n)[:, None] - u).argmin(axis=1)) for n in range(most, 8 * most))
    even = np.linspace(0, len(t) - 1, most).round().astype(int)  # where steps are too uneven for the former
    return next((one for one in grids if len(one) == most), even)


def _level(
    x: Float[np.ndarray, "run snapshot"], t: Float[np.ndarray, " snapshot"], k: int, seed: int
) -> tuple[Float[np.ndarray, "draw parameter"], dict[str, float]]:
    """Draws of √κ, √x₀ and ln a, and how well they describe the level."""
    runs, count = x.shape
    mean, sd = x.mean(axis=0), x.std(axis=0, ddof=1)
    if sd.min() <= 1e-12 * np.abs(x).max():
        raise DataError(
            f"eigenvalues: expected runs that differ, got level {k} the same in all at step {t[sd.argmin()]:g}; leave "
            "out the step"
        )
    correlation = np.corrcoef(x, rowvar=False)
    if np.linalg.eigvalsh(correlation)[0] < 1e-10:
        raise DataError(
            f"eigenvalues: expected a covariance of full rank between steps, got level {k} at some of {count} steps "
            "determined by others; give fewer snapshots"
        )
    root = linalg.cholesky(correlation, lower=True) * sd[:, None] / np.sqrt(runs)
    start = np.sqrt(np.maximum(mean[[-1, 0]], 0.0))
    ends = np.log([0.01 / (t[-1] - t[0]), 10.0 / np.diff(t).min()])
    largest = np.sqrt(mean.max())
    lower, upper = np.array([0.0, 0.0, ends[0]]), np.array([REACH * largest, REACH * largest, ends[1]])
    width = np.array([largest, largest, ends[1] - ends[0]])

    def whitened(theta: Float[np.ndarray, "point parameter"]) -> Float[np.ndarray, "snapshot point"]:
        model = curve(t, theta[:, :1], theta[:, 1:2], np.exp(theta[:, 2:]))
        return linalg.solve_triangular(root, mean[:, None] - model.T, lower=True)

    def log_posterior(theta: Float[np.ndarray, "point parameter"]) -> Float[np.ndarray, " point"]:
        inside = ((theta >= lower) & (theta <= upper)).all(axis=1)
        t2 = (whitened(np.clip(theta, lower, upper)) ** 2).sum(axis=0)
        return np.where(inside, -0.5 * (runs - count + PARAMETERS) * np.log1p(t2 / (runs - 1)), -np.inf)

    searches = [
        optimize.least_squares(
            lambda one: whitened(one[None])[:, 0],
            np.clip([*start, log_rate], lower + 1e-6 * width, upper - 1e-6 * width),
            bounds=(lower, upper),
            x_scale=width,
        )
        for log_rate in np.linspace(ends[0], ends[1], SEARCHES)
    ]
    best = min(searches, key=lambda one: one.cost)
    t2 = 2.0 * best.cost
    # a parameter that the curve does not depend on is as uncertain as its prior
    precision = best.jac.T @ best.jac * (runs - count) / (runs - 1 + t2) + np.diag(width**-2.0)
    root_of_scale = np.linalg.cholesky(np.linalg.inv(precision))
    found = weigh_function(log_posterior, Peak(best.x, root_of_scale), fingerprint_of(x, t), seed=seed)
    q = count - PARAMETERS
    p_value = float(stats.f.sf(t2 * (runs - q) / (q * (runs - 1)), q, runs - q))
    return found.resample(DRAWS, seed), {"t2": t2, "p_value": p_value, "pareto_k": found.k_hat}
