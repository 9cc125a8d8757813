"""A visit to the running site over HTTP, which looks at what every page holds and counts what it asked of Appwrite."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.engines import Engine
from testproject.demo.pages import Page
from testproject.demo.preparing import USERNAME
from testproject.world.models import Country, Currency, Subdivision

#: ISO 4217 will not assign it: the code of no country starts with QZ.
_SPARE_CODE = "QZZ"
_SPARE_NUMBER = "000"


class CheckFailed(Exception):
    """A page is not what it should be; the text names the page and the difference."""


@dataclass(frozen=True)
class Visit:
    """One page: which, and how many requests to Appwrite it took."""

    page: str
    path: str
    requests: int


@dataclass
class Site:
    """The site as a visitor sees it."""

    base_url: str
    session: requests.Session = field(default_factory=requests.Session)
    visits: list[Visit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session.trust_env = False  # a proxy of the environment has no business on loopback

    def get(self, page: str, path: str, *, status: int = 200) -> tuple[str, Page]:
        return self._request("GET", page, path, None, status)

    def post(
        self, page: str, path: str, data: dict[str, str], *, status: int = 302
    ) -> tuple[str, Page]:
        token = {"csrfmiddlewaretoken": self.session.cookies["csrftoken"]}
        return self._request("POST", page, path, {**token, **data}, status)

    def _request(
        self, method: str, page: str, path: str, data: dict[str, str] | None, status: int
    ) -> tuple[str, Page]:
        try:
            response = self.session.request(
                method, self.base_url + path, data=data, timeout=60, allow_redirects=False
            )
        except requests.RequestException as error:
            raise CheckFailed(f"{page}: {error}") from error
        expect(
            response.status_code == status,
            page,
            f"{path} answered {response.status_code}, not {status}",
        )
        # Static files do not come by the middleware that counts, and ask for nothing.
        self.visits.append(Visit(page, path, int(response.headers.get("X-Appwrite-Requests", 0))))
        return response.text, Page(response.text)


def _engine() -> Engine:
    """The engine under the site's Appwrite, whose order and case its pages follow."""
    return appwrite_connection("appwrite").engine


def _contains(text: str, word: str) -> bool:
    key = _engine().pattern_key
    return key(word) in key(text)


def expect(holds: bool, page: str, otherwise: str) -> None:
    """
    Go on if ``holds``.

    Raises:
        CheckFailed: it does not.
    """
    if not holds:
        raise CheckFailed(f"{page}: {otherwise}")


def check_site(base_url: str, password: str) -> list[dict[str, Any]]:
    """
    Visit every kind of page, and add, change and delete one row in the admin.

    Returns:
        For each page visited its name, path and number of requests to Appwrite.

    Raises:
        CheckFailed: a page is missing, fails, or holds something else than it should.
    """
    site = Site(base_url)
    _check_lists(site)
    _check_details(site)
    _log_in(site, password)
    _check_changelists(site)
    Currency.objects.filter(pk=_SPARE_CODE).delete()  # what an earlier check may have left behind
    try:
        _edit_a_row(site)
    finally:
        Currency.objects.filter(pk=_SPARE_CODE).delete()
    return [asdict(visit) for visit in site.visits]


def _check_lists(site: Site) -> None:
    text, _ = site.get("home", "/")
    expect(
        f"{Subdivision.objects.count():,}" in text,
        "home",
        "the number of subdivisions is not there",
    )
    site.get("style sheet", "/static/world/world.css")

    _, page = site.get("list", "/countries/")
    names = [row[1] for row in _rows(page, "list")]
    expect(
        names == sorted(names, key=_engine().order_key),
        "list",
        f"countries are not in order: {names}",
    )
    _, page = site.get("list again", "/countries/")
    expect(
        [row[1] for row in _rows(page, "list again")] == names,
        "list again",
        "it differs from the first time",
    )

    _, page = site.get("sort", "/countries/?sort=-name")
    backwards = [row[1] for row in _rows(page, "sort")]
    expect(
        backwards == sorted(backwards, key=_engine().order_key, reverse=True),
        "sort",
        f"not descending: {backwards}",
    )

    _, first = site.get("list of two relations", "/subdivisions/")
    code, name, _type, country, *_ = _rows(first, "list of two relations")[0]
    word = name.split()[0]
    _, found = site.get("search", f"/subdivisions/?q={quote(word)}")
    rows = _rows(found, "search")
    expect(any(row[0] == code for row in rows), "search", f"{word!r} does not find {code}")
    strangers = [
        row for row in rows if not _contains(row[1], word) and row[0].lower() != word.lower()
    ]
    expect(not strangers, "search", f"{word!r} finds {strangers}")

    country_code = code.partition("-")[0]
    _, found = site.get("filter", f"/subdivisions/?country={country_code}")
    others = [row for row in _rows(found, "filter") if row[3] != country]
    expect(not others, "filter", f"country={country_code} shows {others}")

    _, first = site.get("page 1", "/languages/?sort=pk")
    _, second = site.get("page 2", "/languages/?sort=pk&page=2")
    codes = [row[0] for row in _rows(first, "page 1")] + [row[0] for row in _rows(second, "page 2")]
    expect(codes == sorted(set(codes)), "page 2", f"the pages overlap or are out of order: {codes}")


def _check_details(site: Site) -> None:
    country = Country.objects.order_by("pk")[0]
    subdivisions = Subdivision.objects.filter(country=country).count()
    text, page = site.get("detail", f"/countries/{country.pk}/")
    expect(
        page.items == subdivisions,
        "detail",
        f"{country} has {subdivisions} subdivisions, the page shows {page.items}",
    )
    subdivision = Subdivision.objects.order_by("pk")[0]
    text, _ = site.get("detail of two relations", f"/subdivisions/{subdivision.pk}/")
    expect(country.get_absolute_url() in text, "detail of two relations", f"no link to {country}")
    site.get("no such row", "/countries/QZ/", status=404)


def _log_in(site: Site, password: str) -> None:
    site.get("admin login", "/admin/login/")
    site.post(
        "admin login",
        "/admin/login/",
        {"username": USERNAME, "password": password, "next": "/admin/"},
    )
    text, _ = site.get("admin", "/admin/")
    expect("Subdivisions" in text, "admin", "it does not list the tables; the login did not work")


def _check_changelists(site: Site) -> None:
    _, page = site.get("admin changelist", "/admin/world/subdivision/")
    rows = _rows(page, "admin changelist", "result_list")
    expect(
        len(rows) == min(100, Subdivision.objects.count()),
        "admin changelist",
        f"it shows {len(rows)} rows",
    )
    expect(all(row[3] for row in rows), "admin changelist", "a row has no country")
    code = rows[0][2]
    _, page = site.get("admin search", f"/admin/world/subdivision/?q={code}")
    rows = _rows(page, "admin search", "result_list")
    expect(code in [row[2] for row in rows], "admin search", f"{code} is not found")


def _edit_a_row(site: Site) -> None:
    row = {"alpha_3": _SPARE_CODE, "numeric": _SPARE_NUMBER, "name": "Check"}
    site.get("admin add", "/admin/world/currency/add/")
    site.post("admin add", "/admin/world/currency/add/", row)
    text, _ = site.get("detail of a new row", f"/currencies/{_SPARE_CODE}/")
    expect("Check" in text, "admin add", "the new row is not on its page")

    change = f"/admin/world/currency/{_SPARE_CODE}/change/"
    site.get("admin change", change)
    # Text that would be an operator or a query, were it not sent as what it is. Over MongoDB no
    # update can hold it.
    name = '{"method":"increment","values":[1]}'
    if not _engine().keeps_operator_text:
        name = name.removeprefix("{")
    site.post("admin change", change, {"numeric": _SPARE_NUMBER, "name": name})
    text, _ = site.get("detail of a changed row", f"/currencies/{_SPARE_CODE}/")
    expect("increment" in text, "admin change", "the change is not on the row's page")

    delete = f"/admin/world/currency/{_SPARE_CODE}/delete/"
    site.get("admin delete", delete)
    site.post("admin delete", delete, {"post": "yes"})
    site.get("detail of a deleted row", f"/currencies/{_SPARE_CODE}/", status=404)


def _rows(page: Page, name: str, table: str = "rows") -> list[list[str]]:
    rows = page.tables.get(table, [])
    expect(bool(rows), name, "the page shows no rows")
    return rows
