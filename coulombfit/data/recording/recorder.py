"""A recorder of spectra for any training loop; :mod:`coulombfit.data.recording.store` reads what it leaves."""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.data.arrays import as_numbers, from_zero, whole_number
from coulombfit.data.clusters import Clusters, stated_clusters
from coulombfit.data.recording.store import Header, clusters_by_layer, segments, targets_by_layer
from coulombfit.data.tensors import levels_of
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.locks import take_lock

__all__ = ["Recorder"]

LOCK = "recorder.lock"
ONLY_LAYER = "weights"
SEGMENT = 2**20
"""Bytes of a segment, from which on the next one is begun."""


class _Snapshot(NamedTuple):
    step: int
    learning_rate: float
    batch_size: float
    levels: list[np.ndarray]


class Recorder:
    """Records squared singular values of weights while they are trained.

    ::

        with cf.Recorder("run", learning_rate=0.1, batch_size=32) as recorder:
            for step in range(steps):
                ...
                recorder.log(step, model.weight)

    A context manager; without ``with``, call :meth:`close`, or leave it to the end of the process. What is logged is on
    disk within ``seconds``: a process that is killed loses what it logged in its last ``seconds``, and nothing else is
    harmed. A disk that is still full at the end of the ``with`` block is warned about, where recording had begun, while
    :meth:`close` raises. It belongs to the process that opened it: in one that is forked from that, it writes and
    closes nothing. Threads may share it.

    An existing recording of the same layers is continued; where training has started again from an earlier step, what
    is logged now replaces what was there from that step on.

    :param path: a folder, made if need be.
    :param learning_rate: α; a schedule gives it to :meth:`log`.
    :param batch_size: \\|B\\|, likewise.
    :param targets: shape (level,), what noiseless training would reach; with several layers a mapping by layer.
    :param clusters: which levels belong together, as for :class:`coulombfit.Spectra`, of every layer or by layer; what
        reads the recording takes them unless it is told otherwise.
    :param name: what to call the data in reports.
    :param every: record only those steps that are multiples of this; what is not recorded costs nothing.
    :param seconds: how often to write.
    :raises ArgumentError: for a wrong argument.
    :raises RuntimeError: where another recorder is writing to the same folder.
    :raises DataError: for a folder that holds something else, or a recording by another name.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        learning_rate: SupportsFloat | None = None,
        batch_size: SupportsFloat | None = None,
        targets: ArrayLike | Mapping[str, ArrayLike] | None = None,
        clusters: Clusters | Mapping[str, Clusters] | None = "auto",
        name: str = "",
        every: int = 1,
        seconds: float = 5.0,
    ) -> None:
        if whole_number(every, "every") < 1:
            raise ArgumentError(f"every: expected a whole number from 1, got {every}")
        from_zero(seconds, "seconds", infinite=True)
        self._learning_rate = from_zero(learning_rate, "learning_rate")
        self._batch_size = from_zero(batch_size, "batch_size")
        for each in clusters.values() if isinstance(clusters, Mapping) else [clusters]:
            stated_clusters(each if isinstance(each, str) else None, 1)  # other words are refused at once
        self._path, self._targets, self._clusters, self._name = Path(path), targets, clusters, name
        self._owner, self._turn = os.getpid(), threading.RLock()
        self._every, self._seconds = every, seconds
        # the lock, or half a header, is all that is left of a process killed before its first snapshot
        there = list(self._path.glob("[!.]*")) if self._path.is_dir() else []
        self._header = Header.read(self._path) if any(each.name != LOCK for each in there) else None
        if self._header is not None and name and name != self._header.name:
            raise DataError(f"name: the recording {path} is called {self._header.name!r}, got {name!r}")
        self._path.mkdir(parents=True, exist_ok=True)
        busy = RuntimeError(f"path: another recorder is writing to {path}; close it first")
        self._lock = take_lock(self._path / LOCK, busy)
        for left in self._path.glob(".*.part"):  # of a process killed while it was writing
            left.unlink(missing_ok=True)
        self._session, self._part = max(segments(self._path), default=-1) + 1, 0
        self._checked = False
        self._last: int | None = None
        self._bytes = self._written = 0
        self._begin_segment()
        self._due, self._failing, self._closed = -math.inf, False, False
        atexit.register(self.close)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except OSError as failure:
            if not self._has_written:
                raise
            lost = len(self._snapshots) - self._written
            message = f"cannot write to {self._path}: {failure}; the last {lost} snapshot(s) are LOST"
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    def log(
        self,
        step: SupportsIndex | float,
        weights: Any,
        *,
        learning_rate: SupportsFloat | None = None,
        batch_size: SupportsFloat | None = None,
    ) -> None:
        """Record the spectrum of weights as they are now.

        Weights that are not finite are recorded as NaN, and training is left to go on. A write that fails, other than
        the first, is warned about and tried again.

        :param step: training step, growing from call to call.
        :param weights: a matrix (M, N), a stack of independent runs (run, M, N), or a mapping of names of layers to
            either; NumPy, JAX, Keras or PyTorch, on any device.
        :param learning_rate: α from now on, where it is not that of the recorder.
        :param batch_size: \\|B\\|, likewise.
        :raises ArgumentError: for a step that is not beyond the last one, or weights of a wrong shape or kind.
        :raises RuntimeError: in another process than the one that opened it.
        :raises DataError: where the existing recording has other layers or shapes.
        :raises OSError: where the first snapshot cannot be written.
        """
        self._require_ours()
        with self._turn:
            if self._closed:
                raise ArgumentError("recorder: it is closed")
            step = whole_number(step, "step")
            if step % self._every:
                return
            if not -(2**63) <= step < 2**63:
                raise ArgumentError(f"step: expected less than 2**63, got {step}")
            if self._last is not None and step <= self._last:
                raise ArgumentError(f"step: expected more than {self._last}, the last one, got {step}")
            self._learning_rate = from_zero(learning_rate, "learning_rate", self._learning_rate)
            self._batch_size = from_zero(batch_size, "batch_size", self._batch_size)
            layers = weights if isinstance(weights, Mapping) else {ONLY_LAYER: weights}
            matrices = {str(layer): _numbers(matrix, layer) for layer, matrix in layers.items()}
            header = self._checked_header(matrices)
            levels = [levels_of(matrices[layer].astype(np.float64)) for layer in header.layers]
            self._snapshots.append(_Snapshot(step, self._learning_rate, self._batch_size, levels))
            self._bytes += sum(x.nbytes for x in levels)
            self._last = step
            if time.monotonic() >= self._due or (self._bytes >= SEGMENT and not self._failing):
                self._try_to_write()

    def flush(self) -> None:
        """Write what has been logged; do so where you save a checkpoint, and a restart finds no gap.

        :raises OSError: where it cannot be written; it is kept, and tried again.
        :raises RuntimeError: in another process than the one that opened it.
        """
        self._require_ours()
        with self._turn:
            if self._written == len(self._snapshots):
                return
            write_netcdf(self._segment(), self._path / f"{self._session:04d}-{self._part:06d}.nc")
            self._written = len(self._snapshots)
            if self._bytes >= SEGMENT:
                self._part += 1
                self._begin_segment()

    def close(self) -> None:
        """Write what is left and let others record here; done twice, or in a forked process, does nothing.

        :raises OSError: where it cannot be written.
        """
        if os.getpid() != self._owner:
            return
        with self._turn:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self.close)
            try:
                self.flush()
            finally:
                if self._lock is not None:
                    self._lock.release()

    def _require_ours(self) -> None:
        if os.getpid() != self._owner:
            raise RuntimeError(
                f"recorder: {self._path} is recorded by process {self._owner}, and this one, {os.getpid()}, was forked "
                "from it; log there, or open a recorder of another folder here"
            )

    @property
    def _has_written(self) -> bool:
        return self._part > 0 or self._written > 0

    def _begin_segment(self) -> None:
        self._snapshots: list[_Snapshot] = []
        self._bytes = self._written = 0

    def _try_to_write(self) -> None:
        try:
            self.flush()
            self._failing = False
        except OSError as error:
            if not self._has_written:
                raise
            # a disk that is full for a while is no reason to lose a training run
            self._failing = True
            message = f"cannot write to {self._path}: {error}; kept in memory and tried again"
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        self._due = time.monotonic() + self._seconds

    def _segment(self) -> xr.Dataset:
        steps, rates, sizes, levels = zip(*self._snapshots, strict=True)
        variables: dict[str, Any] = {"step": ("snapshot", np.array(steps, np.int64))}
        variables |= {"learning_rate": ("snapshot", np.array(rates)), "batch_size": ("snapshot", np.array(sizes))}
        for k, x in enumerate(zip(*levels, strict=True)):
            runs = ("run",) * (x[0].ndim - 1)
            variables[f"eigenvalues_{k}"] = (("snapshot", *runs, f"level_{k}"), np.stack(x))
        return xr.Dataset(variables)

    def _checked_header(self, matrices: Mapping[str, np.ndarray]) -> Header:
        """The header, which the first snapshot of a new recording writes; what does not fit it is refused."""
        stacks: set[int | None] = set()
        for layer, matrix in matrices.items():
            if matrix.ndim not in (2, 3) or 0 in matrix.shape or matrix.dtype.kind not in "iuf":
                got = f"{matrix.shape} of {matrix.dtype}"
                raise ArgumentError(f"weights: expected real numbers (M, N) or (run, M, N) for {layer!r}, got {got}")
            stacks.add(len(matrix) if matrix.ndim == 3 else None)
        if len(stacks) != 1:
            raise ArgumentError(
                f"weights: expected layers of the same runs, got {len(stacks)} different numbers of runs"
            )
        shapes = {layer: list(matrix.shape[-2:]) for layer, matrix in matrices.items()}
        runs = stacks.pop()
        if self._header is None:
            clusters = clusters_by_layer(self._clusters, shapes)
            header = Header(shapes, runs, targets_by_layer(self._targets, shapes), self._name, clusters)
            header.write(self._path)
            self._header = header
        elif (self._header.layers, self._header.runs) != (shapes, runs):
            was = f"{self._header.layers} of {self._header.runs or 1} run(s)"
            error = ArgumentError if self._checked else DataError
            raise error(f"weights: {self._path} has layers {was}, got {shapes} of {runs or 1} run(s)")
        elif not self._checked:
            self._require_known(self._header)
        self._checked = True
        return self._header

    def _require_known(self, header: Header) -> None:
        """Refuse to go on with a recording that says otherwise what is stated of its layers."""
        stated = clusters_by_layer(self._clusters, header.layers)
        if self._targets is not None and (known := targets_by_layer(self._targets, header.layers)) != header.targets:
            raise DataError(f"targets: {self._path} has {header.targets}, got {known}")
        if any(header.clusters.get(layer) != clusters for layer, clusters in stated.items()):
            raise DataError(f"clusters: {self._path} has {header.clusters or 'none stated'}, got {stated}")


def _numbers(matrix: Any, layer: Any) -> np.ndarray:
    try:
        return as_numbers(matrix)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ArgumentError(
            f"weights: expected an array for {layer!r}, got {type(matrix).__name__} ({error})"
        ) from None
