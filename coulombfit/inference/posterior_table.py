"""Posteriors as tables: one way to take parameters apart into numbers, and one to summarise these."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from coulombfit.numerics.intervals import INTERVAL, Edge, intervals_of

__all__ = ["numbers_of", "posterior_table"]

DRAWN = ("spectrum", "chain", "draw")
"""Dimensions that are no parts of a parameter."""


def numbers_of(posterior: xr.Dataset) -> xr.Dataset:
    """One variable a number: a parameter of clusters or levels comes as centre[0], centre[1] and so on."""
    split: dict[str, xr.DataArray] = {}
    for name, draws in posterior.items():
        inner = [dim for dim in draws.dims if dim not in DRAWN]
        if not inner:
            split[str(name)] = draws
        for k in range(draws.sizes[inner[0]] if inner else 0):
            label = int(draws["pair"][k]) if inner[0] == "pair" else k  # pairs bear the number of their cluster
            split[f"{name}[{label}]"] = draws.isel({inner[0]: k}, drop=True)
    return xr.Dataset(split)


def posterior_table(
    posterior: xr.Dataset,
    edge: Edge | None = None,
    content: float = INTERVAL,
    known: Mapping[str, Float[np.ndarray, "..."]] | None = None,
) -> pd.DataFrame:
    """Mean, sd and interval of every number: a row a number; of many spectra, a row a spectrum and number.

    :param posterior: draws, dims (chain, draw) or (spectrum, chain, draw), and perhaps one more.
    :param edge: of the model, :attr:`coulombfit.models.Model.edge`.
    :param content: nominal probability content of the interval.
    :param known: draws of other numbers that the edge speaks of.
    """
    draws = {
        str(name): values.to_numpy().reshape(*(values.sizes[dim] for dim in values.dims[:-2]), -1)
        for name, values in numbers_of(posterior).items()
    }
    ends = intervals_of({**(known or {}), **draws} if edge is not None else draws, edge, content)
    columns = {
        name: {
            "mean": values.mean(axis=-1),
            "sd": values.std(axis=-1, ddof=1),
            "lower": ends[name][0],
            "upper": ends[name][1],
        }
        for name, values in draws.items()
    }
    if "spectrum" not in posterior.dims:
        numbers = {name: {key: float(value) for key, value in row.items()} for name, row in columns.items()}
        return pd.DataFrame.from_dict(numbers, orient="index")
    spectra = [str(name) for name in posterior["spectrum"].to_numpy()]
    parts = {name: pd.DataFrame(row, index=spectra) for name, row in columns.items()}
    return pd.concat(parts, names=["parameter", "spectrum"]).swaplevel().loc[spectra]
