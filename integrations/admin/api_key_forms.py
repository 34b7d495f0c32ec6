"""The forms of API keys: scopes as boxes, networks one a line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime

from integrations.admin.service_admin import ServiceErrorForm
from integrations.api_keys.models import APIKey
from integrations.api_keys.rules import KeyFields
from integrations.models import Tenant
from integrations.scopes import ALL, Scope
from integrations.services.api_keys import DEFAULT_OVERLAP, LONGEST_OVERLAP

_AREAS = list(dict.fromkeys(scope.partition(":")[0] for scope in Scope))
_HOUR = timedelta(hours=1)


def _scope_choices() -> list[tuple[str, str]]:
    """Everything, then each area as a whole followed by its single scopes."""
    choices = [(ALL, f"{ALL} (everything)")]
    for area in _AREAS:
        of_area = [(str(scope), str(scope)) for scope in Scope if scope.startswith(f"{area}:")]
        choices += [(f"{area}:{ALL}", f"{area}:{ALL}")] if len(of_area) > 1 else []
        choices += of_area
    return choices


class NetworksField(forms.CharField):
    """A list of networks, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3, "cols": 40}), required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: str | list[str] | None) -> list[str]:  # type: ignore[override]
        lines = value if isinstance(value, list) else (value or "").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(initial) != self.to_python(data)


class APIKeyForm(ServiceErrorForm):
    scopes = forms.MultipleChoiceField(
        choices=_scope_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="What is not ticked is refused. * stands for what will be added, too.",
    )
    allowed_networks = NetworksField(
        label="Allowed networks",
        help_text="One a line, such as 203.0.113.0/24. Empty: the key works from everywhere.",
    )
    expires_at = forms.SplitDateTimeField(
        label="Expires at",
        required=False,
        widget=AdminSplitDateTime(),
        help_text="UTC. Empty: the key works until it is revoked.",
    )

    class Meta:
        model = APIKey
        fields: ClassVar = ["tenant", "name", "scopes", "allowed_networks", "rate_limit", "expires_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tenant" in self.fields:
            cast(forms.ModelChoiceField, self.fields["tenant"]).queryset = Tenant.objects.existing()

    def values(self, *, changed_only: bool) -> KeyFields:
        """Return what the service should write."""
        names = [name for name in self.fields if name != "tenant"]
        wanted = [name for name in names if not changed_only or name in self.changed_data]
        return cast(KeyFields, {name: self.cleaned_data[name] for name in wanted})


class RotateForm(forms.Form):
    overlap_hours = forms.IntegerField(
        label="The old key works on for (hours)",
        initial=DEFAULT_OVERLAP // _HOUR,
        min_value=0,
        max_value=LONGEST_OVERLAP // _HOUR,
        help_text=f"0 ends it at once; {LONGEST_OVERLAP // _HOUR} at most.",
    )

    def overlap(self) -> timedelta:
        return int(self.cleaned_data["overlap_hours"]) * _HOUR
