"""Which repository an action is about, and what GitHub's refusals of a request's content mean."""

from __future__ import annotations

from typing import Final

from integrations.providers.actions import ActionCall, ActionRefusedError
from integrations.providers.answers import Answer
from integrations.providers.base import Field
from integrations.providers.connection_test import text_in
from integrations.providers.github.connection import explain
from integrations.providers.outcome import ProviderError, Result

REPOSITORY_PARAMETERS: Final = (
    Field(
        name="owner",
        label="Repository owner",
        help="Left out, it is the integration's.",
        example="octo-org",
        secret=False,
        required_with=("repository",),
        pattern=r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98})",
        pattern_message="The name in the repository's address, such as octo-org; no slash.",
        max_length=100,
    ),
    Field(
        name="repository",
        label="Repository",
        help="Left out, it is the integration's.",
        example="hello-world",
        secret=False,
        required_with=("owner",),
        pattern=r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}",
        pattern_message="The repository's name alone, such as hello-world; no slash.",
        max_length=100,
    ),
)
# GitHub's names of what it refuses, and the parameters that they come from.
_PARAMETERS: Final = {"title": "title", "body": "text", "events": "events", "event_type": "event_type", "hook": ""}


def repository_of(call: ActionCall) -> str:
    """Return `owner/name` of the repository that is meant, once it is sure that there is a token for it.

    Raises ActionRefusedError where nobody says which it is, and for any but the platform's own with its credentials.
    """
    if "token" not in call.values:
        raise ProviderError(Result.BAD_CREDENTIALS, "GitHub is not connected yet: connect it, or enter a token.")
    own = (call.values.get("repository_owner", ""), call.values.get("repository", ""))
    owner, name = call.parameters.get("owner", own[0]), call.parameters.get("repository", own[1])
    if not owner or not name:
        message = "Say which repository: give owner and repository, or store them with the integration."
        raise ActionRefusedError(message, parameter="repository")
    if call.is_shared and (owner.casefold(), name.casefold()) != (own[0].casefold(), own[1].casefold()):
        message = "With the platform's own credentials only its own repository is used: leave owner and repository out."
        raise ActionRefusedError(message, parameter="repository")
    return f"{owner}/{name}"


def explain_refusal(answer: Answer) -> ProviderError | None:
    """Tell a refusal of what was given (422, a repository without issues) from one of the token."""
    body = answer.object_or_empty()
    if answer.status == 410 and "message" in body:
        message = f"The repository takes none: {answer.words().rstrip('.')}."
        return ActionRefusedError(message, parameter="repository", status=410)
    if answer.status not in {400, 422} or "message" not in body:
        return explain(answer)
    found = body.get("errors")
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    said = text_in(first, "message") or text_in(body, "message")
    field, code = text_in(first, "field"), text_in(first, "code")
    what = " ".join(f"{field} {code}".split())
    named = f" ({what})" if what else ""
    message = f"GitHub refuses it{named}: {' '.join(said.split())[:300].rstrip('.')}."
    return ActionRefusedError(message, parameter=_PARAMETERS.get(field, ""), code=code or field, status=answer.status)
