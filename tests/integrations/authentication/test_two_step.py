"""The second step by itself: codes, their replay, recovery codes, what is stored."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection

from integrations.activity.actor import Actor
from integrations.activity.models import ActivityLog
from integrations.authentication.two_step import (
    TooSoonError,
    WrongCodeError,
    begin_set_up,
    confirm_set_up,
    has_device,
    pending_set_up,
    remove_device,
    replace_recovery_codes,
    second_step_is_missing,
    verify,
)
from integrations.errors import ConflictError
from integrations.models import RecoveryCode, StaffDevice, User
from tests.integrations.authentication.log_in_steps import app_shows, code_of, person, set_up_device

NOON = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC).timestamp()


@pytest.fixture
def grace(db: None) -> User:
    return person()


def refuses(user: User, code: str) -> bool:
    try:
        verify(user=user, code=code)
    except WrongCodeError:
        StaffDevice.objects.update(next_try_at=None)
        return True
    return False


@pytest.mark.parametrize(("at", "code"), [(59, "94287082"), (1111111109, "07081804"), (20000000000, "65353130")])
def test_reckons_as_the_rfc_does(at: int, code: str) -> None:
    """The test vectors of RFC 6238, appendix B, for what these tests compare with."""
    assert app_shows(b"12345678901234567890", at, digits=8) == code


def test_counts_only_when_a_first_code_proved_the_app(grace: User) -> None:
    set_up = begin_set_up(user=grace)

    assert not has_device(grace)
    assert pending_set_up(user=grace) == set_up
    with pytest.raises(WrongCodeError):
        confirm_set_up(actor=Actor.of(grace), user=grace, code="000000")
    assert not has_device(grace)
    confirm_set_up(actor=Actor.of(grace), user=grace, code=code_of(grace))
    assert has_device(grace)
    assert pending_set_up(user=grace) is None
    assert list(ActivityLog.objects.values_list("verb", "tenant_id")) == [("two_step.enabled", None)]


def test_gives_the_app_what_it_reads(grace: User) -> None:
    set_up = begin_set_up(user=grace)

    assert set_up.address.startswith(f"otpauth://totp/Signalbox:grace?digits=6&secret={set_up.key}")
    assert "issuer=Signalbox" in set_up.address
    assert set_up.key not in repr(set_up)


def test_stores_the_key_encrypted_and_recovery_codes_hashed(grace: User) -> None:
    codes = set_up_device(grace)
    key = StaffDevice.objects.get().key.reveal()

    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM integrations_staffdevice")
        [(stored,)] = cursor.fetchall()
    assert stored.startswith("v1:")
    assert key not in stored
    assert len(codes) == len(set(codes)) == RecoveryCode.objects.count() == 10
    hashes = set(RecoveryCode.objects.values_list("code_hmac", flat=True))
    assert not {code.replace("-", "") for code in codes} & hashes
    assert {len(value) for value in hashes} == {64}


@pytest.mark.parametrize(("drift", "is_right"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_takes_codes_of_clocks_that_are_half_a_minute_off(grace: User, drift: int, is_right: bool) -> None:
    with time_machine.travel(NOON, tick=False):
        set_up_device(grace)
        assert refuses(grace, code_of(grace, at=NOON + drift)) is not is_right


def test_refuses_a_code_that_was_used(grace: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        set_up_device(grace)
        code = code_of(grace)
        verify(user=grace, code=code)

        assert refuses(grace, code)
        assert refuses(grace, code_of(grace, at=NOON - 30))  # and the ones before it
        clock.shift(30)
        verify(user=grace, code=code_of(grace))


def test_refuses_the_code_of_the_set_up_at_the_log_in(grace: User) -> None:
    with time_machine.travel(NOON, tick=False):
        begin_set_up(user=grace)
        code = code_of(grace)
        confirm_set_up(actor=Actor.of(grace), user=grace, code=code)

        assert refuses(grace, code)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "000000 ", "\0", "A" * 5000])
def test_refuses_what_is_no_code(grace: User, code: str) -> None:
    with time_machine.travel(NOON, tick=False):
        set_up_device(grace)
        assert refuses(grace, code)


def test_takes_a_code_with_a_space_and_a_recovery_code_once_in_any_spelling(grace: User) -> None:
    codes = set_up_device(grace)
    code = code_of(grace)
    verify(user=grace, code=f"{code[:3]} {code[3:]}")

    verify(user=grace, code=codes[0].lower().replace("-", " "))

    assert refuses(grace, codes[0])
    assert RecoveryCode.objects.filter(used_at=None).count() == 9
    assert ActivityLog.objects.filter(verb="two_step.recovery_code_used", actor_name="grace").count() == 1


def test_takes_no_code_of_somebody_else(grace: User) -> None:
    alan = person("alan")
    set_up_device(grace)
    codes = set_up_device(alan)

    assert refuses(grace, codes[0])
    assert refuses(grace, code_of(alan))


def test_waits_ever_longer_after_wrong_codes(grace: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        set_up_device(grace)
        for waited in (1, 2, 4, 8):
            with pytest.raises(WrongCodeError):
                verify(user=grace, code="000000")
            with pytest.raises(TooSoonError):
                verify(user=grace, code=code_of(grace))
            clock.shift(waited)
        verify(user=grace, code=code_of(grace))
    device = StaffDevice.objects.get()
    assert (device.failures, device.next_try_at) == (0, None)


@pytest.mark.django_db(transaction=True)
def test_accepts_a_code_once_when_two_give_it_at_the_same_time() -> None:
    grace = person()
    set_up_device(grace)
    code = code_of(grace)
    start = threading.Barrier(2)

    def give(_: int) -> bool:
        start.wait()
        try:
            verify(user=grace, code=code)
        except (WrongCodeError, TooSoonError):
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(give, range(2))) == [False, True]


def test_refuses_a_second_device_beside_a_confirmed_one(grace: User) -> None:
    set_up_device(grace)

    with pytest.raises(ConflictError):
        begin_set_up(user=grace)
    assert StaffDevice.objects.count() == 1


def test_replaces_recovery_codes(grace: User) -> None:
    old = set_up_device(grace)
    new = replace_recovery_codes(actor=Actor.of(grace), user=grace)

    assert refuses(grace, old[0])
    verify(user=grace, code=new[0])
    with pytest.raises(ConflictError):
        replace_recovery_codes(actor=Actor.of(grace), user=person("alan"))


def test_removes_the_device_with_its_codes_and_ends_sessions(grace: User) -> None:
    set_up_device(grace)
    before = grace.get_session_auth_hash()

    assert remove_device(actor=Actor.system("test"), user=grace)
    assert not remove_device(actor=Actor.system("test"), user=grace)

    assert (StaffDevice.objects.count(), RecoveryCode.objects.count()) == (0, 0)
    assert User.objects.get().get_session_auth_hash() != before
    assert refuses(grace, "000000")


def test_is_missing_for_staff_alone_and_only_where_it_is_required(grace: User, settings: object) -> None:
    member = person("mia", role="")
    assert not second_step_is_missing(grace)
    settings.REQUIRE_STAFF_TOTP = True
    assert second_step_is_missing(grace)
    assert not second_step_is_missing(member)
    set_up_device(grace)
    assert not second_step_is_missing(grace)
