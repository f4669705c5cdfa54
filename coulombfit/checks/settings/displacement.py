"""Centres of levels against α/|B|: whether they are displaced from their targets, how far, and by what (Fig. 3).

With g = α/|B| and the mean y_sl of a degenerate level l over the runs of setting s,

    y_s = t + d g_s + e g_s² + noise of covariance C_s,

where C_s is that of the means of all levels over runs: levels of one run are correlated, and widths differ between
settings. Every coefficient is one weighted sum Σ_s a_s y_s for all levels, with weights 1/tr C_s in the least squares,
so that it has the covariance Σ_s a_s² C_s. C_s is estimated from n_s runs, so that tests are Hotelling's with the
degrees of freedom of Nel and van der Merwe (1986), and intervals Student's with those of Welch and Satterthwaite.

What repulsion alone would do is known from the widths, and differs between Eq. 7 and a fixed matrix plus noise:
:mod:`coulombfit.checks.settings.repulsion`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.checks.settings.repulsion import MATRIX, NEARER, SPOKEN, Repulsion, find_share, repulsions, say_which
from coulombfit.checks.settings.statistics import Settings, settings_of
from coulombfit.data.spectra import Spectra, real_array
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.seeds import check_seed, fingerprint_of, generator_for

__all__ = ["Displacement", "displacement"]

DRAWS = 4000
REJECTED = 0.01
"""p-value below which a prediction is rejected."""
MARGIN = 0.5
"""Shifts of a centre, in standard deviations of its level, within which it counts as where it should be."""


@dataclass(frozen=True, eq=False)
class Displacement:
    """Posterior of how centres depend on α/\\|B\\|.

    ``table`` has a row a level: ``limit``, the centre as α/\\|B\\| → 0, and ``slope``, each with sd and interval, and
    the slope of every prediction. ``tests`` has a row a statement about all levels at once: that the limits are the
    ``targets``, that there is ``no displacement``, that the slopes are those of a prediction, and that the ``fit``
    describes the centres. It has Hotelling's T² as ``chi2``, how many numbers it tests as ``freedom``, degrees of
    freedom of the covariance as ``runs_freedom``, ``p_value`` (NaN where the runs are too few) and ``answer``. A
    statement is rejected at p < 0.01, and holds where it is not rejected and the 90 % intervals of all levels are
    within half a standard deviation of the level: at the largest α/\\|B\\| for slopes, the smallest for limits.
    Otherwise the data cannot tell. The slopes of ``repulsion alone``, Eq. 7's, and of ``matrix repulsion alone`` differ
    by less than that. Either holds where it is not rejected and the 90 % interval of ``share``, how far slopes lie from
    it towards the other, is within half of the way; ``share half`` is half the length of the interval. ``tree`` has
    draws of limit, slope and curvature.
    ``settings`` are the statistics of the data, ``predictions`` the names of what was tested.
    """

    table: pd.DataFrame
    tests: pd.DataFrame
    tree: xr.DataTree
    settings: Settings
    predictions: tuple[str, ...]

    @property
    def answer(self) -> Answer:
        """Whether centres are displaced. Nothing can be told where the curve does not describe them."""
        if self.tests["answer"]["fit"] is Answer.NO:
            return Answer.CANNOT_TELL
        opposite = {Answer.NO: Answer.YES, Answer.YES: Answer.NO}
        found: Answer = self.tests["answer"]["no displacement"]
        return opposite.get(found, found)

    @property
    def ok(self) -> bool:
        """Whether the numbers can be used: those of a least-squares fit always can."""
        return True

    @property
    def verdict(self) -> str:
        """One sentence."""
        p, answers = self.tests["p_value"], self.tests["answer"]
        if answers["fit"] is Answer.NO:
            return (
                f"the centres are no {'parabola' if 'curvature' in self.tree['posterior'] else 'line'} in α/|B| "
                f"(p {probability(p['fit'])}): train longer, or take smaller α/|B|."
            )
        displaced = {
            Answer.YES: "centres are displaced",
            Answer.NO: f"centres are not displaced by more than {MARGIN:g} standard deviations of a level",
        }.get(self.answer, "the data cannot tell whether centres are displaced")
        parts = [f"{displaced} (p of no displacement {probability(p['no displacement'])})"]
        named = {"targets": "the limits as α/|B| → 0", **dict.fromkeys(self.predictions, "slopes")}
        for name, what in named.items():
            if name not in p:
                continue
            other = "their targets" if name == "targets" else SPOKEN.get(name, name)
            said = {
                Answer.YES: f"{what} are in agreement with {other}",
                Answer.NO: f"{what} are NOT in agreement with {other}",
            }.get(answers[name], f"the data cannot tell whether {what} are those of {other}")
            parts.append(f"{said} (p {probability(p[name])})")
        if MATRIX in p:
            parts.append(say_which({name: answers[name] for name in SPOKEN}))
        return "; ".join([*parts, *self.settings.notes]) + "."

    def summary(self) -> Text:
        """The tables and the verdict as text."""
        tables = (
            as_text(self.table, "{:.5g}"),
            as_text(self.tests, "{:.3g}"),
        )
        return Text("\n".join([*tables, self.verdict]))


def displacement(
    spectra: Sequence[Spectra],
    *,
    targets: ArrayLike | None = None,
    predictions: Mapping[str, ArrayLike] | None = None,
    quadratic: bool = True,
    seed: int = 0,
) -> Displacement:
    """Infer slopes of centres in α/\\|B\\|, and test predictions of them.

    :param spectra: settings with learning_rate and batch_size, as for :func:`coulombfit.scaling`, of at least as
        many α/\\|B\\| as a level has coefficients.
    :param targets: centres of noiseless training, one a degenerate level, from the top; by default the spectra's own.
    :param predictions: slopes by name, shape (level,), as for example 1/g times those of
        ``simulators.gaussian_rbm.displacements``. Repulsion alone, that of Eq. 7 and that of a matrix, is always among
        them where there are several levels.
    :param quadratic: whether centres may bend.
    :param seed: of the draws in ``tree``; all tables are in closed form.
    :raises ArgumentError: for too few settings, values of another shape, or the name of a repulsion.
    :raises DataError: for spectra without a setting, or whose levels form unlike clusters.
    """
    check_seed(seed)
    for name in (predictions or {}).keys() & SPOKEN.keys():
        raise ArgumentError(f"predictions: expected names other than {list(SPOKEN)}, which are known, got {name!r}")
    settings = settings_of(spectra)
    g, count = settings.strength, len(settings.sizes)
    order = 3 if quadratic else 2
    if np.unique(g).size < order:
        raise ArgumentError(f"spectra: expected at least {order} values of α/|B|, got {np.unique(g).size}")
    aims = _targets(spectra, targets, settings.sizes)
    known = {name: real_array(value, f"predictions[{name!r}]") for name, value in (predictions or {}).items()}
    for name, value in known.items():
        if value.shape != (count,):
            raise ArgumentError(
                f"predictions: expected {count} slopes of {name!r}, one a level, got shape {value.shape}"
            )
    weights, contrasts = _weights(settings, order)
    limit, slope, *_ = estimates = weights @ settings.centre
    pushed = repulsions(settings, limit) if count > 1 else {}
    # standard deviations of levels where α/|B| is smallest and largest
    spread = np.sqrt(np.diagonal(settings.covariance, axis1=1, axis2=2) * settings.runs[:, None])
    near = {"limit": MARGIN * spread[g.argmin()], "slope": MARGIN * spread[g.argmax()] / g.max()}
    rows = {"limit": weights[:1], "slope": weights[1:2]}
    halves = {name: _half_interval(row, settings) for name, row in rows.items()}

    def judge(name: str, difference: Float[np.ndarray, " level"]) -> dict[str, object]:
        inside = bool((np.abs(difference) + halves[name][1] <= near[name]).all())
        return _test(rows[name], difference, settings, inside)

    tests = {"fit": _test(contrasts, (contrasts @ settings.centre).ravel(), settings, True)}
    tests["no displacement"] = judge("slope", slope)
    if aims is not None:
        tests["targets"] = judge("limit", limit - aims)
    tests |= {name: judge("slope", slope - value) for name, value in known.items()}
    tests |= _judge_repulsions(pushed, rows["slope"], slope, settings)
    known |= {name: one.slope for name, one in pushed.items()}
    covariance, freedom = _covariance(weights, settings)
    rng = generator_for(seed, "displacement", fingerprint_of(g, settings.centre, settings.covariance))
    draws = rng.multivariate_normal(np.zeros(order * count), covariance, DRAWS, method="cholesky")
    draws = estimates.ravel() + draws / np.sqrt(rng.chisquare(freedom, (DRAWS, 1)) / freedom)
    table = pd.DataFrame(index=pd.RangeIndex(count, name="level"))
    for name, values in (("limit", limit), ("slope", slope)):
        sd, half = halves[name]
        table[name], table[f"{name} sd"] = values, sd
        table[f"{name} lower"], table[f"{name} upper"] = values - half, values + half
    if aims is not None:
        table.insert(0, "target", aims)
    for name, value in known.items():
        table[name] = value
    draws = draws.reshape(1, DRAWS, order, count)
    names = ("limit", "slope", "curvature")[:order]
    posterior = {name: (("chain", "draw", "level"), draws[:, :, k]) for k, name in enumerate(names)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior)})
    return Displacement(table, pd.DataFrame.from_dict(tests, orient="index"), tree, settings, tuple(known))


def _weights(settings: Settings, order: int) -> tuple[Float[np.ndarray, "order setting"], np.ndarray]:
    """Weights of the settings' means in each coefficient of the fitted curve, and in its residuals."""
    g = settings.strength
    middle = np.exp(np.log(g).mean())
    powers = (g[:, None] / middle) ** np.arange(order)
    weight = 1.0 / np.trace(settings.covariance, axis1=1, axis2=2)
    root = np.sqrt(weight / weight.max())
    left, values, right = np.linalg.svd(root[:, None] * powers)
    found = right.T @ (left[:, :order].T * root / values[:, None])
    return found * middle ** -np.arange(order)[:, None], left[:, order:].T * root


def _parts(weights: Float[np.ndarray, "row setting"], settings: Settings) -> Float[np.ndarray, "setting n n"]:
    """What every setting adds to the covariance of sums of the means; n runs over rows and levels."""
    return np.stack([np.kron(np.outer(a, a), c) for a, c in zip(weights.T, settings.covariance, strict=True)])


def _judge_repulsions(
    pushed: Mapping[str, Repulsion], row: Float[np.ndarray, "1 setting"], slope: np.ndarray, settings: Settings
) -> dict[str, dict[str, object]]:
    """Tests of both repulsions, whose answers tell one from the other."""
    tests: dict[str, dict[str, object]] = {}
    for name, own in pushed.items():
        (other,) = (one for key, one in pushed.items() if key != name)
        difference = slope - own.slope
        share, half = find_share(difference, other.slope - own.slope, *_covariance(row, settings, own))
        found = _test(row, difference, settings, abs(share) + half < NEARER, own)
        tests[name] = found | {"share": share, "share half": half}
    return tests


def _covariance(
    weights: Float[np.ndarray, "row setting"], settings: Settings, predicted: Repulsion | None = None
) -> tuple[np.ndarray, float]:
    """Covariance of sums of the means, less what widths predict, and its degrees of freedom (Nel and van der Merwe)."""
    parts, freedoms = _parts(weights, settings), settings.runs - 1
    if predicted is not None:
        parts = np.concatenate([parts, predicted.covariance[None]])
        freedoms = np.append(freedoms, predicted.freedom)
    total = parts.sum(axis=0)
    # relative to the total, so that units of levels do not matter
    inverse = np.linalg.inv(np.linalg.cholesky(total))
    shares = inverse @ parts @ inverse.T
    spread = np.einsum("skl,slk->s", shares, shares) + np.trace(shares, axis1=1, axis2=2) ** 2
    size = len(total)
    return total, float((size + size**2) / np.sum(spread / freedoms))


def _half_interval(weights: Float[np.ndarray, "1 setting"], settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of a coefficient, and half the widths of its intervals (Welch and Satterthwaite)."""
    variances = np.diagonal(_parts(weights, settings), axis1=1, axis2=2)
    total = variances.sum(axis=0)
    freedom = total**2 / (variances**2 / (settings.runs[:, None] - 1)).sum(axis=0)
    sd = np.sqrt(total)
    return sd, stats.t.ppf(0.5 + INTERVAL / 2, freedom) * sd


def _test(
    weights: Float[np.ndarray, "row setting"],
    difference: Float[np.ndarray, " n"],
    settings: Settings,
    inside: bool,
    predicted: Repulsion | None = None,
) -> dict[str, object]:
    """Hotelling's test that ``difference`` is zero; ``inside``: intervals end within the margin."""
    size = difference.size
    if not size:
        return {"chi2": 0.0, "freedom": 0, "runs_freedom": np.nan, "p_value": np.nan, "answer": Answer.NOT_RUN}
    covariance, freedom = _covariance(weights, settings, predicted)
    t2 = float(difference @ np.linalg.solve(covariance, difference))
    rest = freedom - size + 1
    p = float(stats.f.sf(t2 * rest / (freedom * size), size, rest)) if rest > 1 else np.nan
    answer = Answer.NO if p < REJECTED else Answer.YES if inside and np.isfinite(p) else Answer.CANNOT_TELL
    return {"chi2": t2, "freedom": size, "runs_freedom": freedom, "p_value": p, "answer": answer}


def _targets(
    spectra: Sequence[Spectra], targets: ArrayLike | None, sizes: tuple[int, ...]
) -> Float[np.ndarray, " level"] | None:
    if targets is not None:
        found = real_array(targets, "targets")
        if found.shape != (len(sizes),):
            raise ArgumentError(f"targets: expected {len(sizes)}, one a degenerate level, got shape {found.shape}")
        return found
    own = [one.targets for one in spectra]
    if any(values is None for values in own):
        return None
    first = np.asarray(own[0])
    if any(not np.allclose(values, first) for values in own if values is not None):
        raise DataError("spectra: expected the same targets in every setting; give targets=")
    return np.array([part.mean() for part in np.split(first, np.cumsum(sizes)[:-1])])
