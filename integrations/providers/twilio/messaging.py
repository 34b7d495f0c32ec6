"""SMS by Twilio's Messages resource: https://www.twilio.com/docs/messaging/api/message-resource.

Errors are read by their number: https://www.twilio.com/docs/api/errors.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from integrations.providers.answers import Answer
from integrations.providers.connection_test import number_in, text_in
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
from integrations.providers.sending_rules import amount, judged_by_status, judgement, no_templates, own_id, problems_of
from integrations.providers.twilio import connection
from integrations.providers.twilio.receiving import MESSAGE_PARAMETER
from integrations.providers.values import Values

MAX_TEXT: Final = 1600
_SID: Final = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
# Too many requests, a sender whose queue is full, maintenance: each refuses before anything was queued.
_LATER: Final = frozenset({20429, 21611, 21730})
_NOT_TAKEN: Final = frozenset({"failed", "undelivered", "canceled"})
# Any word that follows acceptance proves it, which settles a message of which nobody knew.
_STATES: Final = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"), MessageState.SENT),
    "delivered": MessageState.DELIVERED,
    **dict.fromkeys(sorted(_NOT_TAKEN), MessageState.FAILED),
    "read": MessageState.READ,
}
_MEANINGS: Final = {
    20003: "Twilio does not accept the credentials.",
    20008: "These are test credentials, which may not do this.",
    21610: "The recipient has opted out (STOP); only they can take it back.",
    30001: "Twilio's queue of this sender overflowed.",
    30002: "The account was suspended.",
    30003: "The handset cannot be reached.",
    30004: "The recipient or the carrier blocks the message.",
    30005: "The number is unknown.",
    30006: "A landline, or a carrier that cannot be reached.",
    30007: "The carrier filtered the message.",
    30008: "Twilio does not know why.",
    30022: "The carrier's rate limit was exceeded.",
    30034: "The sender is not registered for messages within the United States.",
    30410: "The carrier did not answer in time.",
    30500: "Twilio had a problem of its own.",
}


class TwilioMessaging(Messaging):
    """SMS from a number, or from a messaging service where there is one. Our id travels in the callback's address."""

    channels = frozenset({Channel.SMS})
    # Twilio limits how many requests run at once (20429), and itself queues what a sender may not send yet.
    per_second = 100.0

    def problems(self, message: OutgoingMessage, values: Values) -> dict[str, list[str]]:
        problems = problems_of(message, "Twilio", most=MAX_TEXT) | no_templates(message, "Twilio")
        if not (values.get("messaging_service_sid") or values.get("phone_number")):
            problems["integration"] = ["The integration has no sender: enter phone_number or messaging_service_sid."]
        return problems

    def request(self, message: OutgoingMessage, values: Values) -> MessageRequest:
        form = {"To": message.to, "Body": message.text}
        if service := values.get("messaging_service_sid"):
            form["MessagingServiceSid"] = service
        else:
            form["From"] = values["phone_number"]
        if message.callback_url:
            joint = "&" if "?" in message.callback_url else "?"
            form["StatusCallback"] = f"{message.callback_url}{joint}{MESSAGE_PARAMETER}={message.id}"
        return MessageRequest(
            url=f"{connection.BASE}/Accounts/{values['account_sid']}/Messages.json",
            headers={
                "Authorization": connection.authorization(values),
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            body=urlencode(form).encode(),
        )

    def judge(self, answer: Answer) -> Judgement:
        body = answer.object_or_empty()
        if not answer.is_success:
            return _judged_error(answer, body)
        sid = text_in(body, "sid")
        if not _SID.fullmatch(sid):
            return judged_by_status(answer)
        if text_in(body, "status") in _NOT_TAKEN:
            code = text_in(body, "error_code")
            said = text_in(body, "error_message") or _words(code) or "Twilio did not take the message."
            return judgement(Verdict.REFUSED, code=code, said=said)
        cost = amount(body.get("price"))
        currency = text_in(body, "price_unit")[:3].upper() if cost is not None else ""
        return Judgement(verdict=Verdict.SENT, provider_message_id=sid, cost=cost, currency=currency)

    def statuses(self, received: Received) -> list[StatusUpdate]:
        payload = received.payload
        state = _STATES.get(text_in(payload, "MessageStatus") or text_in(payload, "SmsStatus"))
        sid = text_in(payload, "MessageSid") or text_in(payload, "SmsSid")
        if received.event_type != "twilio.message_status" or state is None or not _SID.fullmatch(sid):
            return []
        code = text_in(payload, "ErrorCode") if state is MessageState.FAILED else ""
        words = text_in(payload, "ErrorMessage") or _words(code) if state is MessageState.FAILED else ""
        said = judgement(Verdict.REFUSED, code=code, said=words)
        return [
            StatusUpdate(
                state=state,
                message_id=own_id(received.reference),
                provider_message_id=sid,
                code=said.code,
                message=said.message,
            )
        ]


def _judged_error(answer: Answer, body: dict[str, object]) -> Judgement:
    """Read both of Twilio's forms of an error: its own, and problem details (RFC 9457)."""
    code = number_in(body, "code")
    words = text_in(body, "message") or text_in(body, "detail") or text_in(body, "title") or _words(str(code))
    if code in _LATER:
        return judgement(Verdict.RETRY, code=str(code), said=words, wait=answer.retry_after)
    return judged_by_status(answer, code="" if code is None else str(code), said=words)


def _words(code: str) -> str:
    return _MEANINGS.get(int(code), "") if code.isascii() and code.isdigit() and len(code) < 10 else ""


messaging = TwilioMessaging()
