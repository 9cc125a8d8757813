"""
Random questions about the library: what hypothesis makes up, and how it reads when an answer differs.

A question is a function that takes a function which makes a queryset of a model, as ``tests.differential`` asks them. Texts that the
collation takes for equal are never grouped, compared for the least, or made distinct: which of them shows is up to each database.
"""

from dataclasses import dataclass, field

from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, RowNumber
from hypothesis import strategies as st

from tests.library.models import Author, Book, Country, Review, Tag

TEXTS = st.sampled_from(
    [
        "",
        "a",
        "germinal",
        "GERMINAL",
        "é",
        "Nana",
        "%",
        "_",
        "\\",
        "Émile Zola",
        "novel",
        "France",
        "red",
        " ",
    ]
)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 4.5, 400, 447, 591, 1900])
YEARS = st.sampled_from([1000, 1802, 1840, 1862, 1885, 1966])
LEAVES = {
    Book: {
        "title": TEXTS, "blurb": TEXTS, "author__name": TEXTS, "editor__name": TEXTS, "author__country__name": TEXTS,
        "tags__name": TEXTS, "cover__colour": TEXTS, "reviews__text": TEXTS, "pages": NUMBERS, "price": NUMBERS,
        "author__rating": NUMBERS, "editor__rating": NUMBERS, "reviews__stars": NUMBERS, "in_print": st.booleans(),
        "published__year": YEARS,
    },
    Author: {
        "name": TEXTS, "email": TEXTS, "country__name": TEXTS, "books__title": TEXTS, "rating": NUMBERS, "books__pages": NUMBERS,
        "books__in_print": st.booleans(), "born__year": YEARS,
    },
    Country: {"name": TEXTS, "authors__name": TEXTS, "authors__books__pages": NUMBERS, "authors__rating": NUMBERS},
    Tag: {"name": TEXTS, "books__title": TEXTS, "books__author__rating": NUMBERS},
    Review: {
        "text": TEXTS, "stars": NUMBERS, "book__title": TEXTS, "book__editor__country__name": TEXTS, "book__price": NUMBERS,
        "book__in_print": st.booleans(),
    },
}  # fmt: skip
MODELS = sorted(LEAVES, key=lambda one: one.__name__)
# Columns of the model and of rows that each of its rows has one of at most: what rows are ordered by, and show.
SINGLE = {
    Book: ["title", "pages", "price", "in_print", "published", "author__rating", "author__name", "editor__rating", "editor__name", "author__country__name"],
    Author: ["name", "rating", "born", "email", "country__name"],
    Country: ["name", "code"],
    Tag: ["name"],
    Review: ["text", "stars", "book__pages", "book__price", "book__author__rating", "book__editor__name"],
}  # fmt: skip
# What makes groups, no two values of which are equal to the server and differ; and numbers to put together.
GROUPS = {
    Book: [
        "author",
        "editor",
        "pages",
        "price",
        "in_print",
        "author__country__name",
        "author__rating",
        "published",
    ],
    Author: ["country", "rating", "born", "country__name"],
    Country: ["code", "name"],
    Tag: ["name", "books__in_print"],
    Review: ["book", "stars", "book__author", "book__in_print", "book__price"],
}
SUMS = {
    Book: ["pages", "price", "reviews__stars", "author__rating", "author__books__pages"],
    Author: ["rating", "books__pages", "books__price", "edited__pages"],
    Country: ["authors__rating", "authors__books__pages"],
    Tag: ["books__pages", "books__price"],
    Review: ["stars", "book__pages", "book__price"],
}
# Numbers that each row has one of at most.
NUMERIC = {
    Book: ["pages", "price", "author__rating", "editor__rating"],
    Author: ["rating"],
    Review: ["stars", "book__pages", "book__price", "book__author__rating"],
}
TEXT_LOOKUPS = (
    "exact", "iexact", "contains", "icontains", "startswith", "iendswith", "gt", "lte", "regex", "in", "isnull",
)  # fmt: skip
NUMBER_LOOKUPS = ("exact", "gt", "gte", "lt", "lte", "in", "range", "isnull")


@dataclass
class Question:
    """Steps that are done one after the other to a queryset of ``model``; the last may bring something else."""

    model: type
    steps: list = field(default_factory=list)

    def __call__(self, rows):
        found = rows(self.model)
        for step in self.steps:
            found = step(found, rows)
        return found

    def then(self, text, step):
        step.__qualname__ = text
        return Question(self.model, [*self.steps, step])

    def __repr__(self):
        return ".".join([self.model.__name__, *(step.__qualname__ for step in self.steps)])


@st.composite
def conditions(draw, model):
    name = draw(st.sampled_from(sorted(LEAVES[model])))
    values = LEAVES[model][name]
    lookups = (
        TEXT_LOOKUPS
        if values is TEXTS
        else NUMBER_LOOKUPS
        if values in (NUMBERS, YEARS)
        else ("exact", "isnull")
    )
    lookup = draw(st.sampled_from(lookups))
    if lookup == "isnull":
        value = draw(st.booleans())
    elif lookup == "in":
        value = draw(st.lists(values | st.none(), max_size=3))
    elif lookup == "range":
        value = (draw(values), draw(values))
    else:
        value = draw(values)
        value = {"\\": "x", "": "x"}.get(value, value) if lookup == "regex" else value
    return Q(**{f"{name}__{lookup}": value})


@st.composite
def comparisons(draw, model):
    """
    Compare two columns, or a column with what is computed from another; of rows that there is one of at most.

    Across others Django itself fails: ``exclude(author__books__pages=F("pages"))`` names a column that its subquery does not have.
    """
    one, two = (draw(st.sampled_from(NUMERIC[model])) for _ in range(2))
    return draw(
        st.sampled_from(
            [Q(**{f"{one}__gt": F(two)}), Q(**{one: F(two) * 2}), Q(**{f"{one}__lte": F(two) + 1})]
        )
    )


def trees(model):
    return st.recursive(
        st.one_of([conditions(model)] * 3 + ([comparisons(model)] if model in NUMERIC else [])),
        lambda inner: (
            st.builds(lambda a, b: a & b, inner, inner)
            | st.builds(lambda a, b: a | b, inner, inner)
            | st.builds(lambda a: ~a, inner)
        ),
        max_leaves=4,
    )


@st.composite
def filtered(draw, model, *, most=2):
    question = Question(model)
    for _ in range(draw(st.integers(0, most))):
        method, tree = draw(st.sampled_from(["filter", "exclude"])), draw(trees(model))
        question = question.then(
            f"{method}({tree!r})", lambda found, rows, m=method, t=tree: getattr(found, m)(t)
        )
    return question


@st.composite
def orders(draw, model, names=None):
    """Return an ordering that leaves no two rows alike, nulls anywhere."""
    names = SINGLE[model] if names is None else names
    made = []
    for name in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        nulls = draw(st.sampled_from([{}, {}, {}, {"nulls_first": True}, {"nulls_last": True}]))
        made.append(getattr(F(name), draw(st.sampled_from(["asc", "desc"])))(**nulls))
    return made


def slices(draw):
    low, size = draw(st.integers(0, 3)), draw(st.integers(0, 4))
    return draw(
        st.sampled_from([slice(None), slice(None), slice(low, low + size), slice(low, None)])
    )


def cut(question, part):
    return (
        question
        if part == slice(None)
        else question.then(f"[{part}]", lambda found, rows: found[part])
    )


@st.composite
def numbers(draw, question, order, *, distinct):
    """Ask how many rows there are, or whether there are any: of all, of a slice, of a slice of a slice."""
    if distinct:
        question, order = question.then("distinct()", lambda found, rows: found.distinct()), []
    if draw(st.booleans()):
        question = question.then(
            f"order_by({order})", lambda found, rows: found.order_by(*order, "pk")
        )
        question = cut(cut(question, slices(draw)), slices(draw))
    method = draw(st.sampled_from(["count", "count", "exists", "aggregate"]))
    arguments = {"number": Count("*")} if method == "aggregate" else {}
    return question.then(
        f"{method}({arguments or ''})", lambda found, rows: getattr(found, method)(**arguments)
    )


@st.composite
def row_questions(draw, model):
    """Ask for rows: whole, related, some columns, without repetition, a slice, how many they are, or whether there are any."""
    question = draw(filtered(model))
    order = draw(orders(model))
    shape = draw(
        st.sampled_from(
            [
                "rows",
                "distinct",
                "values",
                "related",
                "subset",
                "number",
                "number",
                "distinct number",
            ]
        )
    )
    if "number" in shape:
        return draw(numbers(question, order, distinct=shape == "distinct number"))
    if shape == "distinct":
        own = [one for one in order if "__" not in one.expression.name]
        question = question.then(
            f"distinct().order_by({own})", lambda found, rows: found.distinct().order_by(*own, "pk")
        )
        return cut(question, slices(draw))
    question = question.then(f"order_by({order})", lambda found, rows: found.order_by(*order, "pk"))
    if shape == "values":
        names = draw(st.lists(st.sampled_from(SINGLE[model]), min_size=1, max_size=3, unique=True))
        method = draw(st.sampled_from(["values", "values_list"]))
        question = question.then(
            f"{method}({names})", lambda found, rows: getattr(found, method)("pk", *names)
        )
    if shape == "related" and model in (Book, Review):
        names = {Book: ["author__country", "editor"], Review: ["book__author", "book__editor"]}[
            model
        ]
        question = question.then(
            "select_related()", lambda found, rows: found.select_related(*names)
        )
    if shape == "subset":
        inner = draw(filtered(model, most=1))
        return question.then(
            f"filter(pk__in={inner})",
            lambda found, rows: found.filter(pk__in=inner(rows).values("pk")),
        )
    return cut(question, slices(draw))


AGGREGATES = {
    "count": lambda name: Count(name), "distinct": lambda name: Count(name, distinct=True), "sum": Sum, "avg": Avg, "min": Min,
    "max": Max, "filtered": lambda name: Count(name, filter=Q(pk__isnull=False)), "default": lambda name: Coalesce(Max(name), None),
}  # fmt: skip


@st.composite
def aggregates(draw, model):
    found = {}
    for position in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["count", "distinct", "sum", "avg", "min", "max", "filtered"]))
        found[f"x{position}"] = AGGREGATES[kind](draw(st.sampled_from(SUMS[model])))
    return found


@st.composite
def aggregate_questions(draw, model):
    """Ask for values of many rows: of all, of groups, of rows with what belongs to them, with conditions on groups."""
    question = draw(filtered(model, most=1))
    found = draw(aggregates(model))
    shape = draw(st.sampled_from(["all", "groups", "rows", "rows", "groups", "sliced", "again"]))
    if shape == "all":
        return question.then(
            f"aggregate({found})", lambda asked, rows: asked.aggregate(n=Count("*"), **found)
        )
    if shape == "sliced":
        question = cut(
            question.then("order_by(pk)", lambda asked, rows: asked.order_by("pk")), slices(draw)
        )
        return question.then(
            "aggregate(Count(pk))",
            lambda asked, rows: asked.aggregate(n=Count("pk"), star=Count("*"), most=Max("pk")),
        )
    if shape == "again":
        return question.then(
            f"annotate({found}).aggregate()",
            lambda asked, rows: asked.annotate(**found).aggregate(n=Count("x0"), most=Max("x0")),
        )
    names = ["pk"]
    if shape == "groups":
        names = draw(st.lists(st.sampled_from(GROUPS[model]), min_size=1, max_size=2, unique=True))
        question = question.then(
            f"values({names})", lambda asked, rows: asked.order_by().values(*names)
        )
    question = question.then(f"annotate({found})", lambda asked, rows: asked.annotate(**found))
    if draw(st.booleans()):
        lookup = draw(st.sampled_from(["x0__gt", "x0__lte", "x0__isnull", "x0"]))
        value = (
            draw(st.booleans())
            if lookup.endswith("isnull")
            else draw(st.sampled_from([0, 1, 2, 400]))
        )
        having = Q(**{lookup: value})
        having = draw(
            st.sampled_from([having, ~having, having | Q(**{f"{names[0]}__isnull": True})])
        )
        question = question.then(f"filter({having})", lambda asked, rows: asked.filter(having))
    order = draw(orders(model, ["x0", *(SINGLE[model] if shape == "rows" else names)]))
    question = question.then(
        f"order_by({order})", lambda asked, rows: asked.order_by(*order, *names)
    )
    return cut(question, slices(draw))


@st.composite
def expression_questions(draw, model):
    """Ask for what is computed for each row: cases, subqueries, set operations."""
    question = draw(filtered(model, most=1))
    shape = draw(
        st.sampled_from(
            [
                "case",
                "exists",
                "subquery",
                "union",
                "intersection",
                "difference",
                "arithmetic",
                "window",
            ]
        )
    )
    order = draw(orders(model))
    if shape in ("union", "intersection", "difference"):
        other = draw(filtered(model, most=1))
        return question.then(
            f"{shape}({other})",
            lambda found, rows: getattr(found.order_by().values_list("pk"), shape)(
                other(rows).order_by().values_list("pk")
            ).order_by("pk"),
        )
    if shape == "case":
        tree = draw(trees(model))
        case = Case(When(tree, then=Value(1)), default=Value(0), output_field=IntegerField())
        return question.then(
            f"annotate({case})",
            lambda found, rows: found.annotate(x=case).order_by("x", *order, "pk"),
        )
    if shape == "window":
        # Of rows that are not repeated for others that they are joined with: nothing would decide which of those has which number.
        window = Window(
            RowNumber(),
            partition_by=draw(st.sampled_from([None, *GROUPS[model][:1]])),
            order_by="pk",
        )
        question = Question(model).then(
            "annotate(RowNumber())", lambda found, rows: found.annotate(x=window)
        )
        text = Q(
            **{
                f"{SINGLE[model][0]}__{draw(st.sampled_from(['gt', 'icontains', 'exact']))}": draw(
                    TEXTS
                )
            }
        )
        tree = draw(comparisons(model)) if model in NUMERIC and draw(st.booleans()) else text
        number = draw(st.sampled_from([Q(x__lte=2), ~Q(x__gt=1), Q(x__in=[2, 3])]))
        condition = draw(st.sampled_from([number, number & tree, number | tree, ~(number | tree)]))
        question = question.then(
            f"filter({condition})", lambda found, rows: found.filter(condition)
        )
        names = draw(st.sampled_from([(), ("pk",), ("pk", SINGLE[model][0])]))
        if names:
            question = question.then(f"values({names})", lambda found, rows: found.values(*names))
        question = question.then(
            f"order_by({order})", lambda found, rows: found.order_by(*order, "pk")
        )
        return cut(question, slices(draw))
    if shape == "arithmetic":
        one, two = (draw(st.sampled_from(SUMS[model][:1])) for _ in range(2))
        # By x as well: a row that stands for several joined ones has no other order among its like.
        return question.then(
            f"annotate({one} + {two})",
            lambda found, rows: found.annotate(x=F(one) + F(two)).order_by(*order, "pk", "x"),
        )
    inner = draw(filtered(Review, most=1)) if model is Book else draw(filtered(Book, most=1))
    outer = {
        Book: "book",
        Author: "author",
        Country: "author__country",
        Tag: "tags",
        Review: "reviews",
    }[model]
    if shape == "exists":
        negated = draw(st.booleans())
        return question.then(
            f"filter({'~' * negated}Exists({inner}))",
            lambda found, rows: found.filter(
                ~Exists(inner(rows).filter(**{outer: OuterRef("pk")}))
                if negated
                else Exists(inner(rows).filter(**{outer: OuterRef("pk")}))
            ).order_by(*order, "pk"),
        )
    return question.then(
        f"annotate(Subquery({inner}))",
        lambda found, rows: found.annotate(
            x=Subquery(
                inner(rows).filter(**{outer: OuterRef("pk")}).order_by("pk").values("pk")[:1]
            )
        ).order_by("x", *order, "pk"),
    )


def questions():
    return st.sampled_from(MODELS).flatmap(
        lambda model: st.one_of(
            row_questions(model),
            row_questions(model),
            aggregate_questions(model),
            expression_questions(model),
        )
    )


@st.composite
def changes(draw):
    """Describe a change of reviews: a function of a queryset of all of them."""
    tree = draw(trees(Review))
    kind = draw(st.sampled_from(["constant", "expression", "case", "bulk_update", "delete"]))
    number = draw(st.integers(0, 5))
    own = draw(
        st.sampled_from(
            [
                Q(stars=number),
                ~Q(stars__gt=number),
                Q(text__iexact="REVIEW 1") | Q(stars__in=[0, 2]),
            ]
        )
    )
    case = Case(When(own, then=F("stars") + 1), default=Value(number))

    def change(reviews):
        chosen = reviews.filter(tree)
        if kind == "constant":
            return chosen.update(stars=number, text="changed")
        if kind == "expression":
            return chosen.update(stars=F("stars") + number)
        if kind == "case":
            return reviews.update(stars=case)
        if kind == "delete":
            return chosen.delete()[0]
        found = sorted(set(chosen.order_by("pk")), key=lambda one: one.pk)
        for position, review in enumerate(found):
            review.stars = (review.stars + position) % 7
        return reviews.bulk_update(found, ["stars"])

    change.__qualname__ = f"{kind}({number}, {tree!r}, {case!r})"
    return change
