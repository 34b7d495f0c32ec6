"""Logs: one structured line per event, JSON in production, and no secret in any of them.

Lines of structlog and of the standard library take the same way, whose last step before writing is `scrub`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final

import structlog

SCRUBBED: Final = "***"
_MAX_DEPTH: Final = 6

_SECRET_KEY: Final = re.compile(
    r"passw(?:or)?d|passphrase|passwd|secret|token|authori[sz]ation|api[_-]?key|private[_-]?key|encryption[_-]?key"
    r"|credential|cookie|session[_-]?key|signature",
    re.IGNORECASE,
)
# Without what may stand before the word, and bounded: a long line of words must not take seconds.
_NAMES: Final = (
    r"(?:passw(?:or)?d|secret|token|api[_-]?key|authorization|private[_-]?key|encryption[_-]?key)[\w-]{0,40}"
)
_patterns: Final[list[tuple[re.Pattern[str], str]]] = [
    (re.compile(r"\b(Bearer|Basic|Token)\s+[A-Za-z0-9+/=._~:-]{6,}", re.IGNORECASE), rf"\1 {SCRUBBED}"),
    # The start of an API key, which is public, stays: it says which one it was.
    (re.compile(r"(sb_live_[0-9A-Za-z]{1,40})_[0-9A-Za-z]+"), rf"\1_{SCRUBBED}"),
    (re.compile(r"\bsb_invite_[A-Za-z0-9_-]+"), f"sb_invite_{SCRUBBED}"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), f"whsec_{SCRUBBED}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,200}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), SCRUBBED),
    # {"password": "x"}, password='x', password=x, ?token=x&…
    (re.compile(rf"""({_NAMES}["']?\s*[:=]\s*)(["'])(?:\\.|(?!\2).)*\2""", re.IGNORECASE), rf"\1\2{SCRUBBED}\2"),
    (re.compile(rf"""({_NAMES}=)[^\s&"',;)}}\]]+""", re.IGNORECASE), rf"\1{SCRUBBED}"),
    # scheme://user:password@host
    (re.compile(r"(://[^\s/:@]*):[^\s/@]+@"), rf"\1:{SCRUBBED}@"),
]
# No pattern above matches a text without one of these: a single pass lets most values go.
_SUSPICIOUS: Final = re.compile(
    r"bearer|basic|token|sb_live_|whsec_|sb_invite_|eyj|passw|secret|api[_-]?key|authorization|private|encryption|://",
    re.IGNORECASE,
)
_registered_patterns: Final[list[tuple[re.Pattern[str], str]]] = []
_registered_values: Final[list[str]] = []


def register_secret_pattern(pattern: str, replacement: str = SCRUBBED) -> None:
    """Have every match of a regular expression replaced in all log lines of this process from now on."""
    _registered_patterns.append((re.compile(pattern), replacement))


def register_secret(value: str) -> None:
    """Have a value that this process holds, such as the database's password, replaced wherever it turns up."""
    if len(value) >= 6:  # anything shorter would blot out half of the log
        _registered_values.append(value)


def scrub_text(text: str) -> str:
    """Return `text` without what looks like a secret."""
    for value in _registered_values:
        if value in text:
            text = text.replace(value, SCRUBBED)
    for pattern, replacement in _registered_patterns:
        text = pattern.sub(replacement, text)
    if _SUSPICIOUS.search(text):
        for pattern, replacement in _patterns:
            text = pattern.sub(replacement, text)
    return text


def scrub(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: clean every value of a log line, the message and the formatted traceback among them."""
    for key, value in event.items():
        event[key] = _scrub_value(key, value, _MAX_DEPTH)
    return event


def _scrub_value(key: object, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(key, str) and _names_a_secret(key):
        return SCRUBBED
    if isinstance(value, str):
        return scrub_text(value)
    if depth and isinstance(value, Mapping):
        return {str(name): _scrub_value(name, inner, depth - 1) for name, inner in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_scrub_value(None, inner, depth - 1) for inner in value]
    # Everything else is written as text, so it is cleaned as text; a Secret's text shows nothing in the first place.
    return scrub_text(str(value))


@lru_cache(maxsize=1024)
def _names_a_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def logging_configuration(*, level: str, as_json: bool) -> dict[str, Any]:
    """Return the LOGGING setting, and set structlog up to write through the standard library.

    Tracebacks are formatted without local variables, which is where secrets are.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": "structlog.stdlib.ProcessorFormatter",
                "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    scrub,
                    renderer,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would write a second, unscrubbed copy.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # It logs at DEBUG what it signs, session tokens among it.
            "botocore": {"level": "WARNING"},
            # An answer of 4xx has its line in the access log.
            "django.request": {"level": "ERROR"},
            # At a lower level these write addresses, headers or statements with values.
            **{name: {"level": "WARNING"} for name in ("django.db.backends", "asyncio", "kombu")},
            "urllib3": {"level": "ERROR"},  # its warnings hold whole addresses, with what stands in their query
        },
    }
