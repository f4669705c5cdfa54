"""Recording while training: what is taken, what is on disk, going on with it, and what is refused."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from tests.data.recordings import EYE, near, record


def test_what_is_logged_is_read_back(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(0, 30, 3), learning_rate=0.1, batch_size=16, targets=[4, 4], name="mine")
    data = cf.recording(tmp_path / "run")
    np.testing.assert_array_equal(data["eigenvalues"], x)
    np.testing.assert_array_equal(data["step"], range(0, 30, 3))
    assert data["eigenvalues"].dims == ("snapshot", "level")
    assert set(data["learning_rate"].to_numpy()) == {0.1}
    assert (data.attrs["name"], data.attrs["layer"], data.attrs["targets"]) == ("mine", "weights", [4.0, 4.0])
    data.to_netcdf(tmp_path / "all.nc", engine="h5netcdf")
    # whole files only, in one piece
    assert {path.suffix for path in (tmp_path / "run").iterdir()} <= {".json", ".nc", ".lock"}
    assert len(list((tmp_path / "run").glob("*.nc"))) == 1


def test_weights_are_taken_as_they_are_at_the_call(tmp_path: Path) -> None:
    w = EYE.copy()
    with cf.Recorder(tmp_path / "run") as recorder:
        for step in range(3):
            recorder.log(step, w)
            w *= 2.0
    np.testing.assert_allclose(cf.recording(tmp_path / "run")["eigenvalues"][:, 0], [4.0, 16.0, 64.0])


def test_arrays_of_jax_in_any_precision(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(
            jnp.int32(1), jnp.asarray(EYE, jnp.float32), learning_rate=jnp.float32(0.5), batch_size=np.int64(8)
        )
        recorder.log(np.int64(2), jnp.asarray(EYE, jnp.bfloat16))
        recorder.log(3, EYE.astype(int).tolist())
    data = cf.recording(tmp_path / "run")
    np.testing.assert_allclose(data["eigenvalues"], 4.0)
    # what was given holds until it is given again
    assert set(data["learning_rate"].to_numpy()) == {0.5}
    assert set(data["batch_size"].to_numpy()) == {8.0}


class Tensor:
    """As much of a tensor of PyTorch as is used: no array before it is detached and on the CPU."""

    dtype = "torch.bfloat16"

    def __init__(self, values: np.ndarray, done: tuple[str, ...] = ()) -> None:
        self.values, self.done = values, done

    def detach(self) -> "Tensor":
        return Tensor(self.values, (*self.done, "detach"))

    def cpu(self) -> "Tensor":
        return Tensor(self.values, (*self.done, "cpu"))

    def double(self) -> "Tensor":
        return Tensor(self.values, (*self.done, "double"))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        assert self.done == ("detach", "cpu", "double")
        return self.values


def test_tensors_are_detached_without_importing_pytorch(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, Tensor(EYE))
    np.testing.assert_allclose(cf.recording(tmp_path / "run")["eigenvalues"], 4.0)


@pytest.mark.slow
def test_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(3, 2)
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, layer.weight)
        recorder.log(1, layer.weight.to(torch.bfloat16))
        with pytest.raises(ValueError, match=r"got \(2,\) of float32"):
            recorder.log(2, layer.bias)
    exact = np.linalg.svd(layer.weight.detach().double().numpy(), compute_uv=False) ** 2
    found = cf.recording(tmp_path / "run")["eigenvalues"].to_numpy()
    np.testing.assert_allclose(found[0], exact, rtol=1e-12)
    np.testing.assert_allclose(found[1], exact, rtol=0.02)


def test_only_every_so_many_steps(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run", every=10) as recorder:
        for step in range(35):
            # what is not recorded is not even looked at
            recorder.log(step, EYE if step % 10 == 0 else None)
    assert cf.recording(tmp_path / "run")["step"].to_numpy().tolist() == [0, 10, 20, 30]


def test_going_on_from_a_checkpoint_supersedes_what_lies_beyond(tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = record(path, range(0, 100, 10))
    second = record(path, range(60, 120, 10), seed=1)
    data = cf.recording(path)
    assert data["step"].to_numpy().tolist() == list(range(0, 120, 10))
    np.testing.assert_array_equal(data["eigenvalues"], np.concatenate([first[:6], second]))
    third = record(path, range(20, 40, 10), seed=2)
    np.testing.assert_array_equal(cf.recording(path)["eigenvalues"], np.concatenate([first[:2], third]))
    record(path, [0], seed=3)
    assert cf.recording(path)["step"].to_numpy().tolist() == [0]


def test_what_does_not_fit_a_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    record(path, range(3), targets=[4, 4], name="mine")
    before = cf.recording(path)
    for weights in (np.eye(3), near(np.random.default_rng(0), 3), {"other": EYE}):
        with (
            cf.Recorder(path) as recorder,
            pytest.raises(cf.DataError, match=r"has layers .*'weights': \[2, 2\].* got"),
        ):
            recorder.log(3, weights)
    with cf.Recorder(path, targets=[4, 5]) as recorder, pytest.raises(cf.DataError, match=r"targets: .* has"):
        recorder.log(3, EYE)
    with pytest.raises(cf.DataError, match="is called 'mine', got 'yours'"):
        cf.Recorder(path, name="yours")
    xr.testing.assert_identical(cf.recording(path), before)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "x.txt").write_text("mine")
    with pytest.raises(cf.DataError, match="is no recording"):
        cf.Recorder(tmp_path / "papers")
    with pytest.raises(FileExistsError):
        cf.Recorder(tmp_path / "papers" / "x.txt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": -1}, "learning_rate: expected a finite number from 0, got -1"),
        ({"batch_size": np.nan}, "batch_size: expected"),
        ({"every": 0}, "every: expected a whole number from 1, got 0"),
        ({"seconds": -1.0}, "seconds: expected"),
    ],
)
def test_wrong_settings(tmp_path: Path, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cf.Recorder(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_wrong_calls_harm_nothing(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run", targets=[4, 4]) as recorder:
        recorder.log(5, EYE)
        for step in (5, 4):
            with pytest.raises(ValueError, match=f"step: expected more than 5, the last one, got {step}"):
                recorder.log(step, EYE)
        for step, weights, message in [
            (6.5, EYE, "step: expected a whole number, got 6.5"),
            (6, np.eye(3), r"has layers .* got \{'weights': \[3, 3\]\}"),
            (6, np.ones(2), r"expected real numbers \(M, N\) or \(run, M, N\) for 'weights', got \(2,\) of float64"),
            (6, EYE.astype(complex), "of complex128"),
            (6, {"a": EYE, "b": EYE[None]}, "layers of the same runs, got 2 different"),
            (6, {}, "layers of the same runs, got 0"),
        ]:
            with pytest.raises(ValueError, match=message):
                recorder.log(step, weights)
        recorder.log(6, EYE)
    with pytest.raises(ValueError, match="recorder: it is closed"):
        recorder.log(7, EYE)
    recorder.close()
    assert cf.recording(tmp_path / "run")["step"].to_numpy().tolist() == [5, 6]
    for targets in ([4.0], {"other": [4.0, 4.0]}, [4.0, np.inf]):
        recorder = cf.Recorder(tmp_path / "new", targets=targets)
        with recorder, pytest.raises(ValueError, match="targets: expected"):
            recorder.log(0, EYE)


def test_a_long_recording_is_many_files_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coulombfit.data.recording.recorder.SEGMENT", 1600)
    x = record(tmp_path / "run", range(1000), seconds=3600.0)
    assert len(list((tmp_path / "run").glob("*.nc"))) == 10
    np.testing.assert_array_equal(cf.recording(tmp_path / "run")["eigenvalues"], x)


@pytest.mark.parametrize("shape", [(80, 100), (100, 80), (3, 64, 90)])
def test_levels_of_large_matrices(tmp_path: Path, shape: tuple[int, ...]) -> None:
    w = np.random.default_rng(0).normal(size=shape)
    w[..., :50] = 0.0 if shape == (80, 100) else w[..., :50]
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, w)
    x = cf.recording(tmp_path / "run")["eigenvalues"].to_numpy()[0]
    exact = np.linalg.svd(w, compute_uv=False) ** 2
    np.testing.assert_allclose(x, exact, rtol=0.0, atol=1e-14 * exact.max())
    assert x.min() >= 0.0


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 2**100, True, 6.5])
def test_c10_steps_that_no_file_can_hold_are_refused_at_the_door(tmp_path: Path, step) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(2**63 - 2, EYE)
        with pytest.raises(ValueError, match="step: expected"):
            recorder.log(step, EYE)
        recorder.log(2**63 - 1, EYE)
    assert cf.recording(tmp_path / "run")["step"].to_numpy().tolist() == [2**63 - 2, 2**63 - 1]


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_c10_numbers_that_numpy_does_not_know(tmp_path: Path, kind: str) -> None:
    import ml_dtypes

    w = near(np.random.default_rng(0), 5).astype(getattr(ml_dtypes, kind))
    w[:, 1, 1] = np.arange(1, 6)
    exact = np.linalg.svd(w.astype(np.float64), compute_uv=False) ** 2
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, w)
    np.testing.assert_allclose(cf.recording(tmp_path / "run")["eigenvalues"][0], exact, rtol=1e-12)
    np.testing.assert_allclose(cf.Spectra.from_weights(w).eigenvalues, exact, rtol=1e-12)
    rounded = exact.astype(getattr(ml_dtypes, kind))
    np.testing.assert_array_equal(cf.Spectra(rounded).eigenvalues, rounded.astype(np.float64))
    np.testing.assert_allclose(cf.Spectra.from_weights(Tensors(w.astype(float))).eigenvalues, exact, rtol=1e-12)


class Tensors(Tensor):
    """Of PyTorch, which asks for gradients: no array before it is detached."""


@pytest.mark.parametrize("weights", [object(), [[1.0], [1.0, 2.0]], "ab", np.ones((2, 2), bool), np.array([[None]])])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path: Path, weights) -> None:
    with cf.Recorder(tmp_path / "run") as recorder, pytest.raises(ValueError, match="weights: expected"):
        recorder.log(0, weights)


@pytest.mark.slow
def test_c10_half_precision_is_fitted(tmp_path: Path) -> None:
    import ml_dtypes

    x = np.random.default_rng(0).normal(4.0, 0.3, size=60).astype(ml_dtypes.bfloat16)
    with pytest.warns(UserWarning, match="may happen by chance with levels rounded to .*bfloat16"):
        fit = cf.fit(x, "gaussian", likelihood="density", sampler="laplace", seed=0)
    assert fit.record["data"]["runs"] == 60
