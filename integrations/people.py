"""Finding people's accounts, which belong to no tenant."""

from __future__ import annotations

from django.db.models import Value
from django.db.models.functions import Lower

from integrations.models import User


def user_by_email(email: str) -> User | None:
    """Return the account with this address in whatever case, active or not. Read as the owner, outside any scope."""
    # Lower-cased by the database on both sides, as its unique index does; `iexact` would not use that.
    return User.objects.alias(lower_email=Lower("email")).filter(lower_email=Lower(Value(email))).first()
