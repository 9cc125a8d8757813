"""Names in a user's own SQL: in double quotes they are names, never texts; "$id" is the row's id; what is unknown is an error that names it."""

import pytest
from django.db import OperationalError, ProgrammingError, connections
from django.db.models import CharField, Exists, F, Func, IntegerField, OuterRef, Sum
from django.db.models.expressions import RawSQL
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.backend.evaluation import names
from tests.library.models import Author, Book, Country, Magazine, Numbered

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"])


def rows(sql, params=None):
    with connections["appwrite"].cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def described(sql, params=None):
    with connections["appwrite"].cursor() as cursor:
        cursor.execute(sql, params)
        return [column[0] for column in cursor.description]


UNKNOWN = {
    "cursor": lambda: rows('SELECT "nn" FROM library_book'),
    "cursor, without a table": lambda: rows('SELECT "nn"'),
    "sum": lambda: rows('SELECT SUM("nn") FROM library_book'),
    "where": lambda: rows('SELECT title FROM library_book WHERE "nn" = 1'),
    "where, as a text": lambda: rows('SELECT pages FROM library_book WHERE title = "nn"'),
    "order": lambda: rows('SELECT title FROM library_book ORDER BY "nn"'),
    "group": lambda: rows('SELECT COUNT(*) FROM library_book GROUP BY "nn"'),
    "having": lambda: rows('SELECT author_id FROM library_book GROUP BY author_id HAVING MAX("nn") > 0'),
    "join": lambda: rows('SELECT 1 FROM library_book b JOIN library_author a ON a."id" = "nn"'),
    "qualified": lambda: rows('SELECT b."nn" FROM library_book b'),
    "without quotes": lambda: rows("SELECT nn FROM library_book"),
    "in brackets": lambda: rows("SELECT [nn] FROM library_book"),
    "nested": lambda: rows('SELECT (SELECT MAX("nn") FROM library_review) FROM library_book'),
    "in a query with a name": lambda: rows('WITH x AS (SELECT "nn" FROM library_book) SELECT * FROM x'),
    "of a query with a name": lambda: rows('WITH x AS (SELECT title FROM library_book) SELECT "nn" FROM x'),
    "in a window": lambda: rows('SELECT RANK() OVER (ORDER BY "nn") FROM library_book'),
    "in a case": lambda: rows('SELECT CASE WHEN "nn" THEN 1 ELSE 2 END FROM library_book'),
    "in a call": lambda: rows('SELECT LENGTH("nn") FROM library_book'),
    "with parameters": lambda: rows('SELECT "nn" FROM library_book WHERE pages > %s', [1]),
    "with named parameters": lambda: rows('SELECT "nn" FROM library_book WHERE pages > %(least)s', {"least": 1}),
    "with a percent sign": lambda: rows('SELECT "nn" FROM library_book WHERE title LIKE \'100%%\' AND pages > %s', [1]),
    "union": lambda: rows('SELECT title FROM library_book UNION SELECT "nn" FROM library_author'),
    "after a text and a comment": lambda: rows("SELECT 'it''s \"fine\"' /* \"so\" */, \"nn\" -- \"too\"\nFROM library_book"),
    "raw": lambda: list(Book.objects.raw('SELECT id, "nn" FROM library_book')),
    "raw, filtered": lambda: list(Book.objects.raw('SELECT * FROM library_book WHERE "nn" > %s', [1])),
    "extra select": lambda: list(Book.objects.extra(select={"x": '"nn"'})),
    "extra where": lambda: list(Book.objects.extra(where=['"nn" > 1'])),
    "extra where, counted": lambda: Book.objects.extra(where=['"nn" > 1']).count(),
    "extra order": lambda: list(Book.objects.extra(select={"x": "pages"}, order_by=["x"], where=['LENGTH("nn") = 2'])),
    "RawSQL": lambda: list(Book.objects.annotate(x=RawSQL('"nn"', []))),
    "RawSQL, filtered": lambda: list(Book.objects.filter(pages=RawSQL('"nn"', [], IntegerField()))),
    "RawSQL, ordered": lambda: list(Book.objects.order_by(RawSQL('"nn"', []))),
    "RawSQL, aggregated": lambda: Book.objects.aggregate(x=Sum(RawSQL('"nn"', [], IntegerField()))),
    "RawSQL, values": lambda: list(Book.objects.values_list(RawSQL('"nn"', []))),
    "RawSQL, updated": lambda: Book.objects.update(title=RawSQL('"nn"', [], CharField())),
    "RawSQL, in a subquery": lambda: list(
        Author.objects.filter(Exists(Book.objects.filter(author=OuterRef("pk")).annotate(x=RawSQL('"nn"', [])).filter(x="nn")))
    ),
    "template": lambda: list(Book.objects.annotate(x=Func(F("pages"), template='%(expressions)s + "nn"', output_field=IntegerField()))),
    "aggregate's template": lambda: Book.objects.aggregate(
        x=Sum("pages", template='SUM("nn")', output_field=IntegerField())
    ),
}  # fmt: skip


@pytest.mark.parametrize("ask", UNKNOWN)
def test_an_unknown_name_is_an_error(shelves, ask):
    with pytest.raises(ProgrammingError, match=r"nn: no such column\.") as raised:
        UNKNOWN[ask]()
    text = str(raised.value)
    assert "single quotes" in text
    if "library_book" in text:
        assert "library_book has id, $createdAt, $updatedAt, title, author_id, " in text
        assert "$id is id." in text


KNOWN = {
    "columns": 'SELECT "name", "library_book"."pages", b."in_print" FROM library_author, library_book, library_book b ORDER BY 1, 2, 3 LIMIT 3',
    "an alias": 'SELECT title AS "nn", "pages" AS "it\'s ""x""" FROM library_book ORDER BY "nn", "pages"',
    "an alias without AS": 'SELECT title "nn" FROM library_book ORDER BY "nn"',
    "an alias in a group": 'SELECT in_print AS "nn", COUNT(*) FROM library_book GROUP BY "nn" HAVING "nn" > 0 ORDER BY "nn"',
    "tables": 'SELECT "x"."title" FROM "library_book" AS "x" JOIN "library_author" "y" ON "x"."author_id" = "y"."id" ORDER BY "x"."title", "x"."pages"',
    "queries with names": 'WITH "x y" ("a", "b") AS (SELECT "title", "pages" FROM "library_book") SELECT "b", "a" FROM "x y" ORDER BY "a", "b"',
    "nested": 'SELECT "t"."n" FROM (SELECT COUNT(*) AS "n", "author_id" FROM "library_book" GROUP BY "author_id") "t" ORDER BY "n"',
    "outer": 'SELECT "name", (SELECT COUNT(*) FROM "library_book" WHERE "author_id" = "a"."id") AS "n" FROM "library_author" "a" ORDER BY "name", "n"',
    "recursive": 'WITH RECURSIVE "c"("n") AS (SELECT 1 UNION ALL SELECT "n" + 1 FROM "c" WHERE "n" < 5) SELECT SUM("n") FROM "c"',
    "texts": "SELECT 'say \"hi\"', '\"', 'it''s', '', '--\"x\"', '/*' || '\"*/' FROM library_book LIMIT 1",
    "comments": 'SELECT "title" -- not "this", nor \'that\nFROM /* "nor" \'this */ library_book ORDER BY "title", "pages" -- "',
    "window": 'SELECT "title", ROW_NUMBER() OVER "w" FROM library_book WINDOW "w" AS (ORDER BY "title", "pages") ORDER BY "title", "pages"',
    "other quotes": "SELECT [title], `pages` FROM [library_book] `b` ORDER BY b.[title], `b`.`pages`",
    "a backtick in a name": 'SELECT title AS "a`b" FROM library_book ORDER BY "a`b", pages',
    "no table": 'SELECT "x"."one" FROM (SELECT 1 AS "one") AS "x"',
    "values": "VALUES (1, '\"a\"'), (2, 'b')",
    "brackets in a text": "SELECT '[\"title\"]', \"title\" FROM library_book ORDER BY \"title\", pages",
    "json": "SELECT json_extract('{\"a b\": [1, 2]}', '$.\"a b\"[1]')",
    "percent": "SELECT \"title\" FROM library_book WHERE \"title\" LIKE '100%%' AND \"pages\" = %s",
}  # fmt: skip


@pytest.mark.parametrize("sql", KNOWN)
def test_known_names_are_what_they_are_to_sqlite(shelves, sql):
    params = [0] if "%s" in KNOWN[sql] else None
    with connections["twin"].cursor() as cursor:
        cursor.execute(KNOWN[sql], params)
        expected, labels = cursor.fetchall(), [column[0] for column in cursor.description]
    assert rows(KNOWN[sql], params) == expected
    assert described(KNOWN[sql], params) == labels


class TestRowIds:
    def ids(self, model=Book):
        return [(pk,) for pk in model.objects.order_by("pk").values_list("pk", flat=True)]

    @pytest.mark.parametrize(
        "sql",
        [
            'SELECT "$id" FROM library_book ORDER BY "$id"',
            'SELECT "library_book"."$id" FROM library_book ORDER BY 1',
            'SELECT b."$id" AS "key" FROM library_book b ORDER BY "key"',
            'SELECT [$id] FROM "library_book" ORDER BY `$id`',
            'SELECT "$ID" FROM library_book ORDER BY "$iD"',
            'SELECT id FROM library_book WHERE "$id" IN (SELECT "$id" FROM library_book) ORDER BY "$id"',
            'WITH x AS (SELECT "$id", title FROM library_book) SELECT "$id" FROM x ORDER BY "$id"',
            'WITH x("$id") AS (SELECT "$id" FROM library_book) SELECT "$id" FROM x ORDER BY "$id"',
            'SELECT "$id" FROM library_book WHERE title <> \'"$id"\' ORDER BY "$id" -- "$id"',
        ],
    )
    def test_on_a_cursor(self, shelves, sql):
        assert rows(sql) == self.ids()

    def test_a_star_brings_what_it_brings_without(self, shelves):
        book = Book.objects.get(title="Nana")
        plain = rows("SELECT * FROM library_book WHERE id = %s", [book.pk])
        assert rows('SELECT * FROM library_book WHERE "$id" = %s', [book.pk]) == plain
        assert (
            rows('SELECT * FROM library_book b WHERE b."$id" = %s ORDER BY 4', [book.pk]) == plain
        )
        (row,) = plain
        assert rows('SELECT *, "$id" FROM library_book WHERE id = %s', [book.pk]) == [
            (*row, book.pk)
        ]

    def test_tables_whose_keys_have_other_names(self, shelves):
        sql = 'SELECT c."$id", a."$id" FROM library_country c JOIN library_author a ON a.country_id = c."$id" ORDER BY a."$id"'
        expected = Author.objects.exclude(country=None).order_by("pk").values_list("country", "pk")
        assert rows(sql) == list(expected)
        assert rows('SELECT "$id" FROM library_country ORDER BY "$id"') == self.ids(Country)
        with pytest.raises(OperationalError, match="ambiguous"):
            rows(
                'SELECT "$id" FROM library_country c JOIN library_author a ON a.country_id = c.code'
            )
        with pytest.raises(
            ProgrammingError, match=r"List the columns, or use .* \"id\" in library_author"
        ):
            rows('SELECT * FROM library_country c JOIN library_author a ON a.country_id = c."$id"')
        assert rows(
            'SELECT COUNT(*), 2 * MAX(1) FROM library_country c JOIN library_author a ON a.country_id = c."$id"'
        ) == [(4, 2)]

    def test_an_alias_of_that_name(self, shelves):
        sql = 'SELECT title AS "$id" FROM library_book ORDER BY "$id", pages'
        assert rows(sql) == rows("SELECT title FROM library_book ORDER BY title, pages")
        assert described(sql) == ["$id"]
        assert described('SELECT code AS "$id" FROM library_country') == ["$id"]

    def test_a_key_that_is_a_number(self):
        one = Numbered.objects.using("appwrite").create(name="a")
        assert rows('SELECT "$id" FROM library_numbered') == [(one.pk,)]
        assert rows('SELECT n."$id" AS "$id" FROM library_numbered n') == [(one.pk,)]

    def test_the_servers_own_moments(self, shelves):
        book = Book.objects.get(title="Nana")
        found = rows(
            'SELECT "$createdAt" <= "$updatedAt", "$createdAt" FROM library_book WHERE "$id" = %s',
            [book.pk],
        )
        assert found == [(1, book.created_at.replace(tzinfo=None))]

    def test_raw(self, shelves):
        (book,) = Book.objects.raw(
            'SELECT "$id", "$createdAt", title FROM library_book WHERE title = %s', ["Nana"]
        )
        expected = Book.objects.get(title="Nana")
        assert (book.pk, book.created_at, book.title) == (expected.pk, expected.created_at, "Nana")
        assert [
            one.pk
            for one in Country.objects.raw('SELECT code, "$id" FROM library_country ORDER BY "$id"')
        ] == [
            "FR",
            "JP",
            "PE",
        ]

    @pytest.mark.parametrize(
        "ask",
        [
            lambda: Book.objects.extra(select={"x": '"$id"'}).order_by("pk").values_list("x"),
            lambda: Book.objects.extra(select={"x": 'library_book."$id"'}, where=['"$id" <> %s'], params=["x"]).order_by("pk").values_list("x"),
            lambda: Book.objects.annotate(x=RawSQL('"$id"', [])).order_by("x").values_list("x"),
            lambda: Book.objects.annotate(x=RawSQL('"library_book"."$id"', [])).filter(x=F("pk")).order_by(RawSQL('"library_book"."$id"', [])).values_list("x"),
            lambda: Book.objects.select_related("author").annotate(x=RawSQL('"library_book"."$id"', [])).order_by("pk").values_list("x"),
            lambda: Book.objects.annotate(x=Func(template='"$id"', output_field=CharField())).order_by("pk").values_list("x"),
            lambda: Book.objects.filter(pk__in=RawSQL('SELECT "$id" FROM library_book', [])).order_by("pk").values_list("pk"),
        ],
    )  # fmt: skip
    def test_in_querysets(self, shelves, ask):
        assert list(ask()) == self.ids()

    def test_in_a_queryset_of_tables_whose_keys_have_other_names(self, shelves):
        found = Author.objects.filter(country__name="France").annotate(
            x=RawSQL('"library_country"."$id"', []), y=RawSQL('"library_author"."$id"', [])
        )
        assert [(one.x, one.y) for one in found] == [("FR", one.pk) for one in found]
        assert len(found) == 2

    def test_of_parents(self):
        magazine = Magazine.objects.create(title="La Plume", issue=1)
        (found,) = Magazine.objects.annotate(
            x=RawSQL('"library_magazine"."$id"', []), y=RawSQL('"library_publication"."$id"', [])
        )
        assert (found.x, found.y) == (magazine.pk, magazine.pk)

    def test_errors_elsewhere_are_what_they_were(self, shelves):
        for sql in (
            'SELECT "title FROM library_book',
            "SELECT nothing('x')",
            "SELECT FROM",
        ):
            with pytest.raises(OperationalError):
                rows(sql)


@given(st.text(st.sampled_from("\"'`[]-/*\n ax.,()")))
def test_texts_and_comments_are_left_as_they_are(sql):
    """Whatever the statement: what changes is the quotes around names, and SQLite finds the same names, texts and ends."""
    changed = names.strict(sql)
    assert names.strict(changed) == changed
    assert "".join(changed.split('"')).replace("`", "") == "".join(sql.split('"')).replace("`", "")
