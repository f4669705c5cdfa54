"""Where random numbers come from: a seed, and the names of what they are for.

Every stream is keyed by SHA-256 of the seed and of labels: what is drawn ("points", "turn", "chain 2") and for what (a
fingerprint of the data). So streams of one seed are independent of each other, and none depends on the place of an
item among others, on their number, or on the order of the work.
"""

from __future__ import annotations

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from coulombfit.runtime.errors import ArgumentError

__all__ = ["check_seed", "fingerprint_of", "generator_for", "key_for"]


def check_seed(seed: object, argument: str = "seed") -> None:
    """Refuse anything but a whole number from 0 to 2⁶³ − 1.

    :raises ArgumentError: naming the argument.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ArgumentError(f"{argument}: expected a whole number from 0 to 2**63 - 1, got {seed!r}")


def fingerprint_of(*arrays: object) -> str:
    """SHA-256 of arrays: shapes, types and bytes. Equal for equal arrays and only for them."""
    digest = hashlib.sha256()
    for each in arrays:
        array = np.ascontiguousarray(each)
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def generator_for(seed: int | np.integer, *labels: object) -> np.random.Generator:
    """NumPy's generator of one stream."""
    return np.random.default_rng(_words(seed, labels, 8))


def key_for(seed: int | np.integer, *labels: object) -> Key[Array, ""]:
    """JAX's key of one stream, whatever precision the caller has set."""
    return jax.random.wrap_key_data(jnp.asarray(_words(seed, labels, 2)), impl="threefry2x32")


def _words(seed: int | np.integer, labels: tuple[object, ...], count: int) -> np.ndarray:
    # JSON-like, so that ("a", "b") and ("ab",) differ
    text = repr((int(seed), *map(str, labels)))
    return np.frombuffer(hashlib.sha256(text.encode()).digest()[: 4 * count], dtype=np.uint32)
