"""
Random questions about the library: what hypothesis makes up, and how it reads when an answer differs.

A question is a function that takes a function which makes a queryset of a model, as ``tests.differential`` asks them. Texts that the
collation takes for equal are never grouped, compared for the least, or made distinct: which of them shows is up to each database.
"""

from dataclasses import dataclass, field
from functools import cache

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.db.models import (
    Avg,
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FilteredRelation,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, Length, Lower, RowNumber, Upper
from hypothesis import strategies as st

from tests import differential
from tests.draws import pick, some
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
LISTS = {values: st.lists(values | st.none(), max_size=3) for values in (TEXTS, NUMBERS, YEARS)}
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


@cache
@st.composite
def conditions(draw, model):
    name = pick(draw, *sorted(LEAVES[model]))
    values = LEAVES[model][name]
    lookups = (
        TEXT_LOOKUPS
        if values is TEXTS
        else NUMBER_LOOKUPS
        if values in (NUMBERS, YEARS)
        else ("exact", "isnull")
    )
    lookup = pick(draw, *lookups)
    if lookup == "isnull":
        value = pick(draw, False, True)
    elif lookup == "in":
        value = draw(LISTS[values])
    elif lookup == "range":
        value = (draw(values), draw(values))
    else:
        value = draw(values)
        value = {"\\": "x", "": "x"}.get(value, value) if lookup == "regex" else value
    return Q(**{f"{name}__{lookup}": value})


@cache
@st.composite
def comparisons(draw, model):
    """
    Compare two columns, or a column with what is computed from another; of rows that there is one of at most.

    Across others Django itself fails: ``exclude(author__books__pages=F("pages"))`` names a column that its subquery does not have.
    """
    one, two = (pick(draw, *NUMERIC[model]) for _ in range(2))
    return pick(
        draw, Q(**{f"{one}__gt": F(two)}), Q(**{one: F(two) * 2}), Q(**{f"{one}__lte": F(two) + 1})
    )


@cache
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


@cache
@st.composite
def filtered(draw, model, *, most=2):
    question = Question(model)
    for _ in range(pick(draw, *range(most + 1))):
        method, tree = pick(draw, "filter", "exclude"), draw(trees(model))
        question = question.then(
            f"{method}({tree!r})", lambda found, rows, m=method, t=tree: getattr(found, m)(t)
        )
    return question


@st.composite
def orders(draw, model, names=None):
    """Return an ordering that leaves no two rows alike, nulls anywhere."""
    names = SINGLE[model] if names is None else names
    made = []
    for name in some(draw, *names, most=2):
        nulls = pick(draw, {}, {}, {}, {"nulls_first": True}, {"nulls_last": True})
        made.append(getattr(F(name), pick(draw, "asc", "desc"))(**nulls))
    return made


def slices(draw):
    low, size = pick(draw, *range(4)), pick(draw, *range(5))
    return pick(draw, slice(None), slice(None), slice(low, low + size), slice(low, None))


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
    if pick(draw, False, True):
        question = question.then(
            f"order_by({order})", lambda found, rows: found.order_by(*order, "pk")
        )
        question = cut(cut(question, slices(draw)), slices(draw))
    method = pick(draw, "count", "count", "exists", "aggregate")
    arguments = {"number": Count("*")} if method == "aggregate" else {}
    return question.then(
        f"{method}({arguments or ''})", lambda found, rows: getattr(found, method)(**arguments)
    )


@st.composite
def row_questions(draw, model):
    """Ask for rows: whole, related, some columns, without repetition, a slice, how many they are, or whether there are any."""
    question = draw(filtered(model))
    order = draw(orders(model))
    shape = pick(
        draw,
        "rows",
        "distinct",
        "values",
        "related",
        "subset",
        "number",
        "number",
        "distinct number",
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
        names = some(draw, *SINGLE[model], least=1)
        method = pick(draw, "values", "values_list")
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


@cache
@st.composite
def aggregates(draw, model):
    found = {}
    for position in range(pick(draw, 1, 2, 3)):
        kind = pick(draw, "count", "distinct", "sum", "avg", "min", "max", "filtered")
        found[f"x{position}"] = AGGREGATES[kind](pick(draw, *SUMS[model]))
    return found


@st.composite
def aggregate_questions(draw, model):
    """Ask for values of many rows: of all, of groups, of rows with what belongs to them, with conditions on groups."""
    question = draw(filtered(model, most=1))
    found = draw(aggregates(model))
    shape = pick(draw, "all", "groups", "rows", "rows", "groups", "sliced", "again")
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
        names = some(draw, *GROUPS[model], least=1, most=2)
        question = question.then(
            f"values({names})", lambda asked, rows: asked.order_by().values(*names)
        )
    question = question.then(f"annotate({found})", lambda asked, rows: asked.annotate(**found))
    if pick(draw, False, True):
        lookup = pick(draw, "x0__gt", "x0__lte", "x0__isnull", "x0")
        value = pick(draw, False, True) if lookup.endswith("isnull") else pick(draw, 0, 1, 2, 400)
        having = Q(**{lookup: value})
        having = pick(draw, having, ~having, having | Q(**{f"{names[0]}__isnull": True}))
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
    shape = pick(
        draw,
        "case",
        "exists",
        "subquery",
        "union",
        "intersection",
        "difference",
        "arithmetic",
        "window",
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
            partition_by=pick(draw, None, *GROUPS[model][:1]),
            order_by="pk",
        )
        question = Question(model).then(
            "annotate(RowNumber())", lambda found, rows: found.annotate(x=window)
        )
        text = Q(**{f"{SINGLE[model][0]}__{pick(draw, 'gt', 'icontains', 'exact')}": draw(TEXTS)})
        tree = draw(comparisons(model)) if model in NUMERIC and pick(draw, False, True) else text
        number = pick(draw, Q(x__lte=2), ~Q(x__gt=1), Q(x__in=[2, 3]))
        condition = pick(draw, number, number & tree, number | tree, ~(number | tree))
        question = question.then(
            f"filter({condition})", lambda found, rows: found.filter(condition)
        )
        names = pick(draw, (), ("pk",), ("pk", SINGLE[model][0]))
        if names:
            question = question.then(f"values({names})", lambda found, rows: found.values(*names))
        question = question.then(
            f"order_by({order})", lambda found, rows: found.order_by(*order, "pk")
        )
        return cut(question, slices(draw))
    if shape == "arithmetic":
        one, two = (pick(draw, *SUMS[model][:1]) for _ in range(2))
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
        negated = pick(draw, False, True)
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


#: Rows that belong to each row, by the name of the relation, and where those point back to.
RELATED = {
    Book: [("tags", Tag, "books"), ("reviews", Review, "book")],
    Author: [("books", Book, "author"), ("edited", Book, "editor")],
    Country: [("authors", Author, "country")],
    Tag: [("books", Book, "tags")],
    Review: [("book", Book, "reviews")],
}
POINTING = {Book: [("author", Author), ("editor", Author), ("tags", Tag)], Author: [("country", Country)], Review: [("book", Book)]}  # fmt: skip


def _computed(draw, model):
    """Return text of, and a function that makes, what is computed for each row of a model out of others, one value each."""
    name, other, back = pick(draw, *RELATED[model])
    inner = draw(filtered(other, most=1))
    kind = pick(draw, "case", "exists", "not exists", "count", "first", "truth", "nested", "best")
    tree = draw(trees(other))

    def compute(rows):
        own = inner(rows).filter(**{back: OuterRef("pk")})
        if kind == "case":
            return Case(When(Exists(own), then=Value(2)), default=Length("pk"))
        if kind in ("exists", "not exists"):
            return ~Exists(own) if kind == "not exists" else Exists(own)
        if kind == "count":
            counted = own.order_by().values(back).annotate(n=Count("pk", distinct=True))
            return Coalesce(Subquery(counted.values("n")[:1]), 0)
        if kind == "first":
            return Subquery(own.order_by(*SINGLE[other][:1], "-pk").values("pk")[:1])
        if kind == "truth":
            return ExpressionWrapper(Exists(own) | Q(pk__isnull=True), BooleanField())
        if kind == "nested":
            again = rows(other).filter(tree, pk=OuterRef("pk"), **{back: OuterRef(OuterRef("pk"))})
            return Exists(own.filter(Exists(again)))
        return Subquery(
            own.order_by(F(SINGLE[other][-1]).desc(nulls_last=True), "pk").values("pk")[:1]
        )

    return f"{kind} of {name}: {inner}" + f" and {tree}" * (kind == "nested"), compute


@st.composite
def combined_questions(draw, model):
    """Ask for rows by what is computed for them, with what belongs to them, or by rows of other queries."""
    question = draw(filtered(model, most=1))
    order = draw(orders(model))
    shape = pick(
        draw, "computed", "computed", "prefetch", "union", "pointing", "summed", "ordered", "one", "values", "parts", "relation",
    )  # fmt: skip
    if shape == "computed":
        text, compute = _computed(draw, model)
        method = pick(draw, "annotate", "alias")
        question = question.then(
            f"{method}({text})", lambda found, rows: getattr(found, method)(x=compute(rows))
        )
        tree, condition = draw(trees(model)), pick(draw, Q(x__isnull=False), Q(x=True), ~Q(x=0))
        condition = pick(
            draw, Q(), condition, condition | tree, condition ^ tree, ~(condition & tree)
        )
        question = question.then(
            f"filter({condition})", lambda found, rows: found.filter(condition)
        )
        if pick(draw, False, False, True):
            return question.then("count()", lambda found, rows: (found.count(), found.exists()))
        question = question.then(
            f"order_by({order})", lambda found, rows: found.order_by(*order, "pk")
        )
        return cut(question, slices(draw))
    if shape == "prefetch":
        name, other, _ = pick(draw, *RELATED[model])
        inner, by, few = draw(filtered(other, most=1)), draw(orders(other)), slices(draw)
        if few == slice(None):
            inner = inner.then("distinct()", lambda found, rows: found.distinct())
        elif model is Review:
            few = slice(None)
        question = question.then(
            f"order_by({order})", lambda found, rows: found.order_by(*order, "pk")
        )
        question = cut(question, slices(draw))
        return question.then(
            f"prefetch_related({name}={inner}.order_by({by})[{few}])",
            lambda found, rows: [
                (one.pk, differential.plain(one.held))
                for one in found.prefetch_related(
                    Prefetch(name, inner(rows).order_by(*by, "pk")[few], to_attr="held")
                )
            ],
        )
    if shape == "union":
        other, third = draw(filtered(model, most=1)), draw(filtered(model, most=1))
        kind, part = pick(draw, "rows", "values", "count", "all"), slices(draw)
        names = SINGLE[model][1:3]

        def unite(found, rows):
            parts = [one.order_by() for one in (found, other(rows), third(rows))]
            if kind == "all":
                parts = [one.order_by().values_list("pk") for one in parts]
                return parts[0].union(*parts[1:], all=True).order_by("pk")[part]
            if kind == "values":
                parts = [one.order_by().values_list("pk", *names) for one in parts]
            united = parts[0].union(*parts[1:]).order_by("pk")
            return united.count() if kind == "count" else united[part]

        return question.then(f"union({other}, {third}) {kind} [{part}]", unite)
    if shape == "pointing" and model in POINTING:
        name, other = pick(draw, *POINTING[model])
        inner, by, few = draw(filtered(other, most=1)), draw(orders(other)), slices(draw)
        method = pick(draw, "filter", "exclude")
        question = question.then(
            f"{method}({name}__in={inner}.order_by({by})[{few}])",
            lambda found, rows: getattr(found, method)(
                **{f"{name}__in": inner(rows).order_by(*by, "pk").values("pk")[few]}
            ),
        )
    if shape == "summed":
        tree, name = draw(trees(model)), pick(draw, *SUMS[model])
        group = pick(draw, *GROUPS[model])
        found = {
            "n": Count("pk", filter=tree),
            "few": Count(name, filter=tree, distinct=True),
            "most": Max(name, filter=~tree),
        }
        if pick(draw, False, True):
            return question.then(
                f"aggregate({found})", lambda asked, rows: asked.aggregate(**found)
            )
        return question.then(
            f"values({group}).annotate({found})",
            lambda asked, rows: asked.order_by().values(group).annotate(**found).order_by(group),
        )
    if shape == "ordered":
        text = SINGLE[model][0]
        by = pick(
            draw, Length(text).desc(), Lower(text), Case(When(draw(conditions(model)), then=1), default=0), Upper(text).desc(), "?",
        )  # fmt: skip
        if by == "?":
            return question.then(
                "order_by(?)", lambda found, rows: set(found.order_by("?").values_list("pk"))
            )
        # By the text too, of two that an engine takes for equal; a case repeats rows that are joined.
        return question.then(
            f"order_by({by})", lambda found, rows: found.order_by(by, "pk").values_list("pk")
        )
    if shape == "one":
        method = pick(draw, "first", "last", "earliest", "latest", "get", "contains")
        name = SINGLE[model][-1]

        def take(found, rows):
            try:
                if method == "get":
                    return found.order_by().get().pk
                if method in ("earliest", "latest"):
                    return getattr(found, method)(
                        F(name).asc(nulls_first=True) if method == "earliest" else name, "pk"
                    ).pk
                if method == "contains":
                    return found.contains(rows(model).order_by("pk")[0])
                one = getattr(found.order_by(*order, "pk"), method)()
            except (ObjectDoesNotExist, MultipleObjectsReturned) as error:
                return type(error).__name__
            return one and one.pk

        return question.then(f"{method}() by {order}", take)
    if shape == "values":
        names = some(draw, *GROUPS[model], least=1, most=2)
        question = question.then(
            f"values_list({names}).distinct()",
            lambda found, rows: found.order_by(*names).values_list(*names).distinct(),
        )
        if pick(draw, False, False, True):
            return question.then("count()", lambda found, rows: found.count())
        return cut(question, slices(draw))
    if shape == "parts":
        names = some(draw, *(one for one in SINGLE[model] if "__" not in one), least=1, most=2)
        method = pick(draw, "only", "defer")
        related = [name for name, _ in POINTING.get(model, []) if name != "tags"]
        if method == "only":
            names += related  # what is related cannot be deferred
        question = question.then(
            f"{method}({names}).select_related({related})",
            lambda found, rows: getattr(
                found.select_related(*related) if related else found, method
            )(*names),
        )
    if shape == "relation":
        name, other, _ = pick(draw, *RELATED[model])
        field = pick(draw, *(one for one in LEAVES[other] if "__" not in one))
        condition = Q(**{f"{name}__{field}": draw(LEAVES[other][field])})
        method = pick(draw, Q(near__isnull=True), Q(near__isnull=False), ~Q(near__pk=None))
        return question.then(
            f"FilteredRelation({condition}).filter({method})",
            lambda found, rows: (
                found.annotate(near=FilteredRelation(name, condition=condition))
                .filter(method)
                .order_by("pk", "near__pk")
                .values_list("pk", "near__pk")
            ),
        )
    question = question.then(f"order_by({order})", lambda found, rows: found.order_by(*order, "pk"))
    return cut(question, slices(draw))


@cache
def _questions_about(model):
    return st.one_of(
        row_questions(model),
        row_questions(model),
        aggregate_questions(model),
        expression_questions(model),
        combined_questions(model),
        combined_questions(model),
    )


def questions():
    return st.sampled_from(MODELS).flatmap(_questions_about)


@st.composite
def changes(draw):
    """Describe a change of reviews: a function of a queryset of all of them."""
    tree = draw(trees(Review))
    kind = pick(draw, "constant", "expression", "case", "bulk_update", "delete")
    number = pick(draw, *range(6))
    own = pick(
        draw,
        Q(stars=number),
        ~Q(stars__gt=number),
        Q(text__iexact="REVIEW 1") | Q(stars__in=[0, 2]),
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
