"""The public pages: what they show, and how many requests to Appwrite they take."""

import pycountry
import pytest

from appwrite_orm_django.engines import collation
from testproject.demo.pages import Page
from testproject.world.models import Language, Subdivision

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"])


def rows(response):
    assert response.status_code == 200, response
    return Page(response.content.decode()).tables.get("rows", [])


def column(response, position):
    return [row[position] for row in rows(response)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        # 6 counts, 1 more for each of the two tables beyond the server's cap.
        ("/", 8),
        # The page with its count, the names of its countries.
        ("/countries/", 2),
        ("/countries/?q=land&sort=-name", 2),
        ("/countries/?name__istartswith=S&page=1", 2),
        # The row, its names, its subdivisions and their types.
        ("/countries/GB/", 4),
        # 2 more for the count beyond the server's cap, the page and its 3 relations, the choices of 2 filters.
        ("/subdivisions/", 8),
        ("/subdivisions/?sort=-country_id&page=50", 8),
        # A chosen filter is looked up once more.
        ("/subdivisions/?country=FR", 7),
        ("/subdivisions/FR-IDF/", 5),
        ("/languages/", 3),
        ("/languages/?page=100", 3),
        ("/languages/?type=C&scope=I&alpha_2__isnull=with", 1),
        ("/languages/fra/", 1),
        ("/currencies/?sort=numeric", 1),
        ("/scripts/Latn/", 1),
        ("/former-countries/", 1),
    ],
)
def test_the_requests_of_a_page_are_these_however_many_rows_it_shows(
    visitor, requests, path, expected
):
    response = visitor.get(path)
    assert response.status_code == 200
    assert len(requests) == expected, requests.lines
    assert response["X-Appwrite-Requests"] == str(len(requests))
    assert response["Server-Timing"].startswith(f'appwrite;desc="{len(requests)} requests";dur=')


def test_the_footer_says_what_the_page_cost(visitor):
    assert b"2 Appwrite requests, " in visitor.get("/countries/").content


def test_a_list_is_in_the_order_of_the_servers_collation(visitor):
    names = column(visitor.get("/countries/"), 1)
    assert len(names) == 50
    assert names[:4] == ["Afghanistan", "Åland Islands", "Albania", "Algeria"]


def test_pages_continue_each_other(visitor):
    codes = [
        code
        for page in (1, 2, 3)
        for code in column(visitor.get(f"/languages/?sort=pk&page={page}"), 0)
    ]
    assert codes == list(Language.objects.order_by("pk").values_list("pk", flat=True)[:150])


def test_the_last_page_holds_the_rest(visitor):
    response = visitor.get("/languages/?page=last")
    assert len(rows(response)) == 7923 % 50
    assert "7,901\N{EN DASH}7,923</strong> of 7,923" in response.content.decode()


@pytest.mark.parametrize("page", ["0", "x"])
def test_what_is_no_page_is_not_found(visitor, page):
    assert visitor.get(f"/languages/?page={page}").status_code == 404


def test_beyond_the_last_page_is_the_last_page(visitor):
    response = visitor.get("/languages/?page=160")
    assert response.status_code == 200
    assert "There is no page 160. This is page " in response.content.decode()


def test_search_ignores_case_and_accents_and_wants_every_word(visitor):
    assert column(visitor.get("/countries/?q=COTE+ivoire"), 0) == ["CI"]


def test_search_finds_codes_in_any_case(visitor):
    assert column(visitor.get("/countries/?q=fRa"), 0) == ["FR"]
    assert column(visitor.get("/subdivisions/?q=fr-75c"), 0) == ["FR-75C"]


@pytest.mark.parametrize(
    "text",
    ['{"method":"equal"}', "%", "_", "\\", "'; DROP TABLE", '"', "<script>alert(1)</script>"],
)
def test_search_takes_every_text_for_text(visitor, text):
    response = visitor.get("/subdivisions/", {"q": text})
    names = column(response, 1)
    found = [
        one
        for one in pycountry.subdivisions
        if all(collation.contains(one.name, word) for word in text.split())
    ]
    assert names == [
        one.name for one in sorted(found, key=lambda one: (collation.fold(one.name), one.code))
    ]
    assert b"<script>alert" not in response.content


def test_filters_combine(visitor):
    found = rows(visitor.get("/subdivisions/?country=FR&type=metropolitan-department&q=haut"))
    assert {row[3] for row in found} == {"France"}
    assert {row[2] for row in found} == {"Metropolitan department"}
    assert (
        len(found)
        == Subdivision.objects.filter(
            country="FR", type="metropolitan-department", name__icontains="haut"
        ).count()
    )


def test_the_level_tells_rows_with_a_parent_from_those_without(visitor):
    assert all(row[4] for row in rows(visitor.get("/subdivisions/?parent__isnull=within")))
    assert not any(row[4] for row in rows(visitor.get("/subdivisions/?parent__isnull=top")))


def test_an_unknown_filter_value_is_named_and_the_others_count(visitor):
    response = visitor.get("/languages/?type=nonsense&q=esperanto")
    assert b"nonsense is not one of the available choices" in response.content
    assert column(response, 0) == ["epo"]


def test_an_unknown_sort_is_the_default(visitor):
    assert rows(visitor.get("/countries/?sort=password")) == rows(visitor.get("/countries/"))


def test_sorting_keeps_the_search_and_begins_at_page_one(visitor):
    page = visitor.get("/subdivisions/?q=saint&sort=name&page=2").content.decode()
    assert 'aria-sort="ascending"' in page
    assert 'href="?q=saint&amp;sort=-name"' in page


def test_a_country_shows_all_its_subdivisions_by_type(visitor):
    response = visitor.get("/countries/GB/")
    assert (
        Page(response.content.decode()).items
        == Subdivision.objects.filter(country="GB").count()
        == 221
    )
    assert "United Kingdom of Great Britain and Northern Ireland" in response.content.decode()


def test_a_subdivision_leads_to_its_parent_and_its_children(visitor):
    paris = visitor.get("/subdivisions/FR-75C/").content.decode()
    assert 'href="/subdivisions/FR-IDF/"' in paris
    assert 'href="/subdivisions/FR-75C/"' in visitor.get("/subdivisions/FR-IDF/").content.decode()


def test_ids_are_found_in_any_case(visitor):
    assert visitor.get("/countries/fr/").status_code == 200


@pytest.mark.parametrize("pk", ["ZZ", "x" * 40, "a b", "é", "..", "$id"])
def test_a_row_that_does_not_exist_is_not_found(visitor, pk):
    assert visitor.get(f"/countries/{pk}/").status_code == 404


def test_every_table_has_a_list_and_details(visitor):
    for name, code in (
        ("currencies", "EUR"),
        ("scripts", "Latn"),
        ("languages", "epo"),
        ("former-countries", "YUCS"),
    ):
        assert rows(visitor.get(f"/{name}/"))
        assert code in visitor.get(f"/{name}/{code}/").content.decode()


def test_forms_are_labelled_and_the_table_is_described(visitor):
    page = visitor.get("/subdivisions/?sort=name").content.decode()
    assert page.count("<h1>") == 1
    for field in ("q", "country", "type", "parent__isnull"):
        assert f'<label for="id_{field}">' in page
    assert page.count('scope="col"') == 5
    assert page.count('scope="row"') == 50
