"""The app that the tests of django-oauth-toolkit ask for: models, addresses, fixtures. The tests themselves are in its source."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
