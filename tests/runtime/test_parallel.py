"""C1: no program that runs beside another holds a LAPACK call, on which two of them may wait for each other for ever.

On two cores that is a race, which a green run does not exclude; so every program that goes to threads is lowered, and
looked at. Threads are made in three places, which the first test names: who adds a fourth has to look here.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import coulombfit as cf
from coulombfit.inference.log_posterior import log_posterior
from coulombfit.inference.preparation import ask, prepare, spectra_of
from coulombfit.models import MODELS, Model
from coulombfit.runtime.parallel import Call, calls_seen, side_by_side
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.seeds import key_for
from coulombfit.samplers.nuts import chain_for
from coulombfit.samplers.settings import Sampling
from simulators import ensembles
from tests.laws.matrices import levels_over_time

ROOT = Path(__file__).parents[2]
HARMLESS = ("Sharding", "annotate_device_placement", "SPMDFullToShardShape", "SPMDShardToFullShape")


def custom_calls(program: Callable[..., Any], arguments: tuple[Any, ...]) -> set[str]:
    """What a program calls that XLA does not compile, or may hand to LAPACK, by name."""
    text = program.lower(*arguments).as_text()
    calls = set(re.findall(r"stablehlo\.custom_call @([\w.]+)", text)) - set(HARMLESS)
    return calls | set(re.findall(r"stablehlo\.(?:triangular_solve|cholesky)", text))


def compiled(calls: list[Call]) -> list[Call]:
    """Those of JAX, each shape of data once."""
    found = {}
    for call in calls:
        if hasattr(call.program, "lower"):
            shapes = [(np.shape(leaf), np.asarray(leaf).dtype) for leaf in jax.tree.leaves(call.arguments[1:])]
            found[id(call.program), str(shapes)] = call
    return list(found.values())


def require_none(calls: list[Call]) -> int:
    several = compiled(calls)
    with double_precision():
        for call in several:
            assert not custom_calls(*call), call.program
    return len(several)


def test_threads_are_made_where_they_are_known() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ("coulombfit", "simulators")
        for path in (ROOT / package).rglob("*.py")
        if "ThreadPoolExecutor(" in path.read_text(encoding="utf-8")
    }
    assert users == {"coulombfit/runtime/parallel.py", "coulombfit/analysis/run.py", "simulators/engine/ensemble.py"}


def test_the_guard_sees_lapack() -> None:
    for name in ("inv", "cholesky", "eigvalsh", "svd", "slogdet"):
        assert custom_calls(jax.jit(getattr(jax.numpy.linalg, name)), (np.eye(3),)), name
    solve = jax.jit(jax.vmap(lambda a: jax.scipy.linalg.solve_triangular(a, a)))
    assert custom_calls(solve, (np.broadcast_to(np.eye(3), (5, 3, 3)),))
    with calls_seen() as seen:
        side_by_side([Call(jax.jit(jax.numpy.linalg.inv), (np.eye(3),))])
    with pytest.raises(AssertionError):
        require_none(seen)


def data_for(model: str) -> np.ndarray | cf.Trajectories:
    if MODELS[model].likelihoods[0].over_time:
        steps = np.arange(1.0, 101.0)
        return cf.Trajectories(levels_over_time(steps, rate=0.3), steps)
    if model == "gas":
        return 20.0 * np.arange(4, 0, -1) + np.random.default_rng(1).normal(size=(50, 4))
    return ensembles.one_species(centre=4.0, sigma=0.04, runs=40, seed=2)


COSTLY = [("anisotropic", "density"), ("anisotropic", "density-raw"), ("split-pair-two-widths", "pair")]
QUICK = [("one-species", "pair"), ("one-species", "spacing"), ("gaussian", "density")]


def names_of(model: Model) -> list[str]:
    """Those whose posteriors are drawn side by side; scores of conditionals are not."""
    return [likelihood.name for likelihood in model.likelihoods if not likelihood.spread_of_runs]


ALL = [(name, likelihood) for name, model in MODELS.items() for likelihood in names_of(model)]


@pytest.mark.parametrize(
    ("model", "likelihood"),
    [
        one if one in QUICK else pytest.param(*one, marks=pytest.mark.long if one in COSTLY else pytest.mark.slow)
        for one in ALL
    ],
)
def test_c1_fits_hold_no_lapack(model: str, likelihood: str) -> None:
    with calls_seen() as seen:
        cf.fit(data_for(model), model, likelihood, sampler="laplace", progress=False)
    assert require_none(seen) >= 1


CHAINS = [("one-species", "pair"), ("gas", "levels")]
MORE = [
    (name, names_of(model)[0])
    for name, model in MODELS.items()
    if name not in ("one-species", "gas") and names_of(model)
]


@pytest.mark.one_by_default
@pytest.mark.parametrize(
    ("model", "likelihood"), [*CHAINS, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE)]
)
@pytest.mark.parametrize("learns", [False, True])
def test_c1_chains_hold_no_lapack(model: str, likelihood: str, learns: bool) -> None:
    from coulombfit.inference.log_posterior import represent
    from coulombfit.samplers.importance import RELIABLE, weigh

    question = ask(model, likelihood, "nuts", Sampling(draws=10), 0)
    likelihood = question.likelihood
    prepared = prepare(spectra_of(data_for(model)), question)
    with double_precision():
        density, _ = log_posterior(prepared.model, likelihood)
        found = represent(prepared.model, likelihood, prepared.observations, prepared.unit)
        integral = weigh(density, found.peak, found.weighted, prepared.unit)
        if learns:
            object.__setattr__(integral, "k_hat", RELIABLE + 1.0)
        program, arguments = chain_for(density, integral, found.peak, question.sampling)
        everything = (key_for(0), *arguments, found.weighted, prepared.unit)
        assert not custom_calls(program, everything)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("levels", "scatter"),
    [
        (2, True),
        pytest.param(3, False, marks=pytest.mark.slow),
        pytest.param(10, True, marks=pytest.mark.long),
    ],
)
def test_c1_scaling_holds_no_lapack(levels: int, scatter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    settings = [
        cf.Spectra(20.0 * np.arange(1, levels + 1) + np.sqrt(a / b) * rng.normal(size=(40, levels)), a, b)
        for a, b in [(0.1, 4), (0.1, 16), (0.2, 16)]
    ]

    def looked_at(calls: Any) -> list[Any]:
        seen = list(calls)
        chains = [call for call in seen if hasattr(call.program, "lower")]
        assert require_none(chains) >= 1
        raise InterruptedError  # what would come is the chains themselves, which take long

    monkeypatch.setattr("coulombfit.checks.settings.scaling.side_by_side", looked_at)
    with calls_seen() as seen, pytest.raises(InterruptedError):
        cf.scaling(settings, scatter=scatter, sampler="nuts", progress=False)
    assert require_none(seen) >= 1


REPEATED = """
import numpy as np, coulombfit as cf
rng = np.random.default_rng(0)
places = [(0.1, 4), (0.1, 16), (0.2, 16), (0.4, 16), (0.2, 32)]
short = cf.Sampling(draws=100, warmup=50)
for levels in LEVELS:
    settings = [cf.Spectra(9.0 * np.arange(1, levels + 1) + np.sqrt(a / b) * rng.normal(size=(100, levels)), a, b)
                for a, b in places]
    for seed in range(TIMES):
        cf.scaling(settings, seed=seed, sampler="nuts", sampling=short, progress=False)
gas = 20.0 * np.arange(8, 0, -1) + rng.normal(size=(50, 8))
for seed in range(TIMES):
    cf.fit(gas, "gas", seed=seed, sampler="nuts", sampling=short, progress=False)
print("returned")
"""


@pytest.mark.parametrize(
    ("levels", "times", "limit"),
    [pytest.param((3,), 4, 900, marks=pytest.mark.long), pytest.param((3, 6, 10), 20, 3600, marks=pytest.mark.long)],
)
def test_c1_twenty_times_each_on_two_workers_returns(levels: tuple[int, ...], times: int, limit: int) -> None:
    """The limits, in seconds, are several times what a slow machine takes: what hangs never returns."""
    program = REPEATED.replace("LEVELS", repr(levels)).replace("TIMES", str(times))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=limit, check=False)
    assert done.stdout == "returned\n", done.stderr[-2000:]
