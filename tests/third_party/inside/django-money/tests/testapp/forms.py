"""Forms over the models, and without models."""

from django import forms
from djmoney.forms import MoneyField
from tests.testapp import models

_SEK = [("SEK", "Swedish krona")]


def _form_of(model: type, *fields: str) -> type[forms.ModelForm]:
    return forms.modelform_factory(model, fields=fields or ("money",))


MoneyModelForm = _form_of(models.ModelWithVanillaMoneyField)
NullableModelForm = _form_of(models.NullMoneyFieldModel, "field")
DefaultMoneyModelForm = _form_of(models.ModelWithDefaultAsString)
MoneyModelFormWithCallableDefault = _form_of(models.ModelWithCallableDefault)
MoneyModelFormWithCallableDefaultCurrency = _form_of(models.ModelWithCallableDefaultCurrency)
MoneyModelFormWithCallableDefaultAndCallableDefaultCurrency = _form_of(
    models.ModelWithCallableDefaultAndDefaultCurrency
)
MoneyModelFormWithCallableCurrencyChoices = _form_of(models.ModelWithCallableCurrencyChoices)
MoneyModelFormWithValidation = _form_of(models.ModelWithValidation, "balance")
ValidatedMoneyModelForm = _form_of(models.ValidatedMoneyModel)
PositiveValidatedMoneyModelForm = _form_of(models.PositiveValidatedMoneyModel)
PreciseModelForm = _form_of(models.PreciseModel)
DefaultPrecisionModelForm = _form_of(models.DefaultPrecisionModel)


class MoneyForm(forms.Form):
    money = MoneyField(currency_choices=_SEK, min_value=2, max_value=1000)


class MoneyFormMultipleCurrencies(forms.Form):
    money = MoneyField(currency_choices=[*_SEK, ("EUR", "Euro")], min_value=2, max_value=1000)


class OptionalMoneyForm(forms.Form):
    money = MoneyField(required=False, currency_choices=_SEK)


class PreciseForm(forms.Form):
    money = MoneyField()


class DisabledFieldForm(forms.ModelForm):
    money = MoneyField(disabled=True)

    class Meta:
        model = models.ModelWithVanillaMoneyField
        fields = ("money",)
