"""Names of results, and which result a file holds: none is written over by another one.

A fit says of itself what it is. Other results carry their label as an attribute of the netCDF file, or in the head of
the page.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from coulombfit.data.files.opening import open_regular
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from coulombfit.data.spectra import Spectra
    from coulombfit.data.trajectories import Trajectories
    from coulombfit.inference.preparation import Question

__all__ = [
    "PAGES",
    "fit_label",
    "fit_name",
    "identity_of",
    "label_of",
    "page_label",
    "require_companion",
    "require_ending",
    "require_unused",
    "result_label",
    "write_result",
]

LABEL = "coulombfit_result"
PAGES = (".html", ".htm")
"""Endings of reports."""
HEAD = 4096
"""Bytes from the start of a page within which its label lies."""
_IN_PAGE = re.compile(r'<meta name="coulombfit" content="([^"]*)">')


def fit_name(file: Path, model: str, likelihood: str | None, chosen: Iterable[str] = ()) -> str:
    """File name of a fit: the stem of what was read, what was chosen in it, the model, and a likelihood not its own.

    :param likelihood: None where it is the model's default.
    :param chosen: name of an array or layer, a snapshot, a pair; they may hold anything.
    """
    parts = [file.resolve().name if file.is_dir() else file.stem, *chosen, model, *filter(None, [likelihood])]
    return ".".join([*(re.sub(r"[^\w.+-]+", "-", part).strip(".-") or "data" for part in parts), "nc"])


def fit_label(record: Mapping[str, Any]) -> str:
    """Label of a fit, from its record: the model, what was stated of its parameters and of the grouping of levels, the
    fingerprint of the data."""
    stated = {name: record[name] for name in ("priors", "fixed") if record.get(name)}
    if clusters := record["data"].get("provenance", {}).get("clusters"):
        stated["clusters"] = clusters
    given = f", given {hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:12]}" if stated else ""
    return f"a {record['model']} fit ({record['likelihood']}{given}) of data {record['data']['fingerprint'][:12]}"


def label_of(question: Question, spectra: Spectra | Trajectories) -> str:
    """Label that the fit of these data by this model and likelihood will have."""
    data = {"fingerprint": spectra.fingerprint, "provenance": spectra.provenance}
    asked = {"model": question.model.name, "likelihood": question.likelihood.name, "data": data}
    return fit_label(asked | question.model.stated.to_json())


def identity_of(spectra: Spectra) -> str:
    """What stands for these data in the label of a result that depends on how their levels are grouped: the
    fingerprint, and where the grouping is stated a digest of both."""
    if spectra.grouped_by != "stated":
        return spectra.fingerprint
    return hashlib.sha256(f"{spectra.fingerprint} {json.dumps(spectra.clusters)}".encode()).hexdigest()


def page_label(fingerprints: Iterable[str]) -> str:
    """Label of a report of fits of these data."""
    return result_label("a report", fingerprints)


def result_label(what: str, fingerprints: Iterable[str]) -> str:
    """Label of a result, such as "comparison", that was made from data with these fingerprints, in whatever order."""
    each = sorted({fingerprint[:12] for fingerprint in fingerprints})
    if len(each) == 1:
        return f"{what} of data {each[0]}"
    return f"{what} of {len(each)} sets of data, {hashlib.sha256(' '.join(each).encode()).hexdigest()[:12]}"


def require_ending(option: str, path: Path | None, *endings: str) -> None:
    """Refuse a name whose ending promises another kind of file.

    :raises ArgumentError: naming the option.
    """
    if path is not None and path.suffix.lower() not in endings:
        raise ArgumentError(f"{option}: expected a name that ends in {' or '.join(endings)}, got {path}")


def require_unused(path: Path | None, label: str, *, overwrite: bool) -> None:
    """Refuse to write over anything but an earlier version of the same result.

    :param label: of the result that is to be written.
    :raises ArgumentError: where ``path`` holds something else, and that is not to be overwritten.
    """
    if path is None or overwrite or not path.exists():
        return
    found = _held_by(path)
    if found != label:
        what = "a file that is not known to be such a result" if found is None else found
        raise ArgumentError(
            f"cannot write {path}: it holds {what}, and this is {label}; name another file, or say --overwrite"
        )


def require_companion(path: Path | None, result: Path, *, overwrite: bool) -> None:
    """Refuse to write over a figure, which cannot say what it shows, unless the result it belongs to is there.

    :param result: the file of the same command that has passed :func:`require_unused`.
    :raises ArgumentError: where ``path`` is there and ``result`` is not.
    """
    if path is not None and path.exists() and not result.exists() and not overwrite:
        raise ArgumentError(
            f"cannot write {path}: it is there, and {result}, which it would belong to, is not; name another file, or "
            "say --overwrite"
        )


def write_result(tree: xr.DataTree | xr.Dataset, path: Path, label: str) -> None:
    """Write a tree as netCDF that says what it is.

    :raises OSError: where ``path`` cannot be written.
    """
    labelled = tree.copy()
    labelled.attrs[LABEL] = label
    write_netcdf(labelled, path)


def _held_by(path: Path) -> str | None:
    """The label of a file; None of one that has none."""
    from coulombfit.data.files.netcdf import open_netcdf
    from coulombfit.inference.convergence import RECORD

    try:
        if path.suffix.lower() in PAGES:
            with open_regular(path) as page:
                found = _IN_PAGE.search(page.read(HEAD).decode(errors="replace"))
            return found and found[1]
        with open_netcdf(path) as groups:
            attributes: Mapping[str, Any] = groups["/"].attributes
        if RECORD not in attributes:
            label = attributes.get(LABEL)
            return label if isinstance(label, str) else None
        return fit_label(json.loads(attributes[RECORD]))
    except (DataError, ValueError, TypeError, KeyError, RecursionError):
        return None
