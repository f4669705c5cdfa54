"""Commands that fit, compare, report and calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import coulombfit as cf
from coulombfit.cli.exit import Exit
from coulombfit.cli.options import (
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
    Overwrite,
    Pair,
    Report,
    Sampler,
    Snapshot,
    Targets,
    Weights,
    known_targets,
    setting,
)
from coulombfit.cli.output import AsJson, Quiet, Seed, finish, refusing, require_all_writable, saved
from coulombfit.cli.working import fit_and_compare, fit_result

__all__ = ["calibrate", "compare", "fit", "report"]


def read_levels(
    model: str,
    path: Path,
    weights: str | None,
    eigenvalues: str | None,
    snapshot: int | None,
    burn_in: int | None,
    learning_rate: float | str | None,
    batch_size: float | str | None,
    targets: str | list[float] | None,
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
        targets=targets,
    )
    return spectra if pair is None and model not in PAIR_MODELS else spectra.pair(pair or 0)


def chosen_in(
    spectra: cf.Spectra, named: str | None, snapshot: int | None, burn_in: int | None, pair: int | None
) -> list[str]:
    """What was asked for in a file, for the names of its fits."""
    array = spectra.provenance.get("array") or spectra.provenance.get("layer") or named
    numbers = {"snapshot": snapshot, "burn-in": burn_in, "pair": pair}
    return [
        *([str(array)] if named else []),
        *(f"{what}{number}" for what, number in numbers.items() if number is not None),
    ]


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
        Path | None,
        typer.Option(help="Where to save the fit (.nc); named after FILE, what is chosen in it, and model."),
    ] = None,
    report: Report = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Infer centre and width(s) of a degenerate pair of levels, or of all levels.

    Example: coulombfit fit runs.npz --weights W --learning-rate-key lr --batch-size-key batch_size
    """
    with refusing():
        rate = setting(learning_rate, learning_rate_key, "learning_rate")
        size = setting(batch_size, batch_size_key, "batch_size")
        known = known_targets(targets)
        from coulombfit.inference import outputs
        from coulombfit.models import find_model

        _, chosen = find_model(model, likelihood)
        require_all_writable(out, report, inputs=[file])
        outputs.require_ending("out", out, ".nc")
        outputs.require_ending("report", report, *outputs.PAGES)
        spectra = read_levels(model, file, weights, eigenvalues, snapshot, burn_in, rate, size, known, pair)
        asked = chosen_in(spectra, weights or eigenvalues, snapshot, burn_in, pair)
        path = out or Path(outputs.fit_name(file, model, likelihood, asked))
        require_all_writable(path, report, inputs=[file])
        outputs.require_unused(path, outputs.fit_label(spectra.fingerprint, model, chosen), overwrite=overwrite)
        outputs.require_unused(report, outputs.page_label([spectra.fingerprint]), overwrite=overwrite)
        result = cf.fit(spectra, model, likelihood, sampler=sampler, seed=seed, progress=False if quiet else None)
        result.save(path)
        if report is not None:
            cf.write_report(report, fits={model: result}, title=f"{model} fit of {spectra.name}")
    answer = {**fit_result(result, path), "report": report}
    finish({model: result}, answer, f"{result.summary()}\n{saved(path, report)}", as_json, quiet, asked_for=model)


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
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit several models to the same pairs and say which predicts a new run best.

    Example: coulombfit compare runs.npz --weights W --model one-species --model two-species --report report.html
    """
    with refusing():
        rate = setting(learning_rate, learning_rate_key, "learning_rate")
        size = setting(batch_size, batch_size_key, "batch_size")
        known = known_targets(targets)
        from coulombfit.inference import outputs
        from coulombfit.inference.given import describe_given, given_for_json
        from coulombfit.models import find_models

        models = model or [name for name, one in cf.MODELS.items() if (likelihood or "pair") in one.likelihoods]
        kinds = find_models(models, likelihood)
        if len(models) < 2:
            raise ValueError(f"model: expected two or more different models, got {models[0]}")
        require_all_writable(report, inputs=[file])
        outputs.require_ending("report", report, *outputs.PAGES)
        spectra = read_levels(models[0], file, weights, eigenvalues, snapshot, burn_in, rate, size, known, pair)
        asked = chosen_in(spectra, weights or eigenvalues, snapshot, burn_in, pair)
        paths = {name: out / outputs.fit_name(file, name, likelihood, asked) for name in models}
        require_all_writable(*paths.values(), report, inputs=[file])
        for name, path in paths.items():
            outputs.require_unused(path, outputs.fit_label(spectra.fingerprint, name, kinds[name]), overwrite=overwrite)
        outputs.require_unused(report, outputs.page_label([spectra.fingerprint]), overwrite=overwrite)
        fits, comparison = fit_and_compare(spectra, paths, likelihood, sampler, seed, quiet)
        if report is not None:
            cf.write_report(report, fits=fits, comparison=comparison, title=f"Models of {spectra.name}")

    data = fits[comparison.winner].record["data"]
    result = {
        "verdict": comparison.verdict,
        "answer": comparison.answer,
        "data": given_for_json(data),
        "simplest_unbeaten": comparison.winner,
        "comparison": comparison.table,
        "fits": {name: fit_result(one, paths[name]) for name, one in fits.items()},
        "report": report,
    }
    text = "\n".join([*describe_given(data), comparison.summary(), saved(*paths.values(), report)])
    finish(fits, result, text, as_json, quiet, asked_for=comparison.winner)


def report(
    fits: Annotated[list[Path], typer.Argument(help="Fits saved by fit or compare (.nc).", show_default=False)],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a report of saved fits; if all describe the same data, they are also compared.

    Example: coulombfit report runs.one-species.nc runs.two-species.nc --out report.html
    """
    with refusing():
        from coulombfit.inference import outputs

        require_all_writable(out, inputs=fits)
        outputs.require_ending("out", out, *outputs.PAGES)
        stems = [path.stem for path in fits]
        loaded = {path.stem if stems.count(path.stem) == 1 else str(path): cf.Fit.load(path) for path in fits}
        data = [fit.record["data"]["fingerprint"] for fit in loaded.values()]
        outputs.require_unused(out, outputs.page_label(data), overwrite=overwrite)
        same = len(set(data)) == len({fit.likelihood for fit in loaded.values()}) == 1
        comparison = cf.compare(loaded) if same and len(loaded) > 1 else None
        cf.write_report(out, fits=loaded, comparison=comparison)
    finish(loaded, {"file": out, "fits": list(loaded)}, f"saved {out}", as_json, quiet)


def calibrate(
    model: Annotated[str, typer.Argument(help=f"One of {', '.join(ALL_MODELS)}.")] = "one-species",
    likelihood: Likelihood = None,
    runs: Annotated[int, typer.Option(help="Runs in each data set.")] = 100,
    datasets: Annotated[int, typer.Option(help="Number of data sets.")] = 1000,
    sampler: Sampler = "nuts",
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="The netCDF file of ranks to write.")] = Path("calibration.nc"),
    figure: Annotated[Path | None, typer.Option(help="Also draw the ranks here (.png, .pdf, .svg).")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Simulate, infer, and check that posteriors hold the truth as often as they claim.

    Example: coulombfit calibrate one-species --likelihood density --datasets 200 --figure ranks.png
    """
    with refusing():
        from coulombfit import plots
        from coulombfit.inference import outputs
        from coulombfit.models import find_model

        _, chosen = find_model(model, likelihood)
        require_all_writable(out, figure)
        outputs.require_ending("out", out, ".nc")
        if figure is not None:
            plots.require_figure(figure)
        label = f"the calibration of {model} ({chosen}), {datasets} data sets of {runs} runs, seed {seed}"
        outputs.require_unused(out, label, overwrite=overwrite)
        outputs.require_companion(figure, out, overwrite=overwrite)
        result = cf.calibrate(
            model,
            likelihood,
            sampler=sampler,
            runs=runs,
            datasets=datasets,
            seed=seed,
            progress=False if quiet else None,
        )
        outputs.write_result(result.tree, out, label)
        if figure is not None:
            plots.savefig(plots.calibration(result), figure, "page")
    answer = {
        "verdict": result.verdict,
        "answer": result.answer,
        "calibrated": result.passed,
        "table": result.table,
        "file": out,
        "figure": figure,
    }
    finish({}, answer, f"{result.summary()}\n{saved(out, figure)}", as_json, quiet)
    if not result.passed:
        typer.echo(f"error: {result.verdict}", err=True)
        raise typer.Exit(Exit.NOT_CALIBRATED)
