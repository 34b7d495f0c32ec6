"""What narrows the list of messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from integrations.messaging.models import Message
from integrations.providers.messaging import Channel
from integrations.providers.registry import get_provider, providers_of_slot
from integrations.tenant_lookup import is_uuid

# How people write numbers: +49 (151) 123-456/78.
_BETWEEN_DIGITS: Final = re.compile(r"[\s()./-]+")
_NUMBER: Final = re.compile(r"(?:\+|00)?([1-9][0-9]{4,14})")


def sending_providers() -> list[str]:
    """Return the keys of the providers that can be a channel's."""
    return [provider.key for channel in Channel for provider in providers_of_slot(channel)]


class ProviderFilter(admin.SimpleListFilter):
    """Those that can send; the providers that are in the table would take reading it."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(key, get_provider(key).label) for key in sending_providers()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


def found_by(queryset: QuerySet[Message], term: str) -> QuerySet[Message]:
    """Keep the messages to a whole number however it is written, with a whole id of the provider's, or with ours."""
    term = term.strip()
    if not term or "\0" in term:
        return queryset if not term else queryset.none()
    # Named, so that the index by provider and id serves.
    wanted = Q(provider__in=sending_providers(), provider_message_id=term)
    if number := _NUMBER.fullmatch(_BETWEEN_DIGITS.sub("", term)):
        wanted |= Q(to=f"+{number[1]}")
    if is_uuid(term):
        wanted |= Q(id=term)
    return queryset.filter(wanted)
