"""Where a simulator's random numbers come from: the seed, and the setting that they are drawn for.

Settings that differ in any argument of the physics have independent streams though their seeds are equal, so that
ensembles of a study over settings are independent. How many runs there are, how many steps, which are kept and in what
precision is no physics: a run is the same in whatever ensemble.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

__all__ = ["key_for"]

KEPT = "keep_weights"
"""The one argument in a simulator's record that says what is kept, not what is done."""


def key_for(seed: int, setting: Mapping[str, Any]) -> Key[Array, ""]:
    """The root of all keys of one setting, whatever the caller has set in JAX.

    :param seed: all 63 bits count.
    :param setting: the simulator's name and every argument of its physics, as JSON values.
    """
    physics = {name: value for name, value in setting.items() if name != KEPT}
    text = json.dumps([int(seed), physics], sort_keys=True)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], dtype="<u4").astype(np.uint32)
    return jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")
