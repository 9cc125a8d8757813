"""The fixtures that the tests of django-money ask for; a plugin of pytest."""

from decimal import Decimal

import pytest


@pytest.fixture
def m2m_object(db):
    from tests.testapp.models import ModelWithDefaultAsInt

    return ModelWithDefaultAsInt.objects.create()


@pytest.fixture
def concrete_instance(m2m_object):
    from djmoney.money import Money
    from tests.testapp.models import InheritorModel

    instance = InheritorModel.objects.create(second_field=Money(1, "USD"))
    instance.m2m_field.add(m2m_object)
    return instance


@pytest.fixture
def autoconversion(db, settings):
    from djmoney.contrib.exchange.models import ExchangeBackend, Rate

    settings.AUTO_CONVERT_MONEY = True
    backend = ExchangeBackend.objects.create(
        name=settings.EXCHANGE_BACKEND.rpartition(".")[2], base_currency="USD"
    )
    Rate.objects.create(currency="EUR", value=Decimal("0.88"), backend=backend)
