"""Query parameters of the list of messages."""

from __future__ import annotations

import re
from typing import Any, Final

from rest_framework import serializers
from rest_framework.request import Request

from integrations.api.parameters import PAGING, MomentField, read_parameters
from integrations.api.serializers import StrictSerializer
from integrations.messaging.models import channel_choices, state_choices
from integrations.providers.messaging import Channel
from integrations.providers.registry import providers_of_slot

_NUMBER: Final = re.compile(r"\+?([1-9][0-9]{4,14})")


def sending_providers() -> list[tuple[str, str]]:
    """Return key and label of the providers that can be a channel's."""
    return [(provider.key, provider.label) for channel in Channel for provider in providers_of_slot(channel)]


class _NumberField(serializers.CharField):
    """E.164. In an address a plus sign that was not encoded is a space, which is cut off: it may be left out."""

    def to_internal_value(self, data: Any) -> str:
        found = _NUMBER.fullmatch(super().to_internal_value(data))
        if found is None:
            raise serializers.ValidationError("Give the whole number, such as +4915112345678 (+ is %2B in an address).")
        return f"+{found[1]}"


class MessageParameters(StrictSerializer):
    channel = serializers.ChoiceField(required=False, choices=channel_choices())
    state = serializers.ChoiceField(required=False, choices=state_choices())
    provider = serializers.ChoiceField(required=False, choices=sending_providers())
    integration = serializers.UUIDField(required=False, help_text="What sent it.")
    to = _NumberField(
        required=False, max_length=32, help_text="Exactly this number, in E.164; `+` is `%2B` in an address."
    )
    until = MomentField(required=False, help_text="Accepted before this time.")

    def get_fields(self) -> dict[str, serializers.Field]:
        since = MomentField(required=False, help_text="Accepted at this time or later.")
        return {**super().get_fields(), "from": since}  # a word that Python keeps for itself

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Return what was given, by the names that `messages_of` has; 422 names each that is unknown or wrong."""
        given = read_parameters(request, cls, besides=PAGING)
        for name, given_as in (("since", "from"), ("integration_id", "integration")):
            if given_as in given:
                given[name] = given.pop(given_as)
        return given
