"""What a fit was: one frozen record, written into its file and read back, of every format there has been.

Format 2 added ``format``, ``priors``, ``fixed``, ``known`` and ``nominal_from``; files without ``format`` are of format
1, and are read as fits with the model's own priors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from coulombfit.models import MODELS
from coulombfit.runtime.errors import DataError

__all__ = ["FORMAT", "REQUIRED", "DataRecord", "IntegralRecord", "Record", "nominal_in"]

FORMAT = 2
REQUIRED = ("model", "likelihood", "sampler", "sampler_asked_for", "seed", "standardisation", "integral", "data")
"""What a record of any format has."""


class _Readable(Mapping[str, Any]):
    """Attributes that may also be read as the items of a dict, as they are in JSON."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:  # type: ignore[attr-defined]
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return (one.name for one in fields(self))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(fields(self))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class DataRecord(_Readable):
    """What a fit was given.

    ``levels`` has the place, mean and sd over runs of every level; ``pooled`` says that these are levels whose pairing
    is not known; ``doubt`` what makes it doubtful that two levels are a degenerate pair, or a level one by itself;
    ``grouping`` says which levels belong together and who says so, "" where nothing was grouped.
    """

    name: str | None
    runs: int
    learning_rate: float | None
    batch_size: float | None
    fingerprint: str
    provenance: Mapping[str, Any]
    pooled: bool = False
    levels: tuple[Mapping[str, Any], ...] = ()
    doubt: str = ""
    grouping: str = ""


@dataclass(frozen=True, eq=False)
class IntegralRecord(_Readable):
    """What importance sampling found: ln Z in units of the data with its error, None of a composite likelihood."""

    log_evidence: float | None
    se: float
    pareto_k: float
    effective: float


@dataclass(frozen=True, eq=False)
class Record(_Readable):
    """How a fit came about and what went in; ``record["data"]["runs"]`` is ``record.data.runs``.

    ``priors`` and ``fixed`` are what the user gave, as JSON; ``known`` is what is known of reported parameters in
    consequence; ``integral`` is None where there was none to find; ``nominal_from`` the number of runs from which
    intervals are nominal, by likelihood, empty where that has not been found out.
    """

    model: str
    likelihood: str
    sampler: str
    sampler_asked_for: str
    seed: int
    standardisation: Mapping[str, Any]
    integral: IntegralRecord | None
    data: DataRecord
    structure: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    compression: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    priors: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    nominal_from: Mapping[str, int | None] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        """As text, for the file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Record:
        """From the text in a file, of whatever format.

        :raises DataError: for a format of the future.
        :raises TypeError: for text that is no record.
        """
        found = dict(json.loads(text))
        written = found.setdefault("format", 1)
        if isinstance(written, bool) or written not in range(1, FORMAT + 1):
            raise DataError(f"it is of format {written!r}, and this version reads formats up to {FORMAT}; update it")
        found["nominal_from"] = nominal_in(found)
        data, integral = dict(found.pop("data")), found.pop("integral")
        data["levels"] = tuple(data.get("levels", ()))
        read = None if integral is None else IntegralRecord(**integral)
        return cls(**found, data=DataRecord(**data), integral=read)


def nominal_in(record: Mapping[str, Any]) -> Mapping[str, int | None]:
    """``nominal_from`` of a record in JSON; of format 1, which is of models that have a name, that of the model."""
    if "nominal_from" in record:
        return record["nominal_from"]
    model = MODELS.get(record.get("model", ""))
    nominal = model.nominal_from if model is not None else {}
    return {name: least for name, least in nominal.items() if name == record.get("likelihood")}
