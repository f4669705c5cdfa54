"""Probabilities in tables."""

import numpy as np
import pandas as pd
import pytest

import coulombfit as cf
from coulombfit.answers.tables import PROBABILITIES, as_text
from simulators import ensembles


@pytest.mark.parametrize("column", PROBABILITIES)
def test_tables_hold_no_probability_of_nought_or_one(column: str) -> None:
    table = pd.DataFrame({column: [5.06e-122, 0.0, 1.0, 0.0312, np.nan], "z": [1e-9, 0.0, 1.0, 0.0312, np.nan]})
    lines = [line.split() for line in as_text(table).splitlines()[1:]]
    assert [" ".join(line[1:-1]) for line in lines] == ["< 0.001", "< 0.001", "> 0.999", "0.031", "NaN"]
    assert [line[-1] for line in lines] == ["1e-09", "0", "1", "0.0312", "NaN"], "other numbers as they are"
    assert table[column].iloc[0] == 5.06e-122, "the table itself keeps its numbers"


def test_a_summary_of_a_rejected_snapshot_has_no_tiny_p() -> None:
    """A centre that moves by many standard errors."""
    early, late = (ensembles.one_species(centre=centre, sigma=0.05, runs=400, seed=0) for centre in (3.0, 4.0))
    noise = np.random.default_rng(0).normal(0.0, 0.01, early.shape)
    found = cf.stationarity(np.stack([early + noise, late], axis=1))
    assert found.table["p_value"].iloc[0] < 1e-100
    assert "e-1" not in found.summary()
    assert "< 0.001" in found.summary().splitlines()[2]
