"""A process with users of one token: `python -m tests.integrations.oauth.token_users INTEGRATION USERS`.

Says `ready`, waits for a line, lets all of them ask at once, and prints a hash of each token that they got.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import django

django.setup()

from django.db import connection  # noqa: E402

from integrations.models import Integration  # noqa: E402
from integrations.providers import registry  # noqa: E402
from integrations.services.oauth_tokens import access_token  # noqa: E402


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    registry.PROVIDERS["ledger"] = "tests.integrations.oauth.ledger.ledger"
    integration, users = Integration.objects.get(id=sys.argv[1]), int(sys.argv[2])
    barrier = threading.Barrier(users)

    def use(_: int) -> str:
        try:
            barrier.wait(timeout=20)
            return sha256(access_token(integration).encode()).hexdigest()
        finally:
            connection.close()

    say("ready")
    sys.stdin.readline()
    with ThreadPoolExecutor(users) as pool:
        for found in pool.map(use, range(users)):
            say(f"token {found}")
