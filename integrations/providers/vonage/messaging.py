"""SMS by Vonage's SMS API: https://developer.vonage.com/en/api/sms. It takes what an integration has: key and secret.

Every answer has status 200; what became of a message is inside, by a number, and for each part of a long text by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from integrations.providers.answers import Answer
from integrations.providers.client import basic
from integrations.providers.connection_test import text_in
from integrations.providers.messaging import (
    Channel,
    Judgement,
    MessageRequest,
    MessageState,
    Messaging,
    OutgoingMessage,
    StatusUpdate,
    Verdict,
)
from integrations.providers.receiving import Received
from integrations.providers.sending_rules import (
    MAX_CODE,
    amount,
    judged_by_status,
    judgement,
    no_templates,
    own_id,
    problems_of,
    provider_id,
)
from integrations.providers.values import Values

URL: Final = "https://rest.nexmo.com/sms/json"
MAX_TEXT: Final = 3200
_CURRENCY: Final = "EUR"
_TOO_MUCH: Final = 1_000_000
_FEWEST_DIGITS: Final = 7
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
# GSM 03.38 with its extension table. Anything else must be announced, or arrives as question marks.
_GSM_7: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà\f^{}\\[~]|€"
)
_DONE: Final = "0"
# Throttled, an error of Vonage's own, too many binds.
_LATER: Final = frozenset({"1", "5", "10"})
_RECEIPTS: Final = {
    **dict.fromkeys(("accepted", "buffered", "unknown"), MessageState.SENT),
    "delivered": MessageState.DELIVERED,
    **dict.fromkeys(("expired", "failed", "rejected"), MessageState.FAILED),
}
_OF_MESSAGES_API: Final = {
    "submitted": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    **dict.fromkeys(("rejected", "undeliverable"), MessageState.FAILED),
}
_REASONS: Final = {
    **dict.fromkeys(("1", "99"), "Vonage does not know why."),
    **dict.fromkeys(("2", "7", "8"), "The recipient cannot be reached for now."),
    **dict.fromkeys(("3", "4", "9", "12", "14"), "The number does not take messages: remove or correct it."),
    "5": "The number was moved to another carrier.",
    "6": "A spam filter stopped the message.",
    "10": "The message is not allowed there.",
    "11": "No carrier takes messages for the number.",
    "13": "The recipient is too young for the message.",
    "15": "The recipient's prepaid account is empty.",
    **dict.fromkeys(("50", "51", "52", "53", "54"), "The country's rules do not allow the message or its sender."),
}


class VonageMessaging(Messaging):
    """SMS from a number or a name. Our id travels as the client reference, which receipts repeat."""

    channels = frozenset({Channel.SMS})
    per_second = 30.0

    def problems(self, message: OutgoingMessage, values: Values) -> dict[str, list[str]]:
        problems = problems_of(message, "Vonage", most=MAX_TEXT) | no_templates(message, "Vonage")
        if "to" not in problems and len(message.to) <= _FEWEST_DIGITS:
            problems["to"] = [f"Vonage takes numbers of {_FEWEST_DIGITS} to 15 digits, country code included."]
        if not values.get("from"):
            problems["integration"] = ["The integration has no sender: enter from."]
        return problems

    def request(self, message: OutgoingMessage, values: Values) -> MessageRequest:
        form = {
            "from": values["from"].removeprefix("+"),
            "to": message.to.removeprefix("+"),
            "text": message.text,
            "type": "text" if _GSM_7.issuperset(message.text) else "unicode",
            "client-ref": str(message.id),
        }
        if message.callback_url:
            form["callback"] = message.callback_url
        return MessageRequest(
            url=URL,
            headers={
                "Authorization": basic(values["api_key"], values["api_secret"]),
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            body=urlencode(form).encode(),
        )

    def judge(self, answer: Answer) -> Judgement:
        parts = answer.object_or_empty().get("messages")
        if not answer.is_success or not isinstance(parts, list) or not parts:
            return judged_by_status(answer)
        found = [part for part in parts if isinstance(part, dict) and _NUMBER.fullmatch(text_in(part, "status"))]
        if len(found) != len(parts):
            return judged_by_status(answer)
        return _judged_parts(answer, found)

    def statuses(self, received: Received) -> list[StatusUpdate]:
        if received.event_type != "vonage.message_status":
            return []
        payload = received.payload
        update = _of_messages_api(payload) if "message_uuid" in payload else _of_sms_api(payload)
        return [update] if update is not None and (update.message_id or update.provider_message_id) else []


def _judged_parts(answer: Answer, parts: Sequence[Mapping[str, Any]]) -> Judgement:
    sent = [part for part in parts if text_in(part, "status") == _DONE]
    failed = [part for part in parts if text_in(part, "status") != _DONE]
    first_id = next(filter(None, (provider_id(part.get("message-id")) for part in sent)), "")
    if not failed and not first_id:
        return judged_by_status(answer)
    cost = _sum(sent)
    if not failed:
        return Judgement(
            verdict=Verdict.SENT,
            provider_message_id=first_id,
            cost=cost,
            currency=_CURRENCY if cost is not None else "",
        )
    # What will not pass later, either, tells most.
    telling = next((part for part in failed if text_in(part, "status") not in _LATER), failed[0])
    code = text_in(telling, "status")
    said = text_in(telling, "error-text") or f"Vonage refused the message with status {code}."
    if sent:
        return Judgement(
            verdict=Verdict.UNKNOWN,
            provider_message_id=first_id,
            code=code,
            message=judgement(
                Verdict.UNKNOWN, code=code, said=f"Only {len(sent)} of {len(parts)} parts were taken. {said}"
            ).message,
            cost=cost,
            currency=_CURRENCY if cost is not None else "",
        )
    if code in _LATER:
        return judgement(Verdict.RETRY, code=code, said=said, wait=answer.retry_after)
    return judgement(Verdict.REFUSED, code=code, said=said)


def _sum(parts: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """Return what all parts cost together; None when one of them does not say, or it cannot be."""
    prices = [amount(part.get("message-price")) for part in parts]
    told = [price for price in prices if price is not None]
    total = sum(told, Decimal(0))
    return total if told and len(told) == len(prices) and total < _TOO_MUCH else None


def _of_sms_api(receipt: Mapping[str, Any]) -> StatusUpdate | None:
    """Read a delivery receipt. It is of one part and so is its price, which is why that is left out."""
    state = _RECEIPTS.get(text_in(receipt, "status"))
    if state is None:
        return None
    code = text_in(receipt, "err-code")[:MAX_CODE] if state is MessageState.FAILED else ""
    seconds = text_in(receipt, "timestamp")
    return StatusUpdate(
        state=state,
        message_id=own_id(receipt.get("client-ref")),
        provider_message_id=provider_id(receipt.get("messageId")),
        at=datetime.fromtimestamp(int(seconds), UTC) if re.fullmatch(r"[0-9]{1,11}", seconds) else None,
        code=code,
        message=_REASONS.get(code, f"Vonage says {text_in(receipt, 'status')}.") if code else "",
    )


def _of_messages_api(status: Mapping[str, Any]) -> StatusUpdate | None:
    state = _OF_MESSAGES_API.get(text_in(status, "status"))
    if state is None:
        return None
    failed = state is MessageState.FAILED
    said = judgement(
        Verdict.REFUSED,
        code=text_in(status, "error", "title") if failed else "",
        said=text_in(status, "error", "detail") if failed else "",
    )
    cost = amount(text_in(status, "usage", "price"))
    return StatusUpdate(
        state=state,
        message_id=own_id(status.get("client_ref")),
        provider_message_id=provider_id(status.get("message_uuid")),
        at=_moment(text_in(status, "timestamp")),
        code=said.code,
        message=said.message,
        cost=cost,
        currency=text_in(status, "usage", "currency")[:3].upper() if cost is not None else "",
    )


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


messaging = VonageMessaging()
