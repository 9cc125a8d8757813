from django.http import HttpRequest, JsonResponse
from django.urls import path

from testproject.urls import urlpatterns as of_the_demo
from tests.e2e.farm import seeing


def see(request: HttpRequest, pk: str) -> JsonResponse:
    return JsonResponse(seeing.seen(pk))


def write(request: HttpRequest, pk: str, name: str) -> JsonResponse:
    return JsonResponse(seeing.write(pk, name))


urlpatterns = [path("see/<pk>", see), path("write/<pk>/<name>", write), *of_the_demo]
