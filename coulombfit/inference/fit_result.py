"""Fit: the result of an inference, a thin wrapper of one ArviZ DataTree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpyro.distributions import Distribution

from coulombfit.answers.numbers import make_rounder
from coulombfit.answers.result import Text
from coulombfit.data.files.netcdf import read_tree
from coulombfit.inference.convergence import RECORD, Diagnosis, diagnose
from coulombfit.inference.description import Description, describe, require_describable
from coulombfit.inference.given import describe_given
from coulombfit.inference.posterior_table import numbers_of, posterior_table
from coulombfit.inference.record import REQUIRED, Record
from coulombfit.inference.step_description import describe_steps
from coulombfit.models import MODELS, Likelihood, Model, Standardisation
from coulombfit.models.stated import Stated
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.samplers.importance import Integral

__all__ = ["Fit"]

GROUPS = ("posterior", "sample_stats", "observed_data")


@dataclass(frozen=True, eq=False)
class Fit:
    """Posterior of one model for one set of observations.

    ``tree`` has the ArviZ groups posterior, prior, posterior_predictive, log_likelihood (one term a run, in units of
    the data), sample_stats and observed_data; ``record`` says how it came about and what went in. ``integral`` has the
    weighted points that the evidence rests on, in coordinates without bounds; a file does not keep them. ``own`` is the
    model as it was fitted; the record names it, and rebuilds it where it is one of the package.
    """

    tree: xr.DataTree
    integral: Integral | None = None
    own: Model | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if RECORD not in self.tree.attrs:
            raise DataError("tree: expected a fit made by coulombfit.fit, got a tree without its record")

    @cached_property
    def record(self) -> Record:
        """Model, likelihood, sampler, seed, settings, data (name, fingerprint, learning_rate, …) and versions."""
        return Record.from_json(self.tree.attrs[RECORD])

    @cached_property
    def model(self) -> Model:
        """The model fitted, with the structure of the data, and with the priors and values that were given."""
        return self.own or _rebuild(MODELS[self.record.model], self.record)

    @cached_property
    def observed_by(self) -> Likelihood:
        """The likelihood as an object."""
        return self.model.likelihood(self.likelihood)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Posterior draws of all that the law takes, shape (chain, draw, …), those that are known included."""
        draws = {str(name): values.to_numpy() for name, values in self.tree["posterior"].to_dataset().items()}
        shape = next(iter(draws.values())).shape[:2]
        known = {name: np.asarray(value) for name, value in self.record.known.items()}
        return draws | {name: np.broadcast_to(value, (*shape, *value.shape)) for name, value in known.items()}

    @property
    def likelihood(self) -> str:
        """What a run was observed by: "pair", "density", "density-raw", "spacing", "levels" or "transitions"."""
        return self.record.likelihood

    @property
    def observations(self) -> Float[np.ndarray, "run ..."]:
        """The data fitted: pairs (run, 2), spacings (run,), levels (run, level) or (run, snapshot, level)."""
        return self.tree["observed_data"][self.observed_by.observed].to_numpy()

    @property
    def unit(self) -> Standardisation:
        """Location and scale by which the data were standardised; the units of the priors."""
        return Standardisation.from_json(self.record.standardisation)

    @property
    def numbers(self) -> xr.Dataset:
        """Posterior draws, one variable a number: a parameter of clusters comes as centre[0], centre[1] and so on."""
        return numbers_of(self.tree["posterior"].to_dataset())

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Whether the sampler converged, and whether runs are enough for intervals to be nominal."""
        return diagnose(self.tree)

    @cached_property
    def description(self) -> Description:
        """Whether the law describes the data, which it may not though the sampler has converged."""
        if self.observed_by.over_time:
            return describe_steps(self.model.scores, self.parameters, self.observations)
        return describe(self.tree, pooled=bool(self.record.data.pooled))

    def table(self, interval: float = INTERVAL) -> pd.DataFrame:
        """Parameters (rows): mean, sd, [lower, upper] (:mod:`coulombfit.numerics.intervals`), bulk and tail ESS, R̂.

        :param interval: probability content of the interval, between 0 and 1.
        :return: a row a parameter, units of x but for r and β.
        """
        posterior, stats = self.numbers, self.tree["sample_stats"]
        if "effective" in stats:
            # draws that were resampled look independent: what counts is what their weights were worth
            bulk = tail = dict.fromkeys(posterior, stats["effective"])
            rhat = None
        else:
            bulk, tail = azs.ess(posterior, method="bulk"), azs.ess(posterior, method="tail")
            rhat = azs.rhat(posterior) if posterior.sizes["chain"] > 1 else None
        table = self._intervals(interval)
        table["ess_bulk"] = [float(bulk[name]) for name in table.index]
        table["ess_tail"] = [float(tail[name]) for name in table.index]
        table["r_hat"] = [np.nan if rhat is None else float(rhat[name]) for name in table.index]
        return table

    def formatted(self, interval: float = INTERVAL) -> pd.DataFrame:
        """:meth:`table` as text, numbers rounded to two significant figures of their posterior sd.

        :param interval: probability content of the interval, between 0 and 1.
        """
        table = self.table(interval)
        numbers = table[["mean", "sd", "lower", "upper"]].apply(lambda row: row.map(make_rounder(row["sd"])), axis=1)
        numbers[["ess_bulk", "ess_tail"]] = table[["ess_bulk", "ess_tail"]].map("{:.0f}".format)
        return numbers.assign(r_hat=table["r_hat"].map(lambda value: "–" if np.isnan(value) else f"{value:.3f}"))

    @property
    def ok(self) -> bool:
        """Whether the sampler has converged; of the number of runs see ``diagnosis.few``."""
        return self.diagnosis.passed

    @property
    def verdict(self) -> str:
        """Two sentences: whether the sampler has converged, and whether the law describes the data."""
        return f"{self.diagnosis.verdict} {self.description.verdict}"

    def summary(self) -> Text:
        """What was fitted to what, the parameters with intervals, the priors, the gate, and whether the law holds."""
        return Text("\n".join([*self._summarised(), self.description.verdict]))

    def _summarised(self) -> list[str]:
        """The lines of a summary but for the last, which describes the data and takes longest."""
        header = [
            f"{self.model.name}: {self.model.description}",
            *describe_given(self.record.data),
            f"likelihood: {self.likelihood}; sampler: {self._sampler}; seed {self.record.seed}",
        ]
        table = [self.formatted().to_string()]
        priors = [f"  {name} ~ {text}" for name, text in self.model.priors(self.unit, self.observed_by).items()]
        interval = f"posterior (lower, upper: equal-tailed {INTERVAL:.0%} interval)"
        if remark := self.at_edge:
            table.append(remark)
        return [*header, interval, *table, "priors", *priors, str(self.diagnosis)]

    @property
    def at_edge(self) -> str:
        """What to say of an interval that reaches the edge of the model, as σ₁ = σ₂; empty where none does."""
        edge = self.model.edge
        if edge is None or edge.parameter not in self.numbers:
            return ""
        return edge.remark(float(self._intervals(INTERVAL).loc[edge.parameter, "lower"]))

    def _intervals(self, content: float) -> pd.DataFrame:
        """Mean, sd and interval of every number."""
        known = {name: values.ravel() for name, values in self.parameters.items() if values.ndim == 2}
        return posterior_table(self.tree["posterior"].to_dataset(), self.model.edge, content, known)

    @property
    def _sampler(self) -> str:
        """What was used, and why where something else was asked for."""
        used, asked_for = self.record.sampler, self.record.sampler_asked_for
        if used == asked_for or self.record.integral is None:
            return used
        return f"{used}, since Pareto k̂ of {asked_for} is {self.record.integral.pareto_k:.2f}"

    @property
    def log_evidence(self) -> float | None:
        """Ln ∫ L π in units of the data, with a standard error in ``record``; None of a composite likelihood."""
        return None if self.record.integral is None else self.record.integral.log_evidence

    def save(self, path: str | Path) -> None:
        """Write the whole tree as one netCDF file, whole or not at all.

        :param path: a .nc file.
        :raises OSError: where ``path`` cannot be written.
        """
        write_netcdf(self.tree, path)

    @classmethod
    def load(
        cls, path: str | Path, model: Model | None = None, priors: Mapping[str, Distribution] | None = None
    ) -> Fit:
        """Read a fit back from the file that :meth:`save` wrote.

        :param path: the file.
        :param model: the model fitted, where it is one of your own; others are found by their name.
        :param priors: those given to the fit, where they are laws of your own; others are in the file.
        :raises FileNotFoundError: where there is no such file.
        :raises DataError: where the file is not a fit, or is damaged.
        """
        try:
            tree = read_tree(Path(path))
        except DataError as error:
            reason = str(error).removeprefix(f"path: cannot read {path}: ")
            raise DataError(f"path: cannot read a fit from {path}: {reason}") from None
        cls(tree)  # refuses a tree that is no fit
        _require_complete(tree, path)
        with _reading(path):
            record = Record.from_json(tree.attrs[RECORD])
        _require_asked_for(record, path, model, priors)
        with _reading(path):
            fit = cls(tree, own=_rebuild(model or MODELS[record.model], record, priors))
            # all that a summary says, but for the description, whose parts are looked at instead
            _ = fit.unit, fit.observations, fit.log_evidence, fit._summarised()
            require_describable(tree)
        return fit


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Say of what goes wrong that a fit cannot be read: in the words of a DataError, and of all else as damage."""
    try:
        yield
    except DataError as error:
        raise DataError(f"path: cannot read a fit from {path}: {error}") from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"path: cannot read a fit from {path}: its record is damaged ({reason})") from None


def _rebuild(model: Model, record: Record, priors: Mapping[str, Distribution] | None = None) -> Model:
    """The model with the structure, priors and values of a record; priors that are not in the file are given."""
    stated = Stated().updated(priors, record.fixed) if priors else Stated.from_json(record)
    return (type(model)(**record.structure) if record.structure else model).with_stated(stated)


def _require_asked_for(
    record: Record, path: str | Path, model: Model | None, priors: Mapping[str, Distribution] | None
) -> None:
    """Refuse a model or priors that are not those of the file, and a file of a model of one's own without it.

    :raises ArgumentError: naming the argument.
    :raises DataError: where a model has to be given.
    """
    name = record.model
    if model is not None and model.name != name:
        raise ArgumentError(f"model: expected {name!r}, of which {path} is a fit, got {model.name!r}")
    if model is None and name not in MODELS:
        raise DataError(f"path: cannot read a fit from {path}: it is of a model of one's own, {name!r}; give model=")
    if priors and priors.keys() != record.priors.keys():
        given = ", ".join(record.priors) or "none"
        raise ArgumentError(f"priors: expected those that the fit was given, {given}, got {', '.join(priors)}")


def _require_complete(tree: xr.DataTree, path: str | Path) -> None:
    """Refuse a file that has lost groups or parts of its record."""
    try:
        record = json.loads(tree.attrs[RECORD])
        missing = [name for name in REQUIRED if name not in record]
    except (TypeError, ValueError, RecursionError):
        missing = ["its record, which is no JSON"]
    missing += [group for group in GROUPS if group not in tree.children or not tree.children[group].data_vars]
    if missing:
        raise DataError(f"path: cannot read a fit from {path}: it lacks {', '.join(missing)}")
