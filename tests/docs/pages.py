"""The pages of docs/, as lists of the code blocks that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
README = DOCS.parent / "README.md"
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*|\{[\w-]+\})\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
# What "run" at the top of a page may say; "project" is what a page without one gets.
RUNNERS = ("empty", "project", "library", "site", "elsewhere")
# Not run: what is shown to be read, and what other programs read.
FOR_READING = {
    "text",
    "json",
    "mermaid",
    "nginx",
    "ini",
    "typescript",
    "html",
    "toml",
    "yaml",
    "{toctree}",
}


@dataclass(frozen=True, slots=True)
class Block:
    """
    A fenced block.

    Attributes:
        language: the word behind the fence.
        code: the text, ending in a newline.
        line: the line of the page that the code begins on, from 1.
    """

    language: str
    code: str
    line: int

    @property
    def path(self) -> str | None:
        """The file that the block is a part of: its first line says so (``# shop/models.py``)."""
        first = self.code.partition("\n")[0]
        found = re.fullmatch(r"(?:# |<!-- |\{# )([\w./-]+\.(?:py|html|txt))(?: -->| #\})?", first)
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        inside = self.path.is_relative_to(DOCS)
        return self.path.relative_to(DOCS if inside else DOCS.parent).with_suffix("").as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def front_matter(self) -> dict[str, str]:
        """The comment that a page begins with: a code host would show YAML as a table."""
        found = re.match(r"<!-- (.*) -->\n", self.text)
        return dict(re.findall(r"(\w+): ([^;]+)", found[1])) if found else {}

    @property
    def runner(self) -> str:
        """How its blocks are run; ``elsewhere`` is by the test that the page's first line names."""
        return self.front_matter.get("run", "project")

    def blocks(self) -> Iterator[Block]:
        import textwrap

        for fence in FENCE.finditer(self.text):
            code = textwrap.dedent(fence["code"])
            yield Block(fence["language"], code, self.text.count("\n", 0, fence.start("code")) + 1)


def all_pages() -> list[Page]:
    return [Page(path) for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts]
