"""fit_many(): a whole grid of spectra under one model, compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.diagnostics import diagnose, judge_runs
from coulombfit.draws import Drawn, draw
from coulombfit.errors import DataError
from coulombfit.inference import posterior_of, spectra_of
from coulombfit.intervals import Edge, intervals_of
from coulombfit.models import find_model
from coulombfit.precision import double_precision
from coulombfit.progress import working
from coulombfit.result import Text
from coulombfit.sampler import SAMPLERS, Sampling
from coulombfit.seeds import check_seed
from coulombfit.spectra import Spectra

__all__ = ["ManyFits", "fit_many"]


@dataclass(frozen=True, eq=False)
class ManyFits:
    """Posteriors of many spectra under one model.

    ``tree`` has the draws, dims (spectrum, chain, draw), in the group "posterior". ``table`` has a row a spectrum and
    parameter, with mean, sd and interval. ``fits`` has a row a spectrum: ``log_evidence`` in units of the data (NaN
    of a composite likelihood), Pareto ``pareto_k``, the ``sampler`` that was used, whether it ``converged``, and
    ``enough_runs``, whether runs are enough for intervals to be nominal; ``few`` says what is wrong where they are not.
    """

    tree: xr.DataTree
    table: pd.DataFrame
    fits: pd.DataFrame
    few: str = ""

    @property
    def verdict(self) -> str:
        """One sentence on convergence, and one on the number of runs where they are too few."""
        bad, few = (_where_not(self.fits[column]) for column in ("converged", "enough_runs"))
        converged = f"all {len(self.fits)} fits have converged"
        if bad:
            converged = f"{len(bad)} of {len(self.fits)} fits have NOT CONVERGED, do not use: {', '.join(bad)}"
        return f"{converged}; {self.few} ({', '.join(few)})." if few else f"{converged}."

    def summary(self) -> Text:
        """The tables and the verdict as text."""
        tables = [one.to_string(float_format="{:.5g}".format) for one in (self.table, self.fits)]
        return Text("\n".join([*tables, self.verdict]))


def fit_many(
    data: Sequence[Spectra | ArrayLike],
    model: str = "one-species",
    likelihood: str | None = None,
    *,
    sampler: str = "laplace",
    compress: bool = True,
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: bool | None = None,
) -> ManyFits:
    """Infer the parameters of one model for each of many spectra, each by itself, as :func:`coulombfit.fit` does.

    :param data: spectra or arrays, each as ``fit`` takes it; for a gas, of clusters of the same sizes.
    :param model: name of the model, one for all, as for ``fit``.
    :param likelihood: what a run is observed by, as for ``fit``; the model's default if not given.
    :param sampler: "laplace" or "nuts"; a spectrum whose Pareto k̂ is above 0.7 gets "nuts".
    :param compress: as for ``fit``.
    :param seed: the same seed gives the same draws.
    :param sampling: chain lengths and the like, as for ``fit``.
    :param progress: show what is being done; by default where stderr is a terminal.
    :return: posteriors without the predictions and log likelihoods of a :class:`coulombfit.Fit`.
    :raises ValueError: for no data, an unknown name or a combination that does not exist.
    :raises DataError: for data that no law of the model can describe, saying which.
    """
    chosen, likelihood = find_model(model, likelihood)
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler: expected one of {', '.join(map(repr, SAMPLERS))}, got {sampler!r}")
    check_seed(seed)
    if not len(data):
        raise ValueError("data: expected at least one spectrum, got none")
    sampling = sampling or Sampling()
    spectra = [one if isinstance(one, Spectra) else spectra_of(one) for one in data]
    fitted = chosen.fitted_to(spectra[0])
    prepared = []
    for k, one in enumerate(spectra):
        try:
            if chosen.fitted_to(one) != fitted:
                raise DataError(f"expected levels that form the clusters {fitted.structure} of the first")
            observations = fitted.observe(one, likelihood)
            prepared.append((observations, fitted.unit(observations, likelihood)))
        except DataError as error:
            raise DataError(f"data[{k}]: {error}") from None
    with working(f"fitting {model} to {len(spectra)} spectra", show=progress), double_precision():
        drawn = draw(fitted, likelihood, prepared, sampler, sampling, compress=compress, seed=seed)
        keys = jax.random.split(jax.random.key(seed), len(spectra))
        posteriors = [
            posterior_of(fitted, likelihood, one.points, *each, key, pooled=len(each[0]) != spectrum.runs)
            for one, each, key, spectrum in zip(drawn, prepared, keys, spectra, strict=True)
        ]
    names = [one.name or f"spectrum {k}" for k, one in enumerate(spectra)]
    if len(set(names)) < len(names):
        names = [f"{name} ({k})" for k, name in enumerate(names)]
    stacked = {name: np.stack([one[name] for one in posteriors]) for name in posteriors[0]}
    dims = ("spectrum", "chain", "draw", "cluster")
    posterior = xr.Dataset(
        {name: (dims[: values.ndim], values) for name, values in stacked.items()}, coords={"spectrum": names}
    )
    composite = likelihood.startswith("density")
    rows = {
        name: {
            "log_evidence": np.nan if composite else one.integral.log_value - fitted.log_frame(*each),
            "se": one.integral.se,
            "pareto_k": one.integral.k_hat,
            "sampler": one.sampler,
            "converged": _converged(one, posterior.sel(spectrum=name)),
            "enough_runs": not judge_runs(fitted, likelihood, len(each[0])),
        }
        for name, one, each in zip(names, drawn, prepared, strict=True)
    }
    tree = xr.DataTree.from_dict({"posterior": posterior})
    few = judge_runs(fitted, likelihood, min(len(observations) for observations, _ in prepared))
    return ManyFits(tree, _table(stacked, names, fitted.edge), pd.DataFrame.from_dict(rows, orient="index"), few)


def _where_not(column: pd.Series) -> list[str]:
    return [str(name) for name in column.index[~column]]


def _converged(one: Drawn, posterior: xr.Dataset) -> bool:
    stats = xr.Dataset({name: (("chain", "draw")[: np.ndim(value)], value) for name, value in one.stats.items()})
    tree = {"posterior": posterior.drop_vars("spectrum"), "sample_stats": stats}
    return diagnose(xr.DataTree.from_dict(tree)).passed


def _table(stacked: dict[str, np.ndarray], names: Sequence[str], edge: Edge | None) -> pd.DataFrame:
    """Mean, sd and interval of every number."""
    numbers = {}
    for name, values in stacked.items():
        several = values.ndim > 3
        for k in range(values.shape[3] if several else 1):
            draws = (values[..., k] if several else values).reshape(len(names), -1)
            numbers[f"{name}[{k}]" if several else name] = draws
    parts = {}
    for name, (lower, upper) in intervals_of(numbers, edge).items():
        draws = numbers[name]
        columns = {"mean": draws.mean(axis=1), "sd": draws.std(axis=1, ddof=1), "lower": lower, "upper": upper}
        parts[name] = pd.DataFrame(columns, index=list(names))
    table = pd.concat(parts, names=["parameter", "spectrum"])
    return table.swaplevel().loc[list(names)]
