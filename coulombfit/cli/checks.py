"""The commands ``coulombfit scaling`` and ``coulombfit check``: questions asked of spectra."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

import coulombfit as cf
from coulombfit.cli.exit import Exit
from coulombfit.cli.options import Chosen, File, Overwrite, Reading, command, require_positive
from coulombfit.cli.output import AsJson, Quiet, Seed, exit_on_errors, finish, require_all_writable, saved_lines

__all__ = ["check", "scaling"]

READING, CHOSEN = Reading(), Chosen()


@command
def scaling(
    files: Annotated[
        list[Path], typer.Argument(help="Spectra or weights, one file or recording a setting.", show_default=False)
    ],
    reading: Chosen = CHOSEN,
    factor_key: Annotated[
        str | None, typer.Option(help="Name of a number that widths are known to be proportional to.")
    ] = None,
    curvature: Annotated[
        float | None, typer.Option(help="Ω per step and learning rate: use α/(1 − αΩ/2), and compare with α.")
    ] = None,
    scatter: Annotated[bool, typer.Option(help="Whether settings may scatter beyond sampling.")] = True,
    tolerance: Annotated[float, typer.Option(help="δ of the probability that |b − 1| < δ.")] = 0.1,
    margin: Annotated[
        float, typer.Option(help="How far from 1 the 90 % interval of an exponent may reach for the answer yes.")
    ] = 0.25,
    predict: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting not yet run whose widths to predict, learning_rate=0.02,batch_size=64, factor= where there "
            "is a --factor-key, and momentum= where settings have different ones; repeat the option."
        ),
    ] = None,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="The netCDF file of draws to write.")] = Path("scaling.nc"),
    figure: Annotated[
        Path | None, typer.Option(help="Also draw widths against √(α/|B|) here (.png, .pdf, .svg).")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the topmost pair of all settings here: spacings on the surmise, √π σ against the mean "
            "spacing, densities; by fits of one-species."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Infer whether widths follow the linear scaling rule √(α/|B|) over several settings.

    Example: coulombfit scaling runs/*.npz --weights W --learning-rate-key lr --batch-size-key batch_size
    """
    with exit_on_errors():
        from coulombfit import plots
        from coulombfit.checks.settings import new_settings
        from coulombfit.data.same_pair import same_pair
        from coulombfit.inference import outputs

        wanted = [new_settings.new_setting_from_text(text) for text in predict or []]
        require_positive(curvature=curvature, tolerance=tolerance, margin=margin)
        reading.check()
        require_all_writable(out, figure, study, inputs=files)
        outputs.require_ending("out", out, ".nc")
        for drawn in (figure, study):
            if drawn is not None:
                plots.require_figure(drawn)
        spectra = [reading.read(file, factor=factor_key) for file in files]
        new_settings.require_predictable(wanted, spectra, curvature=curvature)
        label = outputs.result_label("the scaling rule", [outputs.identity_of(one) for one in spectra])
        outputs.require_unused(out, label, overwrite=overwrite)
        for drawn in (figure, study):
            outputs.require_companion(drawn, out, overwrite=overwrite)
        pairs = {} if study is None else same_pair(spectra)
        result = cf.scaling(
            spectra,
            curvature=curvature,
            scatter=scatter,
            tolerance=tolerance,
            margin=margin,
            seed=seed,
            progress=False if quiet else None,
        )
        predicted = new_settings.predict_settings(result, wanted, seed=seed)
        outputs.write_result(result.tree, out, label)
        if figure is not None:
            plots.savefig(plots.scaling(result), figure, "page")
        if study is not None:
            fits = {name: cf.fit(pair, "one-species", seed=seed, progress=False) for name, pair in pairs.items()}
            plots.savefig(plots.study(list(pairs.values()), fits), study, "page")
    told = {"predicted": [one.to_json() for one in predicted], "file": out, "figure": figure, "study": study}
    text = "\n".join([result.summary(), *(one.summary() for one in predicted), saved_lines(out, figure, study)])
    finish({}, {**_scaling_for_json(result), **told}, text, as_json, quiet)
    if not result.diagnosis.passed:
        typer.echo(f"error: {result.diagnosis.verdict}", err=True)
        raise typer.Exit(Exit.NOT_CONVERGED)


def _scaling_for_json(result: cf.Scaling) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "answer": result.answer,
        "answers": result.answers,
        "parameters": result.table,
        "rule": result.rule,
        "chi_squared": None if result.chi_squared is None else asdict(result.chi_squared),
        "converged": result.diagnosis.passed,
    }


@command
def check(
    file: File,
    reading: Reading = READING,
    tolerance: Annotated[float, typer.Option(help="δ of the probability that |ln φ| < δ.")] = 0.05,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Ask a pair whether spacings and widths tell the same σ_m, law by law, for its moments, and if it is degenerate.

    Example: coulombfit check students.nc
    """
    with exit_on_errors():
        from coulombfit.inference.given import describe_given, given_for_json, record_given

        require_positive(tolerance=tolerance)
        reading.check()
        spectra = reading.read_levels(file, of_pairs=True)
        result = cf.width_consistency(spectra, tolerance=tolerance, seed=seed, progress=False if quiet else None)
        shape = cf.moments(spectra, seed=seed)
        split = cf.degeneracy(spectra, seed=seed, progress=False if quiet else None)
        data = record_given(spectra, pooled=False)
    table: dict[str, Any] = {
        f"{model} ({likelihood})": {name: float(value) for name, value in row.items() if isfinite(value)}
        for (model, likelihood), row in result.table.iterrows()
    }
    verdict = f"{result.verdict} {shape.verdict} {split.verdict}"
    answer = {
        "verdict": verdict,
        "data": given_for_json(data),
        "trustworthy": result.trustworthy,
        "log_ratio": table,
        "moments": shape.table,
        "degeneracy": {"answer": split.answer, "log_bayes_factor": split.log_bayes_factor, "parameters": split.table},
    }
    finish(
        {},
        answer,
        "\n".join([*describe_given(data), result.summary(), shape.summary(), split.summary()]),
        as_json,
        quiet,
    )
    if not result.trustworthy:
        typer.echo("error: Pareto k̂ is above its limit; take more runs", err=True)
        raise typer.Exit(Exit.NOT_CONVERGED)
