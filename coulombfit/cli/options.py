"""Options that several commands share: what is read from a file, and what is known of parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from coulombfit.models.names import BUILT_IN
from coulombfit.runtime.errors import ArgumentError

if TYPE_CHECKING:
    import coulombfit as cf
    from coulombfit.models import Likelihood as ModelLikelihood

__all__ = [
    "MODEL_HELP",
    "Chosen",
    "File",
    "Given",
    "Likelihood",
    "Overwrite",
    "Reading",
    "Report",
    "Sampler",
    "command",
    "known_targets",
    "require_positive",
]

MODEL_HELP = f"One of {', '.join(BUILT_IN)}."

File = Annotated[
    Path,
    typer.Argument(help="Spectra or weights: .npz, .npy, .csv, .nc, .safetensors, or a recording.", show_default=False),
]
Likelihood = Annotated[
    str | None,
    typer.Option(
        help="pair, density, density-raw, spacing; levels of a gas, transitions of dyson; by default the model's own."
    ),
]
Sampler = Annotated[
    str,
    typer.Option(help="laplace, importance sampling about the mode, chains where that would not do; or nuts, chains."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that hold other results; the same result is always renewed.")
]
Report = Annotated[Path | None, typer.Option(help="Also write a posterior report (HTML) here.")]


@dataclass(frozen=True)
class Chosen:
    """Which numbers of a file: those of every file where there are several."""

    weights: Annotated[
        str | None,
        typer.Option(
            help="Name or pattern of the weights, (run, M, N) or (run, snapshot, M, N); layer of a recording."
        ),
    ] = None
    eigenvalues: Annotated[
        str | None, typer.Option(help="Name of the eigenvalues in FILE, shape (run, level) or (run, snapshot, level).")
    ] = None
    snapshot: Annotated[int | None, typer.Option(help="Index of the snapshot, from 0; the last if not given.")] = None
    burn_in: Annotated[
        int | None,
        typer.Option(help="Of a recording or a trajectory: training step before which to discard everything."),
    ] = None
    learning_rate_key: Annotated[str | None, typer.Option(help="Name of the learning rate in FILE.")] = None
    batch_size_key: Annotated[str | None, typer.Option(help="Name of the batch size in FILE.")] = None
    targets: Annotated[
        str | None,
        typer.Option(help="Target eigenvalues (squared singular values), comma-separated, or an array's name."),
    ] = None
    clusters: Annotated[
        str | None,
        typer.Option(
            help="Which levels belong together, 0 the topmost: single, or 0;1,2;3, or 1,2;single where all others are "
            "single. By targets or gaps if not given."
        ),
    ] = None
    levels: Annotated[
        str | None,
        typer.Option(help="Which levels to take, 0 the topmost: 0-9,12, or nonzero to leave out dead ones."),
    ] = None

    @property
    def _setting(self) -> dict[str, Any]:
        """Learning rate and batch size, or their names."""
        return {"learning_rate": self.learning_rate_key, "batch_size": self.batch_size_key}

    def check(self) -> None:
        """Refuse what makes no sense before anything is imported or read.

        :raises ArgumentError: naming the option.
        """
        _ = self._setting, known_targets(self.targets), self._grouping

    @property
    def _grouping(self) -> dict[str, Any]:
        """Arguments of :func:`coulombfit.read` that say which levels to take and which belong together."""
        from coulombfit.data.level_text import clusters_from_text, levels_from_text

        return {
            "clusters": "auto" if self.clusters is None else clusters_from_text(self.clusters),
            "levels": None if self.levels is None else levels_from_text(self.levels),
        }

    def read(self, path: Path, **more: Any) -> cf.Spectra:
        """All levels of a file."""
        import coulombfit as cf

        return cf.read(
            path,
            weights=self.weights or False,
            eigenvalues=self.eigenvalues,
            snapshot=self.snapshot,
            burn_in=self.burn_in,
            targets=known_targets(self.targets),
            **self._setting,
            **self._grouping,
            **more,
        )


@dataclass(frozen=True)
class Reading(Chosen):
    """What is read from one file."""

    learning_rate: Annotated[float | None, typer.Option(help="Learning rate α, a number without unit.")] = None
    batch_size: Annotated[float | None, typer.Option(help="Batch size |B|, samples a step.")] = None
    pair: Annotated[
        int | None,
        typer.Option(help="Which degenerate pair of levels, 0 being the top one; a gas takes all levels instead."),
    ] = None

    @property
    def _setting(self) -> dict[str, Any]:
        return {
            "learning_rate": _one_of(self.learning_rate, self.learning_rate_key, "learning_rate"),
            "batch_size": _one_of(self.batch_size, self.batch_size_key, "batch_size"),
        }

    def read_levels(self, path: Path, *, of_pairs: bool) -> cf.Spectra:
        """The pair, or all levels where the model is one of all levels."""
        return self.take_levels(self.read(path), of_pairs=of_pairs)

    def take_levels(self, spectra: cf.Spectra, *, of_pairs: bool) -> cf.Spectra:
        """The pair of spectra, or all their levels where the model is one of all levels."""
        return spectra if self.pair is None and not of_pairs else spectra.pair(self.pair or 0)

    def read_for(
        self, path: Path, likelihood: ModelLikelihood, whole: cf.Spectra | None = None
    ) -> cf.Spectra | cf.Trajectories:
        """What a likelihood is of: levels over training, a pair, or all levels, which may have been read."""
        if likelihood.over_time:
            return self.read_trajectories(path)
        return self.take_levels(self.read(path) if whole is None else whole, of_pairs=likelihood.of_pairs)

    def read_trajectories(self, path: Path) -> cf.Trajectories:
        """Levels over training.

        :raises ArgumentError: for options that are of an ensemble.
        """
        import coulombfit as cf

        names = ("eigenvalues", "snapshot", "targets", "pair", "learning_rate_key", "batch_size_key")
        if given := [name for name in names if getattr(self, name) is not None]:
            raise ArgumentError(
                f"{given[0]}: it is of an ensemble of spectra; levels over training are read whole, from a "
                "recording or a "
                ".nc file of (run, snapshot, level)"
            )
        return cf.read_trajectories(
            path,
            layer=self.weights,
            burn_in=self.burn_in,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
        )

    def names(self, spectra: cf.Spectra | cf.Trajectories) -> list[str]:
        """What was asked for in a file, for the names of its fits."""
        named = self.weights or self.eigenvalues
        array = spectra.provenance.get("array") or spectra.provenance.get("layer") or named
        numbers = {"snapshot": self.snapshot, "burn-in": self.burn_in, "levels": self.levels, "clusters": self.clusters}
        numbers |= {"pair": self.pair}
        return [
            *([str(array)] if named else []),
            *(f"{what}{number}" for what, number in numbers.items() if number is not None),
        ]


@dataclass(frozen=True)
class Given:
    """What the user says of parameters."""

    prior: Annotated[
        list[str] | None,
        typer.Option(help="A prior in units of the data, 'sigma ~ LogNormal(-3, 1)'; repeat the option."),
    ] = None
    fix: Annotated[
        list[str] | None, typer.Option(help="A parameter that is known, 'centre=4.0'; repeat the option.")
    ] = None

    @property
    def for_json(self) -> dict[str, list[str]]:
        """As it was said."""
        return {name: said for name, said in (("prior", self.prior), ("fix", self.fix)) if said}

    @property
    def arguments(self) -> dict[str, Any]:
        """For :func:`coulombfit.fit`."""
        from coulombfit.models.prior_text import fixed_from_text, priors_from_text

        return {"priors": priors_from_text(self.prior or []), "fixed": fixed_from_text(self.fix or [])}


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters that are groups of options, dataclasses, become an option a field.

    Defaults of the options are those of the group that is the parameter's default.
    """
    hints = get_type_hints(function, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if hasattr(kind, "__dataclass_fields__")}
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        kind = groups.get(parameter.name)
        if kind is None:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
            continue
        inner = get_type_hints(kind, include_extras=True)
        parameters += [
            inspect.Parameter(
                one.name, parameter.kind, default=getattr(parameter.default, one.name), annotation=inner[one.name]
            )
            for one in fields(kind)
        ]

    @wraps(function)
    def flat(**values: Any) -> None:
        made = {name: kind(**{one.name: values.pop(one.name) for one in fields(kind)}) for name, kind in groups.items()}
        function(**values, **made)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in parameters}
    return flat


def _one_of(value: float | None, key: str | None, option: str) -> float | str | None:
    """A number given, or the name under which the file has it."""
    if value is not None and key is not None:
        raise ArgumentError(f"{option}: give the value or its name in the file, got both {value:g} and {key!r}")
    require_positive(**{option: value})
    return value if key is None else key


def require_positive(**options: float | None) -> None:
    """Refuse what is no finite number above 0 before anything is read.

    :raises ArgumentError: naming the option.
    """
    from coulombfit.runtime.arguments import positive

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
