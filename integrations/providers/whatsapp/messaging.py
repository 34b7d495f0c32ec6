"""Messages by the WhatsApp Cloud API: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages.

Errors are read by their code alone, status and text differ between versions:
https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from integrations.providers.answers import Answer
from integrations.providers.client import bearer
from integrations.providers.connection_test import number_in, text_in
from integrations.providers.messaging import (
    Channel,
    Judgement,
    MessageRequest,
    MessageState,
    Messaging,
    OutgoingMessage,
    StatusUpdate,
    Template,
    Verdict,
)
from integrations.providers.receiving import Received
from integrations.providers.sending_rules import judged_by_status, judgement, own_id, problems_of, provider_id
from integrations.providers.values import Values
from integrations.providers.whatsapp.connection import HOST, wait_by_usage

MAX_TEXT: Final = 4096
MAX_COMPONENTS_BYTES: Final = 64 * 1024
_TEMPLATE_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2})?")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")
# One message in six seconds to the same person, beyond a burst.
_PAIR_LIMIT: Final = 131056
_PAIR_SECONDS: Final = 6.0
_THROTTLED: Final = frozenset({4, 17, 341, 80007, 130429, _PAIR_LIMIT})
# A service that says it is away has taken nothing.
_AWAY: Final = frozenset({2, 131016, 131057, 133004})
# "Something went wrong": worth trying again, unless the server failed midway.
_UNCLEAR: Final = frozenset({1, 131000})
_STATES: Final = {
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    "failed": MessageState.FAILED,
}


class WhatsAppMessaging(Messaging):
    """Text within 24 hours of the person's last message, else a template. Our id travels as opaque callback data."""

    channels = frozenset({Channel.WHATSAPP})
    takes_templates = True
    per_second = 80.0

    def problems(self, message: OutgoingMessage, values: Values) -> dict[str, list[str]]:
        problems = problems_of(message, "WhatsApp", most=MAX_TEXT)
        if message.template is not None and (wrong := _template_problems(message.template)):
            problems["template"] = wrong
        return problems

    def request(self, message: OutgoingMessage, values: Values) -> MessageRequest:
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.to,
            "biz_opaque_callback_data": str(message.id),
        }
        if message.template is None:
            body |= {"type": "text", "text": {"body": message.text, "preview_url": False}}
        else:
            template: dict[str, Any] = {
                "name": message.template.name,
                "language": {"code": message.template.language},
            }
            if message.template.components:
                template["components"] = [dict(component) for component in message.template.components]
            body |= {"type": "template", "template": template}
        return MessageRequest(
            url=f"{HOST}/{values['api_version']}/{values['phone_number_id']}/messages",
            headers={"Authorization": bearer(values["access_token"]), "Content-Type": "application/json"},
            body=json.dumps(body, ensure_ascii=False).encode(),
        )

    def judge(self, answer: Answer) -> Judgement:
        body = answer.object_or_empty()
        if isinstance(error := body.get("error"), dict) and (code := number_in(error, "code")) is not None:
            return _judged_by_code(answer, error, code)
        messages = list(_objects(body.get("messages")))
        if answer.is_success and messages and (found := provider_id(messages[0].get("id"))):
            return Judgement(verdict=Verdict.SENT, provider_message_id=found)
        return judged_by_status(answer)

    def statuses(self, received: Received) -> list[StatusUpdate]:
        if received.event_type != "whatsapp.messages":
            return []
        return [
            update
            for entry in _objects(received.payload.get("entry"))
            for change in _objects(entry.get("changes"))
            if isinstance(value := change.get("value"), dict)
            for status in _objects(value.get("statuses"))
            if (update := _update(status)) is not None
        ]


def _template_problems(template: Template) -> list[str]:
    problems = []
    if not _TEMPLATE_NAME.fullmatch(template.name):
        problems.append("name: small letters, digits and underscores, as the template is called in Meta's manager.")
    if not _LANGUAGE.fullmatch(template.language):
        problems.append("language: a code such as en or en_US, as the template has it in Meta's manager.")
    try:
        size = len(json.dumps([dict(component) for component in template.components], ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        problems.append("components: a list of JSON objects, as Meta documents them.")
    else:
        if size > MAX_COMPONENTS_BYTES:
            problems.append(f"components: at most {MAX_COMPONENTS_BYTES:,} bytes of JSON; these have {size:,}.")
    return problems


def _judged_by_code(answer: Answer, error: Mapping[str, object], code: int) -> Judgement:
    said = _words(error)
    if code in _THROTTLED:
        wait = answer.retry_after or wait_by_usage(answer) or (_PAIR_SECONDS if code == _PAIR_LIMIT else None)
        return judgement(Verdict.RETRY, code=str(code), said=said, wait=wait)
    if code in _AWAY:
        return judgement(Verdict.RETRY, code=str(code), said=said, wait=answer.retry_after)
    if answer.status >= 500 or answer.is_success or answer.status == 408:
        return judged_by_status(answer, code=str(code), said=said)
    if code in _UNCLEAR or error.get("is_transient") is True:
        return judgement(Verdict.RETRY, code=str(code), said=said, wait=answer.retry_after)
    if answer.status == 429:
        return judged_by_status(answer, code=str(code), said=said)
    return judgement(Verdict.REFUSED, code=str(code), said=said)


def _words(error: Mapping[str, object]) -> str:
    """Return what Meta says: the message, and the details that tell more than it."""
    message = text_in(error, "message") or text_in(error, "title") or "Meta refused the message without a word."
    details = text_in(error, "error_data", "details")
    return f"{message} {details}" if details and details not in message else message


def _update(status: Mapping[str, object]) -> StatusUpdate | None:
    state = _STATES.get(text_in(status, "status"))
    if state is None:
        return None
    error = next(_objects(status.get("errors")), {}) if state is MessageState.FAILED else {}
    said = judgement(Verdict.REFUSED, code=text_in(error, "code"), said=_words(error) if error else "")
    seconds = text_in(status, "timestamp")
    return StatusUpdate(
        state=state,
        message_id=own_id(status.get("biz_opaque_callback_data")),
        provider_message_id=provider_id(status.get("id")),
        at=datetime.fromtimestamp(int(seconds), UTC) if _TIMESTAMP.fullmatch(seconds) else None,
        code=said.code,
        message=said.message,
    )


def _objects(value: object) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


messaging = WhatsAppMessaging()
