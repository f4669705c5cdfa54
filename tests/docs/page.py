"""Pages of the documentation as programs: their blocks in order, in one folder, what they print beside what they say.

``python page.py BLOCKS.json`` runs ``python`` blocks one after the other in one process and ``sh`` blocks by bash.
A block with a title is the file of that name; a ``toml`` block without one is ``analysis.toml``, and is loaded. A
``text`` block is what the block above it prints. One that follows a comment ``<!-- not run: why -->`` is left alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(
    r"(?P<comment>^[ ]*<!-- not run: [^>]+-->\s*)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w+)(?:[ ]+title=\"(?P<title>[^\"]+)\")?[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)```[ ]*$",
    flags=re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"[-−+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


class Block(NamedTuple):
    """One block of a page, and the line where it begins."""

    language: str
    title: str | None
    text: str
    line: int
    run: bool


def blocks_of(page: str) -> list[Block]:
    """All fenced blocks of a page."""
    found = []
    for one in BLOCK.finditer(page):
        text = re.sub(rf"^{one['indent']}", "", one["text"], flags=re.MULTILINE)
        line = page.count("\n", 0, one.start("text")) + 1
        installs = one["language"] == "sh" and re.search(r"\bpip install\b", text) is not None
        found.append(Block(one["language"], one["title"], text, line, not (one["comment"] or installs)))
    return found


def agrees(said: str, printed: str) -> bool:
    """Whether text is what was printed: the same words, numbers within a tenth; a line "…" stands for any lines."""
    return _follow(
        [line.split() for line in said.strip().splitlines()], [line.split() for line in printed.splitlines()]
    )


def _follow(said: list[list[str]], printed: list[list[str]]) -> bool:
    printed = printed[next((k for k, line in enumerate(printed) if line), len(printed)) :]
    if not said:
        return not printed
    if said[0] == ["…"]:
        return any(_follow(said[1:], printed[k:]) for k in range(len(printed) + 1))
    if not said[0]:
        return _follow(said[1:], printed)
    if not printed or len(said[0]) != len(printed[0]):
        return False
    return all(map(_alike, said[0], printed[0])) and _follow(said[1:], printed[1:])


def _alike(one: str, other: str) -> bool:
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(*([float(x.replace("−", "-")) for x in NUMBER.findall(word)] for word in (one, other)), strict=True)
    return all(abs(a - b) <= 0.1 * max(abs(a), abs(b)) + 0.01 for a, b in pairs)


def main() -> None:
    """Run the blocks of a page; the first that fails, or that prints something else than is said, ends it."""
    page, blocks = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    names: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for block in (Block(*one) for one in blocks):
        where, begun = f"{page}:{block.line}", time.perf_counter()
        if not block.run:
            printed = ""
        elif block.language == "text":
            if printed and not agrees(block.text, printed):
                sys.exit(f"{where}: this was printed instead:\n{printed}")
        elif block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "toml":
            Path("analysis.toml").write_text(block.text, encoding="utf-8")
            from coulombfit.analysis import load

            load("analysis.toml")
        elif block.language == "sh":
            done = subprocess.run(["bash", "-ec", block.text], capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{where}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
            printed = done.stdout
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile("\n" * (block.line - 1) + block.text, page, "exec"), names)
            printed = output.getvalue()
        if os.environ.get("SHOW_PAGE") and block.language in ("python", "sh") and not block.title:
            print(f"--- {where} {time.perf_counter() - begun:.1f} s\n{printed}", flush=True)


if __name__ == "__main__":
    main()
