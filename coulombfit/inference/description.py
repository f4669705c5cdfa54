"""Whether a fitted law describes the data: another question than whether the sampler has converged.

The data are placed among the ensembles of the posterior predictive group, which every fit has: Kolmogorov's distance of
each level, of each spacing of neighbours, of all levels and of the sum of two from the pooled predictive sample, and
for a pair ln Var R/⟨S²⟩, with R the sum and S the spacing, and ln of the fourth moment over the square of the second.
Distances enter by their logarithm. In units of the scatter among predicted ensembles they are nearly Gaussian, which
gives p-values beyond what a hundred ensembles could count; they are multiplied by the number of quantities.

The data have been fitted and the ensembles have not, so that they lie closer to the law than the ensembles do: false
alarms are rarer than stated. ``benchmarks/description.py`` prints how rare, and what is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability

__all__ = ["ENOUGH", "Description", "describe", "require_describable"]

ALARM = 0.003
"""p-value below which a quantity counts as not described. Moments of heavy tails are less Gaussian than is assumed; at
this value all false alarms together stay below 1 % (``benchmarks/description.py``)."""
ENOUGH = 100
"""Runs from which "yes" may be said: from here on two levels that do not repel are told from two that do in nine data
sets of ten. Fewer runs without a finding are "cannot tell"."""
REPLICATES = 20
"""Least number of predicted ensembles from which a p-value is computed."""
FEWEST = 20
"""Least runs of which moments of normal scores have the law that is assumed."""
MOST = 4000
"""Most runs that are compared; of more, evenly spaced ones are taken, which bounds time and memory."""
POOL = 2**15
"""Most predicted values in the pooled sample that stands for the law: its error is small beside that of MOST runs."""


@dataclass(frozen=True)
class Description:
    """The answer, and the p-value of every quantity that was looked at, by name; ``reason`` where it was not run.

    ``runs`` is how many units there are, ``counted`` what they are, and ``remark`` what else there is to say.
    """

    answer: Answer
    p_values: Mapping[str, float]
    runs: int = 0
    reason: str = ""
    counted: str = "runs"
    remark: str = ""

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.answer is Answer.NOT_RUN:
            return f"Describes the data: not run, {self.reason}."
        worst = min(self.p_values, key=lambda name: self.p_values[name])
        p = f"least p {probability(self.p_values[worst])}, {worst}"
        if self.answer is Answer.NO:
            bad = [name for name, value in self.p_values.items() if value < ALARM]
            why = f"; {self.remark}" if self.remark else ""
            return f"Describes the data: NO, the data are not as predicted in {', '.join(bad)} ({p}){why}."
        if self.answer is Answer.CANNOT_TELL:
            few = self.remark or f"{self.runs} {self.counted}"
            return f"Describes the data: the data cannot tell, {few} are too few to show much ({p})."
        return f"Describes the data: yes, the data look like those that it predicts ({p})."


def describe(tree: xr.DataTree, *, pooled: bool = False) -> Description:
    """Place the observed data of a fit's tree among its posterior predictive ensembles.

    No where the least p-value, times the number of quantities, is below 0.3 %; of fewer than 100 runs that are not, the
    data cannot tell.

    :param tree: as :attr:`coulombfit.Fit.tree`.
    :param pooled: that these are levels whose pairing is not known: only all levels together say anything.
    """
    if "run_scores" in tree.children:
        return _by_places(tree["run_scores"]["normal_score"].to_numpy())
    parts = _parts(tree)
    if isinstance(parts, str):
        return Description(Answer.NOT_RUN, {}, reason=parts)
    data, ensembles, stand_for = parts
    runs = ensembles.shape[1]
    rows = np.linspace(0, runs - 1, min(runs, MOST)).astype(int)
    everything = np.concatenate([data[stand_for[rows]][None], ensembles[:, rows]])
    found = {name: _p_value(values, **how) for name, (values, how) in _quantities(everything, pooled).items()}
    least = min(1.0, len(found) * min(found.values()))
    adjusted = {name: min(1.0, len(found) * value) for name, value in found.items()}
    enough = Answer.YES if len(data) >= ENOUGH else Answer.CANNOT_TELL
    return Description(Answer.NO if least < ALARM else enough, adjusted, len(data))


def _by_places(scores: Float[np.ndarray, "run level"]) -> Description:
    """Whether each level lies in its conditional as the law says: the skewness and kurtosis of normal scores, whose
    mean and sd a centre and a width have been fitted to (D'Agostino's transformations)."""
    if len(scores) < FEWEST:
        return Description(Answer.NOT_RUN, {}, reason=f"it takes {FEWEST} runs, got {len(scores)}")
    tests = {"skewness": stats.skewtest, "tails": stats.kurtosistest}
    found = {
        f"{name} of level {k}": float(test(scores[:, k]).pvalue)
        for k in range(scores.shape[1])
        for name, test in tests.items()
    }
    adjusted = {name: min(1.0, len(found) * value) for name, value in found.items()}
    enough = Answer.YES if len(scores) >= ENOUGH else Answer.CANNOT_TELL
    return Description(Answer.NO if min(adjusted.values()) < ALARM else enough, adjusted, len(scores))


def require_describable(tree: xr.DataTree) -> None:
    """Refuse a tree that :func:`describe` cannot describe, without doing so.

    :raises ValueError: where predictions are of other data.
    """
    _parts(tree)


def _parts(tree: xr.DataTree) -> tuple[np.ndarray, np.ndarray, np.ndarray] | str:
    """The data (run, …), predicted ensembles (ensemble, run, …) and the runs that these stand for, which may be fewer
    than the data; or why there are none.

    :raises ValueError: where predictions are of other data, or neither are numbers of runs.
    """
    missing = [name for name in ("observed_data", "posterior_predictive") if name not in tree.children]
    if missing:
        return f"the fit has no {missing[0]}"
    predicted, observed = (tree[name].to_dataset() for name in ("posterior_predictive", "observed_data"))
    site = next((str(name) for name in predicted), "")
    if site not in observed:
        raise ValueError(f"predictions of {site or 'nothing'}, and data of {', '.join(map(str, observed))}")
    data, ensembles = observed[site].to_numpy(), predicted[site].to_numpy()
    runs = ensembles.shape[2] if ensembles.ndim > 2 else 0
    if data.ndim not in (1, 2, 3) or not data.size or not runs or ensembles.shape[3:] != data.shape[1:]:
        raise ValueError(f"predictions of shape {ensembles.shape}, and data of shape {data.shape}")
    if data.dtype.kind not in "iuf" or ensembles.dtype.kind not in "iuf":
        raise ValueError(f"predictions of {ensembles.dtype}, and data of {data.dtype}")
    stand_for = predicted["run"].to_numpy() if "run" in predicted.coords else np.arange(runs)
    if stand_for.dtype.kind not in "iu" or stand_for.shape != (runs,) or not np.isin(stand_for, range(len(data))).all():
        raise ValueError(f"predictions of runs that the data, {len(data)}, are without")
    ensembles = ensembles.reshape(-1, *ensembles.shape[2:])
    if len(ensembles) < REPLICATES:
        return f"it takes {REPLICATES} predicted ensembles, got {len(ensembles)}"
    return data, ensembles, stand_for


def _quantities(
    x: Float[np.ndarray, "ensemble run ..."], pooled: bool
) -> dict[str, tuple[Float[np.ndarray, " ensemble"], dict[str, bool]]]:
    """Quantities of every ensemble by name, the data first; and for each whether small values count against it, too."""
    far, both = {"two_sided": False}, {"two_sided": True}
    if x.ndim == 2:
        return {"spacing": (_distances(x), far)}
    found = {"level density": (_distances(x.reshape(len(x), -1)), far)}
    if pooled:
        return found
    levels = x.shape[2]
    for k in range(levels):
        found[f"level {k}"] = (_distances(x[:, :, k]), far)
    for i, j in pairwise(range(levels)):
        found["spacing" if levels == 2 else f"spacing {i}, {j}"] = (_distances(x[:, :, i] - x[:, :, j]), far)
    if levels == 2:
        total, spacing = x.sum(axis=2), x[:, :, 0] - x[:, :, 1]
        found["sum"] = (_distances(total), far)
        found["variance of the sum"] = (np.log(total.var(axis=1) / np.mean(spacing**2, axis=1)), both)
        centred = x - x.mean(axis=(1, 2), keepdims=True)
        second, fourth = (np.mean(centred**k, axis=(1, 2)) for k in (2, 4))
        found["tails"] = (np.log(fourth / second**2), both)
    return found


def _distances(x: Float[np.ndarray, "ensemble value"]) -> Float[np.ndarray, " ensemble"]:
    """Ln of Kolmogorov's distance of each ensemble from all predicted ones together."""
    pool = x[1:].ravel()
    pool = np.sort(pool[:: -(-pool.size // POOL)])
    ranked = np.searchsorted(pool, np.sort(x, axis=1)) / pool.size
    count = x.shape[1]
    below = np.arange(count) / count
    return np.log(np.maximum(ranked - below, below + 1.0 / count - ranked).max(axis=1))


def _p_value(values: Float[np.ndarray, " ensemble"], *, two_sided: bool) -> float:
    """p-value of the first value among the others."""
    scatter = values[1:].std(ddof=1)
    z = (values[0] - values[1:].mean()) / scatter if scatter > 0 else 0.0
    # the scatter is itself estimated
    tail = stats.t.sf(abs(z) if two_sided else z, len(values) - 2)
    return float(min(1.0, 2.0 * tail if two_sided else tail))
