"""Filters of the list of webhooks."""

from __future__ import annotations

import django_filters

from integrations.api.filters import StableOrdering, StrictBooleanFilter
from webhooks.models import Webhook


class WebhookFilter(django_filters.FilterSet):
    is_active = StrictBooleanFilter()
    workflow_name = django_filters.CharFilter(label="The exact name.")
    integration = django_filters.UUIDFilter(
        field_name="integration_id", label="The id of the integration it refers to."
    )
    ordering = StableOrdering(fields=("workflow_name", "created_at", "updated_at"))

    class Meta:
        model = Webhook
        fields = ("is_active", "workflow_name", "integration")
