"""What the environment says, and what the settings make of it in a fresh process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import Environment

ROOT = Path(__file__).resolve().parents[2]
KEY = "0f" * 32
PRODUCTION = {
    "ENVIRONMENT": "production",
    "APP_URL": "https://signalbox.example.com",
    "SECRET_KEY": "s" * 60,
    "ENCRYPTION_KEY": KEY,
    "API_KEY_PEPPER": "2d" * 32,
    "DATABASE_URL": "postgresql://signalbox:pw@db.example.com/signalbox",
    "REDIS_URL": "redis://redis.example.com:6379/0",
}


def settings_in(environment: dict[str, str], *names: str) -> dict[str, object]:
    """Import the settings in a process that has only this environment; returns the named ones and the problems."""
    code = (
        "import json, sys; from config import settings\n"
        "print(json.dumps({n: getattr(settings, n) for n in sys.argv[1:]}, default=str))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "CONFIGURATION_PROBLEMS", *names],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(done.stdout))


def test_text_returns_the_default_when_unset_or_blank() -> None:
    assert Environment({}).text("NAME", default="x") == "x"
    assert Environment({"NAME": "  "}).text("NAME", default="x") == "x"


def test_text_reads_a_mounted_file_without_its_last_newline(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")
    environment = Environment({"NAME_FILE": str(secret)})
    assert environment.text("NAME") == "from the file"
    assert environment.problems == []


def test_unreadable_file_is_a_problem_that_names_variable_and_path(tmp_path: Path) -> None:
    environment = Environment({"NAME_FILE": str(tmp_path / "absent")})
    assert environment.text("NAME", default="x") == "x"
    assert environment.problems == [
        f"NAME_FILE names {tmp_path / 'absent'}, which cannot be read: No such file or directory."
    ]


def test_second_name_is_read_when_the_first_is_unset() -> None:
    assert Environment({"OLD": "value"}).text("NEW", "OLD") == "value"


def test_two_names_may_agree() -> None:
    environment = Environment({"NEW": "same", "OLD": "same"})
    assert environment.text("NEW", "OLD") == "same"
    assert environment.problems == []


def test_two_names_that_differ_are_a_problem_without_the_values() -> None:
    environment = Environment({"NEW": "value-a", "OLD": "value-b"})
    environment.text("NEW", "OLD")
    assert environment.problems == ["NEW and OLD are both set and differ: keep one of them."]


def test_integer_that_is_none_is_a_problem_and_keeps_the_default() -> None:
    environment = Environment({"PORT": "eight"})
    assert environment.integer("PORT", 8000) == 8000
    assert environment.problems == ["PORT must be a whole number."]


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("Yes", True), ("off", False), ("false", False)])
def test_boolean_reads_the_usual_words(raw: str, value: bool) -> None:
    assert Environment({"FLAG": raw}).boolean("FLAG", default=not value) is value


def test_boolean_of_another_word_is_a_problem() -> None:
    environment = Environment({"FLAG": "maybe"})
    assert environment.boolean("FLAG", default=True) is True
    assert environment.problems == ["FLAG must be true or false."]


def test_items_splits_at_commas_and_drops_blanks() -> None:
    assert Environment({"KEYS": " a, ,b,"}).items("KEYS") == ["a", "b"]


def test_complete_production_environment_has_no_problem() -> None:
    found = settings_in(PRODUCTION, "DEBUG", "ALLOWED_HOSTS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE")
    assert found == {
        "CONFIGURATION_PROBLEMS": [],
        "DEBUG": False,
        "ALLOWED_HOSTS": ["signalbox.example.com"],
        "SECURE_SSL_REDIRECT": True,
        "SESSION_COOKIE_SECURE": True,
    }


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_production_without_a_server_is_a_problem(name: str) -> None:
    found = settings_in({key: value for key, value in PRODUCTION.items() if key != name})
    assert found["CONFIGURATION_PROBLEMS"] == [f"{name} is not set: production never runs on the embedded servers."]


def test_all_problems_are_collected_in_one_start() -> None:
    found = settings_in(
        {
            "ENVIRONMENT": "production",
            "APP_URL": "http://x",
            "LOG_LEVEL": "LOUD",
            "PORT": "x",
            "DOCUMENTATION_URL": "javascript:x",
        }
    )
    problems = " ".join(found["CONFIGURATION_PROBLEMS"])  # type: ignore[arg-type]
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "APP_URL", "LOG_LEVEL", "PORT", "DOCUMENTATION_URL"):
        assert f"{name} " in problems


def test_database_of_another_kind_is_a_problem() -> None:
    found = settings_in(PRODUCTION | {"DATABASE_URL": "sqlite:///db.sqlite3"})
    assert found["CONFIGURATION_PROBLEMS"] == ["DATABASE_URL must name a PostgreSQL server (postgresql://…)."]


def test_two_encryption_keys_that_differ_are_a_problem() -> None:
    found = settings_in(PRODUCTION | {"INTEGRATION_ENCRYPTION_KEY": "1e" * 32})
    assert found["CONFIGURATION_PROBLEMS"] == [
        "ENCRYPTION_KEY and INTEGRATION_ENCRYPTION_KEY are both set and differ: keep one of them."
    ]


def test_older_names_of_the_keys_are_read() -> None:
    environment = {name: value for name, value in PRODUCTION.items() if name not in {"SECRET_KEY", "ENCRYPTION_KEY"}}
    environment |= {"SESSION_SECRET": "t" * 60, "INTEGRATION_ENCRYPTION_KEY": KEY}
    found = settings_in(environment, "SECRET_KEY", "ENCRYPTION_KEY")
    assert found == {"CONFIGURATION_PROBLEMS": [], "SECRET_KEY": "t" * 60, "ENCRYPTION_KEY": KEY}


def test_without_a_pepper_nothing_starts() -> None:
    environment = {name: value for name, value in PRODUCTION.items() if name != "API_KEY_PEPPER"}
    assert settings_in(environment)["CONFIGURATION_PROBLEMS"] == [
        "API_KEY_PEPPER is not set: `manage.py generate_api_key_pepper` prints a new one."
    ]


def test_malformed_pepper_is_a_problem_that_does_not_show_it() -> None:
    said = ["API_KEY_PEPPER and each of API_KEY_PEPPER_PREVIOUS must be 64 hexadecimal characters (32 bytes)."]
    assert settings_in(PRODUCTION | {"API_KEY_PEPPER": "short"})["CONFIGURATION_PROBLEMS"] == said
    previous = {"API_KEY_PEPPER_PREVIOUS": f"{KEY},short"}
    assert settings_in(PRODUCTION | previous)["CONFIGURATION_PROBLEMS"] == said


@pytest.mark.parametrize(
    ("days", "payload_days", "problems"),
    [
        ("", "", []),
        ("30", "", []),
        ("8", "3", []),
        ("7", "3", ["ANALYTICS_RETENTION_DAYS must be between 8 (what is held lives for a week) and 3650."]),
        ("30", "31", ["ANALYTICS_PAYLOAD_RETENTION_DAYS must be between 3 and ANALYTICS_RETENTION_DAYS."]),
        ("30", "2", ["ANALYTICS_PAYLOAD_RETENTION_DAYS must be between 3 and ANALYTICS_RETENTION_DAYS."]),
    ],
)
def test_retention_that_is_too_short_or_contradicts_itself_is_a_problem(
    days: str, payload_days: str, problems: list[str]
) -> None:
    given = {"ANALYTICS_RETENTION_DAYS": days, "ANALYTICS_PAYLOAD_RETENTION_DAYS": payload_days}
    assert settings_in(PRODUCTION | given)["CONFIGURATION_PROBLEMS"] == problems


@pytest.mark.parametrize(
    ("content_days", "days", "is_right"),
    [
        ("", "", True),
        ("3", "3", True),
        ("30", "3650", True),
        ("2", "", False),
        ("31", "30", False),
        ("", "3651", False),
    ],
)
def test_messages_are_kept_at_least_as_long_as_what_they_said(content_days: str, days: str, is_right: bool) -> None:
    given = {"MESSAGE_CONTENT_DAYS": content_days, "MESSAGE_RETENTION_DAYS": days}
    said = "MESSAGE_CONTENT_DAYS must be at least 3 and at most MESSAGE_RETENTION_DAYS, and that at most 3650."
    assert settings_in(PRODUCTION | given)["CONFIGURATION_PROBLEMS"] == ([] if is_right else [said])


def test_mounted_secrets_are_read_by_the_settings(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    environment = {name: value for name, value in PRODUCTION.items() if name != "ENCRYPTION_KEY"}
    found = settings_in(environment | {"ENCRYPTION_KEY_FILE": str(tmp_path / "key")}, "ENCRYPTION_KEY")
    assert found == {"CONFIGURATION_PROBLEMS": [], "ENCRYPTION_KEY": KEY}


def test_process_ends_with_a_sentence_per_problem_when_the_environment_is_wrong(tmp_path: Path) -> None:
    environment = {name: PRODUCTION[name] for name in ("ENVIRONMENT", "APP_URL", "SECRET_KEY", "API_KEY_PEPPER")}
    for command in (
        ["-m", "config.startup"],
        ["-m", "gunicorn", "--config", "config/gunicorn_conf.py", "--bind", "127.0.0.1:0"],
        ["-m", "celery", "-A", "config", "worker", "--concurrency", "1"],
        ["-m", "celery", "-A", "config", "beat", "--schedule", str(tmp_path / "schedule")],
    ):
        done = subprocess.run(
            [sys.executable, *command],
            env={"PATH": os.environ["PATH"], **environment},
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1, command
        refusals = [line for line in done.stderr.splitlines() if line.startswith("Signalbox does not start: ")]
        assert "DATABASE_URL is not set" in refusals[0], command
        assert "REDIS_URL is not set" in refusals[1], command
        assert any("ENCRYPTION_KEY" in line for line in refusals[2:]), command
        assert "Traceback" not in done.stderr, command


def test_every_variable_is_documented_in_the_example() -> None:
    source = (ROOT / "config" / "settings.py").read_text()
    read = set(re.findall(r'env\.(?:text|integer|boolean|items|parsed)\(\s*"([A-Z_]+)"', source))
    read |= {"SESSION_SECRET", "INTEGRATION_ENCRYPTION_KEY"}
    example = (ROOT / ".env.example").read_text()
    assert len(read) > 15
    assert [name for name in sorted(read) if not re.search(rf"^{name}=$|^# .*\b{name}\b", example, re.MULTILINE)] == []


def test_example_copied_as_it_stands_changes_nothing() -> None:
    values = [line.partition("=") for line in (ROOT / ".env.example").read_text().splitlines() if line[:1] not in "#"]
    assert {value for _, _, value in values} == {""}
    names = ("PORT", "APP_URL", "LOG_LEVEL", "TENANT_ROLE", "ENGINE_SHUTDOWN_GRACE_SECONDS", "ENVIRONMENT")
    blank = {name: "" for name, _, _ in values if name}
    assert settings_in(blank | {"SECRET_KEY": "x"}, *names) == settings_in({"SECRET_KEY": "x"}, *names)
