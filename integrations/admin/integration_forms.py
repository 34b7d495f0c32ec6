"""Forms built from what a provider declares: labels, help, patterns and which fields are secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect

from integrations.admin.secret_input import SecretField
from integrations.admin.service_admin import ServiceErrorForm
from integrations.encryption.errors import EncryptionError
from integrations.encryption.secret import Secret
from integrations.models import Integration, Tenant
from integrations.providers.base import Field, FieldKind, Provider
from integrations.providers.field_values import shown_object
from integrations.providers.oauth2 import oauth2_of
from integrations.providers.registry import provider_choices

# The provider's own names could be those of the model's fields.
PREFIX = "config_"
_SEVERAL_LINES = frozenset({FieldKind.MULTILINE, FieldKind.OBJECT, FieldKind.JSON})


class ChooseProviderForm(forms.Form):
    """The first step of adding: whose integration it is, and of which kind."""

    use_required_attribute = False  # one of two inputs for the tenant is enough
    tenant = forms.ModelChoiceField(
        queryset=Tenant.objects.existing(),
        widget=AutocompleteSelect(Integration._meta.get_field("tenant"), admin.site),
        required=False,
    )
    slug = forms.CharField(required=False, label="Tenant's slug", help_text="As its page says.")
    provider = forms.ChoiceField(choices=provider_choices)

    def clean(self) -> dict[str, Any]:
        """Take the tenant by its slug where the list of tenants, which needs a script, could not be used."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("tenant") is None and not {"tenant", "slug"} & set(self.errors):
            data["tenant"] = Tenant.objects.existing().filter(slug=data.get("slug", "").strip().lower() or None).first()
            if data["tenant"] is None:
                self.add_error("slug" if data.get("slug") else "tenant", "Choose a tenant that exists.")
        return data


class ProviderForm(ServiceErrorForm):
    """The second step, and the change form. Subclassed for one provider by `provider_form`."""

    service_prefix = PREFIX
    provider: ClassVar[Provider]
    # Its choices are the provider's.
    capabilities = forms.MultipleChoiceField(required=False)

    class Meta:
        model = Integration
        fields: ClassVar = ["name", "description", "enabled", "metadata"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].required = False
            self.fields["name"].help_text = f"Empty: {self.provider.label}."
        for declared in self.provider.fields:
            self.fields[f"{PREFIX}{declared.name}"] = self._form_field(declared)
        if not self.provider.switches:
            self.fields.pop("capabilities", None)
        elif "capabilities" in self.fields:
            labels = {action.name: action.label for action in self.provider.declared_actions}
            choices = [(name, labels.get(name) or _in_words(name)) for name in self.provider.switches]
            self.fields["capabilities"] = forms.MultipleChoiceField(
                choices=choices,
                initial=[name for name in self.provider.switches if self.instance.allows(name)],
                required=False,
                label="Switched on",
                widget=forms.CheckboxSelectMultiple,
                help_text="What is off is refused, and not done with other credentials instead. Testing stays possible.",
            )

    def switched(self) -> dict[str, dict[str, bool]]:
        """Return `capabilities` as the service expects it; nothing where there is nothing to switch."""
        if "capabilities" not in self.fields:
            return {}
        chosen = self.cleaned_data["capabilities"]
        return {"capabilities": {name: name in chosen for name in self.provider.switches}}

    def config_values(self) -> dict[str, Any]:
        """Return what was entered, as the service expects it: a blank secret is kept, None clears it."""
        return {declared.name: self.cleaned_data.get(f"{PREFIX}{declared.name}") for declared in self.provider.fields}

    def _form_field(self, declared: Field) -> forms.Field:
        stored = self.instance.config.get(declared.name) if self.instance.provider == self.provider.key else None
        if declared.secret:
            secret = SecretField(
                label=declared.label,
                help_text=_help(self.provider, declared),
                required=declared.required,
                masked=_masked(stored, declared),
                clearable=not declared.required,
                several_lines=declared.kind in _SEVERAL_LINES,
            )
            if declared.kind in _SEVERAL_LINES:
                secret.widget.attrs["placeholder"] = declared.example
            secret.widget.attrs |= _condition(declared)
            return secret
        common: dict[str, Any] = {
            "label": declared.label,
            "help_text": _help(self.provider, declared),
            "required": declared.required,
            "initial": stored or declared.default,
        }
        if declared.choices:
            blank = [] if declared.required or declared.default else [("", "–")]
            choices = [*blank, *declared.choices]
            return forms.ChoiceField(choices=choices, widget=forms.Select(attrs=_condition(declared)), **common)
        attributes = {"placeholder": declared.example, **_condition(declared)}
        if declared.kind in _SEVERAL_LINES:
            area = forms.Textarea(attrs={"class": "vLargeTextField", "rows": "4", **attributes})
            return forms.CharField(widget=area, **common)
        return forms.CharField(widget=forms.TextInput(attrs={"class": "vTextField", **attributes}), **common)


def provider_form(provider: Provider) -> type[ProviderForm]:
    """Return the form class of one provider; its declared fields are class attributes, as the admin expects."""
    names = {f"{PREFIX}{declared.name}": forms.CharField(required=False) for declared in provider.fields}
    return type(f"{provider.key.title()}Form", (ProviderForm,), {"provider": provider, **names})


class CredentialsForm(ProviderForm):
    """The secrets alone, for replacing them; subclassed for one provider by `credentials_form`."""

    untested = forms.BooleanField(
        required=False,
        label="Store them untested",
        help_text="Only if the provider cannot be asked now: what is wrong would be noticed by the next call.",
    )

    class Meta:
        model = Integration
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        config = self.instance.config
        left_out = [
            f"{PREFIX}{declared.name}"
            for declared in self.provider.fields
            if not declared.secret or (declared.name not in config and not _matters(self.provider, declared, config))
        ]
        for name in (*left_out, "name", "description", "enabled", "metadata", "capabilities"):
            self.fields.pop(name, None)
        self.order_fields([*(name for name in self.fields if name != "untested"), "untested"])

    def entered_values(self) -> dict[str, Any]:
        """Return the secrets as the service expects them; a blank one is kept."""
        return {
            declared.name: self.cleaned_data.get(f"{PREFIX}{declared.name}") for declared in self.provider.secret_fields
        }


def credentials_form(provider: Provider) -> type[CredentialsForm]:
    """Return the form class of one provider."""
    return type(f"{provider.key.title()}CredentialsForm", (CredentialsForm,), {"provider": provider})


class ConnectingForm(ProviderForm):
    """The public fields alone, for an integration that connecting makes; subclassed by `connecting_form`."""

    class Meta:
        model = Integration
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        declared = oauth2_of(self.provider)
        # An app of one's own needs its secret, too: such an integration is added first, and connected then.
        secret = {field.name for field in self.provider.secret_fields} | {declared.client_id_field if declared else ""}
        others = ("name", "description", "enabled", "metadata", "capabilities")
        for name in (*(f"{PREFIX}{name}" for name in secret), *others):
            self.fields.pop(name, None)

    def entered_values(self) -> dict[str, Any]:
        """Return what was entered, by the names of the provider's fields."""
        entered = {name.removeprefix(PREFIX): value for name, value in self.cleaned_data.items()}
        return {name: value for name, value in entered.items() if value}


def connecting_form(provider: Provider) -> type[ConnectingForm]:
    """Return the form class of one provider."""
    return type(f"{provider.key.title()}ConnectingForm", (ConnectingForm,), {"provider": provider})


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _help(provider: Provider, declared: Field) -> str:
    """Return the declared help, and on which other fields it depends whether this one has to be filled in."""
    labels = {field.name: field.label for field in provider.fields}
    if declared.required_without:
        others = " or ".join(labels[name] for name in declared.required_without)
        return f"{declared.help} Needed unless {others} is given."
    if declared.required_with:
        others = " or ".join(labels[name] for name in declared.required_with)
        return f"{declared.help} Needed with {others}."
    return declared.help


def _condition(declared: Field) -> dict[str, str]:
    """Return what the page's script needs to show a field only where it means something; without it, all are shown."""
    if declared.matters_when is None:
        return {}
    other, values = declared.matters_when
    return {"data-when": f"{PREFIX}{other}", "data-when-values": json.dumps(values)}


def _matters(provider: Provider, declared: Field, config: Mapping[str, object]) -> bool:
    if declared.matters_when is None:
        return True
    other, values = declared.matters_when
    default = next(field.default for field in provider.fields if field.name == other)
    return config.get(other, default) in values


def _masked(stored: object, declared: Field) -> str:
    if not isinstance(stored, Secret):
        return ""
    try:
        if declared.is_object:
            entries = shown_object(stored.reveal(), masked=True)
            return ", ".join(f"{name}: {value}" for name, value in entries.items())
        return stored.masked()
    except EncryptionError:
        return "(cannot be read: enter it again)"
