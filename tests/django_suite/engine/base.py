"""The connection class that Django looks for in an engine."""

from appwrite_orm_django.backend import base, features
from tests.django_suite import exceptions


class DatabaseFeatures(features.DatabaseFeatures):
    django_test_expected_failures = exceptions.expected_failures()
    django_test_skips = exceptions.skips()


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
