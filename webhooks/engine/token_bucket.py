"""Rate limits: a token bucket in PostgreSQL, which the claim takes deliveries from, a slice at a time. SQL only.

It shapes: what finds no token waits in the queue, and nothing is dropped. The bucket fills at the limit and holds two
seconds' worth (one delivery at least), so that a minute sees at most a thirtieth more than the limit. Two claims at the
same moment may both take what is in it; what they took too much is a debt that later claims wait for.
"""

from __future__ import annotations

from typing import Final

BURST_SECONDS: Final = 2


def capacity(per_minute: str) -> str:
    """Return SQL for how much a bucket holds; `per_minute` is SQL for its limit."""
    return f"greatest(1, ({per_minute}) * {BURST_SECONDS} / 60.0)"


def tokens(bucket: str, per_minute: str) -> str:
    """Return SQL for what is in the bucket of this row now; one that was never used, or has no row, is full."""
    passed = f"greatest(0, extract(epoch FROM now() - {bucket}.rate_refilled_at))"
    filled = f"{bucket}.rate_tokens + {passed} * ({per_minute}) / 60.0"
    return f"least({capacity(per_minute)}, coalesce({filled}, {capacity(per_minute)}))"
