"""A process of the site as the rotation tests need it: `python -m tests.integrations.encryption.site_process MODE DATABASE`.

It talks on standard output, a word per line, and ends when its standard input is closed. Its keys are in the environment.
- `write`: reports a heartbeat and writes secrets of all tenants until it ends, then counts what did not open.
- `rotate`: replaces all data keys and says after each step how many values it has moved; with STEPWISE set it waits for
  a line on its standard input before the next.
- `destroy`: destroys the retired data keys and says how many were destroyed and kept.
- `read`: opens every secret once, as a service would, and counts what happened.
- `beat`: reports a heartbeat, forks, and lets the child report too.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading

import django
from django.conf import settings


def main(mode: str, database: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    {"write": write, "rotate": rotate, "destroy": destroy, "read": read, "beat": beat}[mode]()


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201


def write() -> None:
    from integrations.encryption.data_keys import forget_data_keys
    from integrations.encryption.errors import EncryptionError
    from integrations.encryption.heartbeat import start_heartbeat
    from integrations.encryption.secret import Secret
    from integrations.isolation.scope import tenant_scope
    from tests.integrations.encryption.stored_values import HEADER
    from webhooks.models import Webhook

    start_heartbeat("worker", beat_seconds=0.2)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    mine = list(Webhook.objects.filter(workflow_name=f"of-{os.environ['WRITER']}"))
    failures = []
    rounds = 0
    while not ended.is_set():
        for webhook in mine:
            value = secrets.token_hex(16)
            forget_data_keys()  # so that the wrapped key is read from the database at every step
            try:
                with tenant_scope(webhook.tenant_id):
                    webhook.auth_token = value
                    webhook.description = value
                    webhook.headers = {**webhook.headers, "X-Round": Secret(value)}  # beside one that is kept
                    webhook.save()
                forget_data_keys()
                with tenant_scope(webhook.tenant_id):
                    loaded = Webhook.objects.get(pk=webhook.pk)
                    assert loaded.auth_token is not None
                    assert loaded.auth_token.reveal() == value
                    assert loaded.headers["X-Round"].reveal() == value
                    assert loaded.headers["X-Key"].reveal() == HEADER
            except EncryptionError as error:
                failures.append(repr(error))
        rounds += 1
        say("round")
    say(json.dumps({"rounds": rounds, "failures": failures}))


def rotate() -> None:
    from integrations.activity.actor import Actor
    from integrations.services.data_key_rotation import rotate_data_keys

    for progress in rotate_data_keys(actor=Actor.system("tests"), batch_size=2):
        say(str(progress.values_moved))
        if os.environ.get("STEPWISE") and not sys.stdin.readline():
            return
    say(json.dumps({"unreadable": progress.unreadable, "unfinished": progress.unfinished}))


def destroy() -> None:
    from integrations.activity.actor import Actor
    from integrations.services.data_key_destruction import destroy_retired_keys

    done = destroy_retired_keys(actor=Actor.system("tests"))
    say(json.dumps({"destroyed": len(done.destroyed), "kept": len(done.kept)}))


def read() -> None:
    from integrations.encryption.errors import KeyNotAtHandError, UnreadableSecretError
    from integrations.encryption.unreadable import mark_unreadable
    from integrations.models import Integration

    counts = {"opened": 0, "not at hand": 0, "marked": 0}
    for integration in Integration.objects.all():
        try:
            integration.config["access_token"].reveal()
            counts["opened"] += 1
        except KeyNotAtHandError:
            counts["not at hand"] += 1
        except UnreadableSecretError as error:
            counts["marked"] += mark_unreadable(error)
    say(json.dumps(counts))


def beat() -> None:
    from integrations.encryption.heartbeat import start_heartbeat

    start_heartbeat("web", beat_seconds=0.05)
    child = os.fork()
    sys.stdin.read()
    if child:
        os.waitpid(child, 0)
    # The child leaves through sys.exit, too, so both run their exit handlers.


if __name__ == "__main__":
    main(*sys.argv[1:])
