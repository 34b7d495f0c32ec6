"""The second step of logging in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

The key is stored as every secret is, encrypted under the platform's data key. Each code is good once: the row keeps the
newest time step that was used up. Wrong codes are held up ever longer, on the row itself and so without Redis; the
lock-out of log-ins (`lockout`) counts them as well.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.authentication.models import RecoveryCode, StaffDevice
from integrations.encryption.secret import Secret
from integrations.errors import ConflictError
from integrations.models.user import User
from integrations.platform_roles import may_view

ISSUER: Final = "Signalbox"
RECOVERY_CODES: Final = 10
_KEY_BYTES: Final = 20  # as long as the hash, as RFC 4226 recommends
_RECOVERY_BYTES: Final = 10  # 80 bits: nobody guesses one, so that a quick hash protects it
_DIGITS: Final = 6
_STEP_SECONDS: Final = 30
_DRIFT: Final = (0, -1, 1)  # steps by which a telephone's clock may be off
_LONGEST_WAIT: Final = timedelta(minutes=5)


class WrongCodeError(Exception):
    """The code is wrong, used up, or of no device."""


class TooSoonError(Exception):
    """A wrong code was given a moment ago: the next one counts in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Wait {seconds} s.")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class SetUp:
    """What an authenticator app needs: the key for typing, and the same as an `otpauth://` address for scanning."""

    key: str = field(repr=False)
    address: str = field(repr=False)


def has_device(user: User) -> bool:
    """Whether this person's log-in has a second step."""
    return StaffDevice.objects.filter(user=user, confirmed_at__isnull=False).exists()


def second_step_is_missing(user: object) -> bool:
    """Whether this site requires a second step (`REQUIRE_STAFF_TOTP`) which this member of the staff has not set up."""
    return bool(settings.REQUIRE_STAFF_TOTP) and isinstance(user, User) and may_view(user) and not has_device(user)


def begin_set_up(*, user: User) -> SetUp:
    """Make a fresh key for a person, in place of one that was never confirmed.

    Raises ConflictError when there is a confirmed device: that has to be turned off first.
    """
    key = base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two beginnings at once: the later one's key counts
        if has_device(user):
            raise ConflictError("Two-step log-in is set up already: turn it off first.")
        StaffDevice.objects.filter(user=user).delete()
        StaffDevice.objects.create(user=user, key=key)
    return _set_up(user, Secret(key))


def pending_set_up(*, user: User) -> SetUp | None:
    """Return what was begun and not confirmed yet, for showing the same page once more."""
    device = StaffDevice.objects.filter(user=user, confirmed_at=None).first()
    return None if device is None else _set_up(user, device.key)


def confirm_set_up(*, actor: Actor, user: User, code: str) -> list[str]:
    """Turn the second step on and return the recovery codes, which are shown this once.

    Ends the person's other sessions: they were opened with a password alone. Raises WrongCodeError.
    """
    with transaction.atomic():
        device = StaffDevice.objects.select_for_update().filter(user=user, confirmed_at=None).first()
        step = _matching_step(device, _compact(code)) if device else None
        if device is None or step is None:
            raise WrongCodeError
        StaffDevice.objects.filter(pk=device.pk).update(confirmed_at=timezone.now(), last_step=step)
        codes = _replace_recovery_codes(device)
        end_sessions(user)
        record_activity(actor=actor, verb="two_step.enabled", target=user, tenant_id=None)
    return codes


def verify(*, user: User, code: str) -> None:
    """Use up a code of the app, or a recovery code. Two requests with the same code: one of them is refused.

    Opens its own transaction, so that a wrong code is remembered whatever the caller does. Raises WrongCodeError, and
    TooSoonError without looking at the code.
    """
    now = timezone.now()
    compact = _compact(code)
    with transaction.atomic(durable=True):
        device = StaffDevice.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).first()
        if device is None:
            raise WrongCodeError
        if device.next_try_at is not None and device.next_try_at > now:
            raise TooSoonError(1 + int((device.next_try_at - now).total_seconds()))
        is_right = _use_up(device, compact, now, user)
        if not is_right:
            StaffDevice.objects.filter(pk=device.pk).update(
                failures=F("failures") + 1, next_try_at=now + _wait_after(device.failures + 1)
            )
    if not is_right:
        raise WrongCodeError


def replace_recovery_codes(*, actor: Actor, user: User) -> list[str]:
    """Make ten new recovery codes in place of all others. Raises ConflictError when there is no device."""
    with transaction.atomic():
        device = StaffDevice.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).first()
        if device is None:
            raise ConflictError("Two-step log-in is not set up.")
        codes = _replace_recovery_codes(device)
        record_activity(actor=actor, verb="two_step.recovery_codes_replaced", target=user, tenant_id=None)
    return codes


def remove_device(*, actor: Actor, user: User) -> bool:
    """Turn the second step off, with what was begun and not confirmed; False when there was nothing to remove."""
    with transaction.atomic():
        device = StaffDevice.objects.select_for_update().filter(user=user).first()
        if device is None:
            return False
        device.delete()
        if device.confirmed_at is None:
            return False
        end_sessions(user)
        record_activity(actor=actor, verb="two_step.disabled", target=user, tenant_id=None)
    return True


def end_sessions(user: User) -> None:
    """End all sessions and tokens of a person, in the caller's transaction."""
    User.objects.filter(pk=user.pk).update(session_version=F("session_version") + 1)
    user.refresh_from_db(fields=["session_version"])


def _set_up(user: User, key: Secret) -> SetUp:
    totp = TOTP(_key_bytes(key), _DIGITS, SHA1(), _STEP_SECONDS)  # noqa: S303  (what every authenticator app speaks)
    return SetUp(key.reveal(), totp.get_provisioning_uri(user.get_username(), ISSUER))


def _use_up(device: StaffDevice, code: str, now: datetime, user: User) -> bool:
    rows = StaffDevice.objects.filter(pk=device.pk)
    step = _matching_step(device, code)
    if step is not None:
        return bool(rows.update(last_step=step, failures=0, next_try_at=None))
    stored = RecoveryCode.objects.filter(device=device, used_at=None, code_hmac=_hmac(device, code))
    if not stored.update(used_at=now):
        return False
    rows.update(failures=0, next_try_at=None)
    record_activity(actor=Actor.of(user), verb="two_step.recovery_code_used", target=user, tenant_id=None)
    return True


def _matching_step(device: StaffDevice, code: str) -> int | None:
    """Return the unused time step whose code this is."""
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    hotp = HOTP(_key_bytes(device.key), _DIGITS, SHA1())  # noqa: S303
    current = int(time.time()) // _STEP_SECONDS
    # All are computed and compared, so that the time taken tells nothing.
    matching = [
        step
        for step in (current + drift for drift in _DRIFT)
        if hmac.compare_digest(hotp.generate(step), code.encode())
    ]
    return next((step for step in matching if step > device.last_step), None)


def _replace_recovery_codes(device: StaffDevice) -> list[str]:
    device.recovery_codes.all().delete()
    codes = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode("ascii") for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(device=device, code_hmac=_hmac(device, code)) for code in codes)
    return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]


def _hmac(device: StaffDevice, code: str) -> str:
    return salted_hmac("signalbox.recovery-code", f"{device.pk}:{code}", algorithm="sha256").hexdigest()


def _key_bytes(key: Secret) -> bytes:
    return base64.b32decode(key.reveal())


def _compact(code: str) -> str:
    """Return a code without the spaces and hyphens that people copy or type."""
    return "".join(character for character in code if character.isalnum()).upper()


def _wait_after(failures: int) -> timedelta:
    return min(timedelta(seconds=2 ** min(failures - 1, 16)), _LONGEST_WAIT)
