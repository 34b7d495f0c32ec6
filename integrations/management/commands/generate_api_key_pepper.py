"""`manage.py generate_api_key_pepper`: a fresh API_KEY_PEPPER."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from integrations.api_keys.hashing import PEPPER_BYTES


class Command(BaseCommand):
    help = "Print a fresh API_KEY_PEPPER: 64 random hexadecimal characters. Stores nothing; needs no key itself."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(secrets.token_hex(PEPPER_BYTES))
