"""What a check needs to see of an HTML page: its tables, list items and links."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """
    A parsed page.

    Attributes:
        tables: id of each table that has one to its body rows, a row being the texts of its cells.
        items: number of list items in ``<ul class="columns">``.
        links: text to address, of the links in table bodies.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.items = 0
        self.links: dict[str, str] = {}
        self._rows: list[list[str]] | None = None
        self._in_body = self._in_cell = self._in_columns = False
        self._href: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table" and given.get("id"):
            self._rows = self.tables.setdefault(str(given["id"]), [])
        elif tag == "tbody":
            self._in_body = self._rows is not None
        elif tag == "tr" and self._in_body and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._in_body and self._rows:
            self._rows[-1].append("")
            self._in_cell = True
        elif tag == "a" and self._in_cell:
            self._href = given.get("href")
        elif tag == "ul":
            self._in_columns = given.get("class") == "columns"
        elif tag == "li":
            self.items += self._in_columns

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._rows = None
        elif tag == "tbody":
            self._in_body = False
        elif tag in ("td", "th"):
            self._in_cell = False
        elif tag == "a":
            self._href = None
        elif tag == "ul":
            self._in_columns = False

    def handle_data(self, data: str) -> None:
        if not (self._in_cell and self._rows and self._rows[-1]):
            return
        text = " ".join(data.split())
        self._rows[-1][-1] = f"{self._rows[-1][-1]} {text}".strip()
        if self._href is not None and text:
            self.links[text] = self._href
