"""Apps whose primary keys are not row ids, with everything on Appwrite: tokens of the REST framework and sessions."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PROJECT = """
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="x",
        USE_TZ=True,
        ALLOWED_HOSTS=["testserver"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "appwrite_orm_django.backend",
                "NAME": "keys",
                "HOST": "local:#keys",
                "USER": "demo",
                "PASSWORD": "secret",
            }
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "rest_framework",
            "rest_framework.authtoken",
            "appwrite_orm_django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        ROOT_URLCONF="__main__",
    )
    django.setup()

    from django.contrib.auth.models import User
    from django.contrib.sessions.models import Session
    from django.core.management import call_command
    from django.db import IntegrityError, connection
    from django.test import Client
    from django.urls import path
    from rest_framework.authentication import TokenAuthentication
    from rest_framework.authtoken.models import Token
    from rest_framework.authtoken.views import obtain_auth_token
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.test import APIClient
    from rest_framework.views import APIView

    class Me(APIView):
        authentication_classes = [TokenAuthentication]
        permission_classes = [IsAuthenticated]

        def get(self, request):
            return Response(request.user.username)

    def count(request):
        from django.http import HttpResponse

        request.session["visits"] = request.session.get("visits", 0) + 1
        return HttpResponse(str(request.session["visits"]))

    urlpatterns = [
        path("me/", Me.as_view()),
        path("token/", obtain_auth_token),
        path("count/", count),
    ]

    call_command("check")
    call_command("migrate", verbosity=0)
    call_command("check", databases=["default"])
"""


def run(script: str) -> str:
    """Run a script in the project, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROJECT) + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tokens_of_the_rest_framework():
    """Their key is 40 hexadecimal characters."""
    output = run("""
        ann = User.objects.create_user("ann", password="secret")
        client = APIClient()
        given = client.post("/token/", {"username": "ann", "password": "secret"}, format="json").json()
        token = Token.objects.get()
        assert given == {"token": token.key} and len(token.key) == 40
        assert Token.objects.get_or_create(user=ann) == (token, False)
        assert client.get("/me/").status_code == 401
        client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
        answer = client.get("/me/")
        assert (answer.status_code, answer.json()) == (200, "ann")
        try:
            Token.objects.create(key=token.key, user=User.objects.create_user("bob"))
        except IntegrityError:
            pass
        else:
            raise AssertionError("a second token of the same key")
        token.delete()
        assert client.get("/me/").status_code == 401
        print("done")
    """)
    assert output.endswith("done\n")


def test_sessions():
    output = run("""
        client = Client()
        assert [client.get("/count/").content for _ in range(3)] == [b"1", b"2", b"3"]
        session = Session.objects.get()
        assert session.session_key == client.cookies["sessionid"].value
        assert session.get_decoded() == {"visits": 3}
        store = client.session
        store.cycle_key()
        assert Session.objects.get().session_key == store.session_key != session.session_key
        Session.objects.update(expire_date="2020-01-01T00:00Z")
        assert client.get("/count/").content == b"1"
        call_command("clearsessions")
        assert Session.objects.count() == 1
        print("done")
    """)
    assert output.endswith("done\n")
