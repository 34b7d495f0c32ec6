"""No module makes outgoing requests past the egress guard."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUARD = "integrations/egress/"
CLIENTS = {
    "aiohttp", "boto3", "ftplib", "http.client", "httpcore", "httplib2", "httpx", "imaplib", "poplib", "pycurl", "requests", "smtplib",
    "stripe", "telnetlib", "twilio", "urllib.request", "urllib3", "websocket", "websockets", "xmlrpc.client",
}  # fmt: skip
# Calls that open a connection, whatever they are called on.
CONNECTING = {"create_connection", "create_unix_connection", "open_connection", "open_unix_connection", "sock_connect"}
ALLOWED = {
    "analytics/alerts/channel_kinds/email.py": {"smtplib"},  # catches what Django's mail back end raises
    "analytics/alerts/channel_kinds/signed_webhook.py": {"requests"},  # catches what the guarded session raises
    "analytics/alerts/channel_kinds/slack.py": {"requests"},
    "config/supervisor.py": {"http.client"},  # asks the web server that it has started itself whether it is ready
    "integrations/services/invitation_mails.py": {"smtplib"},  # catches what Django's mail back end raises
}


def ways_out(source: str) -> Iterator[str]:
    """Yield the HTTP clients that `source` imports, and the calls by which it connects."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            names = []
            if called in CONNECTING:
                yield called
            elif called in {"import_module", "__import__"}:
                names = [str(part.value) for part in node.args if isinstance(part, ast.Constant)]
        else:
            continue
        yield from {client for name in names for client in CLIENTS if name == client or name.startswith(f"{client}.")}


def modules() -> dict[str, str]:
    rooms = {path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / "tests"}
    files = [ROOT / "manage.py", *(path for room in rooms for path in room.rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in files}


def test_no_module_outside_the_guard_connects_by_itself() -> None:
    found = {
        path: ways - ALLOWED.get(path, set())
        for path, source in modules().items()
        if not path.startswith(GUARD) and (ways := set(ways_out(source)))
    }

    assert {path: ways for path, ways in found.items() if ways} == {}


def test_exceptions_are_still_needed() -> None:
    sources = modules()

    assert {path: set(ways_out(sources[path])) for path in ALLOWED} == ALLOWED


def test_modules_are_those_of_all_rooms() -> None:
    paths = set(modules())

    assert {
        "manage.py",
        "integrations/egress/session.py",
        "webhooks/engine/webhook_sender.py",
        "config/settings.py",
    } <= paths
    assert not any(path.startswith("tests/") for path in paths)


@pytest.mark.parametrize(
    ("source", "way"),
    [
        ("import requests", "requests"),
        ("import requests.adapters as a", "requests"),
        ("from requests import get", "requests"),
        ("from urllib import request", "urllib.request"),
        ("import urllib.request", "urllib.request"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("import http.client", "http.client"),
        ("from http import client", "http.client"),
        ("from aiohttp import ClientSession", "aiohttp"),
        ("def later():\n    import httpx", "httpx"),
        ("import socket\nsocket.create_connection(('a', 1))", "create_connection"),
        ("import asyncio\nasyncio.open_connection('a', 1)", "open_connection"),
        ("import importlib\nimportlib.import_module('requests')", "requests"),
    ],
)
def test_ways_out_finds(source: str, way: str) -> None:
    assert list(ways_out(source)) == [way]


@pytest.mark.parametrize(
    "source", ["from http import HTTPStatus", "from urllib.parse import urlsplit", "import requestsx", "import socket"]
)
def test_ways_out_passes_over(source: str) -> None:
    assert list(ways_out(source)) == []
