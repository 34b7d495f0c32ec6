"""GitHub, as a receiver of this site sees it: signed requests, several at a time, each with an id of its own."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import secrets
import threading
from types import TracebackType
from typing import Self
from uuid import uuid4

import requests

SENDERS = 8
ANSWER_SECONDS = 15
PAUSE_AFTER_FAILURE = 0.1


class GitHubStream:
    """Usage: `with GitHubStream(url, secret) as stream`; it sends until the block ends.

    What is not answered 200 is sent again under the same id, as somebody redelivers it, but for every second one:
    GitHub itself sends only once.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = url, secret
        self._numbers = itertools.count()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, name="github", daemon=True) for _ in range(SENDERS)]
        self.answered: set[str] = set()
        """The ids of what was answered 200."""
        self.left: set[str] = set()
        """Those of what failed and was not sent again."""
        self.repeated = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(2 * ANSWER_SECONDS)

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._ending.is_set():
                number = next(self._numbers)
                self._deliver(session, number, str(uuid4()))

    def _deliver(self, session: requests.Session, number: int, guid: str) -> None:
        while not self._is_taken(session, number, guid):
            if number % 2 or self._ending.is_set():
                self.left.add(guid)
                return
            self.repeated += 1
            self._ending.wait(PAUSE_AFTER_FAILURE)
        self.answered.add(guid)

    def _is_taken(self, session: requests.Session, number: int, guid: str) -> bool:
        body = json.dumps({"action": "opened", "number": number, "guid": guid}).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "pull_request",
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": "sha256=" + hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest(),
        }
        try:
            return session.post(self._url, data=body, headers=headers, timeout=ANSWER_SECONDS).status_code == 200
        except requests.RequestException:
            self._ending.wait(PAUSE_AFTER_FAILURE)
            return False


def new_secret() -> str:
    return secrets.token_hex(32)
