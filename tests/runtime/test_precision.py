"""What the caller has set in JAX, and processes that were forked: all compute as ever, or say why not."""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import jax
import numpy as np
import pytest

from coulombfit.runtime.precision import double_precision, isolated
from simulators.engine.isolation import isolated as isolated_simulator

# every switch that a strict user may set, with the value that is not JAX's own
STRICT = {
    "jax_numpy_rank_promotion": "raise",
    "jax_numpy_dtype_promotion": "strict",
    "jax_transfer_guard": "disallow",
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    "jax_debug_key_reuse": True,
    "jax_check_tracer_leaks": True,
    "jax_enable_checks": True,
    "jax_disable_jit": True,
    "jax_default_matmul_precision": "bfloat16",
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": False,
    "jax_legacy_prng_key": "error",
    "jax_enable_x64": True,
}

# in a process of its own: switches are set for all threads, as users set them
CODE = f"""
import sys
import jax
import numpy as np
import coulombfit as cf
from simulators import dyson, ensembles, gaussian_rbm, teacher_student

settings = {STRICT!r}
for name in sys.argv[2:]:
    jax.config.update(name, settings[name])
before = {{name: getattr(jax.config, name) for name in settings}}
numbers = {{}}
short = dict(runs=130, progress=False)
numbers["student"] = teacher_student.simulate(steps=120, **short).eigenvalues
numbers["machine"] = gaussian_rbm.simulate(kernel=[[4.0, 0.0], [0.0, 3.0]], batch_size=8, steps=200, dtype="float32",
                                           **short).eigenvalues
numbers["gas"] = dyson.simulate(centres=[2.0, 1.0], widths=0.1, steps=100, **short).eigenvalues
data = ensembles.two_species(centre=4.0, sigma_1=0.05, sigma_2=0.03, runs=60, seed=1)
few = cf.Sampling(chains=2, warmup=100, draws=100)
one = cf.fit(data, "two-species", sampler="laplace", progress=False)
numbers["laplace"] = one.tree["posterior"]["sigma_m"].to_numpy()
other = cf.fit(data, "one-species", sampler="nuts", sampling=few, progress=False)
numbers["nuts"] = other.tree["posterior"]["sigma"].to_numpy()
numbers["many"] = cf.fit_many([data[:30], data[30:]], progress=False).table["mean"].to_numpy()
density = cf.fit(data, "one-species", "density", sampler="laplace", progress=False)
numbers["density"] = density.table()["mean"].to_numpy()
if "whole" in sys.argv[1]:
    numbers["compare"] = cf.compare({{"one": other, "two": one}}).table["elpd_diff"].to_numpy()
    numbers["evidence"] = cf.evidence({{"one": other, "two": one}}).table["log_evidence"].to_numpy()
    numbers["predictive"] = cf.predictive(other).table["p_value"].to_numpy()
    numbers["moments"] = np.asarray(cf.moments(data).table.to_numpy(float))
    numbers["consistency"] = cf.width_consistency(data, seed=0).table.to_numpy(dtype=object)[:, :2].astype(float)
    numbers["ranks"] = cf.calibrate("gaussian", runs=5, datasets=20, sampler="laplace",
                                    sampling=cf.Sampling(chains=1, draws=100), progress=False).ranks["sigma"].to_numpy()
    draw = np.random.default_rng(0)
    settings_of = [cf.Spectra(4.0 + np.sqrt(a / b) * draw.normal(size=(40, 1)), a, b)
                   for a, b in [(0.1, 4), (0.1, 16), (0.2, 16), (0.4, 16)]]
    numbers["scaling"] = cf.scaling(settings_of, seed=0, sampling=few, progress=False).table["mean"].to_numpy()
    from coulombfit import plots
    plots.density({{"one": other}})
assert {{name: getattr(jax.config, name) for name in settings}} == before, "switches were left changed"
np.savez(sys.argv[1], **numbers)
"""


def numbers(path, *switches: str) -> dict[str, np.ndarray]:
    command = [sys.executable, "-W", "ignore", "-c", CODE, str(path), *switches]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> dict[str, np.ndarray]:
    return numbers(tmp_path_factory.mktemp("plain") / "fits.npz")


@pytest.mark.slow
def test_c7_no_switch_of_jax_changes_a_number(tmp_path, reference) -> None:
    """All at once: each of them alone used to raise from inside, or to give other numbers."""
    strict = numbers(tmp_path / "fits.npz", *STRICT)
    for name, values in reference.items():
        np.testing.assert_array_equal(strict[name], values, err_msg=name)


@pytest.mark.long
def test_c7_no_switch_of_jax_changes_a_check(tmp_path) -> None:
    plain, strict = numbers(tmp_path / "whole.npz"), numbers(tmp_path / "whole strict.npz", *STRICT)
    for name, values in plain.items():
        np.testing.assert_array_equal(strict[name], values, err_msg=name)


def seen() -> dict[str, object]:
    return {name: getattr(jax.config, name) for name in STRICT}


@pytest.mark.parametrize("context", [isolated, isolated_simulator])
def test_contexts_stand_within_each_other_and_in_threads(context) -> None:
    before = seen()
    with ExitStack() as stack:
        for switch in (jax.numpy_rank_promotion("raise"), jax.debug_nans(True), jax.default_prng_impl("rbg")):
            stack.enter_context(switch)
        strict = seen()
        with context(True):
            outer = seen()
            assert jax.numpy.ones(1).dtype == np.float64
            with context(False):
                assert jax.numpy.ones(1).dtype == np.float32
            assert seen() == outer
            found = []

            def work() -> None:
                with context(True):
                    found.append(seen())

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            assert found == [outer]
        assert seen() == strict
        with pytest.raises(KeyError), context(True):
            raise KeyError
        assert seen() == strict
    assert seen() == before


def test_double_precision_decorates() -> None:
    @double_precision()
    def dtype() -> np.dtype:
        return jax.numpy.ones(1).dtype

    assert [dtype(), dtype()] == [np.float64, np.float64]
    assert jax.numpy.ones(1).dtype == np.float32


COMPUTING = (
    "cf.fit(data, progress=False)",
    "cf.fit_many([data], progress=False)",
    "cf.calibrate(datasets=20, progress=False)",
    "teacher_student.simulate(runs=2, steps=100, progress=False)",
    "ensembles.one_species(centre=4.0, sigma=0.05, runs=30)",
    "cf.laws.OneSpeciesPair(4.0, 0.1)",
    "cf.laws.AnisotropicPair(4.0, 0.2, 0.1)",
    "cf.laws.CoulombGas([4.0], [0.1], (2,))",
    "cf.laws.WignerSurmise(0.1)",
)
USING = {
    "a fit": "import coulombfit as cf; cf.fit(data, 'gaussian', sampler='laplace', progress=False)",
    "a simulation": "from simulators import ensembles; ensembles.one_species(centre=4.0, sigma=0.05, runs=30)",
    "the user, after the import": "import coulombfit as cf; import jax.numpy as jnp; jnp.linalg.svd(jnp.ones((3, 2)))",
    "the user, BLAS in the child": "import coulombfit as cf; import jax.numpy as jnp; jnp.linalg.svd(jnp.ones((3, 2)))",
    "the user, before the import": "import jax.numpy as jnp; jnp.linalg.svd(jnp.ones((3, 2)))",
}
FORK = f"""
import os, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
data = 4.0 + 0.05 * np.random.default_rng(0).normal(size=(30, 2))
{{used}}
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
np.ones((300, 300)) @ np.ones((300, 300)) if "BLAS" in {{name!r}} else None  # it has threads of its own again
import coulombfit as cf
from simulators import ensembles, teacher_student
for call in {COMPUTING}:
    try:
        print(eval(call), flush=True)
    except RuntimeError as error:
        print(error, flush=True)
os._exit(0)
"""


@pytest.mark.one_by_default
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "the user, before the import" else pytest.mark.slow) for name in USING],
)
def test_c12_a_child_forked_after_jax_was_used_says_so(name: str) -> None:
    """It hung for ever, waiting for threads of XLA that a child does not have, whoever had used JAX for what."""
    if "before the import" in name and not Path("/proc/self/task").is_dir():
        pytest.skip("the system does not list threads")
    code = FORK.format(used=USING[name], name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == len(COMPUTING), done.stdout
    for line in lines:
        assert "forked after JAX had been used in its parent" in line
        assert "'spawn' or 'forkserver'" in line


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_c12_threads_that_have_ended_are_no_fork() -> None:
    code = """
import _thread, threading, time
import jax.numpy as jnp
jnp.ones(3).sum()
for _ in range(40):
    _thread.start_new_thread(threading.current_thread, ())
time.sleep(0.5)
from simulators import ensembles
ensembles.one_species(centre=4.0, sigma=0.05, runs=3)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_c12_a_child_forked_before_jax_was_used_computes() -> None:
    code = """
import os, sys
import numpy as np
import coulombfit as cf
from simulators import ensembles
cf.laws, cf.fit, ensembles.one_species  # all imported, JAX too, and nothing computed
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
data = ensembles.one_species(centre=4.0, sigma=0.05, runs=30)
assert cf.fit(data, "gaussian", sampler="laplace", progress=False).diagnosis.passed
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
