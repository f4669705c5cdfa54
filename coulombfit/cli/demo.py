"""The whole way on simulated students, for a first look."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Annotated, Any

import typer

import coulombfit as cf
from coulombfit.cli.options import Overwrite
from coulombfit.cli.output import AsJson, Quiet, Seed, exit_on_errors, finish, require_all_writable
from coulombfit.cli.working import fit_and_compare, fit_for_json
from coulombfit.samplers.settings import DEFAULT

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results, made if missing.")] = Path("coulombfit-demo"),
    overwrite: Overwrite = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train students with a hidden layer, infer the widths their noise leaves by four models, and write a report.

    Example: coulombfit demo --out demo
    """
    import simulators
    from coulombfit import plots
    from coulombfit.inference import outputs
    from coulombfit.models import pair_models
    from coulombfit.runtime.seeds import check_seed

    students = simulators.teacher_student
    setting: dict[str, Any] = {"Z": students.Z_EQ26, "kappa": 4.0, "learning_rate": 0.1, "noise": 0.1}
    data, figure, page = out / "spectra.nc", out / "laws.png", out / "report.html"
    paths = {model: out / outputs.fit_name(Path("students.nc"), model, None) for model in pair_models()}
    label = f"the demo of seed {seed}"
    with exit_on_errors():
        check_seed(seed)
        out.mkdir(parents=True, exist_ok=True)
        require_all_writable(data, figure, page, *paths.values())
        outputs.require_unused(data, label, overwrite=overwrite)
        for path in (figure, page, *paths.values()):
            outputs.require_companion(path, data, overwrite=overwrite)
        run = students.simulate(**setting, runs=1000, steps=8000, seed=seed, progress=False if quiet else None)
        spectra = cf.Spectra(
            run.eigenvalues[:, -1], learning_rate=0.1, batch_size=1, name="students", provenance=run.parameters
        )
        outputs.write_result(spectra.to_dataset(), data, label)
        fits, comparison = fit_and_compare(spectra, paths, "pair", DEFAULT, seed, quiet)
        plots.savefig(plots.laws(fits), figure, "page")
        cf.write_report(page, fits=fits, comparison=comparison, title="coulombfit demo")
    sigma_1, sigma_2 = students.widths(**setting).tolist()
    theory = {"sigma_1": sigma_1, "sigma_2": sigma_2, "sigma_m": sqrt(0.5 * (sigma_1**2 + sigma_2**2))}
    tables = {model: fits[model].formatted() for model in ("anisotropic", "two-species")}
    lines = ["1000 students with a hidden layer (Eqs. 26, 28): widths by linear response, and inferred"]
    for name, value in theory.items():
        inferred = [f"{model} {table.loc[name, 'mean']} ± {table.loc[name, 'sd']}" for model, table in tables.items()]
        lines.append(f"  {name}: {value:.4f}; {', '.join(inferred)}")
    result = {
        "linear_response": theory,
        "verdict": comparison.verdict,
        "answer": comparison.answer,
        "report": page,
        "fits": {name: fit_for_json(one, paths[name]) for name, one in fits.items()},
    }
    text = "\n".join([*lines, comparison.verdict, f"saved {data}, its fits and {figure} beside it", f"report: {page}"])
    finish(fits, result, text, as_json, quiet, asked_for=comparison.winner)
