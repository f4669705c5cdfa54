"""Reading many files of one run each, layers of models, and stacks in several files."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import coulombfit as cf
from tests.data.refusing import refused


def state_dict(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Of two layers, their biases and a convolution, as PyTorch names and lays them out."""
    shapes = {"0.weight": (4, 3), "0.bias": (4,), "2.weight": (2, 4), "2.bias": (2,), "conv.weight": (4, 3, 5, 5)}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def seeds(tmp_path: Path) -> list[Path]:
    """Five models, one file each."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"seed{k}" / "model.safetensors" for k in range(5)]
    for path in paths:
        path.parent.mkdir()
        save_file(state_dict(rng), path, metadata={"learning_rate": "0.1", "batch_size": "16", "format": "pt"})
    return paths


def singular(paths: list[Path], name: str) -> np.ndarray:
    from safetensors.numpy import load_file

    return np.array([np.linalg.svd(load_file(path)[name].astype(float), compute_uv=False) for path in paths]) ** 2


@pytest.mark.parametrize("pattern", ["0.weight", "0.*", "0.w?ight", "[01].weight"])
def test_many_files_of_one_run_each(tmp_path: Path, seeds: list[Path], pattern: str) -> None:
    spectra = cf.read(seeds, weights=pattern)
    np.testing.assert_array_equal(spectra.eigenvalues, singular(seeds, "0.weight"))
    assert (spectra.learning_rate, spectra.batch_size, spectra.name) == (0.1, 16.0, tmp_path.name)
    files = [f"seed{k}/model.safetensors" for k in range(5)]
    assert spectra.provenance == {"array": "0.weight", "snapshot": None, "files": files, "count": 5, "runs": 5}
    given = cf.read((str(path) for path in seeds), weights=pattern, learning_rate=0.3, factor=2.0, name="mine")
    assert (given.learning_rate, given.name, given.provenance["factor"]) == (0.3, "mine", 2.0)
    assert cf.read(seeds, weights=pattern, batch_size="learning_rate").batch_size == 0.1


def test_every_layer_of_many_files(seeds: list[Path]) -> None:
    layers = cf.read_layers(seeds, targets={"2.weight": [2.0, 1.0]}, name="five")
    assert list(layers) == ["0.weight", "2.weight"]
    for name, spectra in layers.items():
        np.testing.assert_allclose(spectra.eigenvalues, singular(seeds, name), rtol=1e-14)
        assert (spectra.learning_rate, spectra.name) == (0.1, f"five, {name}")
    assert layers["0.weight"].targets is None
    np.testing.assert_array_equal(layers["2.weight"].targets, [2.0, 1.0])
    assert list(cf.read_layers(seeds, "2.*")) == ["2.weight"]
    with pytest.raises(cf.DataError, match=r"pattern: expected 'x\*' to match weights \(M, N\) in model.safetensors"):
        cf.read_layers(seeds, "x*")
    with pytest.raises(cf.DataError, match="of files of one run each, give several"):
        cf.read_layers(seeds[0])
    with pytest.raises(ValueError, match=r"targets: expected layers among 0.weight, 2.weight, got 3.weight"):
        cf.read_layers(seeds, targets={"3.weight": [1.0]})
    save_file({"0.weight": np.ones((4, 3))}, seeds[3])
    with pytest.raises(cf.DataError, match=r"expected the same layers, .* differ in 2.weight"):
        cf.read_layers(seeds)


def test_every_layer_of_a_stack(tmp_path: Path, weights) -> None:
    stack = {"a/kernel": weights[:, 0], "b/kernel": weights[:, 1], "a/bias": weights[:, 0, 0]}
    np.savez(tmp_path / "x.npz", **stack, meta=np.array([None], dtype=object))
    for path in (tmp_path / "x.npz", tmp_path / "x.safetensors"):
        if path.suffix == ".safetensors":
            save_file({name: np.ascontiguousarray(array) for name, array in stack.items()}, path)
        layers = cf.read_layers(path)
        assert list(layers) == ["a/kernel", "b/kernel"]
        assert layers["b/kernel"].fingerprint == cf.Spectra.from_weights(weights[:, 1]).fingerprint
        assert cf.read(path, weights="b/*").fingerprint == layers["b/kernel"].fingerprint
    np.savez(tmp_path / "y.npz", w=weights)
    layers = cf.read_layers(tmp_path / "y.npz", snapshot=1)
    assert layers["w"].fingerprint == cf.Spectra.from_weights(weights[:, 1]).fingerprint


def test_patterns_that_match_none_or_several(tmp_path: Path, seeds: list[Path]) -> None:
    with pytest.raises(cf.DataError, match=r"no array named 'x[*]' in model.safetensors, which has 0.bias"):
        cf.read(seeds, weights="x*")
    with pytest.raises(cf.DataError, match=r"match one array in .*, got 2: 0.weight \(4, 3\), 2.weight \(2, 4\)"):
        cf.read(seeds, weights="*.weight")
    with pytest.raises(cf.DataError, match=r"match one array of such a shape .* got 0: 0.bias \(4,\), 2.bias \(2,\)"):
        cf.read(seeds, weights="*.bias")
    with pytest.raises(cf.DataError, match=r"conv.weight.*shape \(4, 3, 5, 5\), a convolution.*kernel.reshape"):
        cf.read(seeds, weights="conv.weight")
    save_file({f"{k}.weight": np.ones((2, 2)) for k in range(99)}, tmp_path / "deep.safetensors")
    with pytest.raises(cf.DataError, match=r"got 99: .* and 79 more$"):
        cf.read([tmp_path / "deep.safetensors"], weights="*")


def test_one_run_is_not_enough(tmp_path: Path, seeds: list[Path]) -> None:
    refused(seeds[0], r"holds one run, of shape \(4, 3\), .*; give several files as a list", weights="0.weight")
    np.savez(tmp_path / "x.npz", eigenvalues=np.ones(3))
    refused(tmp_path / "x.npz", "eigenvalues: x.npz holds one run")
    with pytest.raises(cf.DataError, match="expected at least 2 runs"):
        cf.read(seeds[:1], weights="0.weight")
    with pytest.raises(cf.DataError, match="expected at least one file, got none"):
        cf.read([])
    with pytest.raises(cf.DataError, match=r"expected different files, got .*seed1.* twice"):
        cf.read([*seeds, seeds[1]], weights="0.weight")
    (tmp_path / "best.safetensors").write_bytes(seeds[1].read_bytes())
    with pytest.raises(cf.DataError, match=r"path: .*seed1.* and .*best.safetensors hold the same run"):
        cf.read([*seeds, tmp_path / "best.safetensors"], weights="0.weight")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 0.2}, r"learning_rate: expected files of one setting, .*run0.npz has 0.1, .*run1.npz has 0.2"),
        ({"bs": 8}, r"batch_size: .*run0.npz has 16, .*run1.npz has 8"),
        ({"kappa": [4.0, 3.0]}, r"targets: .* has \[4. 4.\], .* has \[4. 3.\]"),
        ({"s": 0.3}, r"factor: .*run0.npz has 0.1, .*run1.npz has 0.3"),
        ({"W": np.ones((2, 3))}, r"one shape: .*run0.npz has \(2, 2\), .*run1.npz has \(2, 3\)"),
        ({"W": np.full((2, 2), np.nan)}, r"weights of .*run1.npz: expected finite numbers"),
        ({"W": np.ones(2)}, r"weights: expected the array of a run, or of runs, in .*run1.npz, got shape \(2,\)"),
    ],
)
def test_files_that_are_not_of_one_setting(tmp_path: Path, change, message: str) -> None:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"run{k}.npz" for k in range(3)]
    for k, path in enumerate(paths):
        arrays = {"W": rng.normal(size=(2, 2)), "lr": 0.1, "bs": 16, "kappa": [4.0, 4.0], "s": 0.1}
        np.savez(path, **arrays | (change if k == 1 else {}))
    names = {"weights": "W", "learning_rate": "lr", "batch_size": "bs", "targets": "kappa", "factor": "s"}
    with pytest.raises(cf.DataError, match=message):
        cf.read(paths, **names)
    assert cf.read([paths[0], paths[2]], **names).runs == 2


def test_stacks_in_several_files(tmp_path: Path, weights) -> None:
    """Whether a first axis is of runs or of snapshots has to be known."""
    paths = [tmp_path / f"run{k}.npz" for k in range(6)]
    for path, one in zip(paths, weights, strict=True):
        np.savez(path, W=one, single=one[:1], whole=one[None], x=np.ones((2, 2)))
    with pytest.raises(cf.DataError, match=r"first axis of \(3, 2, 2\) in .* may be that of runs or of snapshots"):
        cf.read(paths, weights="W")
    middle = cf.Spectra.from_weights(weights[:, 1]).fingerprint
    assert cf.read(paths, weights="W", snapshot=1).fingerprint == middle
    assert cf.read(paths, weights="whole", snapshot=1).fingerprint == middle
    assert cf.read(paths, weights="single").fingerprint == cf.Spectra.from_weights(weights[:, 0]).fingerprint
    with pytest.raises(cf.DataError, match=r"say which snapshot if it is .*reshape a convolution"):
        cf.read(paths, weights="whole")
    with pytest.raises(cf.DataError, match="snapshot: expected -3 to 2, got 3"):
        cf.read(paths, weights="W", snapshot=3)
    with pytest.raises(cf.DataError, match="eigenvalues: the first axis"):
        cf.read(paths, eigenvalues="x")
    # spectra saved, and tables, say that their first axis is of runs
    halves = [tmp_path / f"half{k}.nc" for k in range(2)]
    for half, part in zip(halves, (weights[:2, 0], weights[2:, 0]), strict=True):
        cf.Spectra.from_weights(part, learning_rate=0.1).save(half)
    assert cf.read(halves).fingerprint == cf.Spectra.from_weights(weights[:, 0]).fingerprint
    for k in range(2):
        (tmp_path / f"{k}.csv").write_text(f"{4 + k},3\n{5 + k},4\n")
    assert cf.read([tmp_path / "0.csv", tmp_path / "1.csv"]).runs == 4


def test_of_many_files_names_are_kept_in_short(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k:02}.npy" for k in range(21)]
    for k, path in enumerate(paths):
        np.save(path, np.array([4.0 + 0.1 * k, 3.0]))
    kept = cf.read(paths).provenance
    assert (kept["files"], kept["count"]) == (["00.npy", "20.npy"], 21)
    assert len(kept["sha256_of_names"]) == 64
    assert "sha256_of_names" not in cf.read(paths[:20]).provenance


def test_a_grouping_and_levels_of_every_layer(seeds: list[Path]) -> None:
    layers = cf.read_layers(seeds, clusters="single", levels={"0.weight": [0, 2]})
    assert {name: one.clusters for name, one in layers.items()} == {"0.weight": [[0], [1]], "2.weight": [[0], [1]]}
    assert layers["0.weight"].provenance["levels"] == [0, 2]
    layers = cf.read_layers(seeds, clusters={"2.weight": [[0, 1]]})
    assert [one.grouped_by for one in layers.values()] == ["gaps", "stated"]
    assert cf.read(seeds, weights="0.weight", levels="nonzero").levels == 3
    with pytest.raises(cf.ArgumentError, match=r"clusters: expected layers among 0\.weight, 2\.weight, got 1"):
        cf.read_layers(seeds, clusters={"1": "single"})
    with pytest.raises(cf.DataError, match=r"clusters: expected levels among 0–1, got 2 \(layer '2\.weight'\)"):
        cf.read_layers(seeds, clusters=[[0], [1, 2]])
