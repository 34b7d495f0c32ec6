"""Notices on GitHub: an issue, a comment on one, or an event that starts workflows.

https://docs.github.com/en/rest/issues/issues, https://docs.github.com/en/rest/issues/comments,
https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
"""

from __future__ import annotations

import json
from typing import Final

from integrations.providers.actions import Action, ActionCall, ActionRefusedError
from integrations.providers.base import Field, FieldKind
from integrations.providers.connection_test import number_in, text_in
from integrations.providers.github.connection import headers_of
from integrations.providers.github.repositories import REPOSITORY_PARAMETERS, explain_refusal, repository_of

_LONGEST_TITLE: Final = 256
_MOST_KEYS: Final = 10


def open_issue_or_comment(call: ActionCall) -> dict[str, object]:
    """Comment on the issue that is named, else open one; the first line of the text is its title unless one is given."""
    repository, text = repository_of(call), call.parameters["text"]
    url = f"{call.values['base_url']}/repos/{repository}/issues"
    number = call.parameters.get("issue")
    if number is None:
        content = {"title": call.parameters.get("title") or _first_line(text), "body": text}
    else:
        url, content = f"{url}/{number}/comments", {"body": text}
    answer = call.client.post(url, headers=headers_of(call.values), json=content, explain=explain_refusal)
    found = answer.json_object()
    made = number_in(found, "id") if number is not None else number_in(found, "number")
    if made is None:
        raise answer.unexpected("it names neither an issue nor a comment")
    address = text_in(found, "html_url")
    issue, comment = (int(number), made) if number is not None else (made, None)
    return {"issue": issue, "comment_id": comment, "url": address, "repository": repository}


def dispatch_event(call: ActionCall) -> dict[str, object]:
    """Send an event that workflows with `repository_dispatch` wait for. GitHub does not say which started."""
    repository = repository_of(call)
    content: dict[str, object] = {"event_type": call.parameters["event_type"]}
    if "client_payload" in call.parameters:
        payload = json.loads(call.parameters["client_payload"])
        if not isinstance(payload, dict) or len(payload) > _MOST_KEYS:
            raise ActionRefusedError(f"Must be an object of at most {_MOST_KEYS} names.", parameter="client_payload")
        content["client_payload"] = payload
    url = f"{call.values['base_url']}/repos/{repository}/dispatches"
    answer = call.client.post(url, headers=headers_of(call.values), json=content, explain=explain_refusal)
    if answer.status != 204:
        raise answer.no_api() if answer.looks_like_html else answer.unexpected("it does not take the event")
    return {"repository": repository}


def _first_line(text: str) -> str:
    line = " ".join(text.strip().splitlines()[0].split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 1]}…"


notify: Final = Action(
    name="notify",
    label="Open an issue or comment on one",
    summary="Opens an issue, or comments on the issue that is named.",
    run=open_issue_or_comment,
    is_concurrent=True,
    parameters=(
        Field(
            name="text",
            label="Text",
            help="The body, in Markdown.",
            example="The nightly import failed: 3 of 120 rows were refused.",
            secret=False,
            required=True,
            kind=FieldKind.MULTILINE,
            max_length=65_536,
        ),
        Field(
            name="title",
            label="Title",
            help="Of a new issue; left out, it is the first line of the text.",
            example="The nightly import failed",
            secret=False,
            max_length=_LONGEST_TITLE,
        ),
        Field(
            name="issue",
            label="Issue",
            help="The number of the issue to comment on; left out, one is opened.",
            example="1347",
            secret=False,
            pattern=r"[1-9][0-9]{0,9}",
            pattern_message="The issue's number, such as 1347; no #.",
            max_length=10,
        ),
        *REPOSITORY_PARAMETERS,
    ),
    answer={
        "issue": "The issue's number.",
        "comment_id": "The comment's id; null for a new issue.",
        "url": "Where people read it.",
        "repository": "Owner and name.",
    },
)
dispatch: Final = Action(
    name="dispatch_event",
    label="Start workflows by an event",
    summary="Sends an event that workflows with `repository_dispatch` wait for; GitHub does not say which it started.",
    run=dispatch_event,
    is_concurrent=True,
    parameters=(
        Field(
            name="event_type",
            label="Event type",
            help="What the workflows wait for.",
            example="nightly-import-failed",
            secret=False,
            required=True,
            max_length=100,
        ),
        Field(
            name="client_payload",
            label="Payload",
            help="An object that the workflows read, of at most 10 names.",
            example='{"rows": 120}',
            secret=False,
            kind=FieldKind.JSON,
            max_length=60_000,
        ),
        *REPOSITORY_PARAMETERS,
    ),
    answer={"repository": "Owner and name."},
)
