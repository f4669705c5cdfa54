"""Priors and known values as text, in the command line and in TOML."""

import json
from pathlib import Path

import numpy as np
import numpyro.distributions as dist
import pytest
from typer.testing import CliRunner

import coulombfit as cf
from coulombfit.cli.app import app
from coulombfit.cli.exit import Exit
from coulombfit.models.prior_text import fixed_from_text, prior_from_text, priors_from_text
from simulators import ensembles


def test_laws_by_name_and_numbers() -> None:
    found = priors_from_text(["sigma ~ LogNormal(-3, 1)", "centre ~ Uniform(low=3, high=5)", "r~Beta(1, 3)"])
    assert list(found) == ["sigma", "centre", "r"]
    assert isinstance(found["sigma"], dist.LogNormal)
    assert (found["sigma"].loc, found["sigma"].scale) == (-3.0, 1.0)
    assert (found["centre"].low, found["centre"].high) == (3.0, 5.0)
    assert prior_from_text("TruncatedNormal(0.05, 0.01, low=0)").support.lower_bound == 0
    several = prior_from_text("LogNormal([-3, -2], 1)")
    np.testing.assert_array_equal(several.loc, [-3.0, -2.0])
    assert fixed_from_text(["centre=4.0", " sigma = [0.05, 0.1] "]) == {"centre": 4.0, "sigma": [0.05, 0.1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sigma", "prior: expected a parameter and its law, as 'sigma ~ LogNormal"),
        ("sigma ~ 3", "prior: expected a law with its numbers"),
        ("sigma ~ LogNormal", "prior: expected a law with its numbers"),
        ("sigma ~ LogNormal(-3,", "prior: expected a law with its numbers"),
        ("sigma ~ __import__('os').system('true')", "prior: expected a law with its numbers"),
        ("sigma ~ LogNormal(__import__('os'), 1)", "prior: expected a law with its numbers"),
        ("sigma ~ Lognormal(-3, 1)", "prior: expected the name of a law of numpyro.distributions, got 'Lognormal'"),
        ("sigma ~ biject_to(1)", "prior: expected the name of a law of numpyro.distributions, got 'biject_to'"),
        ("sigma ~ LogNormal(-3, -1)", r"prior: LogNormal\(-3, -1\) is no law"),
        ("sigma ~ LogNormal(1, 2, 3, 4, 5)", "is no law"),
        ("sigma ~ MixtureSameFamily(1, 2)", "is no law"),
        ("sigma ~ TwoSidedTruncatedDistribution(1, 2)", "is no law"),
    ],
)
def test_other_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(cf.ArgumentError, match=message):
        priors_from_text([text])


def test_what_is_said_twice_is_refused() -> None:
    with pytest.raises(cf.ArgumentError, match="prior: expected one law of sigma, got two"):
        priors_from_text(["sigma ~ HalfNormal(1)", "sigma ~ HalfNormal(2)"])
    with pytest.raises(cf.ArgumentError, match="fix: expected one value of centre, got two"):
        fixed_from_text(["centre=4", "centre=5"])
    for text in ("centre", "=4", "centre=four", "centre=1+"):
        with pytest.raises(cf.ArgumentError, match="fix: expected a"):
            fixed_from_text([text])


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("warnings.showwarning", __import__("warnings").showwarning)
    monkeypatch.chdir(tmp_path)
    x = ensembles.one_species(centre=4.0, sigma=0.05, runs=120, seed=2)
    np.savez(tmp_path / "pairs.npz", eigenvalues=x)
    return tmp_path / "pairs.npz"


@pytest.mark.slow
def test_the_command_takes_priors_and_known_values(pairs: Path) -> None:
    asked = ["--prior", "sigma ~ LogNormal(-3, 0.5)", "--fix", "centre=4.0", "--quiet", "--json"]
    done = CliRunner().invoke(app, ["fit", str(pairs), *asked])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert list(found["parameters"]) == ["sigma", "mean_spacing"]
    assert found["given"] == {"prior": ["sigma ~ LogNormal(-3, 0.5)"], "fix": ["centre=4.0"]}
    fit = cf.Fit.load(found["file"])
    assert "centre ~ known, 4" in fit.summary()
    # another prior is another result, and not written over this one
    other = CliRunner().invoke(app, ["fit", str(pairs), "--prior", "sigma ~ LogNormal(-3, 1)", "--quiet"])
    assert other.exit_code == Exit.USAGE
    assert "it holds a one-species fit (pair, given" in other.output
    again = CliRunner().invoke(app, ["fit", str(pairs), *asked])
    assert again.exit_code == 0, again.output
    wrong = CliRunner().invoke(
        app,
        ["compare", str(pairs), "--model", "one-species", "--model", "two-species", "--fix", "sigma=0.05", "--quiet"],
    )
    assert wrong.exit_code == Exit.USAGE
    assert "fixed: expected parameters that two-species samples" in wrong.output
