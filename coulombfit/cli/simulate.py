"""The commands ``coulombfit simulate …``: settings in, a netCDF file of eigenvalues out."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

import simulators
from coulombfit.cli.exit import Exit
from coulombfit.cli.options import Overwrite, command
from coulombfit.cli.output import AsJson, Quiet, Seed, exit_on_errors, finish, require_all_writable
from coulombfit.cli.signals import keeping

__all__ = ["simulate"]

simulate = typer.Typer(no_args_is_help=True, help="Simulate training and save the eigenvalues.")


LearningRate = Annotated[float, typer.Option(help="Learning rate α, a number without unit.")]
BatchSize = Annotated[int, typer.Option(help="Batch size |B|, samples a step.")]
LAYERS = {"identity": None, "eq26": "Z_EQ26", "eq27": "Z_EQ27"}


@dataclass(frozen=True)
class Run:
    """How many runs, how long, how precise: :class:`simulators.Schedule`."""

    runs: Annotated[int, typer.Option(help="Number of independent runs.")] = 1000
    steps: Annotated[int, typer.Option(help="Number of updates of the weights.")] = 1000
    save_every: Annotated[int | None, typer.Option(help="Steps between snapshots; only the last if not given.")] = None
    dtype: Annotated[str, typer.Option(help="float64, or float32 at two to three times the speed.")] = "float64"
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder for unfinished work: the same command after an interruption goes on."),
    ] = None
    seed: Seed = 0

    @property
    def setting(self) -> dict[str, Any]:
        """What the numbers depend on."""
        return {name: value for name, value in asdict(self).items() if name != "checkpoint"}


MACHINE_RUN, STUDENT_RUN, GAS_RUN = (Run(steps=steps) for steps in (3500, 8000, 500))
NETWORK_RUN = Run(runs=100, steps=3000)


def save_trajectory(
    kind: str, physics: dict[str, Any], run: Run, out: Path, *, overwrite: bool, quiet: bool
) -> simulators.Trajectory | simulators.MLPTrajectory:
    """Simulate and write; one line and an exit code where that cannot be.

    :param kind: a module of ``simulators``.
    """
    from coulombfit.inference.outputs import require_ending, require_unused, write_result

    setting, checkpoint = physics | run.setting, run.checkpoint
    text = json.dumps(setting, sort_keys=True, default=lambda array: array.tolist())
    label = f"the {kind.replace('_', '-')} simulation {hashlib.sha256(text.encode()).hexdigest()[:12]}"
    unfinished = f"unfinished work stays in {checkpoint}, the same command goes on from there"
    with exit_on_errors(), nullcontext() if checkpoint is None else keeping(unfinished, saves=True):
        require_all_writable(out, inputs=[] if checkpoint is None else [checkpoint])
        require_ending("out", out, ".nc")
        require_unused(out, label, overwrite=overwrite)
        try:
            simulator = getattr(simulators, kind).simulate
            trajectory = simulator(**setting, checkpoint=checkpoint, progress=False if quiet else None)
        except simulators.Diverged as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(Exit.DIVERGED) from None
        except ImportError as error:  # data that another package has
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(Exit.USAGE) from None
        write_result(trajectory.to_dataset(), out, label)
    return trajectory


def print_result(
    trajectory: simulators.Trajectory | simulators.MLPTrajectory,
    out: Path,
    name: str,
    theory: Any,
    as_json: bool,
    quiet: bool,
) -> None:
    """What was made, beside what theory says of it."""
    numbers_ = ", ".join(f"{value:.5g}" for value in ([] if theory is None else theory))
    text = f"saved {out}; {name.replace('_', ' ')} {numbers_ or 'not known for this setting'}"
    result: dict[str, Any] = {
        "file": out,
        name: [] if theory is None else theory.tolist(),
        "excluded": trajectory.excluded,
    }
    finish({}, {**result, **trajectory.parameters}, text, as_json, quiet)


@simulate.command("rbm")
@command
def simulate_gaussian_rbm(
    out: Annotated[Path, typer.Option(help="The netCDF file to write.")] = Path("rbm.nc"),
    learning_rate: LearningRate = 0.05,
    batch_size: BatchSize = 64,
    noise: Annotated[str, typer.Option(help="What is sampled: data, model, both or pcd.")] = "data",
    gibbs_steps: Annotated[int, typer.Option(help="Sweeps a step of persistent chains (pcd).")] = 3,
    visible: Annotated[int, typer.Option(help="Visible nodes N_v, sites of the lattice.")] = 10,
    hidden: Annotated[int | None, typer.Option(help="Hidden nodes N_h; as many as visible if not given.")] = None,
    mass2: Annotated[float, typer.Option(help="Squared mass m² of the lattice field, in lattice units.")] = 4.0,
    mu2: Annotated[float, typer.Option(help="Inverse variance μ² of the visible nodes.")] = 9.0,
    sigma_h: Annotated[float, typer.Option(help="Standard deviation σ_h of the hidden nodes.")] = 1.0,
    start: Annotated[
        float | None, typer.Option(help="Standard deviation of the first weights; at the target if not given.")
    ] = None,
    run: Run = MACHINE_RUN,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train Gaussian RBMs on a lattice scalar field (Eq. 10).

    Example: coulombfit simulate rbm --learning-rate 0.05 --batch-size 128 --out rbm.nc
    """
    with exit_on_errors():
        machine: dict[str, Any] = {
            "kernel": simulators.gaussian_rbm.lattice_kernel(visible, mass2),
            "hidden": hidden,
            "mu2": mu2,
            "sigma_h": sigma_h,
        }
    noisy: dict[str, Any] = {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "noise": noise,
        "gibbs_steps": gibbs_steps,
    }
    physics = machine | noisy | {"start": start}
    trajectory = save_trajectory("gaussian_rbm", physics, run, out, overwrite=overwrite, quiet=quiet)
    print_result(
        trajectory, out, "linear_response_widths", simulators.gaussian_rbm.widths(**machine, **noisy), as_json, quiet
    )


@simulate.command("teacher-student")
@command
def simulate_students(
    out: Annotated[Path, typer.Option(help="The netCDF file to write.")] = Path("teacher-student.nc"),
    layer: Annotated[str, typer.Option(help="Second layer Z: identity, eq26 or eq27 (the source's).")] = "identity",
    kappa: Annotated[float, typer.Option(help="Teacher eigenvalue κ, doubly degenerate.")] = 4.0,
    activation: Annotated[str, typer.Option(help="identity, tanh or relu.")] = "identity",
    batches: Annotated[str, typer.Option(help="Inputs of a step: averaged, independent or shared.")] = "averaged",
    learning_rate: LearningRate = 0.1,
    momentum: Annotated[float, typer.Option(help="Momentum γ, from 0 to below 1.")] = 0.0,
    noise: Annotated[float, typer.Option(help="Standard deviation of one sample's gradient noise.")] = 0.1,
    batch_size: BatchSize = 1,
    run: Run = STUDENT_RUN,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train students with one hidden layer on a degenerate teacher (Eq. 28).

    Example: coulombfit simulate teacher-student --layer eq26 --runs 3000 --out students.nc
    """
    with exit_on_errors():
        if layer not in LAYERS:
            raise ValueError(f"layer: expected one of {', '.join(LAYERS)}, got {layer!r}")
    name = LAYERS[layer]
    noisy: dict[str, Any] = {
        "Z": name and getattr(simulators.teacher_student, name),
        "kappa": kappa,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "noise": noise,
        "batch_size": batch_size,
        "batches": batches,
    }
    theory: Any = None
    with suppress(ValueError):  # none where mean squares are not finite; the simulator says so, or refuses
        if activation == "identity":
            theory = simulators.teacher_student.widths(**noisy)
    physics = noisy | {"activation": activation}
    trajectory = save_trajectory("teacher_student", physics, run, out, overwrite=overwrite, quiet=quiet)
    print_result(trajectory, out, "linear_response_widths", theory, as_json, quiet)


@simulate.command("dyson")
@command
def simulate_dyson(
    centres: Annotated[
        str, typer.Option(help="Centres of the eigenvalues, descending, comma-separated; equal ones are degenerate.")
    ],
    widths: Annotated[str, typer.Option(help="Widths σ in units of the eigenvalues, comma-separated, or one for all.")],
    out: Annotated[Path, typer.Option(help="The netCDF file to write.")] = Path("dyson.nc"),
    beta: Annotated[int, typer.Option(help="Repulsion β, 1 or 2.")] = 1,
    form: Annotated[str, typer.Option(help="levels (Eq. 5), or matrix for one centre and width.")] = "levels",
    run: Run = GAS_RUN,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Evolve Coulomb gases to stationarity by Dyson's Langevin equation (Eqs. 5, 7).

    Example: coulombfit simulate dyson --centres 5,4,4,3 --widths 0.05 --runs 2000 --out gas.nc
    """
    with exit_on_errors():
        gas: dict[str, Any] = {"centres": parse_numbers("centres", centres), "widths": parse_numbers("widths", widths)}
    physics = gas | {"beta": beta, "form": form}
    trajectory = save_trajectory("dyson", physics, run, out, overwrite=overwrite, quiet=quiet)
    print_result(trajectory, out, "coulomb_shifts", simulators.dyson.coulomb_shift(**gas, beta=beta), as_json, quiet)


@simulate.command("mlp")
@command
def simulate_perceptrons(
    widths: Annotated[str, typer.Option(help="Nodes of each layer, inputs first, comma-separated.")] = "64,16,10",
    out: Annotated[Path, typer.Option(help="The netCDF file to write, with all layers.")] = Path("mlp.nc"),
    activation: Annotated[str, typer.Option(help="identity, tanh, relu, gelu or sigmoid.")] = "tanh",
    loss: Annotated[str, typer.Option(help="cross-entropy or mse.")] = "cross-entropy",
    data: Annotated[str, typer.Option(help="teacher, mixture, or digits of scikit-learn.")] = "mixture",
    samples: Annotated[int | None, typer.Option(help="Number of samples; 1000, or all digits, if not given.")] = None,
    data_seed: Annotated[int, typer.Option(help="Seed of data that is made.")] = 0,
    learning_rate: LearningRate = 0.05,
    batch_size: BatchSize = 16,
    momentum: Annotated[float, typer.Option(help="Momentum γ, from 0 to below 1.")] = 0.0,
    weight_decay: Annotated[float, typer.Option(help="Weight decay λ.")] = 0.02,
    replacement: Annotated[bool, typer.Option(help="Draw each batch anew from all data, or go through epochs.")] = True,
    biases: Annotated[bool, typer.Option(help="Train biases, too.")] = False,
    start: Annotated[str, typer.Option(help="common, one minimum for all runs, or own, random ones.")] = "common",
    start_seed: Annotated[int, typer.Option(help="Seed of the common start.")] = 0,
    warmup: Annotated[
        int | None, typer.Option(help="Steps of training together at most; 5000 if not given, 0 for own starts.")
    ] = None,
    run: Run = NETWORK_RUN,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train multilayer perceptrons by mini-batch SGD about a common minimum.

    Example: coulombfit simulate mlp --widths 64,16,10 --data digits --batch-size 32 --out mlp.nc
    """
    with exit_on_errors():
        layers = [int(one) if one.is_integer() else one for one in parse_numbers("widths", widths)]
    physics: dict[str, Any] = {
        "widths": layers,
        "activation": activation,
        "loss": loss,
        "data": data,
        "samples": samples,
        "data_seed": data_seed,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "replacement": replacement,
        "biases": biases,
        "start": start,
        "start_seed": start_seed,
        "warmup": warmup,
    }
    saved = save_trajectory("mlp", physics, run, out, overwrite=overwrite, quiet=quiet)
    trajectory = cast(simulators.MLPTrajectory, saved)
    text = f"saved {out}; layers {', '.join(f'layer_{place}' for place in range(len(trajectory.layers)))}"
    text += f", loss {trajectory.loss[:, -1].mean():.5g}"
    result = {"file": out, "loss": float(trajectory.loss[:, -1].mean()), "excluded": trajectory.excluded}
    finish({}, {**result, **trajectory.parameters}, text, as_json, quiet)


def parse_numbers(name: str, text: str) -> list[float]:
    """Comma-separated numbers."""
    try:
        return [float(one) for one in text.split(",")]
    except ValueError:
        raise ValueError(f"{name}: expected comma-separated numbers, got {text!r}") from None
