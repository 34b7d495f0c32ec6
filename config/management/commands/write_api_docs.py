"""The pages of `docs/api` that follow from the OpenAPI documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.api_docs.pages import FOLDERS, pages


class Command(BaseCommand):
    help = "Write docs/api/platform and docs/api/v1 from the OpenAPI documents, and remove pages that are no more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--folder", type=Path, default=settings.BASE_DIR / "docs" / "api")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        written = {folder / name: text for name, text in pages().items()}
        for path, text in written.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for audience in FOLDERS.values():
            for path in set((folder / audience).glob("*.md")) - set(written):
                path.unlink()
        self.stdout.write(f"Wrote {len(written)} pages below {folder}.")
