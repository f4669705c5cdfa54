"""Inference of widths: this package and its peers on the same data in one run.

    python -m benchmarks.inference [--markdown FILE] [--json FILE] [--repeats 5] [--only emcee]

3000 pairs of the two-species gas, σ₁ = 0.04, with σ₂ = 0.02 or σ₂ = σ₁, centre 4; 6000 levels for densities. Every tool
fits every case it is used for in a process of its own. `preparation` is what comes before the first answer and is not
needed again for data of that shape: compilation. Seconds of a fit and ESS/s are medians over repeats with other seeds,
with least and greatest; ESS is the least bulk ESS over centre, σ_m and r. A second table has the ratios to the best of
the peers. Peers are `pip install "coulombfit[bench]"`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import ours, peers
from benchmarks.cases import CASES, Case
from benchmarks.measuring import Measured, in_child
from benchmarks.output import Sheet, machine, spread, use_cores
from benchmarks.ratios import ratios

COLUMNS = ("case", "tool", "preparation, s", "fit, s", "ESS", "ESS/s", "centre − 4", "σ or σ_m", "remark")


def cells(case: Case, tool: str, found: Measured | str) -> tuple[str, ...]:
    if isinstance(found, str):
        return (case.name, tool, *["–"] * 6, found)
    middle = found.estimates[len(found.estimates) // 2]
    ess = [estimate.ess for estimate in found.estimates if estimate.ess is not None]
    remarks = {estimate.remark: None for estimate in found.estimates if estimate.remark}
    return (
        case.name,
        tool,
        f"{found.preparation:.2g}",
        spread(found.seconds),
        f"{np.median(ess):.0f}" if ess else "–",
        spread(found.ess_per_second),
        f"{middle.centre - case.truth['centre']:+.5f} ± {middle.centre_error:.5f}",
        f"{middle.width:.5f} ± {middle.width_error:.5f}",
        "; ".join(remarks),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    parser.add_argument("--json", type=Path, help="write every number there")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of a tool's repeats after which it stops")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for a tool on a case, all told")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3000, help="pairs")
    parser.add_argument("--only", default="", help="tools whose name contains this")
    arguments = parser.parse_args()
    cores = use_cores(arguments.cores)
    tools = peers.TOOLS | ours.TOOLS
    sheet = Sheet(
        f"Fits of {arguments.runs} pairs ({2 * arguments.runs} levels)",
        COLUMNS,
        [
            f"Medians (least–greatest) of up to {arguments.repeats} repeats. Peers' densities take levels as "
            "independent; coulombfit's intervals of a density are corrected for their repulsion.",
            "True σ_m: " + ", ".join(f"{case.truth['width']:.5f} for {case.data}" for case in CASES[1:3]) + ".",
            machine(cores),
        ],
    )
    console = Console(stderr=True)
    for template in CASES:
        case = Case(template.model, template.likelihood, template.data, arguments.runs)
        for name, tool in tools.items():
            takes_part = ours.takes_part if name in ours.TOOLS else peers.takes_part
            if arguments.only not in name or not takes_part(name, case):
                continue
            with console.status(f"{case.name}: {name}"):
                found = in_child(tool, case, arguments.repeats, arguments.budget, limit=arguments.limit)
            record = {"case": case.name, "tool": name}
            sheet.add(
                cells(case, name, found), record | ({"failed": found} if isinstance(found, str) else found.to_json())
            )
    compared = ratios(sheet.records, sheet.notes[-1:])
    sheet.show()
    compared.show()
    sheet.write(arguments.markdown, arguments.json)
    if arguments.markdown is not None:
        with arguments.markdown.open("a", encoding="utf-8") as page:
            page.write("\n" + compared.markdown())


if __name__ == "__main__":
    main()
