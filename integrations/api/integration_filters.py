"""Filters of the list of integrations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from integrations.api.filters import StableOrdering, StrictBooleanFilter
from integrations.models import Health, Integration
from integrations.models.integration import BROKEN
from integrations.providers.registry import provider_choices, slot_choices
from integrations.tenant_lookup import is_uuid

_OF_STATUS = {
    "inactive": Q(enabled=False),
    "active": Q(enabled=True) & ~Q(health__in=BROKEN),
    "error": Q(enabled=True, health__in=BROKEN),
}
_ME, _TENANT = "me", "tenant"


def _check_owner(value: str) -> None:
    if value not in {_ME, _TENANT} and not is_uuid(value):
        raise ValidationError(f"Must be {_ME}, {_TENANT} or the id of a member.")


class IntegrationFilter(django_filters.FilterSet):
    """`request.member_id`, which the view sets, is who `owner=me` means; None for who is no member."""

    provider = django_filters.ChoiceFilter(choices=provider_choices)
    slot = django_filters.ChoiceFilter(choices=slot_choices)
    enabled = StrictBooleanFilter()
    is_default = StrictBooleanFilter()
    health = django_filters.ChoiceFilter(choices=Health.choices)
    status = django_filters.ChoiceFilter(choices=[(status, status) for status in _OF_STATUS], method="in_status")
    owner = django_filters.CharFilter(
        method="of_owner",
        validators=[_check_owner],
        label="`me`, `tenant` for those that nobody owns, or a member's id.",
    )
    q = django_filters.CharFilter(method="find", label="Part of a name or description.")
    ordering = StableOrdering(
        fields=("name", "provider", "slot", "created_at", "updated_at", "secret_changed_at", "expires_at")
    )

    class Meta:
        model = Integration
        fields = ("provider", "slot", "enabled", "is_default", "health")

    def in_status(self, rows: QuerySet[Integration], name: str, value: str) -> QuerySet[Integration]:
        return rows.filter(_OF_STATUS[value])

    def of_owner(self, rows: QuerySet[Integration], name: str, value: str) -> QuerySet[Integration]:
        if value == _TENANT:
            return rows.filter(owner=None)
        if value != _ME:
            return rows.filter(owner_id=UUID(value))
        own: Any = getattr(self.request, "member_id", None)
        return rows.filter(owner_id=own) if own else rows.none()

    def find(self, rows: QuerySet[Integration], name: str, value: str) -> QuerySet[Integration]:
        return rows.filter(Q(name__icontains=value) | Q(description__icontains=value))
