"""The channel's forms: what its kind needs, secrets write-only."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect

from analytics.alerts.channel_kinds.base import ChannelKind
from analytics.alerts.channel_kinds.registry import channel_choices
from analytics.alerts.models import AlertChannel
from analytics.alerts.rule_kinds.registry import kind_choices
from integrations.admin.secret_input import SecretField
from integrations.admin.service_admin import ServiceErrorForm
from integrations.encryption.errors import EncryptionError
from integrations.encryption.secret import Secret
from integrations.models import Tenant


class ChooseChannelForm(forms.Form):
    """The first step of adding: how people are told, and whose channel it is."""

    kind = forms.ChoiceField(choices=channel_choices, label="How to tell")
    tenant = forms.ModelChoiceField(
        queryset=Tenant.objects.existing(),
        widget=AutocompleteSelect(AlertChannel._meta.get_field("tenant"), admin.site),
        required=False,
        help_text="Empty: a channel of the platform, which is told of all tenants.",
    )


class RecipientsField(forms.CharField):
    """E-mail addresses, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3, "cols": 60}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial) or "").split() != str(data or "").split()


class ChannelForm(ServiceErrorForm):
    """The second step, and the change form. Subclassed for one kind by `channel_form`."""

    kind: ClassVar[ChannelKind]
    rule_kinds = forms.MultipleChoiceField(
        choices=kind_choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="What is told here",
        help_text="Everything when none is chosen.",
    )

    class Meta:
        model = AlertChannel
        fields: ClassVar = ["name", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance._state.adding
        self.fields["rule_kinds"].initial = self.instance.rule_kinds
        if "recipients" in self.fields:
            self.fields["recipients"].initial = self.instance.recipients
        if self.kind.takes_url:
            help_text = "https://hooks.slack.com/…" if self.kind.key == "slack" else "Where the messages are posted."
            self.fields["url"] = SecretField(
                label="Address", required=True, masked=_masked(self.instance.url), help_text=help_text
            )
        if self.kind.takes_secret:
            made = "" if self.instance.secret is not None else "whsec_…; empty: one is made, and shown once."
            self.fields["secret"] = SecretField(
                label="Signing secret", masked=_masked(self.instance.secret), help_text=made
            )

    def values(self) -> dict[str, Any]:
        """Return what the service should write: of a stored channel only what was changed."""
        return {name: self.cleaned_data[name] for name in self.fields if self.is_new or name in self.changed_data}


def channel_form(kind: ChannelKind) -> type[ChannelForm]:
    """Return the form of a kind, with the fields that it takes."""
    fields: dict[str, Any] = {"kind": kind}
    if kind.takes_recipients:
        fields["recipients"] = RecipientsField(label="Recipients", help_text="E-mail addresses, one a line.")
    if kind.takes_url:
        fields["url"] = forms.CharField(required=False)
    if kind.takes_secret:
        fields["secret"] = forms.CharField(required=False)
    return type("ChannelForm", (ChannelForm,), fields)


def _masked(secret: Secret | None) -> str:
    try:
        return "" if secret is None else secret.masked()
    except EncryptionError:
        return "cannot be read: enter it again"
