"""The folder of compiled programs: healed where it is damaged, and used only where nobody else can write."""

import os
import stat
import warnings
from pathlib import Path

import pytest

from coulombfit.cli import start as cli_start
from coulombfit.runtime import compile_cache
from coulombfit.runtime.compile_cache import FOLDER, cache_folder, cache_trouble, use_cache

fcntl = pytest.importorskip("fcntl")
READING = "Error reading persistent compilation cache entry for 'jit_f': error: Error -5 while decompressing data"
WRITING = "Error writing persistent compilation cache entry for 'jit_f': OSError: [Errno 28] No space left on device"


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    left = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_COMP", "JAX_PERS"))}
    # what the functions under test set goes with the copy
    monkeypatch.setattr(os, "environ", left | {FOLDER: str(tmp_path / "cache")})
    monkeypatch.setattr(compile_cache, "_told", set())
    return tmp_path / "cache"


def used() -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use_cache()
    return os.environ.get("JAX_COMPILATION_CACHE_DIR")


def refused(message: str) -> None:
    with pytest.warns(RuntimeWarning, match=message) as told:
        use_cache()
    assert len(told) == 1
    assert FOLDER in str(told[0].message)
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def made() -> Path:
    """The folder, as a process before has left it."""
    for each in (cache_folder().parent, cache_folder()):
        each.mkdir(mode=0o700)
    return cache_folder()


def entry(name: str, program: bytes | None = b"x", when: bytes | None = b"8 bytes!") -> None:
    for end, content in (("cache", program), ("atime", when)):
        if content is not None:
            (cache_folder() / f"{name}-{end}").write_bytes(content)


def names() -> set[str]:
    return {path.name for path in cache_folder().iterdir() if path.name != ".lockfile"}


def test_c13_a_folder_is_made_for_its_owner_alone(base: Path) -> None:
    before = os.umask(0o002)
    try:
        assert used() == str(cache_folder())
    finally:
        os.umask(before)
    for folder in (base, cache_folder()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_c13_a_folder_that_others_may_write_to_is_not_used(base: Path, outer: bool, mode: int) -> None:
    inner = made()
    (base if outer else inner).chmod(mode)
    refused("others may write to .* .chmod go-w")


def test_c13_a_folder_of_another_user_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    refused("belongs to another user")


def test_c13_a_folder_of_ours_in_one_with_the_sticky_bit_is_used(base: Path) -> None:
    base.mkdir()
    base.chmod(0o1777)
    assert used() == str(cache_folder())


def test_c8_a_home_by_its_sign(tmp_path: Path) -> None:
    os.environ |= {"HOME": str(tmp_path), FOLDER: "~/x"}
    assert cache_folder().parent == tmp_path / "x"


def test_c8_without_a_home_no_folder_is_made_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    del os.environ[FOLDER]
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: "~/.cache/coulombfit")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    refused("there is no home folder")
    assert not list(tmp_path.iterdir())


def test_c8_a_file_in_its_place(base: Path) -> None:
    base.write_text("in the way")
    refused("cache is not a folder")
    assert base.read_text() == "in the way"


def test_c8_a_file_system_without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", without)
    refused("has no locks .Operation not supported")


def test_c13_a_lock_that_is_held_for_ever_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_cache, "PATIENCE", 0.1)
    with (made() / ".lockfile").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused("another process does not let go of .*lockfile")


def test_c13_halves_of_entries_are_removed_at_the_start() -> None:
    made()
    entry("whole")
    entry("empty", program=b"")
    entry("never used", when=None)
    entry("no program", program=None)
    entry("half a time", when=b"1234")
    (cache_folder() / ".lockfile").write_bytes(b"left over")
    assert used() == str(cache_folder())
    assert names() == {"whole-cache", "whole-atime"}


def test_c13_a_damaged_program_is_removed_and_told_once(capsys: pytest.CaptureFixture) -> None:
    used()
    for name in ("jit_f-01", "jit_f-02", "jit_g-01"):
        entry(name)
    for _ in range(3):
        cli_start._tell(READING)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("warning: a compiled program in ")
    assert names() == {"jit_g-01-cache", "jit_g-01-atime"}


def test_c13_a_full_disk_is_told_once_and_leaves_no_half(capsys: pytest.CaptureFixture) -> None:
    used()
    entry("jit_g-01")
    for _ in range(3):
        entry("jit_f-01", when=None)
        cli_start._tell(WRITING)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "compiled programs are not kept" in said
    assert "No space left on device" in said
    assert names() == {"jit_g-01-cache", "jit_g-01-atime"}


def test_a_cache_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(tmp_path)
    use_cache()
    (tmp_path / "jit_f-01-cache").write_bytes(b"x")
    assert cache_trouble(READING) is None
    assert (tmp_path / "jit_f-01-cache").exists()
    assert cache_trouble("of another kind") is None
