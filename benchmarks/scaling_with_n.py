"""What a fit costs against the number of pairs: time, and peak memory beyond the data.

    python -m benchmarks.scaling_with_n [--max-n 1000000] [--sampler nuts] [--markdown FILE] [--json FILE]

`cf.fit` of pairs with σ₁ = 0.04, σ₂ = 0.02 (one species: 0.04 both), n = 10³, 10⁴ … up to --max-n; each n in a process
of its own, so that memory is its own. The first fit includes compilation, the second has other data of the same shape
and another seed. Memory is the highest resident size during the first fit less that before it, with JAX and both data
sets in.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.cases import Case
from benchmarks.measuring import in_child
from benchmarks.output import Sheet, machine, use_cores

LAWS = (
    ("one-species", "pair", "equal widths"),
    ("one-species", "density", "equal widths"),
    ("two-species", "density", "two widths"),
    ("two-species", "pair", "two widths"),
)
COLUMNS = ("fit", "pairs", "first, s", "second, s", "memory, MiB", "σ or σ_m", "remark")


def cost(case: Case, sampler: str) -> dict[str, float | str]:
    """Seconds, MiB, and the width that the second fit finds."""
    import coulombfit as cf

    data = [case.pairs(seed) for seed in (1, 2)]
    before = _rest()
    seconds, peak, found = [], 0.0, None
    for seed, pairs in enumerate(data):
        begin = time.perf_counter()
        found = cf.fit(pairs, case.model, case.likelihood, sampler=sampler, seed=seed, progress=False)
        seconds.append(time.perf_counter() - begin)
        peak = peak or _peak()
    assert found is not None
    draws = found.tree["posterior"]["sigma_m" if case.two_species else "sigma"]
    return {
        "first": seconds[0],
        "second": seconds[1],
        "memory": peak - before,
        "width": float(draws.mean()),
        "error": float(draws.std()),
        "remark": "" if found.diagnosis.passed else found.diagnosis.verdict,
    }


def _rest() -> float:
    """Resident MiB now, from which the peak is counted anew where the system can."""
    gc.collect()
    renew = Path("/proc/self/clear_refs")
    if renew.exists():
        renew.write_text("5")
    return _peak()


def _peak() -> float:
    """Highest resident MiB so far."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    # bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-n", type=int, default=10**6)
    parser.add_argument("--sampler", default="nuts")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for both fits of a process")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cores = use_cores(arguments.cores)
    sheet = Sheet(
        f"Cost of coulombfit.fit, {arguments.sampler}, against the number of pairs", COLUMNS, [machine(cores)]
    )
    sizes = [10**k for k in range(3, 10) if 10**k <= arguments.max_n]
    console = Console(stderr=True)
    for model, likelihood, data in LAWS:
        for runs in sizes:
            case = Case(model, likelihood, data, runs)
            with console.status(f"{case.name}: {runs} pairs"):
                found = in_child(cost, case, arguments.sampler, limit=arguments.limit)
            record = {"model": model, "likelihood": likelihood, "runs": runs}
            if isinstance(found, str):
                sheet.add((case.name, f"{runs:,}", *["–"] * 4, found), record | {"failed": found})
                continue
            numbers = (f"{found['first']:.3g}", f"{found['second']:.3g}", f"{found['memory']:.0f}")
            width = f"{found['width']:.6f} ± {found['error']:.6f}"
            sheet.add((case.name, f"{runs:,}", *numbers, width, found["remark"]), record | found)
    sheet.show()
    sheet.write(arguments.markdown, arguments.json)


if __name__ == "__main__":
    main()
