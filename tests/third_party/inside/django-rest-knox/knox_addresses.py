"""The addresses that the tests of django-rest-knox ask for."""

from django.urls import include, path
from knox.auth import TokenAuthentication
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView


class Root(APIView):
    authentication_classes = (BasicAuthentication, TokenAuthentication)
    permission_classes = (IsAuthenticated,)

    def get(self, _request: object) -> Response:
        return Response({})


urlpatterns = [path("api/", include("knox.urls")), path("", Root.as_view(), name="api-root")]
