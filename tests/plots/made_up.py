"""What figures are drawn of, without an inference."""

import json
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import coulombfit as cf
from coulombfit.models import MODELS
from simulators import ensembles

TARGETS = np.array([5.0, 4.0, 4.0, 3.0])
G = np.array([1e-3, 2e-3, 4e-3])


def record_of(model: str, likelihood: str) -> dict[str, Any]:
    """The least that a record holds."""
    data = {
        "name": None,
        "runs": 400,
        "learning_rate": None,
        "batch_size": None,
        "fingerprint": "one",
        "provenance": {},
    }
    return {
        "model": model,
        "likelihood": likelihood,
        "sampler": "laplace",
        "sampler_asked_for": "laplace",
        "seed": 0,
        "standardisation": {"location": 4.0, "scale": 0.05},
        "integral": {"log_evidence": None, "se": 0.0, "pareto_k": 0.0, "effective": 4000.0},
        "data": data,
    }


def made_up(model: str, likelihood: str, observed: np.ndarray, posterior: dict[str, tuple], **more: Any) -> cf.Fit:
    """A fit as far as figures look at it, without an inference."""
    groups = {
        "posterior": posterior,
        "observed_data": {"eigenvalues": (("run", "level"), observed)},
        "posterior_predictive": {"eigenvalues": (("chain", "draw", "run", "level"), observed[None, None] + 0.01)},
    }
    tree = xr.DataTree.from_dict({name: xr.Dataset(group) for name, group in groups.items()})
    tree.attrs["coulombfit"] = json.dumps(record_of(model, likelihood) | more)
    return cf.Fit(tree)


def of_pairs(model: str, sampler: str = "laplace") -> cf.Fit:
    """Draws about what describes 400 pairs of one species with σ = 0.04 about 4."""
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=400, seed=4)
    rng = np.random.default_rng(sorted(MODELS).index(model))
    noise = rng.normal(size=(3, 4, 150))
    wide = {"gaussian": 0.049}.get(model, 0.04) * np.exp(0.02 * noise[1])
    parameters = {"centre": 4.0 + 0.0015 * noise[0], "sigma": wide, "mean_spacing": np.sqrt(np.pi) * wide}
    if model in ("two-species", "anisotropic"):
        r = np.abs(np.tanh(0.2 * noise[2]))
        ends = {"sigma_1": wide * np.sqrt(1 + r), "sigma_2": wide * np.sqrt(1 - r)}
        parameters = {"centre": parameters["centre"], **ends, "sigma_m": wide, "r": r}
    draws = {name: (("chain", "draw"), values) for name, values in parameters.items()}
    return made_up(model, "pair", pairs, draws, sampler=sampler)


def settings() -> list[cf.Spectra]:
    rng = np.random.default_rng(1)
    shift = np.array([20.0, -5.0, -5.0, -20.0])
    return [
        cf.Spectra(TARGETS + g * shift + np.sqrt(g) * rng.normal(size=(200, 4)), g * 16, 16, TARGETS, name=f"{g}")
        for g in G
    ]


def a_scaling() -> cf.Scaling:
    """Three settings of two levels that follow the rule."""
    sigma = {(f"{g}", k): a * g**0.5 for g in G for k, a in enumerate((3.0, 2.0))}
    levels = pd.DataFrame({"sigma": sigma}).rename_axis(["setting", "level"])
    levels = levels.assign(learning_rate=16 * np.repeat(G, 2), batch_size=16, factor=1.0, sd=0.05 * levels["sigma"])
    amplitude = np.array([3.0, 2.0]) * np.exp(0.02 * np.random.default_rng(2).normal(size=(2, 50, 2)))
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"amplitude": (("chain", "draw", "level"), amplitude)})})
    table = pd.DataFrame({"mean": [1.01, 0.05], "sd": [0.02, 0.01]}, index=["b_learning_rate", "scatter"])
    return cf.Scaling(tree, table, table.iloc[:1], levels.assign(rule=levels["sigma"]), cf.Diagnosis(()), 0.1, None)


def a_calibration() -> cf.Calibration:
    uniform = np.random.default_rng(3).random((2, 200))
    ranks = xr.Dataset({name: ("dataset", values) for name, values in zip(("centre", "sigma"), uniform, strict=True)})
    table = pd.DataFrame({"p_value": [0.3, 0.5]}, index=["centre", "sigma"])
    return cf.Calibration("one-species (pair)", ranks, ranks, table, 0.0)


def a_check() -> cf.PredictiveCheck:
    rng = np.random.default_rng(4)
    names = ["level density", "spacing", "variance ratio", "binder"]
    table = pd.DataFrame({"observed": 0.1, "p_value": 0.4}, index=names)
    replicates = xr.Dataset({name.replace(" ", "_"): ("replicate", rng.random(400)) for name in names})
    pit = xr.Dataset({"spacings": ("run", rng.random(1500)), "levels": (("run", "level"), rng.random((1500, 2)))})
    return cf.PredictiveCheck(table, xr.DataTree.from_dict({"replicates": replicates, "pit": pit}))


def a_comparison(names: list[str]) -> cf.Comparison:
    diff = -np.arange(len(names)) * 20.0
    table = pd.DataFrame({"elpd_diff": diff, "diff_se": 2.0}, index=names)
    return cf.Comparison(table, xr.Dataset(), {})


def an_evidence(names: list[str]) -> cf.Evidence:
    value = -np.arange(len(names)) * 4.0
    table = pd.DataFrame({"log_evidence": value, "se": 0.01, "log_bayes_factor": value}, index=names)
    changes = pd.DataFrame({"wider": 0.5 * value - 1.0, "narrower": 1.0}, index=names)
    return cf.Evidence(table, changes)
