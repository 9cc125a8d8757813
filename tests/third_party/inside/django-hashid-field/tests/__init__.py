"""The app that the tests of django-hashid-field ask for: models, forms, an admin. The tests themselves are in its source."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
