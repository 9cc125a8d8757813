"""A WSGI application for gunicorn: ``/`` is the page, ``/write`` changes one of its rows."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

from benchmarks.appwrite_server import KEY, PROJECT
from benchmarks.contenders.site import configure, make_table

PACKAGE, REDIS = os.environ["BENCH_PACKAGE"], os.environ["BENCH_REDIS"]
NUMBERS = {"library": "4", "cachalot": "5", "cacheops": "6", "sqlite": "7"}
URL = REDIS.replace("/0", f"/{NUMBERS[PACKAGE]}")
APPWRITE = {
    "ENGINE": "appwrite_orm_django.backend",
    "HOST": os.environ["BENCH_ENDPOINT"],
    "USER": PROJECT,
    "PASSWORD": KEY,
    "NAME": "shop",
    "OPTIONS": {"CACHE": {"ENABLED": bool(os.environ["BENCH_CACHE"])}},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "library": {"DATABASE_ROUTERS": ["appwrite_orm_django.routers.AppwriteRouter"]},
    "cachalot": {"CACHALOT_TIMEOUT": 300},
    "cacheops": {
        "CACHEOPS_REDIS": REDIS.replace("/0", "/8"),
        "CACHEOPS": {"*.*": {"ops": "all", "timeout": 300}},
    },
    "sqlite": {},
}
APPS = {
    "library": ["appwrite_orm_django"],
    "cachalot": ["cachalot"],
    "cacheops": ["cacheops"],
    "sqlite": [],
}

configure(
    URL,
    *APPS[PACKAGE],
    more_databases={"appwrite": APPWRITE} if PACKAGE == "library" else None,
    ROOT_URLCONF="benchmarks.page.site",
    ALLOWED_HOSTS=["*"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [str(Path(__file__).parent / "templates")],
        }
    ],
    **SETTINGS[PACKAGE],
)

from django.core.wsgi import get_wsgi_application  # noqa: E402 - models exist only now
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402

if PACKAGE == "library":
    # The paginator of its own list views: page and count are one request.
    from appwrite_orm_django.contrib.pagination import AppwritePaginator as Paginator
    from benchmarks.shop.items import Item as Model
else:
    from django.core.paginator import Paginator

    from benchmarks.shop.models import Product as Model

    make_table(1000)

numbers = itertools.count()


def page(request: HttpRequest) -> HttpResponse:
    products = Paginator(Model.objects.order_by("id"), 25).page(1)
    return render(request, "page.html", {"page": products})


def write(_: HttpRequest) -> HttpResponse:
    product = Model.objects.order_by("id")[0]
    product.stock = next(numbers)
    product.save()
    return HttpResponse()


urlpatterns = [path("", page), path("write", write)]
application = get_wsgi_application()
