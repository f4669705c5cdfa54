"""Spectra of several settings, whose widths obey the linear scaling rule or do not."""

import numpy as np

import coulombfit as cf

SETTINGS = [(rate, batch) for rate in (0.05, 0.1, 0.2) for batch in (16, 64)]


def made(rng: np.random.Generator, b: float = 1.0, scatter: float = 0.0, runs: int = 200) -> list[cf.Spectra]:
    """A pair at 4 and a single level at 1 in each setting, σ = 0.5 √(α/|B|^b) and twice that."""
    spectra = []
    for rate, batch in SETTINGS:
        sigma = 0.5 * np.sqrt(rate / batch**b) * np.exp(scatter * rng.standard_normal())
        spacing, middle = (
            np.sqrt(2) * sigma * rng.rayleigh(size=runs),
            4 + sigma / np.sqrt(2) * rng.standard_normal(runs),
        )
        single = 1 + 2 * sigma * rng.standard_normal(runs)
        x = np.stack([middle + spacing / 2, middle - spacing / 2, single], axis=1)
        spectra.append(cf.Spectra(x, rate, batch, targets=[4.0, 4.0, 1.0], name=f"{rate} {batch}"))
    return spectra


QUICK = {"sampler": "laplace", "progress": False}


def at(widths: list[float], settings: list[tuple[float, float]], seed: int = 0, runs: int = 60) -> list[cf.Spectra]:
    """Single levels at 4."""
    rng = np.random.default_rng(seed)
    return [
        cf.Spectra(4 + width * rng.standard_normal((runs, 1)), *setting, name=f"set {k}")
        for k, (width, setting) in enumerate(zip(widths, settings, strict=True))
    ]


FOUR = [(0.1, 4), (0.1, 16), (0.2, 16), (0.4, 16)]
WIDTHS = [0.05 * np.sqrt(rate / batch) for rate, batch in FOUR]
