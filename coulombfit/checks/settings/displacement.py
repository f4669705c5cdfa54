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

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.checks.settings.contrasts import covariance_of, curve_weights, half_interval, hotelling
from coulombfit.checks.settings.repulsion import (
    ALONE,
    NEARER,
    SPOKEN,
    TOGETHER,
    Repulsion,
    find_share,
    repulsions,
    say_which,
)
from coulombfit.checks.settings.statistics import Settings, settings_of
from coulombfit.data.spectra import Spectra, real_array
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.seeds import check_seed, fingerprint_of, generator_for

__all__ = ["Displacement", "displacement"]

DRAWS = 4000
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
        parts += [say_which(*answers[list(both)]) for both in (ALONE, TOGETHER) if both[0] in p]
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
    besides: ArrayLike | None = None,
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
    :param besides: slopes, shape (level,), of what else is known to displace centres, as the curvature of a loss. They
        are added to both repulsions, which are named ``repulsion and besides`` and ``matrix repulsion and besides``.
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
    known = {name: _slopes(value, name, count) for name, value in (predictions or {}).items()}
    added = None if besides is None else _slopes(besides, None, count)
    weights, contrasts = curve_weights(settings, order)
    limit, slope, *_ = estimates = weights @ settings.centre
    pushed = repulsions(settings, limit, added) if count > 1 else {}
    # standard deviations of levels where α/|B| is smallest and largest
    spread = np.sqrt(np.diagonal(settings.covariance, axis1=1, axis2=2) * settings.runs[:, None])
    near = {"limit": MARGIN * spread[g.argmin()], "slope": MARGIN * spread[g.argmax()] / g.max()}
    rows = {"limit": weights[:1], "slope": weights[1:2]}
    halves = {name: half_interval(row, settings) for name, row in rows.items()}

    def judge(name: str, difference: Float[np.ndarray, " level"]) -> dict[str, object]:
        inside = bool((np.abs(difference) + halves[name][1] <= near[name]).all())
        return hotelling(rows[name], difference, settings, inside)

    tests = {"fit": hotelling(contrasts, (contrasts @ settings.centre).ravel(), settings, True)}
    tests["no displacement"] = judge("slope", slope)
    if aims is not None:
        tests["targets"] = judge("limit", limit - aims)
    tests |= {name: judge("slope", slope - value) for name, value in known.items()}
    tests |= _judge_repulsions(pushed, rows["slope"], slope, settings)
    known |= {name: one.slope for name, one in pushed.items()}
    covariance, freedom = covariance_of(weights, settings)
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


def _judge_repulsions(
    pushed: Mapping[str, Repulsion], row: Float[np.ndarray, "1 setting"], slope: np.ndarray, settings: Settings
) -> dict[str, dict[str, object]]:
    """Tests of both repulsions, whose answers tell one from the other."""
    tests: dict[str, dict[str, object]] = {}
    for name, own in pushed.items():
        (other,) = (one for key, one in pushed.items() if key != name)
        difference = slope - own.slope
        share, half = find_share(difference, other.slope - own.slope, *covariance_of(row, settings, own))
        found = hotelling(row, difference, settings, abs(share) + half < NEARER, own)
        tests[name] = found | {"share": share, "share half": half}
    return tests


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


def _slopes(value: ArrayLike, name: str | None, count: int) -> Float[np.ndarray, " level"]:
    """Slopes of the prediction of that name, or besides."""
    found = real_array(value, "besides" if name is None else f"predictions[{name!r}]")
    if found.shape != (count,):
        where, which = ("besides", "") if name is None else ("predictions", f" of {name!r}")
        raise ArgumentError(f"{where}: expected {count} slopes{which}, one a level, got shape {found.shape}")
    return found
