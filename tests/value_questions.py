"""
Random questions about values of every type: lookups, paths into JSON, arrays, parts of moments in any time zone, functions, groups, windows.

They are asked as those of ``tests.questions``, of rows of ``Everything`` and of a tree of rows with integer keys.
"""

import datetime
import random
import uuid

from django.db import models
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
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
from django.db.models.fields.json import KT
from django.db.models.functions import (
    Abs,
    Cast,
    Coalesce,
    Concat,
    DenseRank,
    ExtractHour,
    ExtractIsoWeekDay,
    ExtractMonth,
    ExtractYear,
    FirstValue,
    Floor,
    Greatest,
    Lag,
    Lead,
    Least,
    Left,
    Length,
    Lower,
    Mod,
    NullIf,
    Rank,
    Replace,
    Reverse,
    Round,
    RowNumber,
    Sign,
    StrIndex,
    Substr,
    Trim,
    TruncDate,
    TruncDay,
    TruncHour,
    TruncMonth,
    TruncQuarter,
    TruncWeek,
    TruncYear,
    Upper,
)
from hypothesis import strategies as st

from tests.fixtures import D, everything_rows, moment
from tests.library.models import Everything, Numbered
from tests.questions import Question, cut, pick, slices, some

DATE, TIME, SPAN = datetime.date, datetime.time, datetime.timedelta
ZONES = ("UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Apia")
TEXTS = (
    "", "plain", "PLAIN", "plaîn ", "a", "LAI", "%", "_", "\\", "a_b", "'", '"', "🌸", "x" * 60, "\n", " ", "ß", "SS", "é",
    "e\u0301", ".*", "[a", "$", "\u0130", "\u0131", "\t",
)  # fmt: skip
PATTERNS = (
    "^p",
    "N$",
    r"\d+",
    "[_%]",
    r"\\",
    "^$",
    "(?:plain|5)",
    ".",
    "a.b",
    "é",
    r"\s$",
    "^.{3,5}$",
    "🌸",
)
VALUES = {
    "char": TEXTS,
    "text": TEXTS,
    "slug": ("a", "A-B", "", "-"),
    "email": ("a@example.org", "b@example.ORG", "example"),
    "url": ("https://example.org/a", "http://EXAMPLE", "é", "%25"),
    "ip": ("10.0.0.1", "::1", "10."),
    "file": ("a.txt", "DIR/b.txt", "txt"),
    "enum": ("a", "A", "b", "none of them"),
    "integer": (0, -1, 5, 2**31 - 1, 2**40, -(2**40)),
    "small": (0, 32767, -32768, 7, 2**20),
    "big": (0, 2**53 + 1, 2**53, -(2**63) + 1, 2**63 - 1),
    "positive": (0, 7, 2**31 - 1),
    "float": (0.0, 0.1, -1e300, 3, 2.5, float("inf")),
    "decimal": (D("0"), D("1.2345"), D("1.23"), D("-99999999.9999"), 1),
    "long_decimal": (D("0"), D("12345.6789"), D("-0.0000000001"), 5),
    "datetime": (
        moment(2024, 2, 29), moment(2024, 12, 31, 23, 59, 59, 999000), moment(2025, 1, 1, 0, 0, 0, 1000), moment(1000, 1, 1),
        moment(9999, 12, 31), moment(500, 1, 1), moment(2024, 3, 31, 1, 30),
        datetime.datetime(2025, 1, 1, 1, tzinfo=datetime.timezone(SPAN(hours=1))),
    ),
    "date": (DATE(2024, 2, 29), DATE(2025, 1, 1), DATE(1000, 1, 1), DATE(1, 1, 1), DATE(2024, 12, 31)),
    "time": (TIME(0), TIME(12, 30), TIME(12, 30, 0, 1), TIME(23, 59, 59, 999999)),
    "duration": (SPAN(0), SPAN(days=1, microseconds=1), -SPAN(hours=1), SPAN(days=400)),
    "uuid": (uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-1234-567812345678"), uuid.UUID(int=2**128 - 1)),
    "boolean": (True, False),
}  # fmt: skip
TEXT_FIELDS = ("char", "text", "slug", "email", "url", "file", "enum")
INTEGERS = ("integer", "small", "big", "positive")
# Of one kind, so that they can be compared with each other.
ALIKE = (INTEGERS, ("char", "text", "slug"), ("float", "integer", "small"), ("decimal", "integer"))
# Fields whose values are equal only if they are the same: what rows are grouped by, and made distinct by.
GROUPED = (
    "integer", "small", "big", "positive", "boolean", "float", "decimal", "datetime", "date", "time", "duration", "uuid",
)  # fmt: skip
LARGEST = (
    "integer",
    "small",
    "big",
    "positive",
    "float",
    "decimal",
    "datetime",
    "date",
    "time",
    "duration",
)
SUMMED = ("integer", "small", "positive", "decimal", "duration")
SHOWN = (*VALUES, "json", "binary", "array", "numbers")
DATE_PARTS = {
    "year": (2024, 2025, 1000, 9999, 500), "iso_year": (2024, 2025, 1000), "quarter": (1, 4), "month": (1, 2, 12),
    "week": (1, 9, 52), "week_day": (1, 3, 5), "iso_week_day": (2, 4), "day": (1, 29, 31),
}  # fmt: skip
TIME_PARTS = {"hour": (0, 12, 23), "minute": (0, 15, 30, 59), "second": (0, 59)}
# West of Greenwich the year 9999 ends later than the last moment that Python has, so that Django cannot ask for it.
MOMENT_PARTS = {**DATE_PARTS, **TIME_PARTS, "year": (2024, 2025, 1000, 9998, 500)}
PATHS = {
    "json__a": ([1, None, "x"], 1, "x", {"b": 1}, True), "json__a__0": (1, 0, None), "json__a__b": (1, 2.5, "é"), "json__1__b": ("é", "É"),
    "json__0": (1, "text"), "json__x y": ("two words", 1), "json__a__2": ("x", "X"), "json__n": (1, 0, -1, 2**53 + 1, 1.5),
}  # fmt: skip
JSON_NULL = models.JSONNull() if hasattr(models, "JSONNull") else None


# What can be asked for, and cannot be stored.
IMPOSSIBLE = {
    "ip": ["10."],
    "enum": ["A", "none of them"],
    "email": ["example"],
    "url": ["é", "%25", "http://EXAMPLE"],
}


def rows():
    """Make rows with odd values, and as many of which columns have values in common; ids and arrays are always there."""
    drawn = random.Random(20260101)
    made = everything_rows()
    documents = [
        {"a": 1, "n": 1}, {"a": {"b": 2.5}, "x y": "two words"}, {"a": "x", "n": 0}, [1, {"b": "É"}], {"a": None, "n": 2**53 + 1},
        {"a": True, "n": -1}, {"a": [], "n": 1.5}, None,
    ]  # fmt: skip
    limits = {"integer": 2**31, "small": 2**15, "float": 1e301}
    for document in documents:
        values = {}
        for name, pool in VALUES.items():
            within = [
                one
                for one in pool
                if (name not in limits or abs(one) < limits[name])
                and not (name == "datetime" and one.year < 1000)
                and not (name in IMPOSSIBLE and one in IMPOSSIBLE[name])
                and not (name == "char" and len(one) > 50)
            ]
            values[name] = drawn.choice([None, *within])
        made.append(Everything(**values, json=document, binary=b"\x00" * drawn.randint(0, 3)))
    for number, row in enumerate(made):
        row.id = f"row-{number:02}"
        row.array, row.numbers = row.array or [], row.numbers or []
    return made


def numbered():
    """Make a tree of rows with integer keys, some of them negative or large."""
    parents = {1: None, 2: 1, 3: 1, 7: 3, 10: 3, 2**40: 7, 50: None, 51: 50}
    return [
        Numbered(pk=key, name=name, parent_id=parents[key])
        for key, name in zip(parents, ["root", "Root", "a", "", "é", "🌸", "b ", "50"], strict=True)
    ]


@st.composite
def conditions(draw):
    kind = pick(
        draw,
        "value",
        "value",
        "value",
        "null",
        "list",
        "part",
        "path",
        "array",
        "column",
        "pattern",
        "computed",
    )
    name = pick(draw, *VALUES)
    pool = VALUES[name]
    if kind == "null":
        return Q(**{f"{pick(draw, *VALUES, *PATHS, 'json')}__isnull": pick(draw, True, False)})
    if kind == "list":
        if pick(draw, True, False):
            return Q(**{f"{name}__range": (pick(draw, *pool), pick(draw, *pool))})
        return Q(
            **{f"{name}__in": [pick(draw, *pool, None) for _ in range(pick(draw, 0, 1, 2, 3))]}
        )
    if kind == "part":
        name = pick(draw, "datetime", "date", "time")
        parts = {"datetime": MOMENT_PARTS, "date": DATE_PARTS, "time": TIME_PARTS}[name]
        if name == "datetime" and pick(draw, True, False, False):
            part = pick(draw, "date", "time")
            return Q(**{f"datetime__{part}__{_comparison(draw)}": pick(draw, *VALUES[part])})
        part = pick(draw, *parts)
        return Q(**{f"{name}__{part}__{_comparison(draw)}": pick(draw, *parts[part])})
    if kind == "path":
        return _path(draw)
    if kind == "array":
        if pick(draw, True, False):
            return Q(
                **{
                    f"array__{pick(draw, 'contains', 'overlap')}": some(
                        draw, "x", "X", "y", "é", "e"
                    )
                }
            )
        return Q(**{f"numbers__{pick(draw, 'contains', 'overlap')}": some(draw, 3, 1, -5, 2)})
    if kind == "column":
        alike = pick(draw, *ALIKE)
        return Q(**{f"{pick(draw, *alike)}__{_comparison(draw)}": F(pick(draw, *alike))})
    if kind == "pattern":
        return Q(
            **{
                f"{pick(draw, 'char', 'text')}__{pick(draw, 'regex', 'iregex')}": pick(
                    draw, *PATTERNS
                )
            }
        )
    if kind == "computed":
        return _computed(draw)
    if name in TEXT_FIELDS:
        lookup = pick(
            draw, "exact", "iexact", "gt", "lte", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"
        )  # fmt: skip
    else:
        lookup = "exact" if name == "boolean" else _comparison(draw)
    return Q(**{f"{name}__{lookup}": pick(draw, *pool)})


def _comparison(draw):
    return pick(draw, "exact", "gt", "gte", "lt", "lte")


def _path(draw):
    path = pick(draw, *PATHS)
    kind = pick(draw, "exact", "in", "key", "keys", "text", "number", "whole")
    if kind == "key":
        return Q(json__has_key=pick(draw, "a", "n", "b", "x y", "0"))
    if kind == "keys":
        return Q(
            **{
                f"json__{pick(draw, 'has_keys', 'has_any_keys')}": some(
                    draw, "a", "n", "b", "x y", least=1
                )
            }
        )
    if kind == "in":
        return Q(
            **{f"{path}__in": [one for one in PATHS[path] if not isinstance(one, list | dict)]}
        )
    if kind == "text":
        lookup = pick(draw, "icontains", "startswith", "iexact", "regex", "endswith")
        return Q(**{f"{path}__{lookup}": pick(draw, "x", "É", "é", "tw", "t")})
    if kind == "number":
        return Q(**{f"json__n__{pick(draw, 'gt', 'gte', 'lt', 'lte')}": pick(draw, 0, 1, 1.5, -1)})
    if kind == "whole":
        return (
            Q(json=pick(draw, "text", JSON_NULL))
            if pick(draw, True, False)
            else Q(json={"a": 1, "n": 1})
        )
    position = pick(draw, *range(len(PATHS[path])))
    return Q(**{path: PATHS[path][position]})


def _computed(draw):
    """Compare a column with what a function makes of others."""
    return pick(
        draw,
        Q(char__iexact=Lower("text")),
        Q(text__startswith=F("char")),
        Q(text__contains=Substr("char", 1, 2)),
        Q(integer__gt=F("small") * 2),
        Q(integer__lt=Value(3) - F("positive")),
        Q(decimal__gt=F("integer") / 2),
        Q(date__lte=TruncDate("datetime")),
        Q(datetime__year=F("date__year")),
        Q(datetime__gt=F("datetime") + F("duration")),
        Q(duration__lt=F("duration") * 2),
        Q(big__gt=Coalesce("positive", "integer", 0)),
        Q(float__gt=Round("float")),
        Q(positive=Length("char")),
        Q(small__in=[F("positive"), 7, None]),
        Q(integer__range=(F("small"), F("positive"))),
    )


def trees():
    return st.recursive(
        conditions(),
        lambda inner: (
            st.builds(lambda a, b: a & b, inner, inner)
            | st.builds(lambda a, b: a | b, inner, inner)
            | st.builds(lambda a, b: a ^ b, inner, inner)
            | st.builds(lambda a: ~a, inner)
        ),
        max_leaves=3,
    )


TREES = trees()


def filtered(draw, question, most=2):
    for _ in range(pick(draw, *range(most + 1))):
        method, tree = pick(draw, "filter", "exclude"), draw(TREES)
        question = question.then(
            f"{method}({tree!r})", lambda found, rows, m=method, t=tree: getattr(found, m)(t)
        )
    return question


# What can be computed for a row, by name. No text is made of a float or a decimal: databases print them differently.
COMPUTED = {
    "lower": Lower("char"), "upper": Upper("text"), "length": Length("text"), "concat": Concat("char", Value("-"), "slug", output_field=models.CharField()),
    "substr": Substr("text", 2, 3), "left": Left("char", 2), "replace": Replace("char", Value("a"), Value("🌸")),
    "trim": Trim("char"), "reverse": Reverse("char"), "index": StrIndex("text", Value("a")), "nullif": NullIf("char", Value("a")),
    "coalesce": Coalesce("char", "slug", Value("none"), output_field=models.CharField()), "abs": Abs("integer"), "sign": Sign("small"), "mod": Mod("integer", 7),
    "plus": F("integer") + F("small"), "minus": F("positive") - 1, "times": F("small") * 2, "divided": F("float") / 2,
    "floor": Floor("float"), "round": Round("float", 1), "greatest": Greatest("integer", "small", output_field=models.IntegerField()), "least": Least("small", "positive", output_field=models.IntegerField()),
    "year": ExtractYear("datetime"), "month": ExtractMonth("date"), "hour": ExtractHour("datetime"), "weekday": ExtractIsoWeekDay("datetime"),
    "to day": TruncDay("datetime"), "to hour": TruncHour("datetime"), "to month": TruncMonth("datetime"), "to year": TruncYear("date"),
    "to week": TruncWeek("date"), "to quarter": TruncQuarter("datetime"), "to date": TruncDate("datetime"),
    "earlier": ExpressionWrapper(F("datetime") - Value(SPAN(days=1, hours=1)), models.DateTimeField()),
    "span": ExpressionWrapper(F("datetime") - Value(moment(2024, 2, 29)), models.DurationField()),
    "twice": ExpressionWrapper(F("decimal") * 2, models.DecimalField(max_digits=14, decimal_places=4)),
    "cast": Cast("integer", models.CharField(max_length=30)), "as integer": Cast("boolean", models.IntegerField()),
    "path": F("json__a"), "text of path": KT("json__a__b"), "element": F("json__1__b"),
    "case": Case(When(integer__gt=0, then=Value("more")), When(integer=None, then=Value("none")), default=F("char")),
    "truth": Q(integer__gt=0) | Q(char="a"),
    "constant": Value(D("1.50")),
}  # fmt: skip
# Of these, what rows can be ordered, grouped and compared by: neither JSON nor texts that are equal and differ.
COMPARED = sorted(
    set(COMPUTED).difference(
        ["path", "text of path", "element", "lower", "upper", "concat", "substr", "left", "replace", "trim", "reverse"],
        ["nullif", "coalesce", "case", "cast", "constant", "truth"],
    )
)  # fmt: skip


def ordered(draw, question, *names):
    order = []
    for name in some(draw, *names, most=2):
        nulls = pick(draw, {}, {}, {}, {"nulls_first": True}, {"nulls_last": True})
        order.append(getattr(F(name), pick(draw, "asc", "desc"))(**nulls))
    return question.then(f"order_by({order})", lambda found, rows: found.order_by(*order, "pk"))


@st.composite
def row_questions(draw):
    question = filtered(draw, Question(Everything))
    shape = pick(
        draw,
        "rows",
        "values",
        "computed",
        "count",
        "exists",
        "distinct",
        "periods",
        "first",
        "in_bulk",
        "computed filter",
    )
    if shape in ("count", "exists"):
        return question.then(f"{shape}()", lambda found, rows: getattr(found, shape)())
    if shape == "distinct":
        names = some(draw, *GROUPED, least=1, most=2)
        question = question.then(
            f"values_list({names}).distinct()",
            lambda found, rows: found.values_list(*names).distinct().order_by(*names),
        )
        return cut(question, slices(draw))
    if shape == "periods":
        kinds = ("year", "month", "week", "day")
        if pick(draw, True, False):
            kind, order = pick(draw, *kinds), pick(draw, "ASC", "DESC")
            return question.then(
                f"dates({kind}, {order})", lambda found, rows: found.dates("date", kind, order)
            )
        kind, order = pick(draw, *kinds, "hour", "minute"), pick(draw, "ASC", "DESC")
        return question.then(
            f"datetimes({kind}, {order})",
            lambda found, rows: found.datetimes("datetime", kind, order),
        )
    if shape == "in_bulk":
        keys = some(draw, "row-00", "row-03", "row-11", "none", "ROW-01")
        return question.then(f"in_bulk({keys})", lambda found, rows: found.in_bulk(keys))
    question = ordered(draw, question, *VALUES)
    if shape == "first":
        method = pick(draw, "first", "last", "reverse")
        return question.then(
            f"{method}()",
            lambda found, rows: [
                one.pk for one in ([getattr(found, method)()] if method != "reverse" else found.reverse()) if one
            ],
        )  # fmt: skip
    if "computed" in shape:
        computed = {f"x{n}": name for n, name in enumerate(some(draw, *COMPUTED, least=1, most=2))}
        expressions = {alias: COMPUTED[name] for alias, name in computed.items()}
        method = "annotate" if shape == "computed" else pick(draw, "annotate", "alias")
        question = question.then(
            f"{method}({computed})", lambda found, rows: getattr(found, method)(**expressions)
        )
        if shape == "computed filter":
            condition = pick(draw, Q(x0__isnull=True), Q(x0=F("x0")), ~Q(x0=None))
            question = question.then(
                f"filter({condition})", lambda found, rows: found.filter(condition)
            )
        names = [*some(draw, *SHOWN, most=2), *(computed if method == "annotate" else ())]
        question = question.then(
            f"values_list({names})", lambda found, rows: found.values_list("pk", *names)
        )
        by = [alias for alias, name in computed.items() if name in COMPARED]
        if by and pick(draw, True, False):
            question = ordered(draw, question, *by)
    if shape == "values":
        names = some(draw, *SHOWN, least=1, most=4)
        method = pick(draw, "values", "values_list", "only", "defer")
        question = question.then(
            f"{method}({names})",
            lambda found, rows: getattr(found, method)(*([] if method in ("only", "defer") else ["pk"]), *names),
        )  # fmt: skip
    return cut(question, slices(draw))


def _summary(draw):
    kind = pick(draw, "count", "distinct", "sum", "avg", "min", "max", "some", "default")
    if kind == "some":
        condition = draw(TREES)
        name = pick(draw, *SUMMED)
        return f"Sum({name}, filter={condition})", Sum(name, filter=condition)
    if kind == "default":
        name = pick(draw, "integer", "small", "positive")
        return f"Sum({name}, default=0)", Sum(name, default=0)
    make = {
        "count": Count, "distinct": lambda one: Count(one, distinct=True), "sum": Sum, "avg": Avg, "min": Min, "max": Max,
    }[kind]  # fmt: skip
    names = {"min": LARGEST, "max": LARGEST, "sum": SUMMED, "avg": SUMMED}.get(kind, GROUPED)
    name = pick(draw, *names)
    return f"{kind}({name})", make(name)


@st.composite
def summary_questions(draw):
    question = filtered(draw, Question(Everything), most=1)
    made = [_summary(draw) for _ in range(pick(draw, 1, 2, 3))]
    text = ", ".join(name for name, _ in made)
    found = {f"s{n}": one for n, (_, one) in enumerate(made)}
    shape = pick(draw, "all", "groups", "computed groups", "sliced")
    if shape == "sliced":
        question = cut(ordered(draw, question, *VALUES), slices(draw))
    if shape in ("all", "sliced"):
        return question.then(
            f"aggregate({text})", lambda asked, rows: asked.aggregate(n=Count("*"), **found)
        )
    if shape == "groups":
        names = some(draw, *GROUPED, least=1, most=2)
        question = question.then(f"values({names})", lambda asked, rows: asked.values(*names))
    else:
        names = ["x"]
        name = pick(draw, *COMPARED)
        question = question.then(
            f"values(x={name})", lambda asked, rows: asked.values(x=COMPUTED[name])
        )
    question = question.then(
        f"annotate({text})", lambda asked, rows: asked.annotate(n=Count("pk"), **found)
    )
    if pick(draw, True, False):
        having = pick(
            draw,
            Q(n__gt=1),
            ~Q(s0=None),
            Q(n=1) | Q(**{f"{names[0]}__isnull": True}),
            Q(s0__isnull=False),
        )
        question = question.then(f"filter({having})", lambda asked, rows: asked.filter(having))
    question = question.then(f"order_by({names})", lambda asked, rows: asked.order_by(*names))
    return cut(question, slices(draw))


@st.composite
def window_questions(draw):
    question = filtered(draw, Question(Everything), most=1)
    name, by = (
        pick(draw, "integer", "small", "decimal", "duration", "boolean"),
        pick(draw, *GROUPED),
    )
    function = {
        "number": RowNumber(), "rank": Rank(), "dense": DenseRank(), "lag": Lag(name), "lead": Lead(name, 2),
        "first": FirstValue(name), "sum": Sum("small"), "count": Count("pk"), "max": Max("integer"),
    }  # fmt: skip
    kind = pick(draw, *function)
    order = [by] if kind in ("rank", "dense") else [by, "pk"]
    part = pick(draw, None, "boolean", "integer")
    window = Window(function[kind], partition_by=part, order_by=order)
    question = question.then(
        f"annotate(Window({kind} of {name}, {part}, {order}))",
        lambda found, rows: found.annotate(x=window),
    )
    if pick(draw, True, False):
        condition = pick(draw, Q(x__gt=F("x")), Q(x__isnull=False), ~Q(x__isnull=True))
        question = question.then(
            f"filter({condition})", lambda found, rows: found.filter(condition)
        )
    question = question.then(
        "values_list(pk, x)", lambda found, rows: found.order_by("pk").values_list("pk", "x")
    )
    return cut(question, slices(draw))


NAMES = ("root", "ROOT", "a", "", "é", "b", "🌸", "50")
KEYS = (1, 2, 3, 7, 2**40, 50, 99, -1)
TREE_LEAVES = {
    "name": NAMES, "parent__name": NAMES, "numbered__name": NAMES, "parent__parent__name": NAMES, "numbered__numbered__name": NAMES,
    "pk": KEYS, "parent": KEYS, "numbered": KEYS, "numbered__numbered": KEYS, "parent__numbered": KEYS,
}  # fmt: skip


@st.composite
def tree_conditions(draw):
    name = pick(draw, *TREE_LEAVES)
    if pick(draw, True, False, False):
        return Q(**{f"{name}__isnull": pick(draw, True, False)})
    if TREE_LEAVES[name] is KEYS:
        lookup = pick(draw, "exact", "gt", "lte", "in")
    else:
        lookup = pick(draw, "exact", "iexact", "contains", "in", "gt")
    pool = TREE_LEAVES[name]
    return Q(**{f"{name}__{lookup}": some(draw, *pool) if lookup == "in" else pick(draw, *pool)})


TREE_TREES = st.recursive(
    tree_conditions(),
    lambda inner: (
        st.builds(lambda a, b: a & b, inner, inner)
        | st.builds(lambda a, b: a | b, inner, inner)
        | st.builds(lambda a: ~a, inner)
    ),
    max_leaves=3,
)


@st.composite
def tree_questions(draw):
    """Ask for rows by others of the same table: parents, children, and what they have."""
    question = Question(Numbered)
    for _ in range(pick(draw, 0, 1, 2)):
        method, tree = pick(draw, "filter", "exclude"), draw(TREE_TREES)
        question = question.then(
            f"{method}({tree!r})", lambda found, rows, m=method, t=tree: getattr(found, m)(t)
        )
    shape = pick(
        draw, "rows", "count", "related", "children", "below", "counted", "nested", "prefetched"
    )
    question = question.then("order_by(pk)", lambda found, rows: found.order_by("pk"))
    if shape == "count":
        return question.then(
            "count()", lambda found, rows: (found.count(), found.distinct().count())
        )
    if shape == "related":
        return question.then(
            "select_related()", lambda found, rows: found.select_related("parent__parent")
        )
    if shape == "children":
        tree = draw(TREE_TREES)
        return question.then(
            f"filter(Exists({tree}))",
            lambda found, rows: found.filter(
                Exists(rows(Numbered).filter(tree, parent=OuterRef("pk")))
            ),
        )
    if shape == "below":
        tree = draw(TREE_TREES)
        return question.then(
            f"exclude(parent__in={tree})",
            lambda found, rows: found.exclude(parent__in=rows(Numbered).filter(tree)),
        )
    if shape == "counted":
        return question.then(
            "annotate(children, grandchildren)",
            lambda found, rows: found.annotate(
                n=Count("numbered", distinct=True), m=Count("numbered__numbered", distinct=True), most=Max("numbered__pk")
            ),
        )  # fmt: skip
    if shape == "nested":
        return question.then(
            "annotate(Subquery(Subquery))",
            lambda found, rows: found.annotate(
                x=Subquery(
                    rows(Numbered)
                    .filter(parent=OuterRef("pk"))
                    .annotate(n=Exists(rows(Numbered).filter(parent=OuterRef("pk"))))
                    .order_by("-n", "pk")
                    .values("name")[:1]
                )
            ),
        )
    if shape == "prefetched":
        question = cut(question, slices(draw))
        return question.then(
            "prefetch_related(numbered_set[:1])",
            lambda found, rows: [
                (one.pk, [child.pk for child in one.few])
                for one in found.prefetch_related(
                    Prefetch("numbered_set", rows(Numbered).order_by("-pk")[:1], to_attr="few")
                )
            ],
        )
    return cut(question, slices(draw))


def questions():
    return st.one_of(
        row_questions(), row_questions(), summary_questions(), window_questions(), tree_questions()
    )
