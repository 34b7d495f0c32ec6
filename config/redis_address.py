"""One Redis, two spellings of its address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit


def redis_py_url(url: str) -> str:
    """Return the URL for redis-py: Celery writes sockets as `redis+socket:///path?virtual_host=1`, redis-py differently."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0].lstrip("/")
    return f"unix://{parts.netloc}{parts.path}?db={database}"
