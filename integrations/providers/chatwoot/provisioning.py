"""An inbox, a bot and the bot's assignment to it, made as one, and removed again.

What is made is remembered before the next step. Before something is made, it is remembered which of the same name there
are: where an answer gets lost, what came into being meanwhile is found by its name, and neither doubled nor mistaken for
what somebody else made before. What is remembered belongs to one account and one name; another account of the same
integration starts anew.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from integrations.providers.actions import ActionCall, ActionRefusedError
from integrations.providers.chatwoot.account import Account
from integrations.providers.outcome import ProviderError

Made = dict[str, str]
# Answers after which certainly nothing was made.
_NOT_DONE: Final = frozenset({400, 401, 403, 404, 422, 429})


def provision(call: ActionCall) -> dict[str, object]:
    """Make what is not there yet, change what is to be otherwise, and leave alone what is right."""
    account, given = Account(call), call.parameters
    record, made = _Record(call, account), list[str]()

    inbox = {"name": given["name"], "webhook_url": given.get("webhook_url", "")}
    inbox_id = record.existing("inbox_id", account.has_inbox) or _lost_inbox(account, record)
    if inbox_id is None:
        inbox_id = record.make(
            "inbox_id", inbox, account.inboxes_called(**inbox), lambda: account.create_inbox(**inbox)
        )
        made.append("inbox")
    elif record.differs("inbox_id", inbox):
        account.change_inbox(inbox_id, inbox["webhook_url"])
        record.keep("inbox_id", inbox_id, what=inbox)

    bot = {
        "name": given.get("bot_name", given["name"]),
        "description": given.get("bot_description", ""),
        "outgoing_url": given["outgoing_url"],
    }
    bot_id = record.existing("agent_bot_id", account.has_bot) or _lost_bot(account, record)
    if bot_id is None:
        there = account.bots_called(bot["name"], bot["outgoing_url"])
        bot_id = record.make("agent_bot_id", bot, there, lambda: account.create_bot(**bot))
        made.append("agent_bot")
    elif record.differs("agent_bot_id", bot):
        account.change_bot(bot_id, **bot)
        record.keep("agent_bot_id", bot_id, what=bot)

    if account.assigned_bot(inbox_id) != bot_id:
        account.assign_bot(inbox_id, bot_id)
        made.append("assignment")
    return {"account_id": account.id, "inbox_id": inbox_id, "agent_bot_id": bot_id, "made": made}


def deprovision(call: ActionCall) -> dict[str, object]:
    """Remove what `provision` made under this name, as far as it is there; what is gone already is gone."""
    account, removed = Account(call), list[str]()
    record = _Record(call, account)
    inbox_id = record.id_of("inbox_id") or _lost_inbox(account, record)
    bot_id = record.id_of("agent_bot_id") or _lost_bot(account, record)
    if bot_id is not None:
        if inbox_id is not None and _done(lambda: account.assign_bot(inbox_id, None)):
            removed.append("assignment")
        if _done(lambda: account.delete_bot(bot_id)):
            removed.append("agent_bot")
        record.keep("agent_bot_id", None)
    if inbox_id is not None and _done(lambda: account.delete_inbox(inbox_id)):
        removed.append("inbox")
    record.forget()
    return {"account_id": account.id, "inbox_id": inbox_id, "agent_bot_id": bot_id, "removed": removed}


def record_name(account: str, name: str) -> str:
    """Return under which name the provisioning of this name in this account is remembered."""
    digest = sha256("\n".join((account, name)).encode()).hexdigest()
    return f"provision {digest[:32]}"


def made_here(call: ActionCall, account: Account, field: str, number: int | None) -> bool:
    """Tell whether this is an inbox (`inbox_id`) or a bot (`agent_bot_id`) that the caller made in this account."""
    records = (value for value in call.state.values() if isinstance(value, dict))
    return number is not None and any(
        record.get("account") == account.key and record.get(field) == number for record in records
    )


class _Record:
    """What is remembered of one provisioning: of each thing its id, or, while it is being made, what there was before."""

    def __init__(self, call: ActionCall, account: Account) -> None:
        self._call, self._name = call, record_name(account.key, call.parameters["name"])
        known = call.state.get(self._name)
        self._kept: dict[str, object] = dict(known) if isinstance(known, dict) else {}
        self._kept |= {"account": account.key, "name": call.parameters["name"]}

    def keep(
        self, field: str, number: int | None, *, before: list[int] | None = None, what: Made | None = None
    ) -> None:
        """Remember a thing's id and what it is like; None forgets it, but for what there was before it was made."""
        self._kept |= {field: number, f"{field}_before": before, f"{field}_like": what}
        self._call.remember(self._name, self._kept)

    def forget(self) -> None:
        self._call.remember(self._name, None)

    def id_of(self, field: str) -> int | None:
        number = self._kept.get(field)
        return number if isinstance(number, int) else None

    def like(self, field: str) -> Made:
        """Return what the thing was made or changed to be."""
        what = self._kept.get(f"{field}_like")
        return {str(name): str(value) for name, value in what.items()} if isinstance(what, dict) else {}

    def differs(self, field: str, what: Made) -> bool:
        return self.like(field) != what

    def existing(self, field: str, is_there: Callable[[int], bool]) -> int | None:
        """Return the id that is remembered, if what it names is still there."""
        number = self.id_of(field)
        if number is not None and is_there(number):
            return number
        if number is not None:
            self.keep(field, None)
        return None

    def lost(self, field: str, of_this_name: Callable[[], list[int]]) -> int | None:
        """Return what was being made when the answer got lost, and remember it; None where nothing came of it."""
        before = self._kept.get(f"{field}_before")
        if not isinstance(before, list):
            return None
        number = next((each for each in of_this_name() if each not in before), None)
        if number is not None:
            self.keep(field, number, what=self.like(field))
        return number

    def make(self, field: str, what: Made, there: list[int], create: Callable[[], int]) -> int:
        """Make it, and remember it before anything else happens; `there` are those of its name that there are."""
        self.keep(field, None, before=there, what=what)
        try:
            number = create()
        except ProviderError as error:
            if error.status in _NOT_DONE:
                self.keep(field, None)
            raise
        self.keep(field, number, what=what)
        return number


def _lost_inbox(account: Account, record: _Record) -> int | None:
    like = record.like("inbox_id")
    return record.lost("inbox_id", lambda: account.inboxes_called(like["name"], like["webhook_url"]))


def _lost_bot(account: Account, record: _Record) -> int | None:
    like = record.like("agent_bot_id")
    return record.lost("agent_bot_id", lambda: account.bots_called(like["name"], like["outgoing_url"]))


def _done(deed: Callable[[], None]) -> bool:
    """Do it; tell whether there was anything to do it to."""
    try:
        deed()
    except ActionRefusedError as error:
        if error.status == 404:
            return False
        raise
    return True
