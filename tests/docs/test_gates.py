"""Which tests run when: each in some gate, gates by commands that are told, claims by tests that exist."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tests.md").read_text(encoding="utf-8")
GATES = {"fast": "not slow and not long", "slow": "slow and not long", "nightly": "long"}

COLLECT = """
import contextlib, io, json, sys
import pytest

class Collected:
    def pytest_collection_modifyitems(self, items):
        self.marks = {item.nodeid: sorted({mark.name for mark in item.iter_markers()}) for item in items}

found = Collected()
with contextlib.redirect_stdout(io.StringIO()):
    code = pytest.main(["--collect-only", "-q", "-m", "slow or not slow", "tests"], plugins=[found])
assert code == 0, code
print(json.dumps(found.marks))
"""


@pytest.fixture(scope="module")
def marks() -> dict[str, list[str]]:
    """Of every test there is, whatever gate it is in."""
    plain = {name: value for name, value in os.environ.items() if name != "COULOMBFIT_CHECK_TYPES"}
    done = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=ROOT, env=plain, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def expression(command: str) -> str | None:
    """What a command selects tests by; None where it runs no tests. Without -m, pyproject.toml decides."""
    words = shlex.split(command, comments=True)
    if "pytest" not in words:
        return None
    arguments = words[words.index("pytest") + 1 :]
    assert not any(word.endswith(".py") or "::" in word or word == "-k" for word in arguments), (
        "a gate leaves no file out"
    )
    if "-m" in arguments:
        return arguments[arguments.index("-m") + 1]
    addopts = re.search(r"^addopts = \"(.*?)\"", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert addopts is not None
    words = shlex.split(addopts.group(1))
    return words[words.index("-m") + 1]


def expressions(text: str) -> set[str]:
    return {found for line in text.splitlines() if (found := expression(line)) is not None}


def gate_of(names: list[str]) -> str:
    (gate,) = [gate for gate, rule in GATES.items() if Expression.compile(rule).evaluate(lambda one: one in names)]
    return gate


def scripts() -> set[str]:
    """Expressions of both scripts; one of them runs the README's own command."""
    readme = re.findall(
        r"^python3 -m venv .*-m pytest.*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(readme) == 1
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in run
    # what is searched for in the README is no command
    lines = [line for line in run.splitlines() if "README.md" not in line]
    nightly = (ROOT / ".ci" / "nightly").read_text(encoding="utf-8")
    return expressions(readme[0].split("&&")[-1]) | expressions("\n".join(lines)) | expressions(nightly)


@pytest.mark.slow
def test_every_test_is_run_by_a_gate(marks) -> None:
    """By the commands of .ci/run and .ci/nightly, and by those that the page tells."""
    rows = re.findall(r"^\| (fast|slow|nightly) \|.*\| `(python -m pytest[^`]*)` \|$", PAGE, flags=re.MULTILINE)
    assert [gate for gate, _ in rows] == list(GATES)
    told = {str(expression(command)) for _, command in rows}
    for selected in (scripts(), told):
        rules = [Expression.compile(rule) for rule in selected]
        left_out = [
            name
            for name, names in marks.items()
            if not any(rule.evaluate(lambda one, n=names: one in n) for rule in rules)
        ]
        assert not left_out, left_out
    for gate, command in rows:
        rule = Expression.compile(str(expression(command)))
        assert all(rule.evaluate(lambda one, n=names: one in n) for names in marks.values() if gate_of(names) == gate)


@pytest.mark.slow
def test_every_claim_names_tests_that_exist_and_their_gate(marks) -> None:
    gates: dict[str, set[str]] = {}
    for name, names in marks.items():
        gates.setdefault(name.partition("[")[0], set()).add(gate_of(names))
    claims = re.findall(r"^\| (.+?) \| ((?:`tests/[^`]+`[ ]?)+) \| ([a-z, ]+) \|$", PAGE, flags=re.MULTILINE)
    assert len(claims) > 30
    assert len(claims) == PAGE.count("\n| ") - 5, "a line of the table is none of these"
    for claim, cited, told in claims:
        tests = re.findall(r"`([^`]+)`", cited)
        for test in tests:
            assert test in gates, f"{claim}: there is no {test}"
        there = set().union(*(gates[test] for test in tests))
        assert [gate for gate in GATES if gate in there] == told.split(", "), claim


def test_commands_are_read_as_a_shell_reads_them() -> None:
    assert expression(".venv/bin/python -m pytest -n 2 -m slow -rs") == "slow"
    assert expression("python -m pytest -m 'slow or long'") == "slow or long"
    assert expression("python -m pytest") == GATES["fast"]
    assert expression(".venv/bin/mypy") is None
    with pytest.raises(AssertionError, match="leaves no file out"):
        expression("python -m pytest tests/laws/test_pair_laws.py")
    assert [gate_of(names) for names in ([], ["slow"], ["long"], ["long", "slow"])] == [
        "fast",
        "slow",
        "nightly",
        "nightly",
    ]


def test_scripts_run_every_gate() -> None:
    assert scripts() == {GATES["fast"], "slow", "long or slow"}  # that of the laws is the fast one
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for folder in re.findall(r"--ignore=(\S+)", "\n".join(run)):
        assert any(line.endswith(f" {folder}") and "-m slow" in line for line in run), f"nothing runs {folder}"
