"""Forms of a record: with all that it needs, and with a hashid that may be blank."""

from django import forms

from tests.models import Record


class RecordForm(forms.ModelForm):
    class Meta:
        model = Record
        fields = ["name", "reference_id", "prefixed_id"]


class AlternateRecordForm(forms.ModelForm):
    class Meta:
        model = Record
        fields = ["name", "reference_id", "alternate_id"]
