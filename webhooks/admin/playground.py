"""The playground: what a webhook would be sent for a payload, to the letter, and what its endpoint answers to it."""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms

from integrations.activity.actor import Actor
from integrations.admin.service_admin import add_service_error
from integrations.errors import InvalidInputError, ServiceError
from webhooks.engine.preview import preview
from webhooks.models import Webhook
from webhooks.routing import event_type_problems
from webhooks.services.calls import test_webhook
from webhooks.services.payloads import new_event

SAMPLE_PAYLOAD: Final = {"test": True, "source": "signalbox"}


class PlaygroundForm(forms.Form):
    """A payload and, optionally, what type of event it is."""

    event_type = forms.CharField(
        label="Event type",
        required=False,
        max_length=200,
        help_text="Optional, such as order.paid. Nobody else receives it, whatever their patterns.",
    )
    payload = forms.CharField(
        label="Payload (JSON object)",
        widget=forms.Textarea(attrs={"rows": 8, "cols": 80, "spellcheck": "false", "class": "mono"}),
    )

    def clean_event_type(self) -> str:
        event_type: str = self.cleaned_data["event_type"]
        if event_type and (problems := event_type_problems(event_type)):
            raise forms.ValidationError(problems)
        return event_type

    def clean_payload(self) -> dict[str, Any]:
        try:
            payload = json.loads(self.cleaned_data["payload"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no valid JSON: {error}") from error
        if not isinstance(payload, dict):
            raise forms.ValidationError("The payload must be a JSON object, in braces.")
        return payload


def play(webhook: Webhook, *, actor: Actor, data: Any, is_to_send: bool) -> dict[str, Any]:
    """Return what the page shows; send what the form says if that `is_to_send`, and wait for its answer."""
    sample = {"event_type": "", "payload": json.dumps(SAMPLE_PAYLOAD, indent=2)}
    # A page that was only opened shows the request of the sample, so it is checked like what somebody typed.
    form = PlaygroundForm(sample if data is None else data)
    shown: dict[str, Any] = {"title": "Playground", "form": form}
    if not form.is_valid():
        return shown
    fields = form.cleaned_data
    try:
        event = new_event(payload=fields["payload"], event_type=fields["event_type"], triggered_by="test")
    except InvalidInputError as error:
        add_service_error(form, error)
        return shown
    if is_to_send:
        try:
            shown["result"] = test_webhook(webhook, actor=actor, **fields)
        except ServiceError as error:
            shown["refusal"] = error.detail
    return {**shown, "preview": preview(webhook, event)}
