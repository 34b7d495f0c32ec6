"""All providers, in the order in which people see them.

A provider is imported on first use; a new one is its folder and one line here.
"""

from __future__ import annotations

from django.utils.module_loading import import_string

from integrations.providers.base import Provider
from integrations.providers.receiving import Receiving

PROVIDERS: dict[str, str] = {
    "whatsapp": "integrations.providers.whatsapp.provider.whatsapp",
    "twilio": "integrations.providers.twilio.provider.twilio",
    "vonage": "integrations.providers.vonage.provider.vonage",
    "aws_sns": "integrations.providers.aws_sns.provider.aws_sns",
    "n8n": "integrations.providers.n8n.provider.n8n",
    "slack": "integrations.providers.slack.provider.slack",
    "github": "integrations.providers.github.provider.github",
    "chatwoot": "integrations.providers.chatwoot.provider.chatwoot",
    "salesforce": "integrations.providers.salesforce.provider.salesforce",
    "hubspot": "integrations.providers.hubspot.provider.hubspot",
    "zoho_crm": "integrations.providers.zoho_crm.provider.zoho_crm",
    "zoho_desk": "integrations.providers.zoho_desk.provider.zoho_desk",
    "pipedrive": "integrations.providers.pipedrive.provider.pipedrive",
    "jira": "integrations.providers.jira.provider.jira",
    "zendesk": "integrations.providers.zendesk.provider.zendesk",
    "intercom": "integrations.providers.intercom.provider.intercom",
    "custom": "integrations.providers.custom.provider.custom",
}
# Whom webhooks are received from: how each proves itself (`integrations.providers.receiving`).
RECEIVING: dict[str, str] = {
    "github": "integrations.providers.github.receiving.receiving",
    "slack": "integrations.providers.slack.receiving.receiving",
    "whatsapp": "integrations.providers.whatsapp.receiving.receiving",
    "twilio": "integrations.providers.twilio.receiving.receiving",
    "vonage": "integrations.providers.vonage.receiving.receiving",
    "custom": "integrations.providers.custom.receiving.receiving",
}
# Slots that several providers share; every other slot is called like its provider.
SHARED_SLOTS = {"sms": "SMS"}


class UnknownProviderError(LookupError):
    """No provider has this key: a mistake in a request, or a row of a provider that was removed."""


def get_provider(key: str) -> Provider:
    """Return the provider with this key; raises UnknownProviderError."""
    try:
        path = PROVIDERS[key]
    except KeyError:
        raise UnknownProviderError(key) from None
    provider = import_string(path)
    if not isinstance(provider, Provider):
        raise TypeError(f"{path} is no Provider")
    return provider


def provider_label(key: str) -> str:
    """Return how people call a provider; of one that was removed, its key, which old rows still have."""
    return get_provider(key).label if key in PROVIDERS else key


def all_providers() -> list[Provider]:
    return [get_provider(key) for key in PROVIDERS]


def providers_of_slot(slot: str) -> list[Provider]:
    """Return the providers that can fill a slot; none when there is no such slot."""
    return [provider for provider in all_providers() if provider.slot == slot]


def slots() -> list[str]:
    """Return every slot once, in the registry's order."""
    return list(dict.fromkeys(provider.slot for provider in all_providers()))


def slot_label(slot: str) -> str:
    return SHARED_SLOTS.get(slot) or get_provider(slot).label


def provider_choices() -> list[tuple[str, str]]:
    """Return choices for model fields. Given as a callable, they stay out of migrations."""
    return [(provider.key, provider.label) for provider in all_providers()]


def slot_choices() -> list[tuple[str, str]]:
    return [(slot, slot_label(slot)) for slot in slots()]


def get_receiving(key: str) -> Receiving:
    """Return how requests of this provider are received; raises UnknownProviderError."""
    try:
        path = RECEIVING[key]
    except KeyError:
        raise UnknownProviderError(key) from None
    receiving = import_string(path)
    if not isinstance(receiving, Receiving):
        raise TypeError(f"{path} is no Receiving")
    return receiving


def all_receiving() -> list[Receiving]:
    return [get_receiving(key) for key in RECEIVING]


def receiving_choices() -> list[tuple[str, str]]:
    """Return choices for model fields. Given as a callable, they stay out of migrations."""
    return [(receiving.key, receiving.label) for receiving in all_receiving()]
