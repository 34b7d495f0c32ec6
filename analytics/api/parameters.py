"""Query parameters of calls and summaries."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from integrations.api.parameters import PeriodParameters


class CallParameters(PeriodParameters):
    success = serializers.BooleanField(required=False)
    status_code = serializers.IntegerField(required=False, min_value=100, max_value=599)
    triggered_by = serializers.CharField(required=False, max_length=100, help_text="Exactly this trigger.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from" in attrs and "to" in attrs and attrs["from"] >= attrs["to"]:
            raise serializers.ValidationError({"to": ["This must be later than `from`."]})
        return attrs


class SummaryParameters(PeriodParameters):
    webhook = serializers.CharField(
        required=False, max_length=100, help_text="Id or workflow name; all webhooks unless given."
    )
