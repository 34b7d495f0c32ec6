"""The lock-out of log-ins: how many failures a username and an address may have within a sliding window.

One count in Redis for the admin's form and the API together, and for all processes. An attempt takes its place in both
windows before the password is looked at, by one script, so that attempts at the same time cannot slip through together;
it gives the places back when it was right. Unlike every other limit this one refuses when Redis is away: without it,
passwords could be tried without end. Nothing here looks at whether the user exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Final, cast

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.ids import uuid7
from integrations.models.user import User

logger = structlog.get_logger(__name__)

_PREFIX: Final = "signalbox:log-in-failures:"
_IPV6_NETWORK: Final = 64  # what one customer of a provider has

# KEYS: the windows. ARGV: the window's length in ms, the attempt's name, each key's limit. Times are those of Redis,
# one clock for all hosts. Answers how long to wait, in ms, or 0 and then the positions of keys that are full by now.
_BEGIN: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[1])
local wait = 0
for i, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    local limit = tonumber(ARGV[2 + i])
    if redis.call('ZCARD', key) >= limit then
        local first = redis.call('ZRANGE', key, -limit, -limit, 'WITHSCORES')
        wait = math.max(wait, first[2] + window - now)
    end
end
if wait > 0 then
    return {wait}
end
local answer = {0}
for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, now, ARGV[2])
    redis.call('PEXPIRE', key, window)
    if redis.call('ZCARD', key) == tonumber(ARGV[2 + i]) then
        table.insert(answer, i)
    end
end
return answer
"""


class LockedOutError(Exception):
    """Too many failures for this username or from this address; the first place is free again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Locked for {seconds} s.")
        self.seconds = seconds


class LimitUnavailableError(Exception):
    """Redis does not answer, so nobody may try a password now."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place taken in the windows of a username and an address."""

    name: str
    username: str
    address: str | None
    last_places: frozenset[str]
    """The windows that this attempt filled."""


def begin_attempt(*, username: str, address: str | None) -> Attempt:
    """Take a place, before the password is looked at. End it by one of the three functions below.

    An attempt that is never ended counts as a failure. Raises LockedOutError and LimitUnavailableError.
    """
    name = uuid7().hex
    keys = [_user_key(username), _address_key(address)]
    limits = [settings.LOGIN_FAILURES_PER_USER, settings.LOGIN_FAILURES_PER_ADDRESS]
    wait, *full = _run(_BEGIN, keys, [settings.LOGIN_FAILURE_SECONDS * 1000, name, *limits])
    if wait:
        raise LockedOutError(max(1, -(-int(wait) // 1000)))
    return Attempt(name, username, address, frozenset(keys[position - 1] for position in full))


def attempt_failed(attempt: Attempt) -> None:
    """Leave the places taken. The failure that fills a window leaves an entry in the activity log."""
    logger.info("log_in_failed")  # with the address and the request's id, which the context has
    if _user_key(attempt.username) in attempt.last_places:
        # What people type as a username is sometimes a password: only a real user's name is written down.
        user = User.objects.filter(username=attempt.username).first()
        _record("login.locked_user", attempt, user.username if user else "no such user", user)
    if _address_key(attempt.address) in attempt.last_places:
        _record("login.locked_address", attempt, attempt.address or "unknown address", None)


def attempt_half_right(attempt: Attempt) -> None:
    """Give the places back, and forget nothing: the password was right, and a second step is still to come."""
    _delete(attempt, forget_user=False)


def attempt_succeeded(attempt: Attempt) -> None:
    """Give the places back and forget the failures of this username; those of the address stay."""
    _delete(attempt, forget_user=True)


def unlock(*, username: str | None = None, address: str | None = None) -> bool:
    """Forget the failures of a username or an address; False when there were none. Raises LimitUnavailableError."""
    keys = ([_user_key(username)] if username else []) + ([_address_key(address)] if address else [])
    try:
        return bool(_client().delete(*keys)) if keys else False
    except redis.RedisError as error:
        raise LimitUnavailableError from error


def unlock_by(*, actor: Actor, username: str | None = None, address: str | None = None) -> bool:
    """Unlock as `unlock` does, and leave an entry in the activity log when there was anything to forget."""
    if not unlock(username=username, address=address):
        return False
    kind, name = ("user", username) if username else ("address", address)
    record_activity(
        actor=actor, verb="login.unlocked", tenant_id=None, object_kind=kind, object_name=name, object_id=None
    )
    return True


def _delete(attempt: Attempt, *, forget_user: bool) -> None:
    user, address = _user_key(attempt.username), _address_key(attempt.address)
    try:
        client = _client()
        if forget_user:
            client.delete(user)
        else:
            client.zrem(user, attempt.name)
        client.zrem(address, attempt.name)
    except redis.RedisError as error:
        # The attempt was right; that it counts as a failure until the window has passed harms nobody.
        logger.warning("log_in_place_not_given_back", reason=type(error).__name__)


def _record(verb: str, attempt: Attempt, name: str, user: User | None) -> None:
    actor = Actor.system("log-in")
    logger.warning("log_in_locked", what=verb)
    record_activity(
        actor=Actor(actor.kind, None, actor.name, address=attempt.address, request_id=actor.request_id),
        verb=verb,
        tenant_id=None,
        target=user,
        object_kind="user" if verb == "login.locked_user" else "address",
        object_name=name,
    )


def _user_key(username: str) -> str:
    typed = username.strip().lower().encode("utf-8", "surrogatepass")
    return f"{_PREFIX}user:{hashlib.sha256(typed).hexdigest()}"  # it may be a password, typed into the wrong field


def _address_key(address: str | None) -> str:
    if address is None:
        return f"{_PREFIX}address:unknown"
    parsed = ip_address(address)
    # Who has one address of IPv6 has all of its network.
    of = ip_network(f"{parsed}/{_IPV6_NETWORK}", strict=False) if parsed.version == 6 else parsed
    return f"{_PREFIX}address:{of}"


def _run(script: str, keys: Sequence[str], arguments: Sequence[Any]) -> list[int]:
    try:
        answer: Any = _client().eval(script, len(keys), *keys, *arguments)
    except redis.RedisError as error:
        logger.error("log_in_limit_unavailable", reason=type(error).__name__)  # noqa: TRY400  (the reason is all)
        raise LimitUnavailableError from error
    return [int(number) for number in answer]


def _client() -> redis.Redis:
    shared = cast("dict[str, Any]", settings.CACHES["shared"])
    return _client_of(shared["LOCATION"])


@cache
def _client_of(url: str) -> redis.Redis:
    """Return this process's client, made when it is first needed; its pool connects anew after a fork."""
    return redis.Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5, retry=Retry(NoBackoff(), 0))
