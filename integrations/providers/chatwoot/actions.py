"""What can be done in Chatwoot on request. Creating inboxes and bots needs an administrator's access token."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from integrations.providers.actions import Action, ActionCall, ActionRefusedError
from integrations.providers.base import Field, FieldKind
from integrations.providers.chatwoot import provisioning
from integrations.providers.chatwoot.account import Account
from integrations.providers.chatwoot.provisioning import made_here
from integrations.providers.outcome import ProviderError

_INBOX: Final = {"inbox_id": "The inbox."}
_BOT: Final = {"agent_bot_id": "The bot."}
_ACCOUNT: Final = {"account_id": "The account in which they are."}


# --- What is done ---------------------------------------------------------------------------------------------------


def make_inbox(call: ActionCall) -> dict[str, object]:
    account = Account(call)
    inbox_id = account.create_inbox(call.parameters["name"], call.parameters.get("webhook_url", ""))
    _remember(call, account, "inbox_id", inbox_id)
    return {"inbox_id": inbox_id}


def make_agent_bot(call: ActionCall) -> dict[str, object]:
    account, given = Account(call), call.parameters
    bot_id = account.create_bot(given["name"], given.get("description", ""), given["outgoing_url"])
    _remember(call, account, "agent_bot_id", bot_id)
    return {"agent_bot_id": bot_id}


def assign(call: ActionCall) -> dict[str, object]:
    account = Account(call)
    inbox_id, bot_id = int(call.parameters["inbox_id"]), int(call.parameters["agent_bot_id"])
    _require_own(call, account, "inbox_id", inbox_id)
    _require_own(call, account, "agent_bot_id", bot_id)
    account.assign_bot(inbox_id, bot_id)
    return {"inbox_id": inbox_id, "agent_bot_id": bot_id}


def send(call: ActionCall) -> dict[str, object]:
    """Send a message; where no conversation is named, one is opened with the contact."""
    account, given = Account(call), call.parameters
    conversation_id = given.get("conversation_id", "")
    is_new = not conversation_id
    if is_new and call.is_shared:
        # The inbox's webhook would be told whose contact it is: perhaps another tenant's.
        said = "With the platform's own credentials no conversation can be opened: name one in an inbox that you made."
        raise ActionRefusedError(said, parameter="contact_id")
    if is_new:
        source_id = given.get("source_id") or account.source_of(given["contact_id"], given["inbox_id"])
        conversation_id = str(account.open_conversation(given["contact_id"], given["inbox_id"], source_id))
    elif call.is_shared:
        _require_own(call, account, "inbox_id", account.inbox_of(conversation_id), named="conversation_id")
    message = {
        "content": given["content"],
        "message_type": given["message_type"],
        "private": given["private"] == "true",
    }
    try:
        sent = account.send(conversation_id, message)
    except ProviderError as error:
        if not is_new:
            raise
        said = f"Conversation {conversation_id} was opened, but the message is not in it. {error.message}"
        raise error.reworded(said, error.code) from None
    return {**sent, "conversation_id": int(conversation_id)}


def _remember(call: ActionCall, account: Account, field: str, number: int) -> None:
    """In an account that others share, keep what is the caller's own."""
    if call.is_shared:
        call.remember(f"{field} {number}", {"account": account.key, field: number})


def _require_own(call: ActionCall, account: Account, field: str, number: int | None, *, named: str = "") -> None:
    """In an account that others share, refuse what the caller has not made; it is not told whether it exists."""
    if call.is_shared and not made_here(call, account, field, number):
        message = "Not found: with the platform's own credentials only what you made with them can be used."
        raise ActionRefusedError(message, parameter=named or field)


# --- How it is declared ---------------------------------------------------------------------------------------------


def _id(name: str, label: str, about: str, *, required: bool = True) -> Field:
    return Field(
        name=name,
        label=label,
        help=about,
        example="5",
        secret=False,
        required=required,
        pattern=r"[1-9][0-9]{0,17}",
        pattern_message="A number, as Chatwoot shows it in its addresses.",
    )


def _name(about: str, *, name: str = "name", label: str = "Name", required: bool = True) -> Field:
    return Field(name=name, label=label, help=about, example="Support", secret=False, required=required, max_length=100)


def _url(name: str, label: str, about: str, *, required: bool) -> Field:
    return Field(
        name=name,
        label=label,
        help=about,
        example="https://hooks.example.com/chatwoot",
        secret=False,
        required=required,
        kind=FieldKind.URL,
        max_length=1000,
    )


def _choice(name: str, label: str, about: str, *choices: tuple[str, str]) -> Field:
    return Field(
        name=name,
        label=label,
        help=about,
        example=choices[0][0],
        secret=False,
        kind=FieldKind.CHOICE,
        choices=choices,
        default=choices[0][0],
    )


def _about_bot(name: str) -> Field:
    return Field(name=name, label="Description", help="What the bot is for.", example="Answers at night", secret=False)


_INBOX_NAME: Final = _name("What the inbox is called; people see it.")
_WEBHOOK_URL: Final = _url(
    "webhook_url", "Webhook address", "Where Chatwoot sends the inbox's messages.", required=False
)
_OUTGOING_URL: Final = _url(
    "outgoing_url", "Bot's address", "Where Chatwoot sends what the bot is to see.", required=True
)

provision = Action(
    name="provision",
    label="Provision",
    summary=(
        "Creates an API inbox and an agent bot, and assigns the bot to the inbox. What of them is there already under this "
        "name stays, with the addresses that are given now; what is missing is made."
    ),
    run=provisioning.provision,
    is_repeatable=True,
    lease="provision",
    parameters=(
        _INBOX_NAME,
        _OUTGOING_URL,
        _WEBHOOK_URL,
        _name("What the bot is called; left out, like the inbox.", name="bot_name", label="Bot's name", required=False),
        _about_bot("bot_description"),
    ),
    answer={**_ACCOUNT, **_INBOX, **_BOT, "made": "What was made now: `inbox`, `agent_bot`, `assignment`."},
)
deprovision = Action(
    name="deprovision",
    label="Deprovision",
    summary="Deletes the inbox and the bot that “Provision” made under this name, with the inbox's conversations.",
    run=provisioning.deprovision,
    is_repeatable=True,
    lease="provision",
    parameters=(_INBOX_NAME,),
    answer={
        **_ACCOUNT,
        "inbox_id": "The inbox that was deleted, null where there was none.",
        "agent_bot_id": "The bot that was deleted, null where there was none.",
        "removed": "What was there and is gone: `assignment`, `agent_bot`, `inbox`.",
    },
)
create_inbox = Action(
    name="create_inbox",
    label="Create an inbox",
    summary="Creates an API inbox, another one each time.",
    run=make_inbox,
    parameters=(_INBOX_NAME, _WEBHOOK_URL),
    answer=_INBOX,
)
create_agent_bot = Action(
    name="create_agent_bot",
    label="Create an agent bot",
    summary="Creates a bot of the account, another one each time.",
    run=make_agent_bot,
    parameters=(_name("What the bot is called; people see it."), _OUTGOING_URL, _about_bot("description")),
    answer=_BOT,
)
assign_agent_bot = Action(
    name="assign_agent_bot",
    label="Assign a bot to an inbox",
    summary="Gives an inbox its bot, instead of the one that it has.",
    run=assign,
    is_repeatable=True,
    parameters=(_id("inbox_id", "Inbox", "The inbox's number."), _id("agent_bot_id", "Bot", "The bot's number.")),
    answer={**_INBOX, **_BOT},
)
send_message = Action(
    name="send_message",
    label="Send a message",
    summary="Puts a message into a conversation, or opens one with a contact in an inbox; another one each time.",
    run=send,
    is_concurrent=True,
    parameters=(
        Field(
            name="content",
            label="Text",
            help="What is said.",
            example="Your order is on its way.",
            secret=False,
            required=True,
            kind=FieldKind.MULTILINE,
            max_length=150_000,
        ),
        replace(
            _id("conversation_id", "Conversation", "Its number.", required=False), required_without=("contact_id",)
        ),
        replace(_id("contact_id", "Contact", "With whom to open one.", required=False), required_with=("inbox_id",)),
        replace(_id("inbox_id", "Inbox", "In which to open it.", required=False), required_with=("contact_id",)),
        Field(
            name="source_id",
            label="Source",
            help="The contact's identity in the inbox; left out, one is made.",
            example="a2f1c6d0",
            secret=False,
            required=False,
            max_length=255,
        ),
        _choice(
            "message_type",
            "Direction",
            "From whom it is; those of the contact are for API inboxes alone.",
            ("outgoing", "To the contact"),
            ("incoming", "From the contact"),
        ),
        _choice("private", "Private", "Whether agents alone see it.", ("false", "No"), ("true", "Yes, a note")),
    ),
    answer={
        "message_id": "The message.",
        "status": "Where it stands: `sent`, `delivered`, `read`, `failed`.",
        "conversation_id": "The conversation in which it is.",
    },
)
