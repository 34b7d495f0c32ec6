"""The admin's connection test: what the form holds is tested, and answered for the page to show."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.activity.actor import Actor
from integrations.admin.badges import Tone, badge
from integrations.admin.integration_forms import ChooseProviderForm, provider_form
from integrations.encryption.errors import EncryptionError
from integrations.errors import InvalidInputError, ServiceError
from integrations.models import Integration
from integrations.providers.base import Capability, Provider
from integrations.providers.outcome import TRANSIENT
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.services.connection_tests import check_connection, check_values
from integrations.services.integration_health import bring_tests_forward

RESULT_TONES: Final[dict[str, Tone]] = {"ok": "good", **dict.fromkeys(TRANSIENT, "warning")}
_ACTION_SECONDS: Final = 20.0


def answer_test(request: HttpRequest, integration: Integration | None) -> dict[str, Any]:
    """Test what the form holds: of `integration` where it is a change form, else of the kind and tenant it names.

    Raises nothing: an answer without `result` says why nothing was tested.
    """
    try:
        return _tested(request, integration)
    except InvalidInputError as error:
        return {"message": "The form has wrong fields.", "errors": error.errors}
    except ServiceError as error:
        return {"message": error.detail, "errors": {}}
    except EncryptionError:
        return {"message": "A stored secret cannot be opened at the moment: try again later.", "errors": {}}


def lines_of(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what an answer holds beside its message, for a page that is drawn without a script."""
    if "result" in answer:
        return [(_name_in_words(name), _in_words(value)) for name, value in answer["data"].items()]
    return [(name, " ".join(reasons)) for name, reasons in answer["errors"].items()]


def _name_in_words(name: str) -> str:
    """Return a name of data, `quality_rating` or a provider's own `timeZone`, as the form's script shows it."""
    return re.sub("(?<=[a-z])[A-Z]", lambda letter: f" {letter[0].lower()}", name.replace("_", " "))


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _tested(request: HttpRequest, integration: Integration | None) -> dict[str, Any]:
    if integration is None:
        choice = ChooseProviderForm(request.POST)
        if not choice.is_valid():
            raise InvalidInputError({name: list(map(str, reasons)) for name, reasons in choice.errors.items()})
        tenant, key = choice.cleaned_data["tenant"], choice.cleaned_data["provider"]
    else:
        tenant, key = integration.tenant, request.POST.get("provider", integration.provider)
    try:
        provider = get_provider(key)
    except UnknownProviderError:
        raise InvalidInputError({"provider": ["There is no such provider."]}) from None
    form = provider_form(provider)(request.POST, instance=integration)
    form.is_valid()  # what is wrong with the fields, the service says
    report = check_values(
        actor=Actor.of(request.user, request),
        tenant=tenant,
        provider=provider.key,
        values=form.config_values(),
        integration=integration,
    )
    return {**asdict(report), "tone": _tone(report.result)}


def check_chosen(request: HttpRequest, chosen: Iterable[Integration]) -> list[tuple[int, str]]:
    """Test integrations one after the other for 20 seconds, leave the others to the sweep; return what to tell."""
    ends_at = time.monotonic() + _ACTION_SECONDS
    told: list[tuple[int, str]] = []
    left: list[UUID] = []
    for integration in chosen:
        if time.monotonic() >= ends_at:
            left.append(integration.id)
            continue
        try:
            report = check_connection(actor=Actor.of(request.user, request), integration=integration, force=True)
        except (ServiceError, EncryptionError) as error:
            told.append((messages.ERROR, f"{integration} of {integration.tenant}: {error}"))
        else:
            level = messages.SUCCESS if report.success else messages.WARNING
            told.append((level, f"{integration} of {integration.tenant}: {report.message}"))
    if left:
        bring_tests_forward(left)
        told.append((messages.INFO, f"{len(left)} more will be tested within a minute or so."))
    return told


def can_test(provider: Provider) -> bool:
    return provider.can(Capability.TEST)


def last_test(integration: Integration) -> SafeString | str:
    """Return the last test in words, for the change form."""
    if integration.tested_at is None:
        return "Not tested since these credentials were entered."
    return format_html(
        "{} {} {} UTC, {} ms.",
        badge(integration.test_result, _tone(integration.test_result)),
        integration.test_message,
        f"{integration.tested_at:%Y-%m-%d %H:%M:%S}",
        integration.test_latency_ms,
    )


def _tone(result: str) -> Tone:
    return RESULT_TONES.get(result, "bad")
