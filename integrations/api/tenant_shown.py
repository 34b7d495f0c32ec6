"""What of a tenant its own members and keys are shown."""

from __future__ import annotations

from rest_framework import serializers

from integrations.models import Tenant


class TenantShownSerializer(serializers.ModelSerializer[Tenant]):
    class Meta:
        model = Tenant
        fields: tuple[str, ...] = ("id", "name", "slug", "is_active")
        read_only_fields = fields
