"""The fixtures that the tests of django-oauth-toolkit ask for; a plugin of pytest."""

import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from django.urls import reverse
from django.utils import dateformat, timezone

SECRET = "1234567890abcdefghijklmnopqrstuvwxyz"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "oauth2_settings: settings for the fixture of this name")


class _Settings:
    """The package's settings; those that are assigned hold until the test ends."""

    def __init__(self, settings: Any) -> None:
        vars(self)["settings"] = settings

    def update(self, changed: dict[str, Any]) -> None:
        # Assigned as a whole: the package listens to Django's signal for changed settings.
        self.settings.OAUTH2_PROVIDER = {**self.settings.OAUTH2_PROVIDER, **changed}

    def __getattr__(self, name: str) -> Any:
        from oauth2_provider.settings import oauth2_settings as real

        return getattr(real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})


@pytest.fixture
def oauth2_settings(request, settings):
    wrapper = _Settings(settings)
    marker = request.node.get_closest_marker("oauth2_settings")
    if marker is not None:
        wrapper.update(marker.args[0])
    if request.cls is not None:
        request.cls.oauth2_settings = wrapper
    return wrapper


@pytest.fixture
def rp_settings(oauth2_settings):
    from tests import presets

    oauth2_settings.update(presets.OIDC_SETTINGS_RP_LOGOUT)
    return oauth2_settings


@pytest.fixture
def oidc_key(request, oauth2_settings):
    from jwcrypto import jwk

    key = jwk.JWK.from_pem(oauth2_settings.OIDC_RSA_PRIVATE_KEY.encode())
    if request.cls is not None:
        request.cls.key = key
    return key


@pytest.fixture
def test_user(db):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user("test_user", "test@example.com", "123456")


@pytest.fixture
def other_user(db):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user("other_user", "other@example.com", "123456")


@pytest.fixture
def logged_in_client(client, test_user):
    client.force_login(test_user)
    return client


def _application(user: Any, **changed: Any) -> Any:
    from oauth2_provider.models import get_application_model

    model = get_application_model()
    return model.objects.create(
        **{
            "name": "Test Application",
            "redirect_uris": "http://example.org",
            "post_logout_redirect_uris": "http://example.org",
            "user": user,
            "client_type": model.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": model.GRANT_AUTHORIZATION_CODE,
            "algorithm": model.RS256_ALGORITHM,
            "client_secret": SECRET,
            **changed,
        }
    )


@pytest.fixture
def application(test_user):
    return _application(test_user)


@pytest.fixture
def hybrid_application(application):
    application.authorization_grant_type = application.GRANT_OPENID_HYBRID
    application.client_secret = SECRET
    application.save()
    return application


@pytest.fixture
def public_application(other_user):
    from oauth2_provider.models import get_application_model

    return _application(
        other_user,
        name="Other Application",
        redirect_uris="http://other.org",
        post_logout_redirect_uris="http://other.org",
        client_type=get_application_model().CLIENT_PUBLIC,
    )


@pytest.fixture
def cors_application(test_user):
    return _application(test_user, allowed_origins="https://example.com http://example.com")


def _tokens(oauth2_settings: Any, application: Any, user: Any, client: Any, scope: str) -> Any:
    client.force_login(user)
    allowed = client.post(
        reverse("oauth2_provider:authorize"),
        data={
            "client_id": application.client_id,
            "state": "random_state_string",
            "scope": scope,
            "redirect_uri": "http://example.org"
            if "example.org" in application.redirect_uris
            else "http://other.org",
            "response_type": "code",
            "allow": True,
        },
    )
    code = parse_qs(urlparse(allowed["Location"]).query)["code"]
    client.logout()
    answer = client.post(
        reverse("oauth2_provider:token"),
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": application.redirect_uris,
            "client_id": application.client_id,
            "client_secret": SECRET,
            "scope": scope,
        },
    ).json()
    return SimpleNamespace(
        user=user,
        application=application,
        access_token=answer["access_token"],
        id_token=answer["id_token"],
        oauth2_settings=oauth2_settings,
    )


@pytest.fixture
def oidc_tokens(oauth2_settings, application, test_user, client):
    from tests import presets

    if not oauth2_settings.OIDC_ENABLED:
        oauth2_settings.update(presets.OIDC_SETTINGS_RW)
    return _tokens(oauth2_settings, application, test_user, client, "openid")


@pytest.fixture
def oidc_email_scope_tokens(oauth2_settings, application, test_user, client):
    from tests import presets

    oauth2_settings.update(presets.OIDC_SETTINGS_EMAIL_SCOPE)
    return _tokens(oauth2_settings, application, test_user, client, "openid email")


@pytest.fixture
def oidc_non_confidential_tokens(oauth2_settings, public_application, test_user, client):
    from tests import presets

    if not oauth2_settings.OIDC_ENABLED:
        oauth2_settings.update(presets.OIDC_SETTINGS_RW)
    return _tokens(oauth2_settings, public_application, test_user, client, "openid")


def _id_token(oidc_key: Any, application: Any, user: Any, **changed: Any) -> str:
    """Return a token as the validator makes them, with changed claims."""
    import json

    from jwcrypto import jwt
    from oauth2_provider.models import get_id_token_model

    name = uuid.uuid4()
    expires = changed.pop("expires", timezone.now() + timedelta(hours=1))
    claims = {
        "iss": "http://localhost/o",
        "aud": application.client_id,
        "sub": str(user.pk),
        "iat": int(dateformat.format(timezone.now(), "U")),
        "exp": int(dateformat.format(expires, "U")),
        "jti": str(name),
        **changed,
    }
    get_id_token_model().objects.create(
        user=user, scope="openid", expires=expires, jti=name, application=application
    )
    header = {"typ": "JWT", "alg": "RS256", "kid": oidc_key.thumbprint()}
    token = jwt.JWT(header=json.dumps(header), claims=json.dumps(claims))
    token.make_signed_token(oidc_key)
    return token.serialize()


@pytest.fixture
def expired_id_token(oidc_key, application, test_user):
    return _id_token(
        oidc_key, application, test_user, expires=timezone.now() - timedelta(minutes=1)
    )


@pytest.fixture
def id_token_wrong_aud(oidc_key, application, test_user):
    return _id_token(oidc_key, application, test_user, aud="")


@pytest.fixture
def id_token_wrong_iss(oidc_key, application, test_user):
    return _id_token(oidc_key, application, test_user, iss="")
