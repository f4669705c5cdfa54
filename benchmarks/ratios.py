"""How many times faster: this package against the best of its peers, case by case, from the records of one run.

    python -m benchmarks.ratios FILE.json

A ratio is one of medians; its spread is that of the least over the greatest to the greatest over the least.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ours import MANY
from benchmarks.output import Sheet, spread

COLUMNS = ("case", "compared", "by", "this package", "peer", "ratio, above 1 is faster")
PEERS = {"seconds": "iminuit", "ess_per_second": "PyMC"}

Record = dict[str, Any]


def ratios(records: list[Record], notes: list[str]) -> Sheet:
    """A table of ratios."""
    sheet = Sheet("This package against the best of its peers", COLUMNS, notes)
    done = {(record["case"], record["tool"]): record for record in records if "failed" not in record}
    for case in dict.fromkeys(record["case"] for record in records):
        tools = {tool: record for (at, tool), record in done.items() if at == case}
        if "coulombfit, laplace" in tools:
            _against(sheet, case, "coulombfit, laplace", tools, "seconds")
            _against(sheet, case, "coulombfit, laplace", tools, "ess_per_second")
        if "coulombfit, nuts" in tools:
            _against(sheet, case, "coulombfit, nuts", tools, "ess_per_second")
        single, together = f"coulombfit, {MANY} calls of fit", f"coulombfit, fit_many of {MANY}"
        if single in tools and together in tools:
            _add(sheet, case, together, single, tools, "seconds")
    twins = [(case, case.replace("anisotropic", "two-species")) for case, _ in done if case.startswith("anisotropic")]
    for case, twin in dict.fromkeys(twins):
        tool, other = "coulombfit, laplace", "two-species by the same"
        if (case, tool) in done and (twin, tool) in done:
            _add(sheet, case, tool, other, {tool: done[case, tool], other: done[twin, tool]}, "seconds")
    return sheet


def _against(sheet: Sheet, case: str, tool: str, tools: dict[str, Record], by: str) -> None:
    """The best of the peers of one kind, where there is one."""
    peers = {name: record for name, record in tools.items() if name.startswith(PEERS[by]) and record[by]}
    if peers:
        middle = {name: float(np.median(record[by])) for name, record in peers.items()}
        best = min(middle, key=middle.__getitem__) if by == "seconds" else max(middle, key=middle.__getitem__)
        _add(sheet, case, tool, best, tools, by)


def _add(sheet: Sheet, case: str, tool: str, peer: str, tools: dict[str, Record], by: str) -> None:
    ours, theirs = (np.array(tools[name][by]) for name in (tool, peer))
    more, less = (theirs, ours) if by == "seconds" else (ours, theirs)
    values = [float(np.median(more) / np.median(less)), float(more.min() / less.max()), float(more.max() / less.min())]
    what = {"seconds": "seconds", "ess_per_second": "ESS/s"}[by]
    cells = (case, f"{tool} / {peer}", what, spread(list(ours)), spread(list(theirs)))
    shown = "{:.1f} ({:.1f}–{:.1f})" if values[0] < 100 else "{:.0f} ({:.0f}–{:.0f})"
    sheet.add((*cells, shown.format(*values)), {"case": case, "tool": tool, "peer": peer, "by": by, "ratio": values})


if __name__ == "__main__":
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    ratios(content["rows"], content["notes"]).show()
