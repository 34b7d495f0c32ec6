from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

import config.logging
from config.logging import logging_configuration, register_secret, register_secret_pattern, scrub_text
from integrations.encryption.secret import Secret

Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log() -> Iterator[Log]:
    """Log as in production, and read the lines back."""
    written = io.StringIO()
    logging.config.dictConfig(logging_configuration(level="INFO", as_json=True))
    (handler,) = (handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler)
    handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging.config.dictConfig(settings.LOGGING)


@pytest.fixture
def own_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_registered_patterns", "_registered_values"):
        monkeypatch.setattr(config.logging, name, list(getattr(config.logging, name)))


def test_writes_one_json_object_per_event(log: Log) -> None:
    structlog.get_logger("signalbox.test").info("webhook_called", status=200)

    (line,) = log()
    assert {key: line[key] for key in ("event", "status", "level", "logger")} == {
        "event": "webhook_called",
        "status": 200,
        "level": "info",
        "logger": "signalbox.test",
    }
    assert line["timestamp"].endswith("Z")


def test_adds_what_is_bound_to_the_context_when_the_standard_library_logs(log: Log) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logging.getLogger("some.library").warning("slow: %s ms", 12)

    (line,) = log()
    assert (line["event"], line["request_id"], line["level"]) == ("slow: 12 ms", "r-1", "warning")


@pytest.mark.parametrize(
    "key",
    ["password", "access_token", "Authorization", "api_key", "apiKey", "app_secret", "ENCRYPTION_KEY", "set-cookie"],
)
def test_hides_values_whose_name_says_secret(log: Log, key: str) -> None:
    structlog.get_logger().info("saved", **{key: "hunter2"}, nested={"config": [{key: "hunter2"}]})

    (line,) = log()
    assert line[key] == "***"
    assert line["nested"] == {"config": [{key: "***"}]}


def test_hides_secret_objects_wherever_they_are(log: Log) -> None:
    structlog.get_logger().info("saved", value=Secret("EAATopSecret123"), values=(Secret("EAATopSecret123"),))
    logging.getLogger("plain").warning("value %s %r", Secret("EAATopSecret123"), Secret("EAATopSecret123"))

    assert "TopSecret" not in json.dumps(log())
    assert len(log()) == 2


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("sent Authorization: Bearer abc.DEF-123 to n8n", "sent Authorization: Bearer *** to n8n"),
        ("basic dXNlcjpwYXNz", "basic ***"),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signed with whsec_***"),
        ("{'password': 'hun\"ter2', 'name': 'x'}", "{'password': '***', 'name': 'x'}"),
        ('{"access_token": "EAAT", "to": "y"}', '{"access_token": "***", "to": "y"}'),
        ("GET /hook?token=abc&x=1", "GET /hook?token=***&x=1"),
        ("postgresql://app:pw@db/x failed", "postgresql://app:***@db/x failed"),
        ("redis://:pw@redis:6379/0", "redis://:***@redis:6379/0"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "token *** end"),
        (f"GET /x/sb_live_{'a1B2' * 4}_{'s' * 49} 404", f"GET /x/sb_live_{'a1B2' * 4}_*** 404"),
        (f"a typing mistake: sb_live_{'a1B2' * 4}_{'s' * 40}-", f"a typing mistake: sb_live_{'a1B2' * 4}_***-"),
        (f"which key it was: sb_live_{'a1B2' * 4}", None),
        ("nothing to hide: 200 in 12 ms at http://127.0.0.1:8000/x", None),
        ("keys=3 rows=4 name='x'", None),
    ],
)
def test_hides_what_looks_like_a_secret_in_text(text: str, clean: str | None) -> None:
    assert scrub_text(text) == (text if clean is None else clean)


def test_hides_secrets_in_tracebacks_and_never_shows_local_variables(log: Log) -> None:
    def fail(value: str) -> None:
        raise RuntimeError(f"refused: Bearer sk-live-123456 ({len(value)})")

    try:
        fail("never in" + " a traceback")
    except RuntimeError:
        logging.getLogger("plain").exception("failed")
        structlog.get_logger().exception("failed too")

    for line in log():
        assert "RuntimeError: refused: Bearer *** (20)" in line["exception"]
        assert "sk-live" not in json.dumps(line)
        assert "never in a traceback" not in line["exception"]
    assert len(log()) == 2


@pytest.mark.usefixtures("own_patterns")
def test_hides_registered_values_and_patterns(log: Log) -> None:
    register_secret("sup3r-database-pw")
    register_secret("short")
    register_secret_pattern(r"AC[0-9a-f]{32}", "AC***")

    structlog.get_logger().info("sup3r-database-pw short", account="AC" + "0" * 32)

    (line,) = log()
    assert (line["event"], line["account"]) == ("*** short", "AC***")


def test_hides_this_installations_own_keys() -> None:
    assert scrub_text(f"key {settings.SECRET_KEY} and {settings.ENCRYPTION_KEY}") == "key *** and ***"


def test_survives_values_that_are_no_json(log: Log) -> None:
    structlog.get_logger().info("odd", value=object, deep={"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}})

    assert log()[0]["value"] == "<class 'object'>"


FRAGMENTS = st.sampled_from(
    [
        "Bearer ",
        "basic ",
        "whsec_",
        "eyJ",
        "password",
        "api-key",
        "PRIVATE_KEY",
        "=",
        ": ",
        '"',
        "'",
        "://",
        "u:p@",
        "abcdef",
    ]
)


@given(st.lists(FRAGMENTS | st.text(max_size=8), max_size=12).map("".join))
def test_the_quick_look_lets_nothing_go_that_a_pattern_would_change(text: str) -> None:
    thorough = text
    for pattern, replacement in config.logging._patterns:
        thorough = pattern.sub(replacement, thorough)
    assert scrub_text(text) == thorough
