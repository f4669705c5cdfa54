"""Streams of random numbers."""

import jax
import numpy as np
import pytest

from coulombfit.runtime.errors import ArgumentError
from coulombfit.runtime.seeds import check_seed, fingerprint_of, generator_for, key_for


def test_a_stream_has_its_own_numbers() -> None:
    def first(*labels: object) -> float:
        return float(generator_for(*labels).uniform())

    names = [(0, "a", "b"), (0, "ab"), (0, "a"), (1, "a"), (2**63 - 1, "a"), (2**32, "a"), (0, "a", 1)]
    assert len({first(*each) for each in names}) == len(names)
    assert first(0, "a") == first(np.int64(0), "a")
    keys = [jax.random.key_data(key_for(*each)).tobytes() for each in names]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("double", [False, True])
def test_a_key_does_not_depend_on_the_callers_precision(double: bool) -> None:
    with jax.enable_x64(double):
        assert jax.random.key_data(key_for(2**63 - 1, "a")).tolist() == [2328465036, 2236209197]


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, None, "0"])
def test_what_is_no_seed_is_refused(seed: object) -> None:
    with pytest.raises(ArgumentError, match="seed: expected a whole number from 0 to"):
        check_seed(seed)


def test_fingerprints_tell_shapes_types_and_bytes_apart() -> None:
    x = np.arange(6.0)
    others = [x, x.reshape(2, 3), x.astype(np.float32), x + 1e-15, x[::-1]]
    assert len({fingerprint_of(one) for one in others}) == len(others)
    assert fingerprint_of(x.reshape(2, 3).T) == fingerprint_of(np.ascontiguousarray(x.reshape(2, 3).T))
