"""The command ``coulombfit``: files in, files out.

Exit codes: 0 fine, 2 usage, 3 a fit has not converged (its results are written and say so), 4 data refused,
5 a calibration has failed, 6 every run of a simulation has diverged.
"""

from __future__ import annotations

import re
from math import isfinite, sqrt
from pathlib import Path
from typing import Annotated, Any

import typer

import coulombfit as cf
from coulombfit.cli_checks import check, scaling
from coulombfit.cli_options import (
    ALL_MODELS,
    PAIR_MODELS,
    BatchSize,
    BatchSizeKey,
    BurnIn,
    Eigenvalues,
    File,
    LearningRate,
    LearningRateKey,
    Likelihood,
    Pair,
    Report,
    Sampler,
    Snapshot,
    Targets,
    Weights,
    known_targets,
    setting,
)
from coulombfit.cli_output import AsJson, Quiet, Seed, finish, refusing, require_all_writable
from coulombfit.cli_run import run, version
from coulombfit.cli_simulate import simulate
from coulombfit.cli_start import start
from coulombfit.compile_cache import FOLDER

__all__ = ["app"]

NOT_CALIBRATED = 5

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Bayesian inference of what stochastic gradient descent leaves in the spectra of weight matrices.",
    epilog="Exit codes: 0 fine, 2 usage, 3 a fit has not converged, 4 data refused, 5 not calibrated, 6 all diverged.",
)
app.add_typer(simulate, name="simulate")
app.command()(scaling)
app.command()(check)
app.command()(run)
app.command()(version)


@app.callback()
def prepare(
    cache: Annotated[
        bool, typer.Option(help=f"Keep compiled programs on disk, in {FOLDER} or the user's cache folder.")
    ] = True,
) -> None:
    """Settings of this process, made before JAX and matplotlib are imported."""
    start(cache)


def file_name(spectra: cf.Spectra, model: str) -> str:
    """File name of a fit, from names that may hold anything."""
    stem = re.sub(r"[^\w.+-]+", "-", spectra.name).strip(".-") or "fit"
    return f"{stem}.{model}.nc"


def read_levels(
    model: str,
    path: Path,
    weights: str | None,
    eigenvalues: str | None,
    snapshot: int | None,
    burn_in: int | None,
    learning_rate: float | str | None,
    batch_size: float | str | None,
    targets: str | None,
    pair: int | None,
) -> cf.Spectra:
    """The pair that the reading options describe, or all levels where the model is one of all levels."""
    spectra = cf.read(
        path,
        weights=weights or False,
        eigenvalues=eigenvalues,
        snapshot=snapshot,
        burn_in=burn_in,
        learning_rate=learning_rate,
        batch_size=batch_size,
        targets=known_targets(targets),
    )
    return spectra if pair is None and model not in PAIR_MODELS else spectra.pair(pair or 0)


def fit_result(fit: cf.Fit, path: Path) -> dict[str, Any]:
    """A fit for JSON."""
    return {
        "model": fit.model.name,
        "likelihood": fit.likelihood,
        "file": path,
        "parameters": fit.table(),
        "converged": fit.diagnosis.passed,
        "checks": {
            check.name: {"value": check.value if isfinite(check.value or 0) else None, "status": check.status}
            for check in fit.diagnosis.checks
        },
    }


def fit_and_compare(
    spectra: cf.Spectra, models: list[str], likelihood: str | None, sampler: str, seed: int, out: Path, quiet: bool
) -> tuple[dict[str, cf.Fit], dict[str, Path], cf.Comparison]:
    """Fit every model, save each, compare."""
    from coulombfit.checks.evidence import LIKELIHOODS
    from coulombfit.progress import steps

    fits: dict[str, cf.Fit] = {}
    paths = {model: out / file_name(spectra, model) for model in models}
    with steps(len(models) + 1, show=False if quiet else None) as begin:
        for model in models:
            begin(f"fitting {model}, compiling …")
            fits[model] = cf.fit(spectra, model, likelihood, sampler=sampler, seed=seed, progress=False)
            fits[model].save(paths[model])
        begin("comparing models")
        whole = all(fit.likelihood in LIKELIHOODS for fit in fits.values())
        return fits, paths, cf.compare(fits, evidence=cf.evidence(fits, progress=False) if whole else None)


@app.command()
def fit(
    file: File,
    model: Annotated[str, typer.Option(help=f"One of {', '.join(ALL_MODELS)}.")] = "one-species",
    likelihood: Likelihood = None,
    weights: Weights = None,
    eigenvalues: Eigenvalues = None,
    snapshot: Snapshot = None,
    burn_in: BurnIn = None,
    learning_rate: LearningRate = None,
    learning_rate_key: LearningRateKey = None,
    batch_size: BatchSize = None,
    batch_size_key: BatchSizeKey = None,
    targets: Targets = None,
    pair: Pair = None,
    sampler: Sampler = "laplace",
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="Where to save the fit; FILE's name + model + .nc here if not given.")
    ] = None,
    report: Report = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Infer centre and width(s) of a degenerate pair of levels, or of all levels.

    Example: coulombfit fit runs.npz --weights W --learning-rate-key lr --batch-size-key batch_size
    """
    with refusing():
        rate = setting(learning_rate, learning_rate_key, "learning_rate")
        size = setting(batch_size, batch_size_key, "batch_size")
        from coulombfit.models import find_model

        find_model(model, likelihood)
        require_all_writable(out, report, inputs=[file])
        spectra = read_levels(model, file, weights, eigenvalues, snapshot, burn_in, rate, size, targets, pair)
        path = out or Path(file_name(spectra, model))
        require_all_writable(path, report, inputs=[file])
        result = cf.fit(spectra, model, likelihood, sampler=sampler, seed=seed, progress=False if quiet else None)
        result.save(path)
        if report is not None:
            cf.write_report(report, fits={model: result}, title=f"{model} fit of {spectra.name}")
    finish({model: result}, fit_result(result, path), f"{result.summary()}\nsaved {path}", as_json, quiet)


@app.command()
def compare(
    file: File,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Models to compare; repeat the option. All of them if not given."),
    ] = None,
    likelihood: Likelihood = None,
    weights: Weights = None,
    eigenvalues: Eigenvalues = None,
    snapshot: Snapshot = None,
    burn_in: BurnIn = None,
    learning_rate: LearningRate = None,
    learning_rate_key: LearningRateKey = None,
    batch_size: BatchSize = None,
    batch_size_key: BatchSizeKey = None,
    targets: Targets = None,
    pair: Pair = None,
    sampler: Sampler = "laplace",
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder for the fits.")] = Path(),
    report: Report = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit several models to the same pairs and say which predicts a new run best.

    Example: coulombfit compare runs.npz --weights W --model one-species --model two-species --report report.html
    """
    with refusing():
        rate = setting(learning_rate, learning_rate_key, "learning_rate")
        size = setting(batch_size, batch_size_key, "batch_size")
        from coulombfit.models import find_model

        models = model or [name for name, one in cf.MODELS.items() if (likelihood or "pair") in one.likelihoods]
        for name in models:
            find_model(name, likelihood)
        if len(set(models)) != len(models) or len(models) < 2:
            raise ValueError(f"model: expected two or more different models, got {', '.join(models) or 'none'}")
        require_all_writable(report, inputs=[file])
        spectra = read_levels(models[0], file, weights, eigenvalues, snapshot, burn_in, rate, size, targets, pair)
        require_all_writable(*(out / file_name(spectra, name) for name in models), report, inputs=[file])
        fits, paths, comparison = fit_and_compare(spectra, models, likelihood, sampler, seed, out, quiet)
        if report is not None:
            cf.write_report(report, fits=fits, comparison=comparison, title=f"Models of {spectra.name}")

    result = {
        "verdict": comparison.verdict,
        "simplest_unbeaten": comparison.winner,
        "comparison": comparison.table,
        "fits": {name: fit_result(one, paths[name]) for name, one in fits.items()},
    }
    finish(fits, result, str(comparison.summary()), as_json, quiet)


@app.command()
def report(
    fits: Annotated[list[Path], typer.Argument(help="Fits saved by fit or compare (.nc).", show_default=False)],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a report of saved fits; if all describe the same data, they are also compared.

    Example: coulombfit report runs.one-species.nc runs.two-species.nc --out report.html
    """
    with refusing():
        require_all_writable(out, inputs=fits)
        stems = [path.stem for path in fits]
        loaded = {path.stem if stems.count(path.stem) == 1 else str(path): cf.Fit.load(path) for path in fits}
        same = len({(fit.record["data"]["fingerprint"], fit.likelihood) for fit in loaded.values()}) == 1
        comparison = cf.compare(loaded) if same and len(loaded) > 1 else None
        cf.write_report(out, fits=loaded, comparison=comparison)
    finish(loaded, {"file": out, "fits": list(loaded)}, f"saved {out}", as_json, quiet)


@app.command()
def calibrate(
    model: Annotated[str, typer.Argument(help=f"One of {', '.join(ALL_MODELS)}.")] = "one-species",
    likelihood: Likelihood = None,
    runs: Annotated[int, typer.Option(help="Runs in each data set.")] = 100,
    datasets: Annotated[int, typer.Option(help="Number of data sets.")] = 1000,
    sampler: Sampler = "nuts",
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="The netCDF file of ranks to write.")] = Path("calibration.nc"),
    figure: Annotated[Path | None, typer.Option(help="Also draw the ranks here (.png, .pdf, .svg).")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Simulate, infer, and check that posteriors hold the truth as often as they claim.

    Example: coulombfit calibrate one-species --likelihood density --datasets 200 --figure ranks.png
    """
    with refusing():
        from coulombfit import plots
        from coulombfit.files import write_netcdf

        require_all_writable(out, figure)
        if figure is not None:
            plots.require_figure(figure)
        result = cf.calibrate(
            model,
            likelihood,
            sampler=sampler,
            runs=runs,
            datasets=datasets,
            seed=seed,
            progress=False if quiet else None,
        )
        write_netcdf(result.tree, out)
        if figure is not None:
            plots.savefig(plots.calibration(result), figure, "page")
    answer = {"verdict": result.verdict, "calibrated": result.passed, "table": result.table, "file": out}
    finish({}, answer, f"{result.summary()}\nsaved {out}", as_json, quiet)
    if not result.passed:
        typer.echo(f"error: {result.verdict}", err=True)
        raise typer.Exit(NOT_CALIBRATED)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results, made if missing.")] = Path("coulombfit-demo"),
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train students with a hidden layer, infer the widths their noise leaves by four models, and write a report.

    Example: coulombfit demo --out demo
    """
    import simulators
    from coulombfit import plots

    students = simulators.teacher_student
    setting: dict[str, Any] = {"Z": students.Z_EQ26, "kappa": 4.0, "learning_rate": 0.1, "noise": 0.1}
    with refusing():
        out.mkdir(parents=True, exist_ok=True)
        require_all_writable(out / "report.html")
        run = students.simulate(**setting, runs=1000, steps=8000, seed=seed, progress=False if quiet else None)
        spectra = cf.Spectra(
            run.eigenvalues[:, -1], learning_rate=0.1, batch_size=1, name="students", provenance=run.parameters
        )
        spectra.save(out / "spectra.nc")
        fits, paths, comparison = fit_and_compare(spectra, list(PAIR_MODELS), "pair", "laplace", seed, out, quiet)
        plots.savefig(plots.laws(fits), out / "laws.png", "page")
        cf.write_report(out / "report.html", fits=fits, comparison=comparison, title="coulombfit demo")
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
        "report": out / "report.html",
        "fits": {name: fit_result(one, paths[name]) for name, one in fits.items()},
    }
    finish(fits, result, "\n".join([*lines, comparison.verdict, f"report: {out / 'report.html'}"]), as_json, quiet)


if __name__ == "__main__":
    app()
