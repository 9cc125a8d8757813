"""Sphinx: the documentation site, out of the Markdown files beside this one."""

from __future__ import annotations

import re
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

project = "appwrite-orm-django"
author = "The appwrite-orm-django authors"
project_copyright = "The appwrite-orm-django authors. Appwrite is a trademark of its owners; this is an independent project"
version = release = installed_version("appwrite-orm-django")

extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"appwrite-orm-django {version}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]

DOCS = Path(__file__).parent
ANCHOR = re.compile(r'^<a id="([\w-]+)"></a>$', re.MULTILINE)
ONLY_ON_THE_SITE = re.compile(r"^<!-- site\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"^!\[([^\]]*)\]\((?P<way>[\w./-]+)\.png\)$", re.MULTILINE)


def for_the_site(_app: Any, name: str, source: list[str]) -> None:
    """
    Turn what code hosts understand into what Sphinx does.

    HTML anchors become targets of links, ``<!-- site`` comments become text, and a picture that also
    exists on a dark background follows the theme.
    """

    def both(found: re.Match[str]) -> str:
        dark = f"{found['way']}-dark.png"
        if not ((DOCS / name).parent / dark).exists():
            return found[0]
        return f"{found[0]}{{.only-light}}\n![{found[1]}]({dark}){{.only-dark}}"

    text = ONLY_ON_THE_SITE.sub(r"\1", ANCHOR.sub(r"(\1)=", source[0]))
    source[0] = PICTURE.sub(both, text)


def setup(app: Any) -> None:
    app.connect("source-read", for_the_site)
