import pytest
from django.db import connections


@pytest.fixture
def appwrite():
    return connections["appwrite"]
