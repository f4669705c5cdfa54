"""A setting of a perceptron's training: the one place where its arguments are declared and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import (
    check_seed,
    require_not_negative,
    require_one_of,
    require_positive,
    require_whole,
)
from simulators.engine.callers import warn
from simulators.engine.ensemble import ensemble
from simulators.engine.schedule import Options, Schedule
from simulators.engine.signatures import with_arguments
from simulators.mlp.data import MADE, Data, given_data, made_data
from simulators.mlp.dynamics import Numbers, mlp_dynamics
from simulators.mlp.minimum import Problem, train_together
from simulators.mlp.network import ACTIVATIONS, LOSSES
from simulators.mlp.response import Response, respond
from simulators.mlp.result import MLPTrajectory, by_layer

__all__ = ["MLP"]

STARTS = ("common", "own")
WARMUP = 5000
"""Steps of training together, if not given."""
FLAT = 1e-5
"""Norm of the gradient, loss a unit of weight, from which training together counts as having come to an end."""


@dataclass(frozen=True, kw_only=True)
class MLP:
    """A multilayer perceptron, what it learns, and how it is trained by mini-batch stochastic gradient descent.

    W ← W − α(∇L_B + λW), L_B the mean loss over the \\|B\\| samples of a batch, of each run its own; biases do not
    decay. Settings are equal where their arguments are, given data where its numbers are. Eigenvalues x are squared
    singular values of a layer's weights.

    Levels of runs can be compared where the runs fluctuate about one minimum. From starts of their own they end in
    minima of their own, whose levels differ by more than training noise, and where no decay holds the weights they
    drift along directions without curvature. So by default a random start is common to all runs, is trained on all
    data together until it is at a minimum, which does not depend on α, \\|B\\| or the momentum, and only there runs
    part. What they need then is time for their noise to reach its width, a few :meth:`relaxation_times`.

    :param widths: nodes of each layer, inputs first.
    :param activation: of all layers but the last: "identity", "tanh", "relu", "gelu" or "sigmoid".
    :param loss: "mse", half the squared distance from the targets, or "cross-entropy" of the softmax of the outputs.
    :param data: arrays (inputs, targets) of shapes (sample, feature) and (sample, output), or labels (sample,) from 0;
        or made: "teacher", standard normal inputs and the outputs of a random network like this one with noise of
        standard deviation 0.1 (for cross-entropy labels drawn by its softmax); "mixture", a Gaussian cloud a class;
        "digits", scikit-learn's 8 × 8 images from 0 to 1 about their mean.
    :param samples: of data that is made; by default 1000, and all 1797 digits.
    :param data_seed: of data that is made.
    :param learning_rate: α.
    :param batch_size: \\|B\\|, samples a step.
    :param momentum: γ of the heavy ball, W changes by γ times its last change and −α times the gradient.
    :param weight_decay: λ, of weights and not of biases.
    :param replacement: samples of a batch are drawn anew from all data; otherwise an epoch goes through the data in
        random order, less a rest that is too short for a batch, and the batch of all samples has no noise at all.
    :param biases: train biases, which start at 0, too.
    :param start: "common" or "own", random weights W_ij ~ N(0, 1/in) of all runs together or of each run.
    :param start_seed: of the common start, which depends on nothing else but the network.
    :param warmup: steps of L-BFGS on all data at most, which a common start takes before runs part; 5000 if not given,
        and none for starts of their own.
    :raises ValueError: for an argument outside its range, or data that does not fit the network.
    :raises ImportError: for digits where scikit-learn is not installed.
    """

    widths: Sequence[int] = (64, 16, 10)
    activation: str = "tanh"
    loss: str = "cross-entropy"
    data: str | tuple[ArrayLike, ArrayLike] | Data = "mixture"
    samples: int | None = None
    data_seed: int = 0
    learning_rate: float = 0.05
    batch_size: int = 16
    momentum: float = 0.0
    weight_decay: float = 0.02
    replacement: bool = True
    biases: bool = False
    start: str = "common"
    start_seed: int = 0
    warmup: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", _checked_widths(self.widths))
        require_one_of(tuple(ACTIVATIONS), activation=self.activation)
        require_one_of(tuple(LOSSES), loss=self.loss)
        require_one_of((False, True), replacement=self.replacement, biases=self.biases)
        require_one_of(STARTS, start=self.start)
        require_positive(learning_rate=self.learning_rate)
        require_not_negative(weight_decay=self.weight_decay)
        require_whole(batch_size=self.batch_size)
        check_seed(self.data_seed)
        check_seed(self.start_seed)
        if not isinstance(self.momentum, int | float) or not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"momentum: expected a number from 0 to below 1, got {self.momentum!r}")
        if self.warmup:
            require_whole(warmup=self.warmup)
            if self.start == "own":
                raise ValueError(f"warmup: expected 0 or None for start = 'own', got {self.warmup!r}")
        if self.samples is not None:
            require_whole(samples=self.samples)
        if not isinstance(self.data, str):
            if self.samples is not None:
                raise ValueError(f"samples: expected None for data that is given, got {self.samples!r}")
            # nobody can change it, and equal ones are equal
            object.__setattr__(self, "data", given_data(self.data, tuple(self.widths), self.loss))
        else:
            require_one_of(MADE, data=self.data)
        if not self.replacement and self.batch_size > self._data.samples:
            raise ValueError(
                f"batch_size: expected {self._data.samples} at most, the number of samples, without replacement, got "
                f"{self.batch_size}"
            )

    @cached_property
    def _data(self) -> Data:
        if isinstance(self.data, Data):
            return self.data
        samples = None if self.samples is None else int(self.samples)
        widths = tuple(self.widths)
        return made_data(str(self.data), widths, self.activation, self.loss, samples, int(self.data_seed))

    @property
    def _steps_together(self) -> int:
        """Steps of training together at most."""
        given = WARMUP if self.start == "common" else 0
        return given if self.warmup is None else int(self.warmup)

    @property
    def _problem(self) -> Problem:
        """What training together minimises."""
        return Problem(
            widths=tuple(self.widths),
            activation=self.activation,
            loss=self.loss,
            biases=bool(self.biases),
            weight_decay=float(self.weight_decay),
            data=self._data,
            start_seed=int(self.start_seed),
        )

    @with_arguments(Options, Schedule)
    def simulate(
        self, *, runs: int = 100, steps: int = 3000, keep_weights: bool = False, **options: Unpack[Options]
    ) -> MLPTrajectory:
        """Train an ensemble.

        :param keep_weights: keep the weights as well.
        :raises ValueError: for an argument outside its range.
        :raises Diverged: where the weights of every run grew without bound.
        :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
        :warns UserWarning: where training together ended before it came to a minimum; where runs diverged, which are
            left out.
        """
        schedule = Schedule(runs=runs, steps=steps, **options)
        start = train_together(self._problem, self._steps_together)
        if self._steps_together and not start.gradient < FLAT:
            warn(
                f"warmup = {self._steps_together}: after {start.steps} steps the gradient of the loss still has the "
                f"norm {start.gradient:.2g}, above {FLAT:g}, so runs do not begin at a minimum and may drift"
            )
        dynamics = mlp_dynamics(
            tuple(self.widths),
            self.activation,
            self.loss,
            bool(self.biases),
            self._data.samples,
            int(self.batch_size),
            self.momentum > 0,
            bool(self.replacement),
            self.start == "own",
            bool(keep_weights),
        )
        rates = (self.learning_rate, self.momentum, self.weight_decay)
        exact = Numbers._make((self._data.inputs, self._data.targets, start.layers, *rates))
        numbers = jax.tree.map(lambda leaf: np.asarray(leaf, schedule.dtype), exact)
        record = {**self._record(), "keep_weights": bool(keep_weights)}
        observed, kept = ensemble(dynamics, numbers, schedule, record)
        cause = "weights grew without bound, as they do where the learning rate is too large"
        return by_layer(observed, kept, {**record, **schedule.record()}, cause)

    def level_widths(self) -> tuple[Float[np.ndarray, " level"], ...]:
        """Linear-response widths σ_k of the levels, by layer, levels descending, units of x.

        Those of single levels at the minimum that runs begin at, to first order in the noise; NaN where a singular
        value is not above its noise, whose square has no Gaussian width. The Hessian of all parameters is worked out,
        which takes some seconds, once for all learning rates and batch sizes.

        :raises ValueError: where they are not known: without warm-up or replacement, for more than 3000 parameters,
            or where directions that noise moves have no curvature.
        """
        return self._response.widths

    def steps_to_stationarity(self) -> tuple[Float[np.ndarray, " level"], ...]:
        """Steps from the common minimum on after which the square of a level's width lacks less than 1 %, by layer.

        By linear response; NaN as in :meth:`level_widths`.

        :raises ValueError: as :meth:`level_widths`.
        """
        return self._response.steps

    @property
    def _response(self) -> Response:
        if not self._steps_together:
            raise ValueError("warmup: expected steps to a minimum for linear response, got none")
        if not self.replacement:
            raise ValueError(f"replacement: expected True for linear response, got {self.replacement!r}")
        return respond(
            self._problem, self._steps_together, float(self.learning_rate), int(self.batch_size), float(self.momentum)
        )

    def _record(self) -> dict[str, Any]:
        """Every argument as a JSON value: streams of random numbers are drawn for these."""
        return {
            "simulator": "mlp",
            "widths": list(self.widths),
            "activation": self.activation,
            "loss": self.loss,
            "data": self.data if isinstance(self.data, str) else self._data.fingerprint,
            "samples": self._data.samples,
            "data_seed": int(self.data_seed) if isinstance(self.data, str) else None,
            "learning_rate": float(self.learning_rate),
            "batch_size": int(self.batch_size),
            "momentum": float(self.momentum),
            "weight_decay": float(self.weight_decay),
            "replacement": bool(self.replacement),
            "biases": bool(self.biases),
            "start": self.start,
            "start_seed": int(self.start_seed),
            "warmup": self._steps_together,
        }


def _checked_widths(widths: Any) -> tuple[int, ...]:
    """Nodes of each layer, of two layers of nodes or more."""
    try:
        found = tuple(widths)
    except TypeError:
        found = ()
    whole = all(isinstance(each, int | np.integer) and not isinstance(each, bool) and each > 0 for each in found)
    if len(found) < 2 or not whole:
        raise ValueError(f"widths: expected two or more whole numbers above 0, inputs first, got {widths!r}")
    return tuple(int(each) for each in found)
