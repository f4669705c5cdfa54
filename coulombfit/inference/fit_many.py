"""fit_many(): a whole grid of spectra under one model, compiled once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from numpyro.distributions import Distribution

from coulombfit.answers.result import Text
from coulombfit.data.one_grouping import WAY_ON, tell_apart
from coulombfit.data.spectra import Spectra
from coulombfit.data.trajectories import Trajectories
from coulombfit.inference.convergence import diagnose, judge_runs
from coulombfit.inference.draw import Drawn, draw
from coulombfit.inference.fit import log_evidence, posterior_of
from coulombfit.inference.given import doubt_levels
from coulombfit.inference.posterior_table import posterior_table
from coulombfit.inference.preparation import Prepared, Question, ask, prepare, spectra_of
from coulombfit.inference.tree import drop_known, find_known
from coulombfit.models import Likelihood, Model
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.progress import working
from coulombfit.samplers.settings import DEFAULT, Sampling

__all__ = ["ManyFits", "fit_many"]


COLUMNS = ["log_evidence", "se", "pareto_k", "sampler", "converged", "enough_runs", "refused"]


@dataclass(frozen=True, eq=False)
class ManyFits:
    """Posteriors of many spectra under one model.

    ``tree`` has the draws, dims (spectrum, chain, draw), in the group "posterior". ``table`` has a row a spectrum and
    parameter, with mean, sd and interval. ``fits`` has a row a spectrum: ``log_evidence`` in units of the data (NaN
    of a composite likelihood), Pareto ``pareto_k``, the ``sampler`` that was used, whether it ``converged``,
    ``enough_runs``, whether runs are enough for intervals to be nominal, and why it was ``refused``, empty where it was
    not; ``tree`` and ``table`` are without those refused. ``few`` says what is wrong where runs are too few.
    """

    tree: xr.DataTree
    table: pd.DataFrame
    fits: pd.DataFrame
    few: str = ""

    @property
    def ok(self) -> bool:
        """Whether all fits have converged that were not refused."""
        return bool(self.fits["converged"][self.fits["refused"] == ""].all())

    @property
    def verdict(self) -> str:
        """One sentence."""
        refused = self.fits["refused"] != ""
        bad = [str(name) for name in self.fits.index[~self.fits["converged"] & ~refused]]
        parts = [f"all {int((~refused).sum())} fits have converged"]
        if bad:
            parts = [f"{len(bad)} of {len(self.fits)} fits have NOT CONVERGED, do not use: {', '.join(bad)}"]
        if self.few:
            names = [str(name) for name in self.fits.index[~self.fits["enough_runs"] & ~refused]]
            parts.append(f"{self.few} ({', '.join(names)})")
        if refused.any():
            reasons = "; ".join(f"{name}: {why}" for name, why in self.fits["refused"][refused].items())
            parts.append(f"{int(refused.sum())} of {len(self.fits)} spectra were REFUSED: {reasons}")
        return "; ".join(parts) + "."

    def summary(self) -> Text:
        """The tables and the verdict as text."""
        tables = [one.to_string(float_format="{:.5g}".format) for one in (self.table, self.fits)]
        return Text("\n".join([*tables, self.verdict]))


def fit_many(
    data: Sequence[Spectra | Trajectories | ArrayLike],
    model: str | Model = "one-species",
    likelihood: str | Likelihood | None = None,
    *,
    priors: Mapping[str, Distribution] | None = None,
    fixed: Mapping[str, Any] | None = None,
    sampler: str = DEFAULT,
    compress: bool = True,
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: bool | None = None,
) -> ManyFits:
    """Infer the parameters of one model for each of many spectra, each by itself: with the same seed, draws
    are those of :func:`coulombfit.fit` by the same sampler, whatever else is in ``data``.

    :param data: spectra or arrays, each as ``fit`` takes it; for a gas, of clusters of the same sizes.
    :param model: one for all, as for ``fit``.
    :param likelihood: what a run is observed by, as for ``fit``; the model's default if not given.
    :param priors: as for ``fit``, for all spectra.
    :param fixed: likewise.
    :param sampler: "laplace" or "nuts"; a spectrum whose Pareto k̂ is above 0.7 gets "nuts".
    :param compress: as for ``fit``.
    :param seed: the same seed gives the same draws.
    :param sampling: chain lengths and the like, as for ``fit``.
    :param progress: show what is being done; by default where stderr is a terminal.
    :return: posteriors without the predictions and log likelihoods of a :class:`coulombfit.Fit`.
    :raises ArgumentError: for no data, an unknown name or a combination that does not exist.
    :raises DataError: where no law of the model can describe any of the data; where it can describe some, the others
        are refused in ``fits``.
    :warns UserWarning: where two levels cannot be a degenerate pair, naming all such spectra.
    """
    question = ask(model, likelihood, sampler, sampling, seed, priors, fixed)
    if isinstance(data, str | Spectra | Trajectories | Mapping) or not isinstance(data, Iterable):
        raise ArgumentError(f"data: expected several spectra or arrays, got {type(data).__name__}")
    several = list(data)
    if not several:
        raise ArgumentError("data: expected at least one spectrum, got none")
    names = [
        one.name if isinstance(one, Spectra | Trajectories) and one.name else f"spectrum {k}"
        for k, one in enumerate(several)
    ]
    if len(set(names)) < len(names):
        names = [f"{name} ({k})" for k, name in enumerate(names)]
    prepared, refused, doubts = _prepare_all(several, names, question)
    _warn_of_pairs(doubts)
    with working(f"fitting {question.model.name} to {len(several)} spectra", show=progress), double_precision():
        known = find_known(next(iter(prepared.values())).model, question.likelihood)
        drawn = dict(zip(prepared, draw(question, list(prepared.values()), compress=compress), strict=True))
        posteriors = {
            name: drop_known(posterior_of(question, prepared[name], one), known) for name, one in drawn.items()
        }
    stacked = {
        parameter: np.stack([one[parameter] for one in posteriors.values()])
        for parameter in next(iter(posteriors.values()))
    }
    labels = {name: next(iter(prepared.values())).model.labels(name) for name in stacked}
    dims = {name: ("spectrum", "chain", "draw", labels[name][0])[: values.ndim] for name, values in stacked.items()}
    coords = {dim: list(known) for dim, known in labels.values() if known is not None}
    posterior = xr.Dataset(
        {name: (dims[name], values) for name, values in stacked.items()}, coords={"spectrum": list(drawn), **coords}
    )
    rows = {
        name: _row(question, prepared[name], drawn[name], posterior.sel(spectrum=name))
        if name in drawn
        else {"converged": False, "enough_runs": False, "refused": refused[name]}
        for name in names
    }
    fits = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    tree = xr.DataTree.from_dict({"posterior": posterior})
    shape = (len(drawn), posterior.sizes["chain"] * posterior.sizes["draw"])
    known_draws = {name: np.broadcast_to(value, shape) for name, value in known.items() if np.ndim(value) == 0}
    fewest = min(prepared.values(), key=lambda one: len(one.observations))
    few = judge_runs(fewest.model, question.likelihood.name, len(fewest.observations))
    return ManyFits(tree, posterior_table(posterior, fewest.model.edge, known=known_draws), fits, few)


def _prepare_all(
    data: Sequence[Spectra | Trajectories | ArrayLike], names: Sequence[str], question: Question
) -> tuple[dict[str, Prepared], dict[str, str], dict[str, str]]:
    """Those that can be fitted, by name, why the others cannot, and what makes levels doubtful as pairs.

    :raises DataError: where none can.
    """
    prepared: dict[str, Prepared] = {}
    leading: tuple[str, Spectra | Trajectories] | None = None
    refused: dict[str, str] = {}
    doubts: dict[str, str] = {}
    for name, one in zip(names, data, strict=True):
        try:
            spectra = spectra_of(one)
            found = prepare(spectra, question)
            first = next(iter(prepared.values()), found)
            leading = leading or (name, spectra)
            if found.model != first.model:
                told = _tell_apart(*leading, name, spectra)
                raise DataError(f"expected levels that form the clusters of the first, got {told}; {WAY_ON}")
            prepared[name] = found
            degenerate = found.model.needs_degenerate and not found.apart
            if not found.pooled and (doubt := doubt_levels(spectra, degenerate=degenerate)):
                doubts[name] = doubt
        except DataError as error:
            refused[name] = str(error)
    if not prepared:
        raise DataError(f"{names[0]}: {refused[names[0]]}")
    return prepared, refused, doubts


def _tell_apart(first: str, one: Spectra | Trajectories, second: str, other: Spectra | Trajectories) -> str:
    if isinstance(one, Spectra) and isinstance(other, Spectra):
        return tell_apart(one, repr(first), other, repr(second))
    return f"{one.clusters} in {first!r} and {other.clusters} in {second!r}"


def _warn_of_pairs(doubts: Mapping[str, str]) -> None:
    """Warn of two levels that cannot be a degenerate pair, once for all spectra."""
    if doubts:
        name, *others = doubts
        more = f" (and {len(others)} more: {', '.join(others)})" if others else ""
        warnings.warn(f"{name}{more}: {doubts[name]}", stacklevel=3)


def _row(question: Question, prepared: Prepared, one: Drawn, posterior: xr.Dataset) -> dict[str, Any]:
    evidence = log_evidence(question, prepared, one)
    return {
        "log_evidence": np.nan if evidence is None else evidence,
        "se": np.nan if one.integral is None else one.integral.se,
        "pareto_k": np.nan if one.integral is None else one.integral.k_hat,
        "sampler": one.sampler,
        "converged": _has_converged(one, posterior),
        "enough_runs": not judge_runs(prepared.model, question.likelihood.name, len(prepared.observations)),
        "refused": "",
    }


def _has_converged(one: Drawn, posterior: xr.Dataset) -> bool:
    stats = xr.Dataset({name: (("chain", "draw")[: np.ndim(value)], value) for name, value in one.stats.items()})
    tree = {"posterior": posterior.drop_vars("spectrum"), "sample_stats": stats}
    return diagnose(xr.DataTree.from_dict(tree)).passed
