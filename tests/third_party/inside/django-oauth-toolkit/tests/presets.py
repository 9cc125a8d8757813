"""Settings of django-oauth-toolkit by what they are for."""

from jwcrypto import jwk

_SCOPES = {"read": "Reading scope", "write": "Writing scope", "openid": "OpenID connect"}
_KEY = jwk.JWK.generate(kty="RSA", size=2048)
_OLD_KEY = jwk.JWK.generate(kty="RSA", size=2048)


def _text(key: jwk.JWK) -> str:
    return key.export_to_pem(private_key=True, password=None).decode()


ALLOWED_SCHEMES_DEFAULT = {"ALLOWED_SCHEMES": ["https"]}
ALLOWED_SCHEMES_HTTP = {"ALLOWED_SCHEMES": ["https", "http"]}
DEFAULT_SCOPES_RO = {"DEFAULT_SCOPES": ["read"]}
DEFAULT_SCOPES_RW = {"DEFAULT_SCOPES": ["read", "write"]}
OIDC_SETTINGS_RW = {
    "OIDC_ENABLED": True,
    "OIDC_ISS_ENDPOINT": "http://localhost/o",
    "OIDC_USERINFO_ENDPOINT": "http://localhost/o/userinfo/",
    "OIDC_RSA_PRIVATE_KEY": _text(_KEY),
    "OIDC_RSA_PRIVATE_KEYS_INACTIVE": [_text(_OLD_KEY)],
    "SCOPES": _SCOPES,
    "DEFAULT_SCOPES": ["read", "write"],
    "PKCE_REQUIRED": False,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 120,
}
OIDC_SETTINGS_RO = {**OIDC_SETTINGS_RW, "DEFAULT_SCOPES": ["read"]}
OIDC_SETTINGS_EMAIL_SCOPE = {
    **OIDC_SETTINGS_RW,
    "SCOPES": {**_SCOPES, "email": "return email address"},
}
OIDC_SETTINGS_RP_LOGOUT = {
    **OIDC_SETTINGS_RW,
    "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
    "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
}
OIDC_SETTINGS_RP_LOGOUT_STRICT_REDIRECT_URI = {
    **OIDC_SETTINGS_RP_LOGOUT,
    "OIDC_RP_INITIATED_LOGOUT_STRICT_REDIRECT_URIS": True,
}
OIDC_SETTINGS_RP_LOGOUT_DENY_EXPIRED = {
    **OIDC_SETTINGS_RP_LOGOUT,
    "OIDC_RP_INITIATED_LOGOUT_ACCEPT_EXPIRED_TOKENS": False,
}
OIDC_SETTINGS_RP_LOGOUT_KEEP_TOKENS = {
    **OIDC_SETTINGS_RP_LOGOUT,
    "OIDC_RP_INITIATED_LOGOUT_DELETE_TOKENS": False,
}
OIDC_SETTINGS_RP_REGISTRATION = {
    **OIDC_SETTINGS_RW,
    "OIDC_RP_INITIATED_REGISTRATION_ENABLED": True,
    "OIDC_RP_INITIATED_REGISTRATION_URL": "/sign-up/",
}
REST_FRAMEWORK_SCOPES = {
    "SCOPES": {
        name: f"Scope {name}"
        for name in ("read", "write", "scope1", "scope2", "another", "resource1")
    },
    "DEFAULT_SCOPES": ["read", "write", "scope1", "scope2", "another", "resource1"],
}
INTROSPECTION_SETTINGS = {
    "SCOPES": {
        "read": "Reading scope",
        "write": "Writing scope",
        "introspection": "Introspection",
        "dolphin": "Dolphins",
    },
    "RESOURCE_SERVER_INTROSPECTION_URL": "http://example.org/introspection",
    "READ_SCOPE": "read",
    "WRITE_SCOPE": "write",
}
DCR_SETTINGS = {
    "DCR_ENABLED": True,
    "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.IsAuthenticatedDCRPermission",),
}
