"""Options that several commands share: what is read from a file, and how."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated

import typer

from coulombfit.runtime.errors import ArgumentError

__all__ = [
    "ALL_MODELS",
    "PAIR_MODELS",
    "BatchSize",
    "BatchSizeKey",
    "BurnIn",
    "Eigenvalues",
    "File",
    "LearningRate",
    "LearningRateKey",
    "Likelihood",
    "Overwrite",
    "Pair",
    "Report",
    "Sampler",
    "Snapshot",
    "Targets",
    "Weights",
    "known_targets",
    "require_positive",
    "setting",
]

# by name, as help is to be printed before any law is imported
PAIR_MODELS = ("gaussian", "one-species", "two-species", "anisotropic")
ALL_MODELS = (*PAIR_MODELS, "gas", "gas-beta")

File = Annotated[
    Path,
    typer.Argument(help="Spectra or weights: .npz, .npy, .csv, .nc, .safetensors, or a recording.", show_default=False),
]
Weights = Annotated[
    str | None,
    typer.Option(help="Name or pattern of the weights, (run, M, N) or (run, snapshot, M, N); layer of a recording."),
]
Eigenvalues = Annotated[
    str | None, typer.Option(help="Name of the eigenvalues in FILE, shape (run, level) or (run, snapshot, level).")
]
Snapshot = Annotated[int | None, typer.Option(help="Index of the snapshot, from 0; the last if not given.")]
BurnIn = Annotated[int | None, typer.Option(help="Of a recording: training step before which to discard everything.")]
LearningRate = Annotated[float | None, typer.Option(help="Learning rate α, a number without unit.")]
LearningRateKey = Annotated[str | None, typer.Option(help="Name of the learning rate in FILE.")]
BatchSize = Annotated[float | None, typer.Option(help="Batch size |B|, samples a step.")]
BatchSizeKey = Annotated[str | None, typer.Option(help="Name of the batch size in FILE.")]
Targets = Annotated[
    str | None, typer.Option(help="Target eigenvalues (squared singular values), comma-separated, or an array's name.")
]
Pair = Annotated[
    int | None,
    typer.Option(help="Which degenerate pair of levels, 0 being the top one; a gas takes all levels instead."),
]
Likelihood = Annotated[
    str | None,
    typer.Option(help="pair, density, density-raw, spacing or, of a gas, levels; the model's default if not given."),
]
Sampler = Annotated[
    str,
    typer.Option(help="laplace, importance sampling about the mode, chains where that would not do; or nuts, chains."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that hold other results; the same result is always renewed.")
]
Report = Annotated[Path | None, typer.Option(help="Also write a posterior report (HTML) here.")]


def setting(value: float | None, key: str | None, option: str) -> float | str | None:
    """A number given, or the name under which the file has it."""
    if value is not None and key is not None:
        raise ArgumentError(f"{option}: give the value or its name in the file, got both {value:g} and {key!r}")
    require_positive(**{option: value})
    return value if key is None else key


def require_positive(**options: float | None) -> None:
    """Refuse what is no finite number above 0 before anything is read.

    :raises ArgumentError: naming the option.
    """
    from coulombfit.checks.posterior_table import positive

    for name, value in options.items():
        if value is not None:
            positive(name, value)


def known_targets(text: str | None) -> str | list[float] | None:
    """Numbers, comma-separated, or the name under which the file has them."""
    if text is None:
        return None
    try:
        numbers = [float(value) for value in text.split(",")]
    except ValueError:
        return text
    if wrong := [number for number in numbers if not 0 <= number < inf]:
        raise ArgumentError(f"targets: expected finite numbers from 0, got {wrong[0]:g}")
    return numbers
