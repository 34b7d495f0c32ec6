"""Hooks of a repository that deliver its events to a receiver of the tenant's.

https://docs.github.com/en/rest/repos/webhooks. A hook is known by its address, which is that of one receiver alone: making it
twice finds the first, whether or not its answer arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from integrations.providers.actions import Action, ActionCall, ActionRefusedError, ReceiverPlace
from integrations.providers.base import Field
from integrations.providers.client import Explain
from integrations.providers.connection_test import number_in, text_in
from integrations.providers.github.connection import headers_of
from integrations.providers.github.repositories import REPOSITORY_PARAMETERS, explain_refusal, repository_of
from integrations.providers.outcome import ProviderError

_PAGE: Final = 100
_MOST_PAGES: Final = 10
_LEASE: Final = "repository_hooks"


def create_repository_hook(call: ActionCall) -> dict[str, object]:
    """Make the hook, or bring the one that is there up to date: its events, its secret, and that it is switched on."""
    repository, receiver = repository_of(call), _receiver_of(call)
    call.client.scrubber.protect(receiver.secret)
    events = sorted(set(call.parameters["events"].split()))
    content: dict[str, object] = {
        "active": True,
        "events": events,
        "config": {
            "url": receiver.address,
            "content_type": "json",
            "secret": receiver.secret,
            "insecure_ssl": "0",
        },
    }
    known, is_new = _hook_at(call, repository, receiver.address), False
    if known is None:
        try:
            hook, is_new = _id_in(call, "POST", "", repository, {"name": "web", **content}), True
        except ActionRefusedError:
            # Somebody made it meanwhile, or an earlier answer was lost; else it is refused.
            known = _hook_at(call, repository, receiver.address)
            if known is None:
                raise
    if known is not None:
        hook = _id_in(call, "PATCH", f"/{known}", repository, content)
    call.remember(_memory(repository, receiver.id), {"hook_id": hook, "repository": repository})
    return {
        "hook_id": hook,
        "is_new": is_new,
        "events": events,
        "receiver": receiver.id,
        "repository": repository,
    }


def delete_repository_hook(call: ActionCall) -> dict[str, object]:
    """Delete the hook of a receiver, or the one whose id is given; one that is gone already counts as deleted."""
    repository = repository_of(call)
    given = call.parameters.get("hook_id")
    hook: int | None
    if given is not None:
        hook, receiver_id = _allowed(call, repository, int(given)), ""
    else:
        receiver = _receiver_of(call)
        receiver_id = receiver.id
        hook = _hook_at(call, repository, receiver.address)
    was_there = hook is not None and _delete(call, repository, hook)
    for name, value in list(call.state.items()):
        is_its = isinstance(value, dict) and value == {"hook_id": hook, "repository": repository}
        if is_its or (receiver_id and name == _memory(repository, receiver_id)):
            call.remember(name, None)
    return {"hook_id": hook, "was_there": was_there, "repository": repository}


def _receiver_of(call: ActionCall) -> ReceiverPlace:
    """Return the receiver that is meant: the one that is named, else the only one."""
    found, wanted = list(call.receivers()), call.parameters.get("receiver", "")
    if wanted:
        found = [receiver for receiver in found if wanted in {receiver.id, receiver.name}]
    if len(found) == 1:
        return found[0]
    if wanted or not found:
        what = (
            "There is no such receiver of GitHub that is switched on"
            if wanted
            else "There is no receiver of GitHub yet"
        )
        raise ActionRefusedError(f"{what}: make one first.", parameter="receiver")
    names = ", ".join(receiver.name for receiver in found)
    raise ActionRefusedError(f"There are several receivers of GitHub: name one of {names}.", parameter="receiver")


def _hook_at(call: ActionCall, repository: str, address: str) -> int | None:
    return next((hook for hook, url in _hooks(call, repository) if url == address), None)


def _hooks(call: ActionCall, repository: str) -> Iterator[tuple[int, str]]:
    for page in range(1, _MOST_PAGES + 1):
        answer = call.client.get(
            _url(call, repository),
            headers=headers_of(call.values),
            params={"per_page": str(_PAGE), "page": str(page)},
            explain=explain_refusal,
        )
        found = answer.json()
        if not isinstance(found, list):
            raise answer.unexpected("it lists no hooks")
        for row in found:
            number = number_in(row, "id") if isinstance(row, dict) else None
            if number is not None:
                yield number, text_in(row, "config", "url")
        if len(found) < _PAGE:
            return


def _id_in(call: ActionCall, method: str, path: str, repository: str, content: dict[str, object]) -> int:
    explain: Explain = explain_refusal
    url = f"{_url(call, repository)}{path}"
    answer = call.client.request(method, url, headers=headers_of(call.values), json=content, explain=explain)
    number = number_in(answer.json_object(), "id")
    if number is None:
        raise answer.unexpected("it names no hook")
    return number


def _delete(call: ActionCall, repository: str, hook: int) -> bool:
    url = f"{_url(call, repository)}/{hook}"
    try:
        call.client.request("DELETE", url, headers=headers_of(call.values), explain=explain_refusal)
    except ProviderError as error:
        # Gone, or hidden from this token: then the list is hidden, too, and says so.
        if error.status == 404 and hook not in {number for number, _ in _hooks(call, repository)}:
            return False
        raise
    return True


def _allowed(call: ActionCall, repository: str, hook: int) -> int:
    """Let the platform's credentials delete only what this tenant made with them."""
    made = [value for value in call.state.values() if isinstance(value, dict) and value.get("repository") == repository]
    if call.is_shared and hook not in {value.get("hook_id") for value in made}:
        raise ActionRefusedError("This hook was not made from here.", parameter="hook_id")
    return hook


def _url(call: ActionCall, repository: str) -> str:
    return f"{call.values['base_url']}/repos/{repository}/hooks"


def _memory(repository: str, receiver_id: str) -> str:
    return f"hook {receiver_id} {sha256(repository.casefold().encode()).hexdigest()[:16]}"


_RECEIVER: Final = Field(
    name="receiver",
    label="Receiver",
    help="Name or id of the tenant's receiver of GitHub; left out, it is the only one.",
    example="github",
    secret=False,
    max_length=60,
)
create: Final = Action(
    name="create_repository_hook",
    label="Deliver a repository's events",
    summary="Makes a hook of the repository that delivers its events, signed, to a receiver of the tenant's. Where there is one "
    "already, it is brought up to date.",
    run=create_repository_hook,
    is_repeatable=True,
    lease=_LEASE,
    parameters=(
        Field(
            name="events",
            label="Events",
            help="GitHub's names of the events, separated by spaces; * is all of them.",
            example="push pull_request",
            secret=False,
            pattern=r"(?:\*|[a-z][a-z_]{1,59})(?: (?:\*|[a-z][a-z_]{1,59})){0,99}",
            pattern_message="Names such as push pull_request, separated by single spaces, or *.",
            max_length=2000,
            default="push",
        ),
        _RECEIVER,
        *REPOSITORY_PARAMETERS,
    ),
    answer={
        "hook_id": "The hook's id.",
        "is_new": "Whether it was made now.",
        "events": "What it delivers.",
        "receiver": "The receiver's id.",
        "repository": "Owner and name.",
    },
)
delete: Final = Action(
    name="delete_repository_hook",
    label="Stop delivering a repository's events",
    summary="Deletes the repository's hook that delivers to a receiver of the tenant's, or the one whose id is given. One that "
    "is gone already counts as deleted.",
    run=delete_repository_hook,
    is_repeatable=True,
    lease=_LEASE,
    parameters=(
        Field(
            name="hook_id",
            label="Hook",
            help="Its id, where the receiver is gone already.",
            example="12345678",
            secret=False,
            pattern=r"[1-9][0-9]{0,17}",
            pattern_message="The hook's id, a number such as 12345678.",
            max_length=18,
        ),
        _RECEIVER,
        *REPOSITORY_PARAMETERS,
    ),
    answer={
        "hook_id": "The hook's id; null where there was none.",
        "was_there": "Whether there was one to delete.",
        "repository": "Owner and name.",
    },
)
