"""The request that a webhook would be sent at this moment, for a person to read and to try from a shell.

Made by the functions by which the engine makes it. Nothing is stored and nothing is sent; the ids are new ones, so the
request that is sent later has others, and therefore another signature.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from integrations.egress.destination import Destination
from integrations.encryption.errors import KeyNotAtHandError
from integrations.ids import uuid7
from webhooks.engine.redaction import HIDDEN
from webhooks.engine.senders import Claimed
from webhooks.engine.webhook_sender import Content, WebhookJob, body_of, request_headers
from webhooks.engine.webhook_targets import Target, target_of
from webhooks.models import TargetKind, Webhook
from webhooks.services.payloads import NewEvent

TOKEN_VARIABLE: Final = "TOKEN"  # noqa: S105  (the name of a shell variable)
# What curl says by itself, unless it is told otherwise.
_CURL_SENDS: Final = frozenset({"host", "accept", "content-length"})
# Characters by which curl would make several addresses of one.
_GLOBS: Final = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class PreviewedRequest:
    """`headers` in the order in which they are sent, credentials hidden as in the rows of calls.

    `curl` is a line for a POSIX shell: signatures in clear, a credential as the shell variable in `variables` that the
    reader sets. The signature holds for as long as the receiver tolerates the timestamp, five minutes as a rule.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    size: int
    curl: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Preview:
    """`refusal` says why it would not be sent; without an address that can be used there is no request either."""

    request: PreviewedRequest | None
    refusal: str = ""


def preview(webhook: Webhook, event: NewEvent) -> Preview:
    """Return what `webhook` would be sent for this event now, as its first attempt. Reads its tenant and integrations."""
    try:
        target = target_of(webhook)
    except KeyNotAtHandError:
        return Preview(None, "The key that opens this webhook's secrets is not at hand in this process.")
    if target.problem is not None or target.destination is None:
        return Preview(None, target.problem.message if target.problem else "The webhook has no address.")
    return Preview(_previewed(webhook, target, target.destination, event), _refusal(webhook))


def _refusal(webhook: Webhook) -> str:
    if not webhook.tenant.is_active:
        return "The tenant is inactive: nothing is sent for it."
    return "" if webhook.is_active else "The webhook is disabled: enable it to send this."


def _previewed(webhook: Webhook, target: Target, destination: Destination, event: NewEvent) -> PreviewedRequest:
    content = Content(event.event_type, event.triggered_by, {}, timezone.now(), event.body)
    claimed = Claimed(uuid7(), webhook.tenant_id, TargetKind.WEBHOOK, webhook.id, uuid7(), 0, 1, None, None, "")
    job = WebhookJob(claimed, target, content, body_of(target, content))
    headers = (
        *_head_headers(destination),
        *request_headers(job, timestamp=int(time.time())).items(),
        *target.shown_headers.items(),
        ("Content-Length", str(len(job.body))),
    )
    body = job.body.decode()
    variables = {name: _variable(name, value) for name, value in headers if HIDDEN in value}
    return PreviewedRequest(
        method="POST",
        url=destination.url,
        headers=headers,
        body=body,
        size=len(job.body),
        curl=_curl(destination.url, headers, variables, body),
        variables=variables,
    )


def _head_headers(destination: Destination) -> Iterable[tuple[str, str]]:
    _, *lines = destination.head.decode("ascii").split("\r\n")
    for line in filter(None, lines):
        name, _, value = line.partition(": ")
        yield name, value


def _variable(name: str, shown: str) -> str:
    """Return the shell variable that stands for a hidden value; none that every shell has, such as PATH."""
    if shown != HIDDEN:
        return TOKEN_VARIABLE
    variable = name.upper().replace("-", "_")
    return variable if variable.startswith("X_") else f"HEADER_{variable}"


def _curl(url: str, headers: Iterable[tuple[str, str]], variables: Mapping[str, str], body: str) -> str:
    parts = [f"curl{' --globoff' if _GLOBS.search(url) else ''} --request POST {shlex.quote(url)}"]
    for name, value in headers:
        if HIDDEN in value:
            # The name has letters, digits and hyphens only: nothing that double quotes would let through.
            parts.append(f'--header "{name}: {value.replace(HIDDEN, f"${variables[name]}")}"')
        elif name.lower() not in _CURL_SENDS:
            parts.append(f"--header {shlex.quote(f'{name}: {value}')}")
    # A body that begins with @ would name a file; a payload is an object and begins with a brace.
    parts.append(f"--data-binary {shlex.quote(body)}")
    return " \\\n  ".join(parts)
