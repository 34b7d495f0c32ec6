"""Whether this process can start: do its keys fit the database?"""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count

from integrations.encryption.keyring import keyring, keyring_problems
from integrations.encryption.models import DataKey, DataKeyState


def encryption_problems() -> list[str]:
    """Return what is wrong with the encryption keys, a sentence each; empty when all is well.

    Looks at the settings and, when the database answers and is migrated, at which master keys its data keys need.
    A database that does not answer is somebody else's problem and none of these.
    """
    if problems := keyring_problems():
        return problems
    try:
        needed = _fingerprints_in_use()
    except (OperationalError, InterfaceError):
        return []
    known = keyring()
    missing = {fingerprint: count for fingerprint, count in needed.items() if not known.knows(fingerprint)}
    if not missing:
        return []
    return [
        f"{sum(missing.values())} of {sum(needed.values())} data keys in the database are wrapped by another master key "
        f"({', '.join(missing)}) than this environment has ({', '.join(known.fingerprints)}): set ENCRYPTION_KEY to it, "
        f"or list it in ENCRYPTION_KEYS_PREVIOUS."
    ]


def _fingerprints_in_use() -> dict[str, int]:
    """Return how many data keys each master key wraps; nothing before the first migration."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [DataKey._meta.db_table])
        if not cursor.fetchone()[0]:
            return {}
    keys = DataKey.objects.exclude(state=DataKeyState.DESTROYED).order_by("master_fingerprint")
    return dict(keys.values_list("master_fingerprint").annotate(count=Count("id")))
