"""Two numbers that tell the laws of a pair apart without a fit: Var x/⟨S²⟩ and the Binder cumulant.

With x the levels, S = x₁ − x₂ and U₄ = ⟨dx⁴⟩/3⟨dx²⟩² − 1 (Eq. 12), in units of σ_m:

    law                  Var x           ⟨dx⁴⟩                     Var x/⟨S²⟩
    gaussian             1               3                         1/2
    one-species          3/2             23/4                      3/8
    anisotropic          3/2             23/4 + 3r²                3/8
    two-species          3/2 + r²/2      23/4 + 21r²/2 − r⁴/4      3/8 + r²/8

so that U₄ is 0 for the first and −4/27 for the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike

from coulombfit.checks.inferred import FEWEST, Inferred, bootstrap, posterior
from coulombfit.errors import DataError
from coulombfit.result import Fit
from coulombfit.sampler import check_seed
from coulombfit.spectra import Spectra

__all__ = ["Moments", "moments", "pair_moments", "predicted_moments"]


@dataclass(frozen=True, eq=False)
class Moments(Inferred):
    """Posterior of ``variance_ratio``, Var x/⟨S²⟩, and ``binder``, U₄, draws in ``tree``, a row each in ``table``."""

    runs: int

    @property
    def verdict(self) -> str:
        """One sentence."""
        ratio = self.table.loc["variance_ratio"]
        if ratio["lower"] <= 0.375 <= ratio["upper"]:
            means = "as of one species or an anisotropic pair (3/8)"
        elif ratio["lower"] > 0.375:
            means = "above 3/8: a labelled gas of two species, or levels that do not repel"
        else:
            means = "below 3/8, which no law of a pair has: other noise in the sum of levels than in their spacing"
        return f"Var x/⟨S²⟩ = {self.quoted('variance_ratio')}, {means}; U₄ = {self.quoted('binder')}."


def moments(data: Spectra | ArrayLike, *, seed: int = 0) -> Moments:
    """Infer both numbers by a Bayesian bootstrap over runs.

    :param data: spectra of two levels (``spectra.pair(k)``), or an array of shape (run, 2).
    :raises DataError: for anything but ten or more pairs.
    """
    check_seed(seed)
    spectra = data if isinstance(data, Spectra) else Spectra(data)
    if spectra.levels != 2 or spectra.runs < FEWEST:
        raise DataError(f"data: expected {FEWEST} pairs or more, shape (run, 2), got {spectra.eigenvalues.shape}")
    x = (spectra.eigenvalues - spectra.eigenvalues.mean()) / spectra.eigenvalues.std()
    powers = [(x**k).mean(axis=1) for k in (1, 2, 3, 4)]
    per_run = np.stack([*powers, (x[:, 0] - x[:, 1]) ** 2], axis=1)
    drawn = bootstrap(per_run, np.random.default_rng(seed)).T
    ratio, binder = _from_raw(drawn[:4], drawn[4])
    return Moments(posterior({"variance_ratio": ratio, "binder": binder}), spectra.runs)


def pair_moments(pairs: Float[np.ndarray, "*replicate run 2"]) -> tuple[np.ndarray, np.ndarray]:
    """Var x/⟨S²⟩ and U₄ of each replicate."""
    x = pairs - pairs.mean(axis=(-2, -1), keepdims=True)
    raw = [(x**k).mean(axis=(-2, -1)) for k in (1, 2, 3, 4)]
    return _from_raw(np.stack(raw), np.asarray(((x[..., 0] - x[..., 1]) ** 2).mean(axis=-1)))


def predicted_moments(fit: Fit) -> xr.Dataset:
    """Posterior draws of both numbers under a fitted model, by the closed forms above.

    :raises ValueError: for a fit of another model.
    """
    name = fit.model.name
    drawn = fit.tree["posterior"].to_dataset()
    one = xr.ones_like(next(iter(drawn.values())))
    r2 = drawn["r"] ** 2 if "r" in drawn else 0.0 * one
    laws = {
        "gaussian": (one, 3.0 * one, 0.5 * one),
        "one-species": (1.5 * one, 5.75 * one, 0.375 * one),
        "anisotropic": (1.5 * one, 5.75 + 3.0 * r2, 0.375 * one),
        "two-species": (1.5 + 0.5 * r2, 5.75 + 10.5 * r2 - 0.25 * r2**2, 0.375 + 0.125 * r2),
    }
    if name not in laws:
        raise ValueError(f"fit: expected a model of a pair, {', '.join(laws)}, got {name!r}")
    variance, fourth, ratio = laws[name]
    return xr.Dataset({"variance_ratio": ratio, "binder": fourth / (3.0 * variance**2) - 1.0})


def _from_raw(raw: Float[np.ndarray, "4 *draw"], spacing: Float[np.ndarray, "*draw"]) -> tuple[np.ndarray, np.ndarray]:
    """Both numbers from the raw moments of a level and ⟨S²⟩."""
    first, second, third, fourth = raw
    variance = second - first**2
    central = fourth - 4.0 * first * third + 6.0 * first**2 * second - 3.0 * first**4
    return np.asarray(variance / spacing), np.asarray(central / (3.0 * variance**2) - 1.0)
