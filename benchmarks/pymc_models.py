"""The laws as PyMC models, with this package's priors on standardised data."""

from __future__ import annotations

import math

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from benchmarks.cases import Case
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD

Node = pt.TensorVariable
ROOT_HALF, ROOT_TWO_PI = math.sqrt(0.5), math.sqrt(2.0 * math.pi)


def build(case: Case, z: np.ndarray) -> pm.Model:
    """Sites ``centre``, ``width`` and, for two species, ``q``."""
    with pm.Model() as model:
        centre = pm.Normal("centre", 0.0, CENTRE_SD)
        width = pm.LogNormal("width", 0.0, LOG_WIDTH_SD)
        if case.two_species:
            q = pm.Uniform("q", -1.0, 1.0)
            widths = (width * pt.sqrt(1.0 + q), width * pt.sqrt(1.0 - q))
        else:
            widths = (width, width)
        laws = {
            ("one-species", "density"): _one_density,
            ("two-species", "density"): _two_density,
            ("one-species", "pair"): _one_pair,
            ("two-species", "pair"): _two_pair,
        }
        pm.Potential("likelihood", laws[case.model, case.likelihood](z, centre, width, *widths))
    return model


def _repulsion(u: Node, peak: Node) -> Node:
    return 2.0 * peak + ROOT_TWO_PI * u * pt.erf(ROOT_HALF * u)


def _one_density(z: np.ndarray, centre: Node, width: Node, *_: Node) -> Node:
    u = (z - centre) / width
    half = 0.5 * u * u
    return pt.sum(pt.log(_repulsion(u, pt.exp(-half))) - half) - len(z) * pt.log(width)


def _two_density(z: np.ndarray, centre: Node, width: Node, first: Node, second: Node) -> Node:
    u1, u2 = (z - centre) / first, (z - centre) / second
    peak_1, peak_2 = pt.exp(-0.5 * u1 * u1), pt.exp(-0.5 * u2 * u2)
    both = first**2 * peak_2 * _repulsion(u1, peak_1) + second**2 * peak_1 * _repulsion(u2, peak_2)
    return pt.sum(pt.log(both)) - len(z) * pt.log(first * second * width)


def _one_pair(z: np.ndarray, centre: Node, width: Node, *_: Node) -> Node:
    return -0.5 * pt.sum(((z - centre) / width) ** 2) - 3.0 * len(z) * pt.log(width)


def _two_pair(z: np.ndarray, centre: Node, width: Node, first: Node, second: Node) -> Node:
    dx1, dx2 = (z[:, 0] - centre) ** 2, (z[:, 1] - centre) ** 2
    half_1, half_2 = 0.5 / first**2, 0.5 / second**2
    labelled = pt.logaddexp(-half_1 * dx1 - half_2 * dx2, -half_2 * dx1 - half_1 * dx2)
    return pt.sum(labelled) - len(z) * pt.log(first * second * width)
