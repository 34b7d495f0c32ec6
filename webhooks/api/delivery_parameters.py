"""Query parameters of the list of deliveries."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from integrations.api.parameters import PAGING, PeriodParameters, read_parameters
from webhooks.models import DeliveryState


class DeliveryParameters(PeriodParameters):
    webhook = serializers.CharField(required=False, max_length=100, help_text="Id or workflow name.")
    state = serializers.ChoiceField(required=False, choices=DeliveryState.choices)
    event_type = serializers.CharField(required=False, max_length=128, help_text="Exactly this type.")

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Return what was given, `from` and `to` as `start` and `end`; 422 names each that is unknown or wrong."""
        given = read_parameters(request, cls, besides=PAGING)
        for name, given_as in (("start", "from"), ("end", "to")):
            if given_as in given:
                given[name] = given.pop(given_as)
        return given
