"""The requests of Chatwoot's API that actions make, within the account of one integration.

Read from the server's source (4.14) and its OpenAPI description. What is made answers with secrets of its own (a bot's
access token, an inbox's HMAC token): nothing but the named facts is taken from it. Deleting an inbox is not in the
description; the server does it in the background and answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from integrations.providers.actions import ActionCall, ActionRefusedError
from integrations.providers.answers import Answer
from integrations.providers.chatwoot.connection import UNDERSCORED_HEADER, call, explain_refusal
from integrations.providers.connection_test import number_in, text_in
from integrations.providers.outcome import ProviderError

API_CHANNEL: Final = "Channel::Api"
_REFUSED: Final = frozenset({400, 404, 422})


class Account:
    """One account of a Chatwoot server, for the length of an action. Its methods raise ProviderError.

    What the server refuses for what it was given is ActionRefusedError; of a thing that is named by its id and is not there
    the status is 404.
    """

    def __init__(self, action: ActionCall) -> None:
        self._client, self._values, self._parameters = action.client, action.values, action.parameters
        self._header = UNDERSCORED_HEADER

    @property
    def key(self) -> str:
        """What tells this account from all others: ids belong to it."""
        return f"{self._values['base_url']}/accounts/{self._values['account_id']}"

    @property
    def id(self) -> int:
        return int(self._values["account_id"])

    # --- Inboxes and bots ----------------------------------------------------------------------------------------

    def create_inbox(self, name: str, webhook_url: str) -> int:
        channel = {"type": "api", **({"webhook_url": webhook_url} if webhook_url else {})}
        return self._made("/inboxes", {"name": name, "channel": channel})

    def create_bot(self, name: str, description: str, outgoing_url: str) -> int:
        bot = {"name": name, "description": description, "outgoing_url": outgoing_url, "bot_type": 0, "bot_config": {}}
        return self._made("/agent_bots", bot)

    def change_inbox(self, inbox_id: int, webhook_url: str) -> None:
        self._ask("PATCH", f"/inboxes/{inbox_id}", {"channel": {"webhook_url": webhook_url}}, about="inbox_id")

    def change_bot(self, bot_id: int, name: str, description: str, outgoing_url: str) -> None:
        changes = {"name": name, "description": description, "outgoing_url": outgoing_url}
        self._ask("PATCH", f"/agent_bots/{bot_id}", changes, about="agent_bot_id")

    def has_inbox(self, inbox_id: int) -> bool:
        return self._exists(f"/inboxes/{inbox_id}", about="inbox_id")

    def has_bot(self, bot_id: int) -> bool:
        return self._exists(f"/agent_bots/{bot_id}", about="agent_bot_id")

    def inboxes_called(self, name: str, webhook_url: str = "") -> list[int]:
        """Return the ids of API inboxes of this name, the oldest first; of those that call this address, where it is said."""
        answer = self._ask("GET", "/inboxes")
        found = answer.json_object().get("payload")
        return _ids_of(answer, found, {"name": name, "channel_type": API_CHANNEL}, {"webhook_url": webhook_url})

    def bots_called(self, name: str, outgoing_url: str = "") -> list[int]:
        """Return the ids of bots of this name, the oldest first; of those that call this address, where it is said."""
        answer = self._ask("GET", "/agent_bots")
        return _ids_of(answer, answer.json(), {"name": name}, {"outgoing_url": outgoing_url})

    def assigned_bot(self, inbox_id: int) -> int | None:
        """Return the bot of an inbox; None where it has none."""
        answer = self._ask("GET", f"/inboxes/{inbox_id}/agent_bot", about="inbox_id")
        return number_in(answer.json_object(), "agent_bot", "id")

    def assign_bot(self, inbox_id: int, bot_id: int | None) -> None:
        """Give an inbox its bot, or take it away."""
        self._ask("POST", f"/inboxes/{inbox_id}/set_agent_bot", {"agent_bot": bot_id}, about="inbox_id")

    def delete_inbox(self, inbox_id: int) -> None:
        self._ask("DELETE", f"/inboxes/{inbox_id}", about="inbox_id")

    def delete_bot(self, bot_id: int) -> None:
        self._ask("DELETE", f"/agent_bots/{bot_id}", about="agent_bot_id")

    # --- Messages ------------------------------------------------------------------------------------------------

    def inbox_of(self, conversation_id: str) -> int | None:
        answer = self._ask("GET", f"/conversations/{conversation_id}", about="conversation_id")
        return number_in(answer.json_object(), "inbox_id")

    def source_of(self, contact_id: str, inbox_id: str) -> str:
        """Give a contact an identity in an inbox, and return it."""
        answer = self._ask(
            "POST", f"/contacts/{contact_id}/contact_inboxes", {"inbox_id": int(inbox_id)}, about="contact_id"
        )
        source = text_in(answer.json_object(), "source_id")
        if not source:
            raise answer.unexpected("it names no source_id")
        return source

    def open_conversation(self, contact_id: str, inbox_id: str, source_id: str) -> int:
        given = {"source_id": source_id, "inbox_id": int(inbox_id), "contact_id": int(contact_id)}
        return self._made("/conversations", given)

    def send(self, conversation_id: str, message: Mapping[str, object]) -> dict[str, object]:
        """Put a message into a conversation; return its id and status as the server has them."""
        path = f"/conversations/{conversation_id}/messages"
        answer = self._ask("POST", path, message, about="conversation_id")
        found = answer.json_object()
        return {"message_id": _id_in(answer, found), "status": text_in(found, "status")}

    # --- One request ---------------------------------------------------------------------------------------------

    def _made(self, path: str, given: Mapping[str, object]) -> int:
        answer = self._ask("POST", path, given)
        return _id_in(answer, answer.json_object())

    def _exists(self, path: str, *, about: str) -> bool:
        try:
            self._ask("GET", path, about=about)
        except ActionRefusedError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _ask(self, method: str, path: str, given: Mapping[str, object] | None = None, *, about: str = "") -> Answer:
        """Make a request; `about` is the parameter that names what may not be there. Without it, the account is not."""

        def explain(answer: Answer) -> ProviderError | None:
            found = answer.object_or_empty()
            is_refusal = answer.status in _REFUSED and found and not answer.looks_like_html
            if not is_refusal or (answer.status == 404 and not about):
                return explain_refusal(answer)
            said = answer.words().rstrip(".") or "nothing"
            if answer.status == 404:
                message = f"Chatwoot does not find it in account {self.id}. Chatwoot says: {said}."
                return ActionRefusedError(message, parameter=about, status=404)
            message = f"Chatwoot refuses it. Chatwoot says: {said}."
            return ActionRefusedError(message, parameter=self._named_in(found), status=answer.status)

        path = f"/api/v1/accounts/{self.id}{path}"
        answer, self._header = call(
            self._client, self._values, method, path, json=given, explain=explain, header=self._header
        )
        return answer

    def _named_in(self, refusal: Mapping[str, object]) -> str:
        """Return the parameter that a refusal names; "" where it names none, or something else."""
        named = refusal.get("attributes")
        return next((name for name in named if name in self._parameters), "") if isinstance(named, list) else ""


def _id_in(answer: Answer, found: Mapping[str, object]) -> int:
    number = number_in(found, "id")
    if number is None:
        raise answer.unexpected("it names no id of what was made")
    return number


def _ids_of(answer: Answer, found: object, exactly: Mapping[str, str], if_told: Mapping[str, str]) -> list[int]:
    if not isinstance(found, list):
        raise answer.unexpected("it lists nothing")
    ids = [
        number_in(each, "id")
        for each in found
        if isinstance(each, dict)
        and all(text_in(each, name) == value for name, value in exactly.items())
        and all(text_in(each, name) in {"", value} for name, value in if_told.items())
    ]
    return sorted(number for number in ids if number is not None)
