"""What may follow upon what in the life of a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.messaging.life import advance, apply_update, doubt, note_provider
from integrations.messaging.models import Message
from integrations.providers.messaging import MessageState, StatusUpdate

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, S, D, R, F, U = (
    MessageState.ACCEPTED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.READ,
    MessageState.FAILED,
    MessageState.UNKNOWN,
)


def told(state: MessageState, minute: int = 0, **more: object) -> StatusUpdate:
    return StatusUpdate(state=state, at=START + timedelta(minutes=minute), **more)


def after(*updates: StatusUpdate, state: MessageState = A) -> Message:
    message = Message(state=state.value)
    for update in updates:
        apply_update(message, update, now=START)
    return message


@pytest.mark.parametrize(
    ("before", "update", "end"),
    [
        (A, S, S), (A, D, D), (A, R, R), (A, F, F), (S, D, D), (D, R, R), (S, F, F), (F, D, D),
        (D, S, D), (R, D, R), (D, F, D), (R, F, R), (F, S, F), (S, S, S), (S, A, S), (S, U, S),
        (U, S, S), (U, D, D), (U, R, R), (U, F, F), (U, U, U), (U, A, U),
    ],
)  # fmt: skip
def test_a_callback_moves_a_message_on_and_never_back(
    before: MessageState, update: MessageState, end: MessageState
) -> None:
    message = Message(state=before.value)

    moved, _ = apply_update(message, told(update), now=START)

    assert message.state == end
    assert moved == (before is not end)
    assert message.unannounced == ([end.value] if moved else [])


@given(
    st.lists(st.sampled_from([S, D, R, F]), min_size=1, max_size=6).flatmap(
        lambda states: st.tuples(st.just(states), st.permutations(states), st.permutations(states))
    ),
    st.sampled_from([A, U]),
)
def test_any_order_of_callbacks_leads_to_the_same_end(
    orders: tuple[list[MessageState], list[MessageState], list[MessageState]], start: MessageState
) -> None:
    minutes = {S: 1, F: 2, D: 3, R: 4}
    ends = []
    for order in orders:
        message = after(*(told(state, minutes[state], code="30005", message="Gone.") for state in order), state=start)
        ends.append(
            (
                message.state,
                message.sent_at,
                message.delivered_at,
                message.read_at,
                message.failed_at,
                message.error_code,
                message.error_message,
            )
        )
    assert ends[0] == ends[1] == ends[2]


@given(st.lists(st.sampled_from([S, D, R, F, U, A]), max_size=8))
def test_what_tenants_are_told_only_goes_forward(states: list[MessageState]) -> None:
    told_of = after(*map(told, states)).unannounced

    order = ["sent", "failed", "delivered", "read"]
    assert told_of == sorted(set(told_of), key=order.index)


def test_a_failure_has_the_providers_words_until_the_message_is_known_to_have_arrived() -> None:
    message = after(told(F, 1, code="131026", message="Message undeliverable"))
    assert (message.error_code, message.error_message) == ("131026", "Message undeliverable")
    assert message.failed_at == START + timedelta(minutes=1)

    apply_update(message, told(D, 2), now=START)

    assert (message.error_code, message.error_message, message.failed_at) == ("", "", None)


def test_a_late_step_is_noted_with_its_own_time_and_without_one_not_at_all() -> None:
    message = after(told(D, 5), told(S, 1))
    assert (message.sent_at, message.delivered_at) == (START + timedelta(minutes=1), START + timedelta(minutes=5))

    assert after(told(D, 5), StatusUpdate(state=S)).sent_at is None


def test_only_what_is_accepted_becomes_doubtful() -> None:
    for state in (S, D, R, F, U):
        message = Message(state=state.value)
        assert not doubt(message, at=START, words="who knows")
        assert (message.state, message.unannounced) == (state.value, [])
    message = Message(state="accepted")
    assert doubt(message, at=START, words="who knows")
    assert (message.state, message.unknown_at, message.error_message) == ("unknown", START, "who knows")


def test_what_providers_say_is_cut_and_made_storable() -> None:
    message = Message()
    advance(message, F, at=START, code="c" * 100, words="\0\ud800" + "w" * 600)
    assert len(message.error_code) == 60
    assert message.error_message.startswith("\N{REPLACEMENT CHARACTER}?w")
    assert len(message.error_message) == 500

    note_provider(message, provider_message_id="p" * 300, cost=Decimal("0.00750001"), currency="USD")
    assert len(message.provider_message_id) == 200
    assert (message.cost, message.currency) == (Decimal("0.007500"), "USD")
    for nonsense in ("NaN", "Infinity", "1e30"):
        note_provider(message, cost=Decimal(nonsense), currency="EUR")
    note_provider(message, provider_message_id="another")
    assert (message.cost, message.currency) == (Decimal("0.007500"), "USD")
    assert message.provider_message_id.startswith("ppp")
