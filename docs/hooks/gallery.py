"""The page of examples, made from ``examples/`` when the site is built, so that none can be missing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

__all__ = ["gallery", "on_files"]

ROOT = Path(__file__).parents[2]
HEADER = """# Gallery

Every script of the folder `examples/`, with what it draws. Each runs by itself, takes `--help`, and is run by the
tests.
"""


def figure(name: str, docs: Path) -> str | None:
    """The figure of an example, as the gallery would link to it."""
    places = [f"{folder}{name}.{suffix}" for folder in ("", "figures/") for suffix in ("png", "svg")]
    return next((place for place in places if (docs / place).exists()), None)


def gallery(examples: Path, docs: Path) -> str:
    """The page as Markdown."""
    parts = [HEADER]
    for path in sorted(examples.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        # the first cell of a script is its docstring
        text = ast.get_docstring(ast.parse(source)) or ""
        title = path.stem.replace("_", " ").capitalize()
        drawn = figure(path.stem, docs)
        code = "\n".join(f"    {line}".rstrip() for line in source.splitlines())
        parts += [
            f"## {title}\n\n{text}",
            f"![{title}]({drawn})" if drawn else "",
            f'??? example "examples/{path.name}"\n\n    ~~~ {{.python}}\n{code}\n    ~~~\n',
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def on_files(files: Files, config: Any) -> Files:
    """Add the page to the site."""
    page = gallery(ROOT / "examples", Path(config.docs_dir))
    files.append(File.generated(config, "gallery.md", content=page))
    return files
