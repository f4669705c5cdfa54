"""Tables of levels as text: one row a run, one column a level, separated by commas.

What is no level is refused rather than guessed. A first row without any number is a header of names. A first row of
column numbers, as table libraries write them, would pass for a run: it is refused where its numbers are 0, 1, 2 … or
1, 2, 3 …, or whole numbers above a table of fractions, or have far fewer digits than all below. An index is refused by
its name, where it counts the rows, and where it is whole numbers beside fractions; a setting where it is the same in
every row.
"""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from coulombfit.data.dimensions import FEWEST_COUNTED, refuse_labels, refuse_numbering
from coulombfit.data.files.opening import open_regular, refusing_damage, require_within
from coulombfit.runtime.errors import DataError

__all__ = ["read_csv"]

FEWER = 6
"""First rows whose longest number has this many digits less than that of any other row are column numbers: in
double precision this happens to a run once in a million times."""
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_csv(path: Path, limit: int) -> Float[np.ndarray, "run level"]:
    """Levels of a .csv file.

    :param limit: bytes of the file.
    :raises FileNotFoundError: where there is no such file.
    :raises DataError: for anything that is no table of numbers, with the line.
    """
    with open_regular(path) as file, refusing_damage(path):
        size = file.seek(0, 2)
        require_within((size,), 1, limit, f"path: {path}")
        file.seek(0)
        # spreadsheets write a byte-order mark
        text = io.TextIOWrapper(file, encoding="utf-8-sig")
        try:
            table = _Table()
            for line, cells in _rows(text):
                table.add(line, cells)
            return table.finished()
        finally:
            text.detach()


def _rows(text: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Cells of each row, with the number of its line."""
    reader = csv.reader(_lines(text), strict=True, skipinitialspace=True)
    for cells in reader:
        if cells:
            yield reader.line_num, [cell.strip() for cell in cells]


def _lines(text: Iterable[str]) -> Iterator[str]:
    """Lines but for those that are blank at the end, and remarks at the top that hold no number."""
    blank, begun = 0, False
    for number, line in enumerate(text, start=1):
        if "\0" in line:
            raise ValueError(f"it is no text: line {number} holds a zero byte")
        if not line.strip():
            blank = blank or number
            yield ""
            continue
        if blank:
            raise ValueError(f"line {blank} is empty: a run without values; remove it")
        if line.lstrip().startswith("#"):
            if begun or any(map(_is_number, line.replace("#", " ").replace(",", " ").split())):
                raise ValueError(f"line {number} begins with #: a run left out, or not? Remove the line or the #")
            yield ""
            continue
        begun = True
        yield line


class _Table:
    """Numbers of the rows seen so far, and how they were written."""

    def __init__(self) -> None:
        self.values = array("d")
        self.first: list[str] | None = None
        self.width = self.rows = 0
        self.named = False
        self.whole: list[bool] = []  # by column: every number so far is without a point
        self.whole_rows = 0
        self.digits = math.inf  # fewest of a row but the first

    def add(self, line: int, cells: list[str]) -> None:
        if not self.width:
            self.width = len(cells)
            self.named = _is_header(cells)
            if self.named:
                return
        if len(cells) != self.width:
            raise ValueError(f"line {line} has {len(cells)} cell(s), where the first has {self.width}")
        behind = next((cell for cell in cells if cell.isdigit() and cell[0] == "0" and len(cell) > 1), None)
        if behind is not None:
            raise ValueError(
                f"line {line} has the number {behind}, which begins as digits behind a decimal comma do, or ids; write "
                "numbers with decimal points, and leave out what is no level"
            )
        whole = [cell.lstrip("+-").isdigit() for cell in cells]
        if self.first is None:
            self.first, self.whole = cells, whole
        else:
            self.digits = min(self.digits, _digits(cells))
        self.whole = [one and other for one, other in zip(self.whole, whole, strict=True)]
        self.whole_rows += all(whole)
        self.rows += 1
        self.values.extend(_number(cell, line, place) for place, cell in enumerate(cells))

    def finished(self) -> Float[np.ndarray, "run level"]:
        if self.first is None:
            raise ValueError("it is empty" if not self.width else "it has no row below the names of its columns")
        table = np.array(self.values).reshape(self.rows, self.width)
        if not self.named:
            self._refuse_labels_above(self.first, table[0])
        self._refuse_columns(table)
        refuse_numbering(table, "eigenvalues")
        return table

    def _refuse_labels_above(self, first: list[str], row: Float[np.ndarray, " level"]) -> None:
        """A first row that numbers the columns."""
        told = f"its first row, {', '.join(first)[:80]},"
        several = self.rows > 1 and self.width > 1
        if (several and row[0] in {0.0, 1.0} and (np.diff(row) == 1.0).all()) or first == ["0"]:
            raise ValueError(
                f"{told} looks like the numbers of its columns; remove it or, if it is a run, write a row of names "
                "above it"
            )
        if self.rows >= FEWEST_COUNTED and self.digits - _digits(first) >= FEWER:
            raise ValueError(
                f"{told} has at least {FEWER} digits fewer than any other, as labels of columns have; remove it or, if "
                "it is a run, write a row of names above it"
            )
        if self.rows > 1 and self.whole_rows == 1 and all(cell.lstrip("+-").isdigit() for cell in first):
            raise ValueError(
                f"{told} is of whole numbers above a table of fractions, as labels of columns are; remove it or, if it "
                "is a run, write a row of names above it"
            )

    def _refuse_columns(self, table: Float[np.ndarray, "run level"]) -> None:
        """Columns that are no levels by what they hold."""
        if self.rows < FEWEST_COUNTED or self.width < 2:
            return
        if all(self.whole) and self.width % 2 == 0 and _may_be_halves(table):
            raise ValueError(
                "it is of whole numbers in no order of levels, as numbers with a decimal comma are; write it with "
                "decimal points, and commas between columns"
            )
        for place, column in enumerate(table.T):
            if self.whole[place] and not all(self.whole) and column.any():
                raise DataError(
                    f"eigenvalues: column {place} is of whole numbers beside fractions, as an index is; leave it out, "
                    "or write it with decimal points"
                )
            if column[0] != 0.0 and np.ptp(column) == 0.0:
                raise DataError(
                    f"eigenvalues: column {place} is {column[0]:g} in every row, as a setting is; leave it out"
                )


def _may_be_halves(table: Float[np.ndarray, "run level"]) -> bool:
    """Whether whole numbers may be those before and behind decimal commas: in no order along the rows, or the second
    of each pair always far larger."""
    steps = np.diff(table, axis=1)
    ordered = (steps >= 0).all() or (steps <= 0).all()
    return not ordered or bool((table[:, 1::2] > 1000.0 * table[:, ::2]).all())


def _digits(cells: list[str]) -> int:
    """Digits of the longest number of a row, its exponent not counted."""
    return max(sum(map(str.isdigit, re.split("[eE]", cell)[0])) for cell in cells)


def _is_header(first: list[str]) -> bool:
    """Whether a first row is names; False where it is a run."""
    _refuse_separators(first)
    numbers = [_is_number(cell) for cell in first]
    if all(numbers):
        return False
    if any(numbers):
        named = next(cell for cell, number in zip(first, numbers, strict=True) if not number)
        raise ValueError(
            f"its first row is half numbers, and half not: {named!r}; name every column, or none, and leave out what "
            "is no level, such as an index"
        )
    if "" in first:
        raise ValueError(f"its column {first.index('')} has no name and looks like an index; leave it out")
    refuse_labels(first, "eigenvalues")
    return True


def _refuse_separators(cells: list[str]) -> None:
    for separator, name in SEPARATORS.items():
        if any(separator in cell for cell in cells):
            raise ValueError(f"its columns are separated by {name}; write it with commas, and decimal points")
    if any(len(cell.split()) > 1 and all(map(_is_number, cell.split())) for cell in cells):
        raise ValueError("its columns are separated by spaces; write it with commas")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _number(text: str, line: int, place: int) -> float:
    if not _is_number(text):
        raise ValueError(f"line {line}, column {place}: expected a number, got {text[:40]!r}")
    return float(text)
