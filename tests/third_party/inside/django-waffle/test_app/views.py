"""Views behind flags, switches and samples, by decorators, mixins and tags of templates."""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.views import View
from waffle import flag_is_active
from waffle.decorators import waffle_flag, waffle_switch
from waffle.mixins import WaffleFlagMixin, WaffleSampleMixin, WaffleSwitchMixin

_TAGS = """{% load waffle_tags %}
{% flag "x" %}flag on{% else %}flag off{% endflag %}
{% switch "x" %}switch on{% else %}switch off{% endswitch %}
{% sample "x" %}sample on{% else %}sample off{% endsample %}
{% flag name %}flag_var on{% else %}flag_var off{% endflag %}
{% switch name %}switch_var on{% else %}switch_var off{% endswitch %}
{% sample name %}sample_var on{% else %}sample_var off{% endsample %}
{% wafflejs %}"""
_WITHOUT_REQUEST = """{% load waffle_tags %}
{% switch "x" %}switch on{% else %}switch off{% endswitch %}
{% sample "x" %}sample on{% else %}sample off{% endsample %}"""


def _template(text: str):
    return engines["django"].from_string(text)


def flag_in_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("on" if flag_is_active(request, "myflag") else "off")


def flag_in_view_readonly(request: HttpRequest) -> HttpResponse:
    return HttpResponse("on" if flag_is_active(request, "myflag", read_only=True) else "off")


def flag_in_django(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_template(_TAGS).render({"name": "y"}, request))


def no_request_context(_request: HttpRequest) -> str:
    # The test gives it to the middleware, and looks into the text.
    return _template(_WITHOUT_REQUEST).render({})


def foo_view(_request: HttpRequest, **_named: object) -> HttpResponse:
    return HttpResponse("foo")


def foo_view_with_args(_request: HttpRequest, some_number: int) -> HttpResponse:
    return HttpResponse(f"foo {some_number}")


flagged_on = waffle_flag("foo")(foo_view)
flagged_off = waffle_flag("!foo")(foo_view)
switched_on = waffle_switch("foo")(foo_view)
switched_off = waffle_switch("!foo")(foo_view)


class _Foo(View):
    def get(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse("foo")


class FlagView(WaffleFlagMixin, _Foo):
    waffle_flag = "foo"


class FlagOffView(WaffleFlagMixin, _Foo):
    waffle_flag = "!foo"


class SampleView(WaffleSampleMixin, _Foo):
    waffle_sample = "foo"


class SampleOffView(WaffleSampleMixin, _Foo):
    waffle_sample = "!foo"


class SwitchView(WaffleSwitchMixin, _Foo):
    waffle_switch = "foo"


class SwitchOffView(WaffleSwitchMixin, _Foo):
    waffle_switch = "!foo"
