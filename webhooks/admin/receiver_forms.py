"""The receiver's forms: what its provider needs, event types and networks one a line, secrets write-only."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect

from integrations.admin.secret_input import SecretField
from integrations.admin.service_admin import ServiceErrorForm
from integrations.models import Tenant
from integrations.providers.receiving import Option, Receiving
from integrations.providers.registry import receiving_choices
from webhooks.admin.webhook_forms import LinesField
from webhooks.models import Receiver

# What a service calls `options.header`; a dot in the name of a field would need quoting in every selector.
OPTION_PREFIX: Final = "option_"


class ChooseReceivingForm(forms.Form):
    """The first step of adding: whose receiver it is, and who sends to it."""

    tenant = forms.ModelChoiceField(
        queryset=Tenant.objects.existing(),
        widget=AutocompleteSelect(Receiver._meta.get_field("tenant"), admin.site),
    )
    provider = forms.ChoiceField(choices=receiving_choices, label="Sender")


class ReceiverForm(ServiceErrorForm):
    """The second step, and the change form. Subclassed for one provider by `receiver_form`."""

    receiving: ClassVar[Receiving]
    secret = forms.CharField(required=False)
    event_types = LinesField(
        label="Event types",
        help_text="What is let in: one pattern a line, such as github.push or github.*. Empty: all.",
    )
    allowed_networks = LinesField(
        label="Allowed networks", help_text="From where: one a line, such as 192.0.2.0/24. Empty: from everywhere."
    )

    class Meta:
        model = Receiver
        fields: ClassVar = ["name", "is_active", "rate_limit_per_minute"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance._state.adding
        self.fields["name"].help_text = "Lower-case letters, digits and _, such as our_repositories."
        self.fields["rate_limit_per_minute"].help_text = "Genuine requests a minute; more are refused. Empty: no limit."
        if self.is_new:
            self.fields["secret"] = secret_field(self.receiving)
        else:
            del self.fields["secret"]
            self.fields["event_types"].initial = self.instance.event_types
            self.fields["allowed_networks"].initial = self.instance.allowed_networks
        for option in self.receiving.options:
            self.fields[f"{OPTION_PREFIX}{option.name}"] = _option_field(option, self.instance.options)

    def values(self) -> dict[str, Any]:
        """Return what the service should write: of a stored receiver only what was changed."""
        names = [name for name in self.fields if not name.startswith(OPTION_PREFIX)]
        values = {name: self.cleaned_data[name] for name in names if self.is_new or name in self.changed_data}
        if self.is_new or any(name.startswith(OPTION_PREFIX) for name in self.changed_data):
            values["options"] = self._options()
        return values

    def _options(self) -> dict[str, str]:
        given = {option.name: self.cleaned_data[f"{OPTION_PREFIX}{option.name}"] for option in self.receiving.options}
        return {name: value for name, value in given.items() if value}


class RotateReceiverForm(forms.Form):
    """Asks for the provider's new secret, or for nothing where one is made."""

    def __init__(self, receiving: Receiving, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"] = secret_field(receiving)


def receiver_form(receiving: Receiving) -> type[ReceiverForm]:
    """Return the form class of one provider; its options are class attributes, as the admin expects."""
    names = {f"{OPTION_PREFIX}{option.name}": forms.CharField(required=False) for option in receiving.options}
    return type(f"{receiving.key.title()}ReceiverForm", (ReceiverForm,), {"receiving": receiving, **names})


def secret_field(receiving: Receiving) -> SecretField:
    """Return the field for a secret of this provider."""
    help_text = (
        f"Leave it blank and one is made. {receiving.where_from}" if receiving.makes_secret else receiving.where_from
    )
    return SecretField(label="Secret", required=not receiving.makes_secret, help_text=help_text)


def _option_field(option: Option, stored: dict[str, str]) -> forms.Field:
    value = stored.get(option.name, "")
    if not option.choices:
        return forms.CharField(label=option.label, help_text=option.help, required=False, initial=value, strip=True)
    choices = [("", "–"), *((choice, choice) for choice in option.choices)]
    return forms.ChoiceField(label=option.label, help_text=option.help, required=False, initial=value, choices=choices)
