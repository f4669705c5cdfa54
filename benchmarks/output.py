"""A table on the terminal, as markdown and as JSON, and what machine it was made on."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

PACKAGES = (
    "coulombfit",
    "jax",
    "numpyro",
    "numpy",
    "scipy",
    "iminuit",
    "numba",
    "emcee",
    "pymc",
    "nutpie",
    "arviz-stats",
)


@dataclass
class Sheet:
    """Rows of text, and the numbers they were made of."""

    title: str
    columns: tuple[str, ...]
    notes: list[str]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def add(self, cells: tuple[str, ...], record: dict[str, Any]) -> None:
        self.rows.append(cells)
        self.records.append(record)

    def show(self) -> None:
        table = Table(title=self.title)
        for k, column in enumerate(self.columns):
            table.add_column(column, justify="left" if k < 2 or k == len(self.columns) - 1 else "right")
        before = ""
        for row in self.rows:
            if row[0] != before:
                table.add_section()
            table.add_row("" if row[0] == before else row[0], *row[1:])
            before = row[0]
        # piped, a table keeps its width
        console = Console(width=None if Console().is_terminal else 220)
        console.print(table)
        for note in self.notes:
            console.print(note)

    def markdown(self) -> str:
        lines = [f"**{self.title}**", "", _line(self.columns), _line(("---",) * len(self.columns))]
        return "\n".join([*lines, *map(_line, self.rows), "", *(f"{note}\n" for note in self.notes)])

    def write(self, markdown: Path | None, to_json: Path | None) -> None:
        if markdown is not None:
            markdown.write_text(self.markdown(), encoding="utf-8")
        if to_json is not None:
            content = {"title": self.title, "notes": self.notes, "rows": self.records}
            to_json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def use_cores(count: int) -> int:
    """Keep this process and its children on that many cores, where the system can; how many they have."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    return len(os.sched_getaffinity(0))


def machine(cores: int) -> str:
    """Processor, Python and packages, in a line."""
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {cores} cores used; Python {platform.python_version()}; " + ", ".join(
        map(_versioned, PACKAGES)
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _versioned(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def spread(values: list[float]) -> str:
    """Median, and least and greatest."""
    if not values:
        return "–"
    return f"{_short(float(np.median(values)))} ({_short(min(values))}–{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"
