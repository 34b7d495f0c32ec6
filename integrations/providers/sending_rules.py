"""What all senders of messages have in common: what is refused before any call, and what an answer's status alone says."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final
from uuid import UUID

from integrations.providers.answers import Answer, error_of
from integrations.providers.messaging import Judgement, OutgoingMessage, Verdict
from integrations.providers.outcome import MAX_MESSAGE
from integrations.providers.phone_numbers import E164

MAX_CODE: Final = 60
_AMOUNT: Final = re.compile(r"-?([0-9]{1,6})(?:(\.[0-9]{1,8})[0-9]*)?")
_PROVIDER_ID: Final = re.compile(r"[!-~]{1,200}")


def problems_of(
    message: OutgoingMessage, label: str, *, most: int, unit: str = "characters", size: Callable[[str], int] = len
) -> dict[str, list[str]]:
    """Return what any provider refuses: `to` that is no E.164, a text that is blank, too long or cannot be encoded.

    `size` counts the text in `unit`, of which at most `most` are taken. Templates are the caller's business.
    """
    problems: dict[str, list[str]] = {}
    if not re.fullmatch(E164, message.to):
        problems["to"] = ["Give the number with a plus sign and its country code, such as +16505551234 (E.164)."]
    if message.template is not None:
        return problems
    if not message.text.strip():
        problems["text"] = ["This field is required."]
    elif any(character == "\0" or "\ud800" <= character <= "\udfff" for character in message.text):
        problems["text"] = ["Contains a character that cannot be sent (NUL, or half of a surrogate pair)."]
    elif (found := size(message.text)) > most:
        problems["text"] = [f"{label} takes at most {most:,} {unit}; this text has {found:,}."]
    return problems


def no_templates(message: OutgoingMessage, label: str) -> dict[str, list[str]]:
    """Return the problem of a template where there are none."""
    if message.template is None:
        return {}
    return {"template": [f"{label} sends no templates: give a text, or send it by a channel that has templates."]}


def judged_by_status(answer: Answer, *, code: str = "", said: str = "") -> Judgement:
    """Say what an answer means of which nothing but its status is understood; `said` are the provider's own words.

    Too many requests were refused before anything was done. A failure of the server (5xx), a request that took too long
    (408) and a success that names no message may have been sent. Every other status refuses.
    """
    verdict, wait = Verdict.REFUSED, None
    if answer.is_success:
        verdict = Verdict.UNKNOWN
        said = said or "The answer names no message, so whether it was sent is not known."
    elif answer.status == 429:
        verdict, wait = Verdict.RETRY, answer.retry_after
    elif answer.status == 408 or answer.status >= 500:
        verdict = Verdict.UNKNOWN
    return judgement(verdict, code=code or str(answer.status), said=said or error_of(answer).message, wait=wait)


def judgement(verdict: Verdict, *, code: str, said: str, wait: float | None = None) -> Judgement:
    """Return what became of an attempt that did not send, its texts cut to what can be stored."""
    message = " ".join(said.replace("\0", " ").split())
    return Judgement(verdict=verdict, code=code[:MAX_CODE], message=message[:MAX_MESSAGE], retry_after=wait)


def provider_id(text: object) -> str:
    """Return a provider's id of a message as it can be stored, "" for what is none."""
    return text if isinstance(text, str) and _PROVIDER_ID.fullmatch(text) else ""


def amount(text: object) -> Decimal | None:
    """Return a price without its sign, at most eight decimals of it; None for what is no plain number below a million."""
    found = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    return Decimal(found[1] + (found[2] or "")) if found else None


def own_id(text: object) -> UUID | None:
    """Return our id of a message out of what travelled with the request; None for what is none."""
    try:
        return UUID(text) if isinstance(text, str) and len(text) == 36 else None
    except ValueError:
        return None
