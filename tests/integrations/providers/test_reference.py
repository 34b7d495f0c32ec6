from __future__ import annotations

from pathlib import Path

from django.conf import settings

from integrations.providers.reference import reference_page


def test_page_in_the_repository_is_the_one_that_the_declarations_give() -> None:
    page = Path(settings.BASE_DIR, "docs/reference/providers.md").read_text(encoding="utf-8")
    assert page == reference_page(), (
        "renew it: python -m integrations.providers.reference > docs/reference/providers.md"
    )
