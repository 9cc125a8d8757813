"""Models with sums of money, by the kind of their defaults and currencies."""

from decimal import Decimal

import moneyed
import reversion
from django.db import models
from djmoney.models.fields import MoneyField
from djmoney.models.validators import MaxMoneyValidator, MinMoneyValidator
from djmoney.money import Money

moneyed.add_currency("USDT", "000", "Tether", [])


def _money(**options: object) -> MoneyField:
    return MoneyField(max_digits=10, decimal_places=2, **options)


def no_euros() -> Money:
    return Money(0, "EUR")


def nothing() -> int:
    return 0


def euros() -> str:
    return "EUR"


def currencies() -> list[tuple[str, str]]:
    return [(code, code) for code in ("USD", "EUR", "DKK")]


class ModelWithVanillaMoneyField(models.Model):
    money = _money()
    second_money = _money(default=0, default_currency="EUR")
    integer = models.IntegerField(default=0)


class ModelWithNonMoneyField(models.Model):
    money = _money(default=0, default_currency="USD")
    desc = models.CharField(max_length=10)


class ModelRelatedToModelWithMoney(models.Model):
    moneyModel = models.ForeignKey(ModelWithVanillaMoneyField, on_delete=models.CASCADE)


class ModelWithTwoMoneyFields(models.Model):
    amount1 = _money()
    amount2 = _money()


class ModelWithSharedCurrency(models.Model):
    first = _money(currency_field_name="currency")
    second = _money(currency_field_name="currency")


class ModelWithChoicesMoneyField(models.Model):
    money = _money(currency_choices=[("USD", "Dollars"), ("ZWN", "Dollars of Zimbabwe")])


class ModelWithCallableCurrencyChoices(models.Model):
    money = _money(currency_choices=currencies, default_currency=euros)


class ModelWithUniqueIdAndCurrency(models.Model):
    money = _money()

    class Meta:
        unique_together = ("id", "money_currency")


class NullMoneyFieldModel(models.Model):
    field = _money(null=True, blank=True, default_currency="USD")


class NotNullMoneyFieldModel(models.Model):
    money = _money()


class ModelWithNullableCurrency(models.Model):
    money = _money(null=True, default_currency=None)


class ModelWithNullDefaultOnNonNullableField(models.Model):
    money = _money(default=None, default_currency=None)


class ModelWithDefaultAsInt(models.Model):
    money = _money(default=123, default_currency="GHS")


class ModelWithDefaultAsFloat(models.Model):
    money = _money(default=12.05, default_currency="PLN")


class ModelWithDefaultAsDecimal(models.Model):
    money = _money(default=Decimal("0.01"), default_currency="CHF")


class ModelWithDefaultAsString(models.Model):
    money = _money(default="123", default_currency="PLN")


class ModelWithDefaultAsStringWithCurrency(models.Model):
    money = _money(default="123 USD")


class ModelWithDefaultAsMoney(models.Model):
    money = _money(default=Money("0.01", "RUB"))


class ModelWithDefaultAsOldMoney(models.Model):
    money = _money(default=moneyed.Money("0.01", "RUB"))


class ModelWithCallableDefault(models.Model):
    money = _money(default=no_euros)


class ModelWithCallableDefaultCurrency(models.Model):
    money = _money(default_currency=euros)


class ModelWithCallableDefaultAndDefaultCurrency(models.Model):
    money = _money(default=nothing, default_currency=euros)


class ParentModel(models.Model):
    pass


class ModelWithParentAndCallableFields(ModelWithCallableDefaultAndDefaultCurrency):
    parent = models.ForeignKey(ParentModel, on_delete=models.CASCADE)


class CryptoModel(models.Model):
    money = _money(currency_max_length=4)


class BaseModel(models.Model):
    money = _money(default=0, default_currency="USD")


class InheritedModel(BaseModel):
    second_field = _money()


class AbstractModel(models.Model):
    money = _money(default=0, default_currency="USD")
    m2m_field = models.ManyToManyField(ModelWithDefaultAsInt)

    class Meta:
        abstract = True


class InheritorModel(AbstractModel):
    second_field = _money()


class SimpleModel(models.Model):
    money = _money()


class ProxyModel(SimpleModel):
    class Meta:
        proxy = True


class ProxyModelWrapper(NotNullMoneyFieldModel):
    class Meta:
        proxy = True


class _Manager(models.Manager):
    def super_method(self) -> models.QuerySet:
        return self.filter(pk__gt=0)


class ModelWithCustomManager(models.Model):
    field = _money()

    manager = _Manager()


class ModelWithCustomDefaultManager(models.Model):
    field = _money()

    custom = models.Manager()

    class Meta:
        default_manager_name = "custom"


class DateTimeModel(models.Model):
    field = _money()
    created = models.DateTimeField(null=True, blank=True)


class ModelIssue300(models.Model):
    money = models.ForeignKey(DateTimeModel, on_delete=models.CASCADE)


@reversion.register()
class RevisionedModel(models.Model):
    amount = _money()


class ValidatedMoneyModel(models.Model):
    money = _money(
        validators=[
            MinMoneyValidator({"EUR": 100, "USD": 50}),
            MaxMoneyValidator({"EUR": 1000, "USD": 500}),
            MinMoneyValidator(Money(500, "NOK")),
            MaxMoneyValidator(Money(900, "NOK")),
            MinMoneyValidator(10),
            MaxMoneyValidator(1500),
        ]
    )


class PositiveValidatedMoneyModel(models.Model):
    money = _money(validators=[MinMoneyValidator(0)])


class ModelWithValidation(models.Model):
    balance = _money(validators=[MinMoneyValidator(Money(100, "GBP"))])


class PreciseModel(models.Model):
    money = MoneyField(max_digits=10, decimal_places=4)


class DefaultPrecisionModel(models.Model):
    money = MoneyField(max_digits=10)
