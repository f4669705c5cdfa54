"""What tests of recordings record."""

from pathlib import Path

import numpy as np

import coulombfit as cf

EYE = 2.0 * np.eye(2)


def near(rng: np.random.Generator, *runs: int) -> np.ndarray:
    return EYE + 0.01 * rng.standard_normal((*runs, 2, 2))


def record(path: Path, steps, *, seed: int = 0, runs: tuple[int, ...] = (), **options) -> np.ndarray:
    """Record independent weights; their levels."""
    rng = np.random.default_rng(seed)
    weights = [near(rng, *runs) for _ in steps]
    with cf.Recorder(path, **options) as recorder:
        for step, w in zip(steps, weights, strict=True):
            recorder.log(step, w)
    return np.linalg.svd(np.array(weights), compute_uv=False) ** 2
