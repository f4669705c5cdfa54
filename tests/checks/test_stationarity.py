"""The last snapshots of an ensemble against each other."""

from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.answers.answer import Answer

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "teacher_student"


def ensemble(rng: np.random.Generator, runs: int, memory: float = 0.8, snapshots: int = 6) -> np.ndarray:
    """Stationary AR(1) sums and Rayleigh-like spacings: three independent Gaussians behind a pair."""
    hidden = np.zeros((runs, snapshots, 3))
    hidden[:, 0] = rng.standard_normal((runs, 3))
    for t in range(1, snapshots):
        hidden[:, t] = memory * hidden[:, t - 1] + np.sqrt(1 - memory**2) * rng.standard_normal((runs, 3))
    middle, half = 4 + 0.1 * hidden[..., 0], 0.1 * np.hypot(hidden[..., 1], hidden[..., 2])
    return np.stack([middle + half, middle - half], axis=2)


def test_false_alarms_come_at_their_rate() -> None:
    """At 1 % for every snapshot among five: fewer than 2 % of 300 stationary ensembles per snapshot."""
    rng = np.random.default_rng(1)
    p = np.array([cf.stationarity(ensemble(rng, 100)).table["p_value"] for _ in range(300)])
    assert (p < 0.01).mean() < 0.02
    assert (p < 0.5).any()


def test_drifts_are_found() -> None:
    """A shift of 0.3 sd, a width 20 % too small, spacings 10 % too small: in 1000 runs."""
    rng = np.random.default_rng(2)
    x = ensemble(rng, 1000)
    x[:, :3] -= 0.03
    found = cf.stationarity(x, steps=[0, 10, 20, 30, 40, 50])
    assert found.since == 3
    assert found.table.loc[2, "quantity"] == "the centre of levels 0, 1"
    assert found.table.loc[2, "change"] == pytest.approx(0.3, abs=0.06)
    assert found.answer is Answer.YES
    assert found.verdict == (
        "stationary since step 30: nothing differs from the last snapshot, step 50, and changes by "
        f"more than {found.excluded:.2g} of squared widths or of sd of centres are excluded."
    )
    x = ensemble(rng, 1000)
    middle = x.mean(axis=2, keepdims=True)
    x[:, 4] = (middle + 0.9 * (x - middle))[:, 4]
    found = cf.stationarity(x)
    assert found.since is None
    assert found.answer is Answer.NO
    assert "NOT stationary" in found.verdict
    assert "p < 0.001" in found.verdict
    assert found.table.loc[4, "quantity"] == "the spacing of levels 0, 1"


def test_few_runs_cannot_tell_whether_they_are_stationary() -> None:
    """Of 20 runs a width may double unseen."""
    found = cf.stationarity(ensemble(np.random.default_rng(4), 20, memory=0.0))
    assert found.since == 0
    assert found.excluded > 1.0
    assert found.answer is Answer.CANNOT_TELL
    assert found.verdict.startswith("the data cannot tell whether the ensemble is stationary: since step 0 nothing")
    assert "are not excluded" in found.verdict


def shrunk(x: np.ndarray, share: float) -> np.ndarray:
    """Two snapshots, the first with squared widths and spacings smaller by ``share`` of the later ones."""
    middle = x[:, 0].mean(axis=0)
    return np.stack([middle + np.sqrt(1.0 - share) * (x[:, 0] - middle), x[:, 1]], axis=1)


def test_a_yes_excludes_the_size_that_is_stated() -> None:
    """Where squared widths change by 0.6, more than the 0.5 that matters, of 200 data sets each no more than 5 in 100
    say yes (nominal: 5 % of one end of the interval over the number of quantities, six): 19 of 200 would be found with
    probability 0.001. With 40 runs, of which half a width cannot be told, and with 400, which see it, too."""
    rng = np.random.default_rng(6)
    for runs in (40, 400):
        said = [cf.stationarity(shrunk(ensemble(rng, runs, snapshots=2), 0.6)).answer for _ in range(200)]
        assert said.count(Answer.YES) < 19, runs
        assert runs < 400 or said.count(Answer.NO) >= 190


def test_stationary_ensembles_are_told_from_400_runs_on_and_not_from_40() -> None:
    rng = np.random.default_rng(7)
    told = {runs: [cf.stationarity(ensemble(rng, runs, snapshots=2)).answer for _ in range(100)] for runs in (40, 400)}
    assert told[400].count(Answer.YES) >= 90
    assert told[40].count(Answer.YES) <= 10
    assert sum(said.count(Answer.NO) for said in told.values()) <= 7


def test_what_cannot_be_compared() -> None:
    x = ensemble(np.random.default_rng(3), 20)
    with pytest.raises(cf.DataError, match=r"eigenvalues: expected shape \(run, snapshot, level\), 10 runs"):
        cf.stationarity(x[:5])
    with pytest.raises(cf.DataError, match=r"steps: expected shape \(6,\), ascending, got shape \(2,\)"):
        cf.stationarity(x, steps=[1, 2])
    with pytest.raises(cf.DataError, match="fluctuate, got the centre of level 0 changing alike"):
        cf.stationarity(np.ones((20, 3, 1)))


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public spectra are not here")
def test_public_snapshots_are_copies() -> None:
    """Epochs repeat the noise of the first, so that runs end each epoch where they ended the last."""
    with np.load(PUBLIC / "TSmodel_lr0.1n0.1bs16.npz") as file:
        x = np.linalg.svd(file["W"], compute_uv=False) ** 2
    with pytest.raises(cf.DataError, match=r"changing alike in all runs from snapshot \d to the last; copies"):
        cf.stationarity(x)
    found = cf.stationarity(x[:, :2])
    assert found.since is None, "the start is told apart"
