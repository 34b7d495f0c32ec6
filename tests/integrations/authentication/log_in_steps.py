"""Steps that the tests of logging in share."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from typing import Any

from django.conf import settings
from django.test import Client
from redis import Redis
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.authentication import two_step
from integrations.models import StaffDevice, User

PASSWORD = "a long enough passphrase"


def forget_failures() -> None:
    shared: dict[str, Any] = settings.CACHES["shared"]
    client = Redis.from_url(shared["LOCATION"])
    for key in client.scan_iter("signalbox:log-in-failures:*"):
        client.delete(key)


def person(name: str = "grace", role: str = "owner") -> User:
    return User.objects.create_user(name, f"{name}@example.com", PASSWORD, platform_role=role)


def code_of(user: User, *, at: float | None = None) -> str:
    """Return what the person's app shows."""
    key = base64.b32decode(StaffDevice.objects.get(user=user).key.reveal())
    return app_shows(key, time.time() if at is None else at)


def app_shows(key: bytes, at: float, digits: int = 6) -> str:
    """Work out a code as RFC 4226 and RFC 6238 say, with other code than the site's."""
    mac = hmac.digest(key, struct.pack(">Q", int(at) // 30), "sha1")
    start = mac[-1] & 0xF
    number = struct.unpack(">I", mac[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def set_up_device(user: User) -> list[str]:
    """Turn the second step on and return the recovery codes; the code that it took is of the step before last."""
    two_step.begin_set_up(user=user)
    codes = two_step.confirm_set_up(actor=Actor.of(user), user=user, code=code_of(user))
    StaffDevice.objects.filter(user=user).update(last_step=0)
    return codes


def by_form(client: Client, *, password: str = PASSWORD, username: str = "grace", address: str = "127.0.0.1") -> Any:
    return client.post("/admin/login/", {"username": username, "password": password}, REMOTE_ADDR=address)


def by_api(*, address: str = "127.0.0.1", username: str = "grace", password: str = PASSWORD, **more: str) -> Any:
    body = {"username": username, "password": password, **more}
    return APIClient(REMOTE_ADDR=address).post("/api/auth/token", body)
