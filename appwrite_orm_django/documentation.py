"""
Addresses of pages of the documentation, for hints and error texts.

The wheel brings the pages along as Markdown, so that a hint leads somewhere even where the project
has no site.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

# The address of the published site, with a slash at its end: the same as "Documentation" under
# [project.urls] in pyproject.toml. Empty as long as there is no site.
SITE = ""
_CLONE = Path(__file__).parents[1] / "docs"
_INSTALLED = "share/doc/appwrite-orm-django"


def address(page: str, anchor: str) -> str:
    """
    Return where to read about something: a URL, or a file if there is no site.

    Args:
        page: the page's path in the documentation, without a suffix: ``reference/checks``.
        anchor: of a heading or another target on the page.
    """
    if SITE:
        return f"{SITE}{page}.html#{anchor}"
    for directory in (_CLONE, Path(sysconfig.get_path("data")) / _INSTALLED):
        if (directory / f"{page}.md").is_file():
            return f"{directory / page}.md#{anchor}"
    # Installed without its data, for example by pip's --target: the path in the source archive.
    return f"docs/{page}.md#{anchor}"
