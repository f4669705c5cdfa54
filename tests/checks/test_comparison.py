"""Comparison: the right model wins, ties are ties, and what cannot be compared is refused."""

import dataclasses

import jaxtyping
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from scipy import special, stats

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.fits.evidence import check_fits
from coulombfit.inference.description import Description, describe
from coulombfit.runtime.errors import ArgumentError
from coulombfit.samplers.psis_loo import leave_one_out

MODELS = ("gaussian", "one-species", "two-species")
QUICK = cf.Sampling(draws=300)


@pytest.fixture(scope="module")
def comparison(pairs: np.ndarray) -> cf.Comparison:
    sampling = cf.Sampling(draws=300, per_run_draws=100)
    return cf.compare({model: cf.fit(pairs, model, sampler="laplace", sampling=sampling) for model in MODELS})


def test_two_species_win_on_their_own_data(comparison: cf.Comparison) -> None:
    table = comparison.table
    assert list(table.index) == ["two-species", "one-species", "gaussian"]
    assert comparison.winner == "two-species"
    assert -table.loc["one-species", "elpd_diff"] > 5 * table.loc["one-species", "diff_se"]
    assert "two-species is preferred over one-species by" in comparison.verdict
    assert table["pareto_k_bad"].sum() == 0


def test_the_sign_and_the_error_are_as_documented(comparison: cf.Comparison) -> None:
    table, runs = comparison.table, comparison.tree["loo_pointwise"]
    assert table["elpd_diff"].iloc[0] == 0
    assert (table["elpd_diff"].iloc[1:] < 0).all()
    difference = (runs["gaussian"] - runs["two-species"]).to_numpy()
    assert table.loc["gaussian", "elpd_diff"] == pytest.approx(difference.sum())
    assert table.loc["gaussian", "diff_se"] == pytest.approx(np.sqrt(difference.size) * difference.std(ddof=1))
    assert runs.sizes["run"] == 3000
    assert list(comparison.tree["comparison"]["model"].to_numpy()) == list(table.index)


@pytest.mark.slow
def test_elpd_is_leave_one_out_by_refitting(few: np.ndarray) -> None:
    """The Gaussian null has a near-exact answer: refit without each run and score it there."""
    x = few[:16]
    fits = {model: cf.fit(x, model, sampler="laplace") for model in ("gaussian", "one-species")}
    table = cf.compare(fits).table
    scores = []
    for left_out in range(len(x)):
        fit = cf.fit(np.delete(x, left_out, axis=0), "gaussian", sampler="laplace")
        centre, sigma = (fit.tree["posterior"][name].to_numpy().ravel() for name in ("centre", "sigma"))
        scores.append(np.log(np.mean(2 * stats.norm.pdf(x[left_out, :, None], centre, sigma).prod(axis=0))))
    assert table.loc["gaussian", "elpd"] == pytest.approx(sum(scores), abs=0.1)


def test_all_runs_at_once_are_smoothed_as_arviz_does_one() -> None:
    """Weights from nearly equal ones to those of infinite variance."""
    rng = np.random.default_rng(0)
    spread = np.exp(rng.uniform(-6.0, 1.5, (60, 1)))
    x = rng.standard_normal((60, 400))
    log_likelihood = -0.5 * (rng.standard_normal((60, 1)) + spread * x) ** 2
    elpd, k_hat, counted = leave_one_out(log_likelihood, 0.64)
    assert k_hat.min() < 0.1
    assert k_hat.max() > 1.0
    for k, values in enumerate(log_likelihood):
        one, shape, parameters = array_stats.loo(values.reshape(4, 100), chain_axis=0, draw_axis=1, r_eff=0.64)
        np.testing.assert_allclose(
            [elpd[k], k_hat[k], counted[k] - elpd[k]], [one, shape, parameters], rtol=1e-9, atol=1e-12
        )


def test_weights_that_cannot_be_smoothed_are_not_called_good() -> None:
    elpd, k_hat, _ = leave_one_out(np.full((2, 100), -1.0), 1.0)
    np.testing.assert_allclose(elpd, -1.0)
    assert not (k_hat <= 0.7).any()


@pytest.mark.slow
def test_equals_have_no_preference_and_the_simpler_is_named(few: np.ndarray) -> None:
    comparison = cf.compare(
        {model: cf.fit(few, model, sampler="laplace", sampling=QUICK) for model in ("two-species", "one-species")}
    )
    assert comparison.winner == "one-species"
    assert comparison.verdict.startswith("the data cannot tell one-species from two-species")
    assert comparison.answer is Answer.CANNOT_TELL


def test_the_verdict_says_when_it_cannot_be_trusted(comparison: cf.Comparison) -> None:
    table = comparison.table.assign(pareto_k_bad=[0, 7, 0])
    doubtful = cf.Comparison(table, comparison.pointwise, {"one-species": False, "two-species": True})
    assert doubtful.answer is Answer.CANNOT_TELL
    assert doubtful.verdict.startswith("the data cannot tell: ")
    assert "7 Pareto k̂ above the limit" in doubtful.verdict
    assert "the fit of one-species has not converged" in doubtful.verdict


def made_up(evidence: cf.Evidence | None = None, **elpds: np.ndarray) -> cf.Comparison:
    """A comparison of given per-run elpds; the first model has fewest parameters."""
    totals = {name: values.sum() for name, values in elpds.items()}
    table = pd.DataFrame({"elpd": totals, "parameters": dict(zip(elpds, range(len(elpds)), strict=True))})
    table = table.assign(pareto_k_bad=0).sort_values("elpd", ascending=False)
    table = table.assign(elpd_diff=table["elpd"] - table["elpd"].max(), diff_se=0.0)
    per_run = xr.Dataset({k: ("run", v) for k, v in elpds.items()})
    return cf.Comparison(table, per_run, dict.fromkeys(elpds, True), evidence)


def weighed(**log_evidence: float) -> cf.Evidence:
    """Evidence of given logarithms, whatever the prior."""
    table = pd.DataFrame({"log_evidence": log_evidence}).sort_values("log_evidence", ascending=False)
    table = table.assign(se=0.001, pareto_k=0.1, log_bayes_factor=table["log_evidence"] - table["log_evidence"].max())
    table["probability"] = special.softmax(table["log_evidence"])
    return cf.Evidence(table, pd.DataFrame(0.0, table.index, ["r towards 0"]))


def test_a_preference_is_never_denied() -> None:
    """C is beaten by b, though a, the best on average, is too noisy to beat it."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, 400))
    noise -= noise.mean(axis=1, keepdims=True)
    c = np.zeros(400)
    b = c + 50 / 400 + 0.25 * noise[0]
    a = c + 100 / 400 + 3.0 * noise[1]
    comparison = made_up(c=c, b=b, a=a)
    assert not comparison.preferred("a", "c")
    assert comparison.preferred("b", "c")
    assert comparison.winner == "b"
    assert "b is preferred over c by 10.0 standard errors" in comparison.verdict
    assert "the data cannot tell b from a" in comparison.verdict


def test_models_that_differ_by_a_constant_have_no_standard_errors_to_count() -> None:
    one = np.random.default_rng(0).normal(size=100)
    assert made_up(one=one, two=one + 0.5).verdict == "two is preferred over one (Δelpd 50.0, the same in every run)."
    assert made_up(one=one, two=one).verdict == "the data cannot tell one from two (Δelpd 0.0, the same in every run)."


def test_a_broken_fit_is_not_compared(few: np.ndarray) -> None:
    fits = {model: cf.fit(few, model, sampler="laplace", sampling=QUICK) for model in ("gaussian", "one-species")}
    broken = fits["gaussian"].tree.copy(deep=True)
    broken["log_likelihood"]["eigenvalues"][0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="the log likelihood of 'gaussian' is not finite"):
        cf.compare({**fits, "gaussian": cf.Fit(broken)})


@pytest.mark.slow
def test_an_outlier_is_counted_by_pareto_k(few: np.ndarray) -> None:
    wild = few[:5].copy()
    wild[0] += 3.0
    table = cf.compare(
        {model: cf.fit(wild, model, sampler="laplace", sampling=QUICK) for model in ("gaussian", "one-species")}
    ).table
    assert table["pareto_k_bad"].sum() >= 1


def test_what_cannot_be_compared_is_refused(few: np.ndarray) -> None:
    pair = cf.fit(few, "one-species", sampler="laplace", sampling=QUICK)
    with pytest.raises(ValueError, match="'b' were fitted to different data"):
        cf.compare({"a": pair, "b": cf.fit(few + 0.01, "one-species", sampler="laplace", sampling=QUICK)})
    with pytest.raises(ValueError, match="'a' describes a run by its pair, 'b' by its spacing"):
        cf.compare({"a": pair, "b": cf.fit(few, "one-species", "spacing", sampler="laplace", sampling=QUICK)})
    with pytest.raises(ValueError, match="expected at least two to compare, got 1"):
        cf.compare({"a": pair})


def test_a17_a_list_of_fits_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="fits: expected fits by name"):
        cf.compare([])  # type: ignore[arg-type]


def noisy(gain: float) -> dict[str, np.ndarray]:
    """Per-run elpds of a simple model and of one that is better by ``gain`` ± 3 in all."""
    noise = np.random.default_rng(1).normal(size=400)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    return {"one": np.zeros(400), "two": gain / 400 + 3.0 * noise / 20.0}


@pytest.mark.parametrize(
    ("gain", "one", "two", "answer", "said"),
    [
        (30.0, 0.0, 20.0, Answer.YES, "the evidence is for two, too (posterior probability > 0.999)"),
        (30.0, 0.0, 1.0, Answer.YES, "is best for two, but does not tell it from one by 20 to 1"),
        (30.0, 1.0, 0.0, Answer.CANNOT_TELL, "has another best, one, which it does not tell from two by 20 to 1"),
        (30.0, 20.0, 0.0, Answer.CANNOT_TELL, "the evidence DISAGREES: it is for one"),
        (1.0, 20.0, 0.0, Answer.CANNOT_TELL, "the evidence is for one (posterior probability > 0.999)"),
        (1.0, 0.0, 1.0, Answer.CANNOT_TELL, "has another best, two, which it does not tell from one by 20 to 1"),
        (1.0, 0.0, 20.0, Answer.CANNOT_TELL, "the evidence is for another, two"),
    ],
)
def test_a6_two_judges_of_different_winners_are_not_called_agreement(gain, one, two, answer, said) -> None:
    found = made_up(weighed(one=one, two=two), **noisy(gain))
    assert found.answer is answer
    assert said in found.verdict
    assert "does not object" not in found.verdict
    if answer is Answer.CANNOT_TELL:
        assert found.verdict.startswith("the data cannot tell")


def test_the_best_is_a_reference_and_no_probability_is_0_or_1() -> None:
    text = made_up(weighed(one=0.0, two=300.0), **noisy(30.0)).summary()
    assert text.count("(reference)") == 2
    assert "−" not in text.splitlines()[1]
    assert "> 0.999" in text.splitlines()[4]
    assert "< 0.001" in text.splitlines()[5]
    assert "e-1" not in text


def test_the_best_law_of_several_may_not_describe_the_data() -> None:
    found = made_up(**noisy(30.0))
    bad = Description(Answer.NO, {"spacing": 1e-40, "tails": 0.3}, 400)
    good = Description(Answer.YES, {"spacing": 0.2}, 400)
    of_two = dataclasses.replace(found, descriptions={"one": good, "two": bad})
    assert of_two.verdict.endswith("but two does NOT describe the data (spacing, p < 0.001).")
    assert "describe" not in dataclasses.replace(found, descriptions={"one": bad, "two": good}).verdict


@pytest.mark.usefixtures("unchecked")  # which would look at a description itself
def test_only_the_winner_is_described(few: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = {name: cf.fit(few, name, sampler="laplace", sampling=QUICK) for name in ("gaussian", "one-species")}
    described = []
    monkeypatch.setattr(
        "coulombfit.inference.fit_result.describe", lambda tree, pooled: described.append(tree) or describe(tree)
    )
    found = cf.compare(fits)
    assert described == []
    assert str(found.verdict) == str(found.verdict)
    assert [id(tree) for tree in described] == [id(fits[found.winner].tree)]
    assert set(found.descriptions) == set(fits)
    assert all(one.p_values for one in found.descriptions.values())
    assert len(described) == 2


def test_what_is_no_fit_is_named(few: np.ndarray) -> None:
    pair = cf.fit(few, "one-species", sampler="laplace", sampling=QUICK)
    with pytest.raises(ArgumentError, match="fits: expected fits, got str under 'b'"):
        check_fits({"a": pair, "b": "pair"}, least=2)
    with pytest.raises(ArgumentError, match=r"fits: expected fits by name, .* got Fit"):
        check_fits(pair, least=2)
