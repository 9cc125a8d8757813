"""Django's admin over rows in Appwrite, through Django's test client: the admin itself is unchanged."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model

from testproject.demo.pages import Page
from testproject.world import loading
from testproject.world.models import Country, CountryName, Currency, Subdivision, SubdivisionType

# Real commits: what the admin does in a transaction of its own is what counts.
pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.usefixtures("demo_urls"),
]

NO_INLINES = {"names-TOTAL_FORMS": "0", "names-INITIAL_FORMS": "0"}


@pytest.fixture
def staff(client):
    client.force_login(
        get_user_model().objects.create_superuser("staff", "staff@example.com", "password")
    )
    return client


@pytest.fixture
def oceania():
    """A country of two levels, with a code that ISO assigns to nobody."""
    country = Country.objects.create(
        alpha_2="QO", alpha_3="QOO", numeric="990", name="Outer Oceania"
    )
    CountryName.objects.create(country=country, kind="official", name="Republic of Outer Oceania")
    region = SubdivisionType.objects.create(slug="region", name="Region")
    island = SubdivisionType.objects.create(slug="island", name="Island")
    north = Subdivision.objects.create(code="QO-N", name="North", country=country, type=region)
    Subdivision.objects.bulk_create(
        [
            Subdivision(
                code=f"QO-{number:02}",
                name=f"Isle {number:02}",
                country=country,
                type=island,
                parent=north,
            )
            for number in range(12)
        ]
    )
    return country


def results(response):
    assert response.status_code == 200, response
    return [row[1:] for row in Page(response.content.decode()).tables.get("result_list", [])]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # The page with its count, its two relations, and the choices of a filter.
        ("", 4),
        ("?o=3", 4),
        ("?q=an", 4),
        ("?type__slug__exact=province", 4),
        ("?parent__isempty=1", 4),
    ],
)
def test_a_changelist_of_100_rows_with_two_relations_takes_4_requests(
    staff, requests, query, expected
):
    loading.load(rows=120)
    requests.clear()
    response = staff.get(f"/admin/world/subdivision/{query}")
    assert len(requests) == expected, requests.lines
    assert results(response)
    requests.clear()
    assert results(staff.get(f"/admin/world/subdivision/{query}")) == results(response)
    assert not requests, requests.lines
    if not query:
        assert len(results(response)) == 100


def test_search_finds_names_and_codes(staff, oceania):
    assert [row[0] for row in results(staff.get("/admin/world/subdivision/?q=isle+03"))] == [
        "Isle 03"
    ]
    assert [row[1] for row in results(staff.get("/admin/world/subdivision/?q=qo-n"))] == ["QO-N"]
    assert len(results(staff.get("/admin/world/subdivision/?q=QO"))) == 13
    assert results(staff.get("/admin/world/subdivision/?q=nowhere")) == []


def test_filters_and_sorting(staff, oceania):
    assert len(results(staff.get("/admin/world/subdivision/?type__slug__exact=island"))) == 12
    assert [
        row[0] for row in results(staff.get("/admin/world/subdivision/?parent__isempty=1"))
    ] == ["North"]
    codes = [row[1] for row in results(staff.get("/admin/world/subdivision/?o=-2"))]
    assert codes == sorted(codes, reverse=True)
    assert len(codes) == 13


def test_adding_a_row(staff, requests):
    row = {"alpha_3": "QAA", "numeric": "991", "name": "Crown"}
    response = staff.post("/admin/world/currency/add/", row)
    assert response.status_code == 302
    assert Currency.objects.get(pk="QAA").name == "Crown"
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.is_addition()) == ("QAA", True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"alpha_3": "EUR", "numeric": "991", "name": "Crown"},
            "Currency with this Code already exists.",
        ),
        (
            {"alpha_3": "eur", "numeric": "991", "name": "Crown"},
            "Currency with this Code already exists.",
        ),
        (
            {"alpha_3": "QAA", "numeric": "978", "name": "Crown"},
            "Currency with this Number already exists.",
        ),
        (
            {"alpha_3": "QAAA", "numeric": "991", "name": "Crown"},
            "Ensure this value has at most 3 characters",
        ),
        ({"alpha_3": "QAA", "numeric": "991", "name": ""}, "This field is required."),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_the_reason(staff, row, message):
    Currency.objects.create(alpha_3="EUR", numeric="978", name="Euro")
    response = staff.post("/admin/world/currency/add/", row)
    assert response.status_code == 200
    assert message in response.content.decode()
    assert Currency.objects.count() == 1


def test_changing_a_row_leaves_its_code_alone(staff):
    before = Currency.objects.create(alpha_3="EUR", numeric="978", name="Euro")
    response = staff.post(
        "/admin/world/currency/EUR/change/",
        {"alpha_3": "QAA", "numeric": "978", "name": "Common euro"},
    )
    assert response.status_code == 302
    after = Currency.objects.get()
    assert (after.pk, after.name) == ("EUR", "Common euro")
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at
    history = staff.get("/admin/world/currency/EUR/history/").content.decode()
    assert "Changed Name." in history


def test_inlines_add_change_and_delete(staff, oceania):
    official = CountryName.objects.get()
    form = {"alpha_3": "QOO", "numeric": "990", "name": "Outer Oceania"}
    inlines = {
        "names-TOTAL_FORMS": "2",
        "names-INITIAL_FORMS": "1",
        "names-0-id": official.pk,
        "names-0-country": "QO",
        "names-0-kind": "official",
        "names-0-name": "Union of Outer Oceania",
        "names-1-id": "",
        "names-1-country": "QO",
        "names-1-kind": "common",
        "names-1-name": "The Isles",
    }
    assert staff.post("/admin/world/country/QO/change/", {**form, **inlines}).status_code == 302
    assert list(oceania.names.values_list("kind", "name")) == [
        ("common", "The Isles"),
        ("official", "Union of Outer Oceania"),
    ]
    inlines |= {
        "names-INITIAL_FORMS": "2",
        "names-1-id": oceania.names.get(kind="common").pk,
        "names-1-DELETE": "on",
    }
    assert staff.post("/admin/world/country/QO/change/", {**form, **inlines}).status_code == 302
    assert oceania.names.get() == official


def test_two_names_of_a_kind_are_refused(staff, oceania):
    form = {"alpha_3": "QOO", "numeric": "990", "name": "Outer Oceania"}
    inlines = {
        "names-TOTAL_FORMS": "1",
        "names-INITIAL_FORMS": "0",
        "names-0-country": "QO",
        "names-0-kind": "official",
        "names-0-name": "Again",
    }
    response = staff.post("/admin/world/country/QO/change/", {**form, **inlines})
    assert "already exists" in response.content.decode()
    assert oceania.names.get().name == "Republic of Outer Oceania"


def test_deleting_a_country_shows_and_deletes_what_belongs_to_it(staff, oceania):
    page = staff.get("/admin/world/country/QO/delete/").content.decode()
    for text in (
        "Isle 07",
        "North",
        "Republic of Outer Oceania",
        "Subdivisions: 13",
        "Country names: 1",
    ):
        assert text in page
    assert staff.post("/admin/world/country/QO/delete/", {"post": "yes"}).status_code == 302
    assert [
        model.objects.count() for model in (Country, CountryName, Subdivision, SubdivisionType)
    ] == [0, 0, 0, 2]
    assert LogEntry.objects.get().is_deletion()


def test_a_protected_row_can_not_be_deleted(staff, oceania):
    page = staff.get("/admin/world/subdivisiontype/island/delete/").content.decode()
    assert "would require deleting the following protected related objects" in page
    staff.post("/admin/world/subdivisiontype/island/delete/", {"post": "yes"})
    assert SubdivisionType.objects.count() == 2


def test_the_delete_action_deletes_the_selected_rows(staff, oceania):
    selected = ["QO-01", "QO-02", "QO-03"]
    action = {"action": "delete_selected", "_selected_action": selected}
    assert "QO-02" in staff.post("/admin/world/subdivision/", action).content.decode()
    assert staff.post("/admin/world/subdivision/", {**action, "post": "yes"}).status_code == 302
    assert Subdivision.objects.count() == 10
    assert not Subdivision.objects.filter(pk__in=selected).exists()


def test_an_action_of_ours_is_one_update_for_all_rows(staff, oceania, requests):
    action = {"action": "detach", "_selected_action": ["QO-01", "QO-02", "QO-03"]}
    response = staff.post("/admin/world/subdivision/", action, follow=True)
    assert "3 subdivisions are at the top level now." in response.content.decode()
    assert Subdivision.objects.filter(parent=None).count() == 4
    assert len([record for record in requests if record.method == "PATCH"]) == 1


def test_autocomplete_searches_the_related_table(staff, oceania):
    response = staff.get(
        "/admin/autocomplete/",
        {
            "term": "oceania",
            "app_label": "world",
            "model_name": "subdivision",
            "field_name": "country",
        },
    )
    assert response.json() == {
        "results": [{"id": "QO", "text": "Outer Oceania (QO)"}],
        "pagination": {"more": False},
    }


def test_a_form_with_three_relations_does_not_load_their_tables(staff, oceania, requests):
    loading.load(rows=120)
    requests.clear()
    page = staff.get("/admin/world/subdivision/QO-01/change/").content.decode()
    assert "Outer Oceania (QO)" in page
    assert len(requests) == 4, requests.lines


def test_a_row_that_is_gone_leads_back_to_the_list(staff):
    response = staff.get("/admin/world/country/QQ/change/", follow=True)
    assert response.redirect_chain == [("/admin/", 302)]
    assert "Perhaps it was deleted?" in response.content.decode()
