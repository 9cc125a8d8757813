"""Pages can be read on a code host and in an installed copy, not only on the site; hints lead to them."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest

from appwrite_orm_django import documentation
from tests.docs.pages import DOCS, Page, all_pages

ROOT = DOCS.parent
PROJECT = (ROOT / "pyproject.toml").read_text()
# What Sphinx understands and a code host shows as it stands, or not at all.
FOR_SPHINX_ONLY = {
    "directive": r"^(?:```|:::)\{",
    "target": r"^\([\w-]+\)=$",
    "definition list": r"^: ",
    "role": r"(?:^|\s)\{[\w:]+\}`",
    "attributes": r"\)\{[.#]",
    "link without a text": r"(?<!!)\[\]\(",
    "front matter": r"\A---$",
}


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_nothing_is_for_sphinx_only(page: Page):
    text = re.sub(r"^<!-- site\n.*?^-->$", "", page.text, flags=re.MULTILINE | re.DOTALL)
    found = {what for what, is_ in FOR_SPHINX_ONLY.items() if re.search(is_, text, re.MULTILINE)}
    assert not found


def test_every_directory_of_pages_is_in_the_wheel():
    for page in all_pages():
        directory = page.path.parent.relative_to(ROOT).as_posix()
        assert f'["{directory}/*.md"]' in PROJECT


def test_the_address_of_the_site_is_that_of_the_project():
    found = re.search(r"^Documentation = \"(.*)\"$", PROJECT, re.MULTILINE)
    assert (found[1] if found else "") == documentation.SITE
    assert not documentation.SITE or documentation.SITE.endswith("/")


def test_addresses(tmp_path, monkeypatch):
    anchor = "appwrite-e001"
    assert (
        documentation.address("reference/checks", anchor) == f"{DOCS}/reference/checks.md#{anchor}"
    )
    # Installed, the pages are where pip puts the data of a package.
    monkeypatch.setattr(documentation, "_CLONE", tmp_path / "none")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert documentation.address("reference/checks", anchor) == f"docs/reference/checks.md#{anchor}"
    page = tmp_path / "share/doc/appwrite-orm-django/reference/checks.md"
    page.parent.mkdir(parents=True)
    page.touch()
    assert documentation.address("reference/checks", anchor) == f"{page}#{anchor}"
    monkeypatch.setattr(documentation, "SITE", "https://docs.example/")
    assert (
        documentation.address("reference/checks", anchor)
        == f"https://docs.example/reference/checks.html#{anchor}"
    )


def test_pages_that_the_package_names_exist():
    named = set()
    for file in Path(documentation.__file__).parent.rglob("*.py"):
        named |= set(
            re.findall(r"""address\(["']([\w/-]+)["'], ["']([\w-]+)["']""", file.read_text())
        )
    assert named
    for page, anchor in named:
        text = (DOCS / f"{page}.md").read_text()
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert f'<a id="{anchor}"></a>' in text or anchor in slugs, (page, anchor)


def slugs(text: str) -> set[str]:
    """Return the anchors of a page, as code hosts make them of its headings."""
    outside_of_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside_of_code, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    made = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}
    return made | set(re.findall(r'<a id="([\w-]+)"></a>', text))


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_links_lead_to_headings(page: Page):
    missing = set()
    for target, anchor in re.findall(r"\]\(((?!https?:)[^)#\s]*)#([^)\s]+)\)", page.text):
        linked = page.path if not target else (page.path.parent / target).resolve()
        if anchor not in slugs(linked.read_text()):
            missing.add(f"{target}#{anchor}")
    assert not missing
