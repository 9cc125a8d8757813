"""The addresses of the views, and of django-waffle's own."""

from django.contrib import admin
from django.urls import include, path
from waffle.decorators import waffle_flag, waffle_switch

from test_app import views


def _redirecting(kind: str, decorator):
    to_view = decorator("foo", redirect_to=views.foo_view)
    to_name = decorator("foo", redirect_to="foo_view")
    nowhere = decorator("foo", redirect_to="invalid_view")
    args_to_view = decorator("foo", redirect_to=views.foo_view_with_args)
    args_to_name = decorator("foo", redirect_to="foo_view_with_args")
    numbered = "<int:some_number>/"
    return [
        path(f"{kind}_view_with_valid_redirect", to_view(views.foo_view)),
        path(f"{kind}_view_with_valid_url_name", to_name(views.foo_view)),
        path(f"{kind}_view_with_invalid_redirect", nowhere(views.foo_view)),
        path(f"{kind}_view_with_args_with_valid_redirect/{numbered}", args_to_view(views.foo_view)),
        path(f"{kind}_view_with_args_with_valid_url_name/{numbered}", args_to_name(views.foo_view)),
    ]


urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("waffle.urls")),
    path("flag_in_view", views.flag_in_view),
    path("flag-on", views.flagged_on),
    path("flag-off", views.flagged_off),
    path("switch-on", views.switched_on),
    path("switch-off", views.switched_off),
    path("foo_view", views.foo_view, name="foo_view"),
    path(
        "foo_view_with_args/<int:some_number>/", views.foo_view_with_args, name="foo_view_with_args"
    ),
    *_redirecting("flagged", waffle_flag),
    *_redirecting("switched", waffle_switch),
]
