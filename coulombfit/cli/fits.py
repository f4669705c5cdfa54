"""Commands that fit, compare, report and calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import coulombfit as cf
from coulombfit.cli.exit import Exit
from coulombfit.cli.options import (
    MODEL_HELP,
    File,
    Given,
    Likelihood,
    Overwrite,
    Reading,
    Report,
    Sampler,
    command,
)
from coulombfit.cli.output import AsJson, Quiet, Seed, exit_on_errors, finish, require_all_writable, saved_lines
from coulombfit.cli.working import fit_and_compare, fit_for_json
from coulombfit.samplers.settings import DEFAULT

__all__ = ["calibrate", "compare", "fit", "report"]

READING, GIVEN = Reading(), Given()
PAIRED, UNPAIRED = "one-species", "levels"
NO_PAIR = (
    "no degenerate pair among these levels: every level is fitted, by model 'levels'; --model, --pair or --clusters "
    "say otherwise"
)


@command
def fit(
    file: File,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"{MODEL_HELP} one-species of the topmost pair if not given; of levels without a pair, levels."
        ),
    ] = None,
    likelihood: Likelihood = None,
    reading: Reading = READING,
    given: Given = GIVEN,
    sampler: Sampler = DEFAULT,
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
    """Infer centre and width(s) of a degenerate pair, of all levels at any distance, or of levels over training.

    Example: coulombfit fit runs.npz --weights W --learning-rate-key lr --batch-size-key batch_size
    """
    with exit_on_errors():
        reading.check()
        from coulombfit.inference import outputs
        from coulombfit.inference.preparation import ask

        stated = given.arguments
        question = ask(model or PAIRED, likelihood, sampler, None, seed, **stated)
        require_all_writable(out, report, inputs=[file])
        outputs.require_ending("out", out, ".nc")
        outputs.require_ending("report", report, *outputs.PAGES)
        whole = None if question.likelihood.over_time else reading.read(file)
        alone = model is None and likelihood is None and reading.pair is None and whole is not None and not whole.pairs
        if alone:
            question = ask(UNPAIRED, likelihood, sampler, None, seed, **stated)
        model = model or question.model.name
        spectra = reading.read_for(file, question.likelihood, whole)
        path = out or Path(outputs.fit_name(file, model, likelihood, reading.names(spectra)))
        require_all_writable(path, report, inputs=[file])
        outputs.require_unused(path, outputs.label_of(question, spectra), overwrite=overwrite)
        outputs.require_unused(report, outputs.page_label([spectra.fingerprint]), overwrite=overwrite)
        show = False if quiet else None
        result = cf.fit(spectra, model, likelihood, **stated, sampler=sampler, seed=seed, progress=show)
        result.save(path)
        if report is not None:
            cf.write_report(report, fits={model: result}, title=f"{model} fit of {spectra.name}")
    note = NO_PAIR if alone else ""
    answer = {**fit_for_json(result, path), "given": given.for_json, "report": report, "note": note}
    text = "\n".join([*([note] if note else []), result.summary(), saved_lines(path, report)])
    finish({model: result}, answer, text, as_json, quiet, asked_for=model)


@command
def compare(
    file: File,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Models to compare; repeat the option. All of them if not given."),
    ] = None,
    likelihood: Likelihood = None,
    reading: Reading = READING,
    given: Given = GIVEN,
    sampler: Sampler = DEFAULT,
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
    with exit_on_errors():
        reading.check()
        from coulombfit.inference import outputs
        from coulombfit.inference.given import describe_given, given_for_json
        from coulombfit.inference.preparation import ask
        from coulombfit.models import find_models

        wanted = likelihood or "pair"
        models = model or [
            name
            for name, one in cf.MODELS.items()
            if one.needs_degenerate and wanted in [each.name for each in one.likelihoods]
        ]
        seen_by = next(iter(find_models(models, likelihood).values()))
        stated = given.arguments
        questions = {name: ask(name, likelihood, sampler, None, seed, **stated) for name in models}
        if len(models) < 2:
            raise ValueError(f"model: expected two or more different models, got {models[0]}")
        require_all_writable(report, inputs=[file])
        outputs.require_ending("report", report, *outputs.PAGES)
        spectra = reading.read_for(file, seen_by)
        asked = reading.names(spectra)
        paths = {name: out / outputs.fit_name(file, name, likelihood, asked) for name in models}
        require_all_writable(*paths.values(), report, inputs=[file])
        for name, path in paths.items():
            label = outputs.label_of(questions[name], spectra)
            outputs.require_unused(path, label, overwrite=overwrite)
        outputs.require_unused(report, outputs.page_label([spectra.fingerprint]), overwrite=overwrite)
        fits, comparison = fit_and_compare(spectra, paths, likelihood, sampler, seed, quiet, **stated)
        if report is not None:
            cf.write_report(report, fits=fits, comparison=comparison, title=f"Models of {spectra.name}")

    data = fits[comparison.winner].record.data
    result = {
        "verdict": comparison.verdict,
        "answer": comparison.answer,
        "data": given_for_json(data),
        "simplest_unbeaten": comparison.winner,
        "comparison": comparison.table,
        "fits": {name: fit_for_json(one, paths[name]) for name, one in fits.items()},
        "given": given.for_json,
        "report": report,
    }
    text = "\n".join([*describe_given(data), comparison.summary(), saved_lines(*paths.values(), report)])
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
    with exit_on_errors():
        from coulombfit.inference import outputs

        require_all_writable(out, inputs=fits)
        outputs.require_ending("out", out, *outputs.PAGES)
        stems = [path.stem for path in fits]
        loaded = {path.stem if stems.count(path.stem) == 1 else str(path): cf.Fit.load(path) for path in fits}
        data = [fit.record.data.fingerprint for fit in loaded.values()]
        outputs.require_unused(out, outputs.page_label(data), overwrite=overwrite)
        same = len(set(data)) == len({fit.likelihood for fit in loaded.values()}) == 1
        comparison = cf.compare(loaded) if same and len(loaded) > 1 else None
        cf.write_report(out, fits=loaded, comparison=comparison)
    finish(loaded, {"file": out, "fits": list(loaded)}, f"saved {out}", as_json, quiet)


def calibrate(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)] = "one-species",
    likelihood: Likelihood = None,
    runs: Annotated[int, typer.Option(help="Runs in each data set.")] = 100,
    datasets: Annotated[int, typer.Option(help="Number of data sets.")] = 1000,
    sampler: Sampler = DEFAULT,
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
    with exit_on_errors():
        from coulombfit import plots
        from coulombfit.inference import outputs
        from coulombfit.models import find_model

        _, chosen = find_model(model, likelihood)
        require_all_writable(out, figure)
        outputs.require_ending("out", out, ".nc")
        if figure is not None:
            plots.require_figure(figure)
        label = f"the calibration of {model} ({chosen.name}), {datasets} data sets of {runs} runs, seed {seed}"
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
    finish({}, answer, f"{result.summary()}\n{saved_lines(out, figure)}", as_json, quiet)
    if not result.passed:
        typer.echo(f"error: {result.verdict}", err=True)
        raise typer.Exit(Exit.NOT_CALIBRATED)
