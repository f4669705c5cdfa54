"""Where random numbers of simulators come from: settings are independent, runs of a setting are not moved by others.

Correlations of independent ensembles of n runs have the standard error 1/√n; a test that bounds one by 4/√n fails by
luck once in 16 000 times. Streams that settings share correlate by 0.9 and more, which is missed never.
"""

import itertools

import jax
import numpy as np
import pytest

from simulators import dyson, ensembles, gaussian_rbm, teacher_student
from simulators.engine.streams import key_for

RUNS = 500
TEACHER = {"noise": 0.3, "steps": 200}
MACHINE = {"kernel": [[4.0, 0.0], [0.0, 3.0]], "batch_size": 8, "steps": 60, "dtype": "float32"}
GAS = {"centres": [2.0, 1.0], "widths": [0.1, 0.2], "steps": 30}

SETTINGS = {
    "batch sizes": (teacher_student.simulate, TEACHER, {"batch_size": 4}, {"batch_size": 8}),
    "learning rates": (teacher_student.simulate, TEACHER, {"learning_rate": 0.1}, {"learning_rate": 0.12}),
    "noises": (teacher_student.simulate, TEACHER, {"noise": 0.3}, {"noise": 0.29}),
    "teachers": (teacher_student.simulate, TEACHER, {"kappa": 4.0}, {"kappa": 4.1}),
    "momenta": (teacher_student.simulate, TEACHER, {"momentum": 0.0}, {"momentum": 0.01}),
    "machines": (gaussian_rbm.simulate, MACHINE, {"learning_rate": 0.02}, {"learning_rate": 0.03}),
    "gases": (dyson.simulate, GAS, {"beta": 1}, {"beta": 2}),
    "matrices": (
        dyson.simulate,
        {"centres": [0.0, 0.0], "form": "matrix", "steps": 6},
        {"widths": 0.1},
        {"widths": 0.2},
    ),
}


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("of", SETTINGS)
def test_a13_settings_of_one_seed_are_independent(of) -> None:
    """Mean levels and spacings of the k-th runs of two settings: they were the same to four digits."""
    simulate, common, one, other = SETTINGS[of]
    x, y = (simulate(**{**common, **setting}, runs=RUNS, seed=3).eigenvalues[:, -1] for setting in (one, other))
    for see in (lambda levels: levels.mean(axis=1), lambda levels: levels[:, 0] - levels[:, -1]):
        assert abs(correlation(see(x), see(y))) < 4 / np.sqrt(RUNS)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a13_shared_inputs_are_shared_within_a_setting_only() -> None:
    """Steps in which all runs of a setting come nearer to the teacher, by its inputs; another setting sees others."""

    def progress(batch_size: int) -> np.ndarray:
        run = teacher_student.simulate(
            batches="shared", noise=0.0, batch_size=batch_size, steps=60, save_every=1, keep_weights=True, runs=128
        )
        squares = ((run.weights - 2.0 * np.eye(2)) ** 2).sum(axis=(2, 3))
        halves = np.log([squares[:64].mean(axis=0), squares[64:].mean(axis=0)])
        return np.diff(halves, axis=1)

    one, other = progress(4), progress(5)
    assert correlation(*one) > 0.9
    assert abs(correlation(one.mean(axis=0), other.mean(axis=0))) < 4 / np.sqrt(60)


def test_a13_exact_ensembles_of_one_seed_are_independent() -> None:
    one = [ensembles.one_species(centre=4.0, sigma=sigma, runs=2000, seed=1) for sigma in (0.05, 0.06)]
    one.append(ensembles.one_species(centre=5.0, sigma=0.05, runs=2000, seed=1))
    two = [ensembles.two_species(centre=4.0, sigma_1=0.05, sigma_2=s, runs=2000, seed=1) for s in (0.05, 0.02)]
    for x, y in itertools.combinations([*one, *two], 2):
        assert abs(correlation(x.mean(axis=1), y.mean(axis=1))) < 4 / np.sqrt(2000)
        assert abs(correlation(x[:, 0] - x[:, 1], y[:, 0] - y[:, 1])) < 4 / np.sqrt(2000)


def test_a_pair_is_the_same_in_whatever_ensemble() -> None:
    for draw in (
        lambda runs: ensembles.one_species(centre=4.0, sigma=0.05, runs=runs, seed=1),
        lambda runs: ensembles.two_species(centre=4.0, sigma_1=0.05, sigma_2=0.02, runs=runs, seed=1),
    ):
        np.testing.assert_array_equal(draw(7), draw(300)[:7])


def test_what_is_kept_and_how_precise_moves_no_run() -> None:
    setting = {"noise": 0.3, "steps": 120, "runs": 20}
    reference = teacher_student.simulate(**setting).eigenvalues
    with_weights = teacher_student.simulate(**setting, keep_weights=True).eigenvalues
    np.testing.assert_array_equal(with_weights, reference)
    # an argument that is the default changes nothing
    np.testing.assert_array_equal(teacher_student.simulate(**setting, Z=np.eye(2)).eigenvalues, reference)


def test_keys_do_not_depend_on_the_callers_settings() -> None:
    words = np.asarray(jax.random.key_data(key_for(2**62 + 1, {"a": 0.1})))
    assert (words != np.asarray(jax.random.key_data(key_for(1, {"a": 0.1})))).any()
    with jax.enable_x64(True), jax.default_prng_impl("rbg"):
        np.testing.assert_array_equal(jax.random.key_data(key_for(2**62 + 1, {"a": 0.1})), words)
