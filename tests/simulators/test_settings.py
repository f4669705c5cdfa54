"""Settings: declared once, checked when they are made, and the same numbers as functions of their arguments."""

import ast
import dataclasses
import inspect
import os
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulators
from simulators import MLP, GaussianRBM, Schedule, TeacherStudent, dyson, gaussian_rbm, mlp, teacher_student
from simulators.engine.schedule import Options
from simulators.gaussian_rbm import arguments as machine_arguments
from simulators.mlp import arguments as network_arguments
from simulators.teacher_student import arguments as student_arguments
from simulators.teacher_student.activations import LARGEST

STUDENT = {"Z": teacher_student.Z_EQ26, "learning_rate": 0.2, "noise": 0.05, "batch_size": 4, "momentum": 0.1}
NETWORK = {"widths": (5, 3), "loss": "mse", "data": "teacher", "samples": 30, "batch_size": 4}
MACHINE = {"learning_rate": 0.02, "batch_size": 32, "kernel": [[4.0, 0.1], [0.1, 3.0]]}
SHORT = {"runs": 5, "steps": 20, "seed": 3}

SAME = {
    "widths of students": (teacher_student.widths, TeacherStudent.widths, STUDENT),
    "displacement": (teacher_student.displacement, TeacherStudent.displacement, STUDENT),
    "times of students": (
        teacher_student.relaxation_times,
        TeacherStudent.relaxation_times,
        {"activation": "tanh", "kappa": [2.0, 0.5]},
    ),
    "steps of students": (teacher_student.steps_to_stationarity, TeacherStudent.steps_to_stationarity, STUDENT),
    "targets": (gaussian_rbm.targets, GaussianRBM.targets, {"kernel": [[4.0, 0.1], [0.1, 3.0]]}),
    "widths of machines": (gaussian_rbm.widths, GaussianRBM.widths, {**MACHINE, "noise": "pcd"}),
    "displacements": (gaussian_rbm.displacements, GaussianRBM.displacements, MACHINE),
    "times of machines": (gaussian_rbm.relaxation_times, GaussianRBM.relaxation_times, {"learning_rate": 0.02}),
    "steps of machines": (
        gaussian_rbm.steps_to_stationarity,
        GaussianRBM.steps_to_stationarity,
        {"learning_rate": 0.02, "start": 0.1},
    ),
}


def setting_of(function: Callable[..., Any], arguments: dict[str, Any]) -> TeacherStudent | GaussianRBM:
    return (TeacherStudent if "teacher_student" in function.__module__ else GaussianRBM)(**arguments)


@pytest.mark.parametrize("name", SAME)
def test_a_method_says_what_the_function_says(name: str) -> None:
    function, method, arguments = SAME[name]
    np.testing.assert_array_equal(method(setting_of(function, arguments)), function(**arguments))


@pytest.mark.filterwarnings("ignore:steps = 20")
@pytest.mark.parametrize(
    ("simulate", "physics"), [(teacher_student.simulate, STUDENT), (gaussian_rbm.simulate, MACHINE)]
)
def test_simulating_a_setting_gives_the_runs_of_the_function(simulate: Callable[..., Any], physics: dict) -> None:
    one, other = simulate(**physics, **SHORT), setting_of(simulate, physics).simulate(**SHORT)
    np.testing.assert_array_equal(one.eigenvalues, other.eigenvalues)
    assert one.parameters == other.parameters


def test_leading_order_of_widths() -> None:
    expected = gaussian_rbm.widths(**MACHINE, finite_step=False)
    np.testing.assert_array_equal(GaussianRBM(**MACHINE).widths(finite_step=False), expected)


@pytest.mark.parametrize(("make", "arguments"), [(TeacherStudent, STUDENT), (GaussianRBM, MACHINE), (MLP, NETWORK)])
def test_settings_are_frozen_and_equal_where_their_arguments_are(
    make: type, arguments: dict[str, Any], unchecked: None
) -> None:
    setting = make(**arguments)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setting.learning_rate = 0.3
    assert setting == make(**arguments)
    assert hash(setting) == hash(make(**arguments))
    assert setting != dataclasses.replace(setting, learning_rate=0.03)
    assert eval(repr(setting), {make.__name__: make}) == setting


def test_a_setting_keeps_its_own_numbers() -> None:
    """Arrays that it was made of may change."""
    layer, kernel = np.eye(2), np.diag([4.0, 3.0])
    student, machine = TeacherStudent(Z=layer), GaussianRBM(kernel=kernel)
    layer[:], kernel[:] = 0.0, 0.0
    assert student == TeacherStudent(Z=np.eye(2))
    np.testing.assert_array_equal(student.widths(), TeacherStudent(Z=np.eye(2)).widths())
    np.testing.assert_array_equal(machine.targets(), [6.0, 5.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TeacherStudent(learning_rate=2.0), r"training diverges; expected below 2/λ_max\(ZᵀZ\) = 2, got 2.0"),
        (lambda: TeacherStudent(noise=-0.1), "noise: expected a finite number, 0 or above, got -0.1"),
        (lambda: TeacherStudent(kappa=[4.0, -1.0]), "kappa: expected positive numbers, got"),
        (lambda: TeacherStudent(inputs=3, symmetric_noise=True), "symmetric_noise: expected a square W, got 2 × 3"),
        (lambda: GaussianRBM(learning_rate=4.0), "training diverges; expected below 2/max Ω = 3.2, got 4.0"),
        (lambda: GaussianRBM(noise="loud"), "noise: expected one of data, model, both, pcd, got 'loud'"),
        (lambda: GaussianRBM(start=1.0), "start: expected below 0.474, where"),
        (lambda: Schedule(runs=0, steps=5), "runs: expected a whole number above 0, got 0"),
        (lambda: Schedule(runs=1, steps=5, save_every=2), "save_every: expected a divisor of steps = 5, got 2"),
    ],
)
def test_settings_are_checked_when_they_are_made(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (TeacherStudent(activation="tanh").widths, "activation: expected 'identity' for widths, got 'tanh'"),
        (TeacherStudent(activation="relu").displacement, "activation: expected 'identity' for displacement"),
        (TeacherStudent(activation="tanh").simulate, "batches: expected 'independent' or 'shared' for activation"),
        (TeacherStudent(symmetric_noise=True).displacement, "symmetric_noise: expected False for displacement"),
        (TeacherStudent(symmetric_noise=True, Z=teacher_student.Z_EQ26).widths, "symmetric_noise: expected False for"),
        (TeacherStudent(batches="shared", learning_rate=0.9).widths, "learning_rate: mean squares .* below 0.5"),
        (TeacherStudent(activation="tanh", kappa=[1.0] * 60).relaxation_times, f"networks of more than {LARGEST}"),
        (GaussianRBM(noise="pcd").displacements, "noise: expected 'data', 'model' or 'both' for displacements"),
        (GaussianRBM(hidden=3).displacements, "hidden: expected 10 or more for displacements, got 3"),
    ],
)
def test_what_is_not_known_of_a_setting_is_refused(ask: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask()


def test_symmetric_noise_without_a_hidden_layer_has_the_widths_of_any() -> None:
    np.testing.assert_array_equal(TeacherStudent(symmetric_noise=True).widths(), TeacherStudent().widths())


# --- signatures

FUNCTIONS = [
    getattr(module, name)
    for module in (teacher_student, gaussian_rbm, mlp, dyson)
    for name in module.__all__
    if inspect.isfunction(getattr(module, name))
]
FORWARDS = [one for one in FUNCTIONS if hasattr(one, "__signature__")]


def test_signatures() -> None:
    assert str(inspect.signature(teacher_student.relaxation_times)).split(" -> ")[0] == (
        "(*, Z: 'ArrayLike | None' = None, kappa: 'ArrayLike' = 4.0, inputs: 'int | None' = None, "
        "activation: 'str' = 'identity', batches: 'str' = 'averaged', learning_rate: 'float' = 0.1, "
        "momentum: 'float' = 0.0, batch_size: 'int' = 1)"
    )
    assert set(inspect.signature(gaussian_rbm.widths).parameters) == {
        *("learning_rate", "batch_size", "noise", "gibbs_steps", "finite_step", "kernel", "hidden", "mu2", "sigma_h")
    }
    required = [
        one.name for one in inspect.signature(gaussian_rbm.widths).parameters.values() if one.default is one.empty
    ]
    assert required == ["learning_rate", "batch_size"]
    for module, steps in ((teacher_student, 8000), (gaussian_rbm, 3500)):
        parameters = inspect.signature(module.simulate).parameters
        assert (parameters["runs"].default, parameters["steps"].default) == (1000, steps)
        assert {*Options.__annotations__, "keep_weights"} <= set(parameters)


def test_all_parameters_are_documented_once_and_shown_everywhere() -> None:
    assert len(FORWARDS) == 15
    for function in FORWARDS:
        text = inspect.getdoc(function) or ""
        for name in inspect.signature(function).parameters:
            assert text.count(f":param {name}:") == 1, f"{function.__name__}: {name}"


@pytest.mark.parametrize(
    ("arguments", "declared"),
    [
        (student_arguments.TrainingArguments, (TeacherStudent, Schedule)),
        (student_arguments.LinearArguments, (TeacherStudent,)),
        (student_arguments.RelaxationArguments, (TeacherStudent,)),
        (student_arguments.StationarityArguments, (TeacherStudent,)),
        (machine_arguments.TrainingArguments, (GaussianRBM, Schedule)),
        (machine_arguments.WidthArguments, (GaussianRBM,)),
        (machine_arguments.DisplacementArguments, (GaussianRBM,)),
        (machine_arguments.StationarityArguments, (GaussianRBM,)),
        (machine_arguments.TargetArguments, (GaussianRBM,)),
        (network_arguments.TrainingArguments, (MLP, Schedule)),
        (Options, (Schedule,)),
    ],
)
def test_type_checkers_are_told_the_types_of_the_fields(arguments: type, declared: tuple[type, ...]) -> None:
    types = {name: kind for one in declared for name, kind in typing.get_type_hints(one).items()}
    told = typing.get_type_hints(arguments)
    for name in told.keys() - {"keep_weights", "finite_step"}:
        assert told[name] == types[name], name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: teacher_student.widths(activation="tanh"),
            r"^widths\(\) got an unexpected keyword argument 'activation'$",
        ),
        (lambda: teacher_student.simulate(rate=1), r"^simulate\(\) got an unexpected keyword argument 'rate'$"),
        (lambda: TeacherStudent().simulate(noise=1), r"simulate\(\) got an unexpected keyword argument 'noise'$"),
        (
            lambda: gaussian_rbm.widths(noise="data"),
            r"^widths\(\) missing 2 required keyword-only arguments: 'learning_rate' and 'batch_size'$",
        ),
        (
            gaussian_rbm.relaxation_times,
            r"^relaxation_times\(\) missing 1 required keyword-only argument: 'learning_rate'$",
        ),
        (dyson.simulate, r"missing 4 required keyword-only arguments: 'centres', 'widths', 'runs', and 'steps'$"),
        (lambda: dyson.simulate([1.0]), "positional argument"),
    ],
)
def test_wrong_keywords_are_named_as_python_names_them(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_the_front_door_has_the_settings() -> None:
    assert simulators.TeacherStudent is teacher_student.TeacherStudent
    assert simulators.GaussianRBM is gaussian_rbm.GaussianRBM
    assert simulators.MLP is mlp.MLP


@pytest.mark.slow
def test_warnings_point_at_the_caller(tmp_path: Path) -> None:
    """In a process of its own, without the lines of the tests' type checker between."""
    code = """
import warnings
from simulators import GaussianRBM, TeacherStudent, dyson, teacher_student
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    teacher_student.simulate(runs=2, steps=5)
    TeacherStudent().simulate(runs=2, steps=5)
    GaussianRBM(kernel=[[4.0, 0.0], [0.0, 3.0]]).simulate(runs=2, steps=5)
    dyson.simulate(centres=[2.0, 1.0], widths=0.1, runs=2, steps=2)
    GaussianRBM(learning_rate=0.05, batch_size=1).simulate(runs=256, steps=3500, dtype="float32")
print([(one.lineno, one.filename == __file__, str(one.message).split()[-1]) for one in caught])
"""
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment)
    found = ast.literal_eval(done.stdout)
    assert [(line, here) for line, here, _ in found] == [(line, True) for line in (6, 7, 8, 9, 10)]
