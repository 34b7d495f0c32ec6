"""`manage.py generate_encryption_key`: a fresh ENCRYPTION_KEY."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from integrations.encryption.cipher import KEY_BYTES


class Command(BaseCommand):
    help = "Print a fresh ENCRYPTION_KEY: 64 random hexadecimal characters. Stores nothing; needs no key itself."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(secrets.token_hex(KEY_BYTES))
