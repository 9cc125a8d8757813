"""Add a panel to the admin that shows the cache of each table and has buttons to manage it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, models
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.csrf import csrf_protect

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache import clear, control, invalidate

__all__ = ["CachePanel", "CachePanelAdmin"]

logger = logging.getLogger("appwrite_orm_django.admin")

Model = type[models.Model]


class CachePanel(models.Model):
    """
    A model without a table that represents the panel in the admin's index and permissions.

    ``appwrite_orm_django.view_cachepanel`` allows viewing the panel, and
    ``appwrite_orm_django.change_cachepanel`` allows using its buttons.
    """

    class Meta:
        app_label = "appwrite_orm_django"
        managed = False
        default_permissions = ("view", "change")
        verbose_name = gettext_lazy("cache")
        verbose_name_plural = gettext_lazy("cache")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class Action(NamedTuple):
    """A button: its label and explanation, whether it needs selected tables, and its function."""

    name: str
    label: Any
    explanation: Any
    wants_tables: bool
    run: Callable[[str, Sequence[Model]], str]


def _invalidate(alias: str, chosen: Sequence[Model]) -> str:
    _told(invalidate(*chosen, using=alias))
    return ngettext("%d table was invalidated.", "%d tables were invalidated.", len(chosen)) % len(
        chosen
    )


def _refresh(alias: str, chosen: Sequence[Model]) -> str:
    from appwrite_orm_django.cache import maintenance

    return _loaded(sum(rows for _model, rows in maintenance.refreshed(alias, chosen)), chosen)


def _warm(_alias: str, chosen: Sequence[Model]) -> str:
    from appwrite_orm_django.cache import maintenance

    return _loaded(sum(rows for _model, rows in maintenance.warmed(chosen)), chosen)


def _loaded(rows: int, chosen: Sequence[Model]) -> str:
    if not control.warmed_models(chosen):
        return _("Nothing was loaded: these models have no appwrite_warm.")
    return ngettext("%d row is cached.", "%d rows are cached.", rows) % rows


def _clear(alias: str, _chosen: Sequence[Model]) -> str:
    _told(clear(using=alias))
    return _("All tables were invalidated.")


def _reset(alias: str, _chosen: Sequence[Model]) -> str:
    connection = appwrite_connection(alias)
    connection.cache.statistics.reset()
    return _("The statistics were reset. Other processes follow within seconds.")


class _NotTold(Exception):
    """The cache does not answer."""


def _told(told: bool) -> None:
    if not told:
        raise _NotTold


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "invalidate",
            gettext_lazy("Invalidate"),
            gettext_lazy("Cached results of these tables become stale immediately. They are read "
                         "from Appwrite again when they are next needed."),
            True,
            _invalidate,
        ),
        Action(
            "refresh",
            gettext_lazy("Refresh"),
            gettext_lazy("Cached results of these tables become stale immediately. The querysets "
                         "in their models' appwrite_warm are read again now."),
            True,
            _refresh,
        ),
        Action(
            "warm",
            gettext_lazy("Warm"),
            gettext_lazy("The querysets in these models' appwrite_warm are read from Appwrite now, "
                         "unless they are cached."),
            True,
            _warm,
        ),
        Action(
            "clear",
            gettext_lazy("Clear everything"),
            gettext_lazy("All cached results of this database become stale immediately. Pages are "
                         "slower until they are cached again."),
            False,
            _clear,
        ),
        Action(
            "reset",
            gettext_lazy("Reset statistics"),
            gettext_lazy("All counters restart at zero, in every process. Cached results are "
                         "kept."),
            False,
            _reset,
        ),
    )
}  # fmt: skip


#: Explanations of the states of a table.
LEGEND = {
    "fresh": gettext_lazy("Results read since the last write are cached."),
    "stale": gettext_lazy("Nothing has been cached since the last write: the next read goes to "
                          "Appwrite."),
}  # fmt: skip


@admin.register(CachePanel)
class CachePanelAdmin(admin.ModelAdmin):
    """The panel. Viewing it costs a few calls to the cache and no request to Appwrite."""

    panel_template = "admin/appwrite_orm_django/cache_panel.html"
    confirmation_template = "admin/appwrite_orm_django/cache_confirmation.html"

    def get_urls(self) -> list[URLPattern]:
        # Django's other views would query a table.
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="appwrite_orm_django_cachepanel_changelist")]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @method_decorator(csrf_protect)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        aliases = control.appwrite_aliases()
        alias = request.GET.get("database") or next(iter(aliases), "")
        if alias not in aliases:
            raise Http404(_("No such database on Appwrite."))
        if request.method == "POST":
            return self._act(request, alias)
        # Imported here because every process with the admin loads this module, but few show the
        # panel.
        from appwrite_orm_django.contrib.admin.chart import chart
        from appwrite_orm_django.contrib.admin.report import make_report

        report = make_report(alias)
        context = {
            **self._context(request, _("Cache")),
            "report": report,
            "aliases": aliases,
            "chart": chart(report.minutes),
            "legend": LEGEND,
            "actions": [action for action in ACTIONS.values() if action.wants_tables],
            "whole_actions": [action for action in ACTIONS.values() if not action.wants_tables],
            "may_act": self.has_change_permission(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.panel_template, context)

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
        }

    def _act(self, request: HttpRequest, alias: str) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        action = ACTIONS.get(request.POST.get("action", ""))
        if action is None:
            return HttpResponseBadRequest("No such action.")
        connection = appwrite_connection(alias)
        labels = set(request.POST.getlist("table")) if action.wants_tables else set()
        chosen = [model for model in connection.cached_models() if model._meta.label in labels]
        if action.wants_tables and not chosen:
            self.message_user(request, _("Select at least one table."), messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        if request.POST.get("confirmed") != "yes":
            context = {
                **self._context(request, str(action.label)),
                "action": action,
                "chosen": chosen,
                "alias": alias,
            }
            return TemplateResponse(request, self.confirmation_template, context)
        logger.info(
            "%s %s %s: by %s", alias, action.name, ", ".join(sorted(labels)) or "-", request.user
        )
        try:
            self.message_user(request, action.run(alias, chosen), messages.SUCCESS)
        except _NotTold:
            self.message_user(
                request,
                _("The cache does not answer. It will be invalidated as soon as it does."),
                messages.ERROR,
            )
        except DatabaseError as error:
            self.message_user(
                request, _("Appwrite answered with an error: %s") % error, messages.ERROR
            )
        return HttpResponseRedirect(request.get_full_path())
