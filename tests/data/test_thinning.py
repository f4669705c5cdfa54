"""Snapshots of one run as observations: memory, thinning, stationarity. False-alarm rates stand test by test."""

import contextlib
import logging
import re
import warnings

import numpy as np
import pytest
from scipy import signal, stats

import coulombfit as cf
from simulators import teacher_student


def ar1(phi: float, *shape: int, seed: int | np.random.Generator = 0) -> np.ndarray:
    """Stationary AR(1) of unit variance along the last axis; its inefficiency is (1 + φ)/(1 − φ)."""
    noise = np.random.default_rng(seed).normal(size=shape)
    noise[..., 1:] *= np.sqrt(1 - phi**2)
    return signal.lfilter([1.0], [1.0, -phi], noise, axis=-1)


def one_level(series: np.ndarray) -> np.ndarray:
    return 100.0 + series[..., None]


def pair(phi: float, *shape: int, seed: int | np.random.Generator = 0) -> np.ndarray:
    """Levels of a symmetric 2×2 matrix whose entries are AR(1): a degenerate pair with σ = 1 about 100."""
    rng = np.random.default_rng(seed)
    a, b, c = (ar1(phi, *shape, seed=rng) for _ in range(3))
    centre, half = 100.0 + (a + b) / 2, np.hypot((a - b) / 2, np.sqrt(0.5) * c)
    return np.stack([centre + half, centre - half], axis=-1)


def record(trajectory: np.ndarray, **arguments) -> dict:
    return cf.Spectra.from_trajectory(trajectory, **arguments).provenance["trajectory"]


def alarm(trajectory: np.ndarray) -> str:
    """The warning, or an empty string; refused or not."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            record(trajectory)
        except cf.DataError as error:
            assert "discard the beginning" in str(error) or not caught
    return "".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize("phi", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("runs", [1, 4])
def test_inefficiency_of_a_level(phi: float, runs: int) -> None:
    """n/g = 3000, where the estimate is good to about 5 %."""
    g = (1 + phi) / (1 - phi)
    found = record(one_level(ar1(phi, runs, int(3000 * g / runs))))
    assert found["inefficiency"] == pytest.approx(g, rel=0.15)
    assert (found["slowest"], found["autocorrelation_time"]) == ("level 0", found["inefficiency"] / 2)
    assert found["stride"] == np.ceil(2 * found["inefficiency"])


def test_inefficiency_of_a_width() -> None:
    """Random signs take the memory from the level and leave it, φ², to the squared deviation."""
    phi = 0.9
    signs = np.random.default_rng(1).choice([-1.0, 1.0], 40_000)
    found = record(one_level(signs * ar1(phi, 40_000)))
    assert found["inefficiency"] == pytest.approx((1 + phi**2) / (1 - phi**2), rel=0.15)
    assert found["slowest"] == "width of level 0"


def test_inefficiency_of_a_spacing_and_a_sum() -> None:
    """Levels that look white, with a slow small part that only one of their combinations shows."""
    slow, white = 0.2 * ar1(0.95, 60_000), np.random.default_rng(1).normal(size=60_000)
    apart = np.stack([102.5 + white + slow, 100 + white - slow], axis=-1)
    together = np.stack([100 + np.abs(white) + slow, 100 - np.abs(white) + slow], axis=-1)
    for trajectory, name in ((apart, "spacing"), (together, "sum")):
        found = record(trajectory)
        assert found["slowest"] == f"{name} of levels 0 and 1"
        assert found["inefficiency"] == pytest.approx(1.95 / 0.05, rel=0.2)
        resolved = record(trajectory + np.array([50.0, 0.0]))
        assert resolved["slowest"].startswith("level"), "resolved levels are inferred one by one"
        assert resolved["inefficiency"] < 10


def test_white_noise_has_none() -> None:
    found = record(one_level(ar1(0.0, 1, 5000)))
    assert 1.0 <= found["inefficiency"] < 1.15
    assert found["stride"] in (2, 3)


@pytest.mark.slow
def test_thinned_snapshots_cover_where_all_snapshots_do_not() -> None:
    """95 % intervals of the mean of a pair, 200 runs of n/g = 200; a nominal rate falls below 0.90 once in 800."""
    rng = np.random.default_rng(3)
    runs = [pair(0.8, 1800, seed=rng) for _ in range(200)]

    def coverage(samples: list[np.ndarray]) -> float:
        means = [sample.mean(axis=1) for sample in samples]
        return np.mean([stats.ttest_1samp(mean, 100.0).pvalue > 0.05 for mean in means])

    assert coverage([cf.Spectra.from_trajectory(run).eigenvalues for run in runs]) >= 0.90
    assert coverage(runs) < 0.60


@pytest.mark.slow
def test_one_long_run_of_a_student_obeys_the_surmise() -> None:
    """KS at 1e-3 against linear response; its start is a few memories long and found all the same."""
    setting = {"batch_size": 16, "noise": 0.1, "learning_rate": 0.1}
    run = teacher_student.simulate(runs=1, steps=50_000, save_every=5, seed=1, **setting)
    with pytest.warns(UserWarning, match="not stationary: width of level . falls from its early .* discard the begin"):
        cf.Spectra.from_trajectory(run.eigenvalues, steps=run.steps)
    spectra = cf.Spectra.from_trajectory(run.eigenvalues[:, 100:], steps=run.steps[100:], learning_rate=0.1)
    found = spectra.provenance["trajectory"]
    memory = teacher_student.relaxation_times(learning_rate=0.1)[0]
    assert found["autocorrelation_time"] == pytest.approx(memory, rel=0.2)
    assert found["unit"] == "steps"
    sigma_m = teacher_student.widths(**setting)[0]
    spacing = -np.diff(spectra.pair(0).eigenvalues, axis=1)[:, 0]
    assert len(spacing) > 800
    assert stats.kstest(spacing, lambda s: np.asarray(cf.laws.WignerSurmise(sigma_m).cdf(s))).pvalue > 1e-3
    assert stats.kstest(spacing, lambda s: np.asarray(cf.laws.WignerSurmise(1.1 * sigma_m).cdf(s))).pvalue < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("runs", "n"), [(1, 900), (4, 225)])
def test_stationary_series_seldom_alarm(runs: int, n: int) -> None:
    """800 series of n/g = 100: at nominal rates, above 18 at p < 0.01 or 4 at p < 0.001 once in 1600 and 700."""
    rng = np.random.default_rng(5)
    p = []
    for _ in range(800):
        series = one_level(ar1(0.8, runs, n, seed=rng))
        with warnings.catch_warnings(), contextlib.suppress(cf.DataError):
            warnings.simplefilter("ignore")
            p.append(record(series)["stationarity"]["p"])
    assert len(p) > 700
    assert np.sum(np.less(p, 1e-2)) <= 18
    assert np.sum(np.less(p, 1e-3)) <= 4


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_a_drift_of_one_standard_deviation_is_caught(phi: float) -> None:
    """n/g = 1000. A ramp looks like memory to each half and is found in 84 to 93 of 100 (measured), steps in all."""
    n = int(1000 * (1 + phi) / (1 - phi))
    ramp = np.linspace(0.0, 1.0, n)
    series = [ar1(phi, n, seed=seed) for seed in range(20)]
    assert sum("level 0 rises from its early" in alarm(one_level(noise + ramp)) for noise in series) >= 14
    for noise in series[:10]:
        assert "level 0 falls from its early" in alarm(one_level(noise + (ramp < 0.25)))
        assert "width of level 0 falls" in alarm(one_level(noise * (1.0 + 0.6 * (ramp < 0.5))))


def test_what_is_kept_and_recorded(tmp_path, caplog, capsys) -> None:
    x = pair(0.8, 3, 2000)[:, :, ::-1]
    with caplog.at_level(logging.INFO, logger="coulombfit"):
        spectra = cf.Spectra.from_trajectory(
            x, steps=np.arange(2000) * 5 + 7, learning_rate=0.1, batch_size=16, targets=[100, 100], name="long",
            provenance={"seed": 3},
        )  # fmt: skip
    found = spectra.provenance["trajectory"]
    stride = found["stride"]
    kept = np.concatenate([run[::-1][::stride][::-1, ::-1] for run in x])
    np.testing.assert_array_equal(spectra.eigenvalues, kept)
    assert (found["snapshots"], found["runs"], found["kept"]) == (2000, 3, len(kept))
    assert found["autocorrelation_time"] == 2.5 * found["inefficiency"]
    assert found["stationarity"]["p"] > 1e-3
    assert re.match(
        rf"kept {len(kept)} of 6000 snapshots of 3 run.*one in {stride}.*steps; .*agree", found["described"]
    )
    assert caplog.messages == [found["described"]]
    assert capsys.readouterr() == ("", "")
    assert spectra.provenance["seed"] == 3
    assert (spectra.learning_rate, spectra.batch_size, spectra.name) == (0.1, 16.0, "long")
    spectra.save(tmp_path / "kept.nc")
    assert cf.read(tmp_path / "kept.nc").provenance["trajectory"] == found


def test_units_do_not_matter() -> None:
    x = pair(0.5, 1500)
    here, there = record(x), record(1e-12 * x)
    assert there["stride"] == here["stride"]
    assert there["inefficiency"] == pytest.approx(here["inefficiency"])
    assert there["stationarity"]["z"] == pytest.approx(here["stationarity"]["z"])


def test_short_trajectories_say_what_they_need() -> None:
    x = one_level(ar1(0.9, 4000))
    with pytest.raises(
        cf.DataError, match=r"expected at least 20 independent snapshots.*got 300, which leave"
    ) as refusal:
        record(x[:300])
    needed = int(re.search(r"about (\d+) snapshots of each of 1 run", str(refusal.value)).group(1))
    assert 300 < needed < 2000
    assert record(x[: 2 * needed])["kept"] >= 20


def test_many_short_runs_give_one_snapshot_each() -> None:
    """Runs shorter than their memory are independent of each other all the same."""
    spectra = cf.Spectra.from_trajectory(one_level(ar1(0.999, 60, 40)))
    assert 60 <= spectra.runs <= 120


def test_runs_that_disagree_are_not_independent_snapshots() -> None:
    with pytest.raises(cf.DataError, match="at least 20 independent"):
        record(one_level(ar1(0.5, 3, 2000) + np.array([[0.0], [2.0], [4.0]])))


NOISE = ar1(0.0, 200, 2) + np.array([103.0, 100.0])


@pytest.mark.parametrize(
    ("eigenvalues", "steps", "message"),
    [
        (
            NOISE[:, 0],
            None,
            r"eigenvalues: expected shape \(snapshot, level\) or \(run, snapshot, level\), got \(200,\)",
        ),
        (np.zeros((0, 200, 2)), None, r"eigenvalues: expected shape .* got \(0, 200, 2\)"),
        (NOISE[:15], None, "eigenvalues: expected at least 16 snapshots of a run, got 15"),
        (np.where(NOISE > 104, np.nan, NOISE), None, "eigenvalues: expected finite"),
        (NOISE * [1, 0] + [0, 7], None, "got level 1 constant over half of run 0 or more"),
        (np.stack([NOISE, NOISE * [1, 0] + [0, 7]]), None, "got level 1 constant over half of run 1 or more"),
        (np.where(np.arange(200)[:, None] < 100, NOISE, [[103.0, 100.0]]), None, "got level 0 constant over half"),
        (NOISE, np.arange(199), r"steps: expected shape \(200,\), one per snapshot, got \(199,\)"),
        (NOISE, np.arange(200) ** 2, "steps: expected ascending, equally spaced, got 1 to 397 apart"),
        (NOISE, -np.arange(200), "steps: expected ascending"),
        (NOISE, np.zeros(200), "steps: expected ascending"),
        (NOISE - 200, None, "eigenvalues: squared singular values cannot be negative"),
    ],
)
def test_bad_trajectories_are_refused(eigenvalues, steps, message) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.Spectra.from_trajectory(eigenvalues, steps=steps)
