"""Every public result is a Result: draws or tables, numbers, one sentence, and whether to use them."""

import inspect

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.answers.result import Result, Text

PARTS = ("tree", "table", "verdict", "ok", "summary")
RESULTS = [
    name
    for name in cf.__all__
    if inspect.isclass(getattr(cf, name)) and hasattr(getattr(cf, name), "summary") and name != "Diagnosis"
]


def test_all_results_are_seen() -> None:
    assert len(RESULTS) >= 14


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_has_all_parts_and_says_what_they_are(name: str) -> None:
    kind = getattr(cf, name)
    fields = set(kind.__dataclass_fields__)
    for part in PARTS:
        assert part in fields or inspect.getdoc(getattr(kind, part)), f"{name}.{part}"


@pytest.mark.slow
def test_fits_comparisons_and_evidence_are_results() -> None:
    x = cf.laws.OneSpeciesPair(4.0, 0.05).sample(__import__("jax").random.key(0), (60,))
    pairs = np.asarray(x, float)
    fits = {model: cf.fit(pairs, model, sampler="laplace") for model in ("gaussian", "one-species")}
    evidence = cf.evidence(fits)
    results = [*fits.values(), evidence, cf.compare(fits, evidence=evidence), cf.fit_many([pairs], "gaussian")]
    for result in results:
        assert isinstance(result, Result)
        assert result.ok is True
        assert isinstance(result.summary(), Text)
        assert result.verdict.endswith(".")
        assert result.tree.to_dict()
    assert "Describes the data" in fits["gaussian"].verdict
    assert evidence.tree["evidence"]["log_evidence"].sizes == {"model": 2}
    assert cf.moments(pairs).ok is True
    assert cf.predictive(fits["one-species"]).answer in set(Answer)
