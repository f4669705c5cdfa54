"""What an analysis is to do: a TOML file, checked before anything is read or computed."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from coulombfit.data.files.opening import open_regular
from coulombfit.runtime.errors import ArgumentError
from coulombfit.samplers.settings import DEFAULT

__all__ = ["Analysis", "Data", "load"]

PATTERN = frozenset("*?[")
TYPES = ("function", "constrained", "float", "str", "list[")
"""How places of errors begin that are types, not names in the file."""


class _Table(BaseModel):
    # a misspelt name is an error, not a default; 1 is a number, and "1" is not
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0)]


class Data(_Table):
    """Files of one make, and how to read them: the arguments of :func:`coulombfit.read`."""

    files: Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]
    weights: str | bool = False
    eigenvalues: str | None = None
    snapshot: int | None = None
    burn_in: Annotated[int, Field(ge=0)] | None = None
    learning_rate: Positive | str | None = None
    batch_size: Positive | str | None = None
    targets: list[Annotated[float, Field(ge=0)]] | str | None = None
    factor: Positive | str | None = None
    clusters: list[list[int] | str] | str = "auto"
    levels: list[int] | str | None = None
    pair: Annotated[int, Field(ge=0)] = 0
    ensemble: bool = False
    name: str | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Data:
        if not self.files:
            raise ValueError("files: expected at least one")
        if self.weights and self.eigenvalues:
            raise ValueError("weights, eigenvalues: give the name of one of them, got both")
        if self.name and not self.ensemble:
            raise ValueError("name: each file has a name of its own unless ensemble = true")
        _ = self._grouping
        return self

    @property
    def reading(self) -> dict[str, Any]:
        """Arguments of :func:`coulombfit.read`."""
        return self.model_dump(exclude={"files", "pair", "ensemble", "name"}) | self._grouping

    @property
    def _grouping(self) -> dict[str, Any]:
        """Which levels to take and which belong together; text as on the command line."""
        from coulombfit.data.level_text import clusters_from_text, levels_from_text

        return {
            "clusters": clusters_from_text(self.clusters) if isinstance(self.clusters, str) else self.clusters,
            "levels": levels_from_text(self.levels) if isinstance(self.levels, str) else self.levels,
        }


def _pair_models() -> list[str]:
    """All models of a pair; they are imported where a plan does not name its own."""
    from coulombfit.models import pair_models

    return pair_models()


class Fits(_Table):
    """Models to fit to every set of data, and how."""

    models: list[str] = Field(default_factory=_pair_models)
    likelihood: str | None = None
    sampler: Literal["laplace", "nuts"] = DEFAULT
    priors: dict[str, str] = {}
    fixed: dict[str, float | list[float]] = {}

    @property
    def stated(self) -> dict[str, Any]:
        """Priors and known values, arguments of :func:`coulombfit.fit`."""
        from coulombfit.models.prior_text import prior_from_text

        return {"priors": {name: prior_from_text(text) for name, text in self.priors.items()}, "fixed": self.fixed}


class Checks(_Table):
    """Which checks to run."""

    consistency: bool = True
    moments: bool = True
    predictive: bool = True
    degeneracy: bool = True


class Setting(_Table):
    """A setting not yet run, whose widths are to be predicted."""

    learning_rate: Positive
    batch_size: Positive
    factor: Positive | None = None
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None


class Rule(_Table):
    """Whether and how to infer the linear scaling rule, and for which settings to predict widths by it."""

    enabled: bool = True
    curvature: Positive | None = None
    scatter: bool = True
    tolerance: Positive = 0.1
    margin: Positive = 0.25
    predict: list[Setting] = []

    @property
    def new_settings(self) -> list[Any]:
        """Settings to predict, for :func:`coulombfit.checks.settings.new_settings.predict_settings`."""
        from coulombfit.checks.settings.new_settings import NewSetting

        return [NewSetting(**one.model_dump()) for one in self.predict]


class Analysis(_Table):
    """A whole analysis; ``folder`` is where its paths are relative to, ``source`` the file that it was read from."""

    folder: Path
    source: Path | None = None
    data: Annotated[
        list[Data],
        BeforeValidator(lambda given: [given] if isinstance(given, dict) else given),
        Field(min_length=1),
    ]
    title: str = "Posterior report"
    out: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    fit: Fits = Fits()
    checks: Checks = Checks()
    scaling: Rule = Rule()

    @property
    def out_folder(self) -> Path:
        """Where results go: named after the file where it does not say."""
        return self.folder / (self.out or self.name)

    @property
    def name(self) -> str:
        """What tells this analysis from others in the same folder."""
        return "analysis" if self.source is None else self.source.stem

    def sets(self) -> dict[str, tuple[Data, list[Path]]]:
        """Sets of data by name: how to read each, and its files.

        :raises FileNotFoundError: for files, or patterns, of which there are none.
        :raises ArgumentError: for a file that one table names twice.
        """
        found: dict[str, tuple[Data, list[Path]]] = {}
        for data in self.data:
            files = [path for name in data.files for path in self._matching(name)]
            if twice := [path for path, count in Counter(file.resolve() for file in files).items() if count > 1]:
                raise ArgumentError(f"files: expected each file once, got {twice[0]} more than once")
            for group in [files] if data.ensemble else [[file] for file in files]:
                stem = data.name or group[0].stem
                name, again = stem, 2
                while name in found:
                    name, again = f"{stem} ({again})", again + 1
                found[name] = (data, group)
        return found

    def _matching(self, name: str) -> list[Path]:
        path = self.folder / name
        if not PATTERN & set(name):
            if not path.exists():
                raise FileNotFoundError(f"files: no such file: {path}")
            return [path]
        anchor = Path(path.anchor)
        if not (paths := sorted(anchor.glob(str(path.absolute().relative_to(anchor.absolute()))))):
            raise FileNotFoundError(f"files: nothing is called {path}")
        return paths


def load(path: str | Path) -> Analysis:
    """Read and check an analysis.

    :raises FileNotFoundError: where there is no such file.
    :raises ValueError: where it is no TOML, or says something that is not understood, naming it.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            content = tomllib.loads(file.read().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: not TOML that can be read: nested too deep") from None
    if given := {"folder", "source"} & content.keys():
        raise ValueError(f"{path}: {min(given)}: not understood")
    try:
        return Analysis(folder=path.parent, source=path, **content)
    except ValidationError as error:
        raise ValueError(f"{path}: {_explain_error(error)}") from None


def _explain_error(error: ValidationError) -> str:
    """The first of what is wrong, with its place in the file."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(TYPES))
    if first["type"] == "extra_forbidden":
        table = _table_at(first["loc"][:-1])
        return f"{place}: not understood; expected one of {', '.join(table)}"
    if first["type"] == "missing":
        return f"{place}: missing"
    what = first["msg"].removeprefix("Value error, ")
    return f"{place}: {what}" if "got" in what else f"{place}: {what[0].lower()}{what[1:]}, got {first['input']!r}"


def _table_at(place: tuple[int | str, ...]) -> list[str]:
    tables: dict[str, type[BaseModel]] = {"data": Data, "fit": Fits, "checks": Checks, "scaling": Rule}
    model = next((tables[str(part)] for part in place if str(part) in tables), Analysis)
    return [name for name in model.model_fields if name not in ("folder", "source")]
