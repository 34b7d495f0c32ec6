"""How many requests a tenant's credentials may make: per API key, and per tenant over all of them.

Every request with a valid credential counts as one, whatever comes of it; a batch of events is one request too, so that
a backend with much to say has a way to say it within its limit. A refused request (429) uses up nothing. The limits
protect the site, not a secret: while Redis is away every request passes, and the log says so.

Answers say where the limits stand in the headers of draft-ietf-httpapi-ratelimit-headers-11 (May 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, NoReturn
from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from integrations.sliding_window import Limit, SlidingWindow, Standing

WINDOW_SECONDS: Final = 3600
_WHOSE: Final = {"key": "This API key's", "tenant": "The tenant's"}


def count_request(request: Request) -> None:
    """Count a tenant's request against its limits, and note the headers that say where they stand.

    Raises Throttled (429 with Retry-After) when one of them is used up.
    """
    access: Any = request.auth
    policy = _policy(access.tenant.id, access.api_key_id, access.requests_per_hour, settings.TENANT_REQUESTS_PER_HOUR)
    if not policy.limits:
        return
    headers = {"RateLimit-Policy": policy.header}
    taken = _counts(settings.REDIS_PY_URL).take(policy.limits)
    if taken is not None:
        headers["RateLimit"] = ", ".join(_standing(standing, allowed=taken.allowed) for standing in taken.standings)
    request._request.rate_limit_headers = headers  # type: ignore[attr-defined]
    if taken is not None and not taken.allowed:
        _refuse(taken.standings)


@dataclass(frozen=True, slots=True)
class _Policy:
    """The limits of a credential, and the header that tells them."""

    limits: tuple[Limit, ...]
    header: str


@lru_cache(maxsize=4096)
def _policy(tenant_id: UUID, key_id: UUID | None, of_key: int | None, of_tenant: int) -> _Policy:
    # In a cluster one script sees only keys that are kept together: those with the same text in braces are.
    place = f"signalbox:requests:{{{tenant_id}}}"
    limits = []
    if key_id is not None and of_key:
        limits.append(Limit("key", f"{place}:key:{key_id}", of_key))
    if of_tenant:
        limits.append(Limit("tenant", place, of_tenant))
    header = ", ".join(f'"{limit.name}";q={limit.count};w={WINDOW_SECONDS}' for limit in limits)
    return _Policy(tuple(limits), header)


@cache
def _counts(url: str) -> SlidingWindow:
    return SlidingWindow(url, window=WINDOW_SECONDS)


def _standing(standing: Standing, *, allowed: bool) -> str:
    seconds = standing.window_ends_in if allowed or not standing.is_used_up else standing.wait
    return f'"{standing.limit.name}";r={standing.remaining};t={seconds}'


def _refuse(standings: Sequence[Standing]) -> NoReturn:
    longest = max(standings, key=lambda standing: standing.wait)
    refusal: Any = Throttled(
        detail=f"{_WHOSE[longest.limit.name]} {longest.limit.count:,} requests of an hour are used up: wait "
        f"{longest.wait} seconds."
    )
    refusal.wait = longest.wait  # given to the constructor, it would be told twice
    raise refusal
