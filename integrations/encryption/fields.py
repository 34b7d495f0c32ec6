"""Encrypted model fields. Their models derive from `SealedModel`.

A column holds `v1:{data key id}:{iv}:{tag}:{ciphertext}`; Python code holds `Secret` objects. Why, and what is
refused: `docs/explanation/encryption.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.fields.json import JSONField

from integrations.encryption.encrypted_field import EncryptedField, GetType, SetType, refuse
from integrations.encryption.place import Place
from integrations.encryption.sealed_mapping import DumpedMapping, SealedMapping
from integrations.encryption.sealed_model import SealedModel
from integrations.encryption.sealed_secret import DumpedSecret, SealedSecret, is_stored_form, seal
from integrations.encryption.secret import Secret

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Expression

    _TextField = models.TextField
    _JSONField = JSONField
else:
    # Django's fields take type arguments in the stubs, but not when the program runs.
    _TextField = {(SetType, GetType): models.TextField}
    _JSONField = {(SetType, GetType): JSONField}

__all__ = ["EncryptedJSONField", "EncryptedTextField", "SealedModel"]


class EncryptedTextField(EncryptedField[SetType, GetType], _TextField[SetType, GetType]):
    """A text whose column holds ciphertext. Takes `str` or `Secret`, gives `Secret` (or None where `null=True`)."""

    if TYPE_CHECKING:
        _pyi_private_set_type: str | Secret  # type: ignore[assignment]
        _pyi_private_get_type: Secret  # type: ignore[assignment]

    description = "Encrypted text"

    def held(self, value: Any) -> Secret | None:
        if value is None or isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        if hasattr(value, "resolve_expression"):
            refuse(self, "an expression is computed by the database, which has no key")
        raise TypeError(f"{self.name} takes a str or a Secret, not {type(value).__name__}.")

    def bound(self, value: SealedSecret, place: Place) -> SealedSecret:
        return value.bound_to(place)

    def sealed(self, value: Secret, place: Place) -> SealedSecret:
        return _sealed(self, value, place)

    def stored(self, value: Secret | None) -> str | None:
        return value.stored if isinstance(value, SealedSecret) else None

    def is_dumped(self, value: Any) -> bool:
        return isinstance(value, DumpedSecret)

    def from_db_value(
        self, value: str | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> SealedSecret | None:
        return SealedSecret(value) if value is not None else None

    def to_python(self, value: Any) -> Secret | None:
        """Take a fixture's text for ciphertext. Plain text in a fixture stays an unsealed secret: saving it raises."""
        if isinstance(value, str) and is_stored_form(value):
            return DumpedSecret(value)
        return self.held(value)


class EncryptedJSONField(EncryptedField[SetType, GetType], _JSONField[SetType, GetType]):
    """A JSON object in which every value that is a `Secret` is encrypted on its own; the others stay in clear.

    Takes any mapping with `str` keys, gives a read-only mapping. A secret is stored as `{"$encrypted": "v1:…"}`,
    with its key in the authenticated data, so that two values of one row cannot be swapped.
    """

    if TYPE_CHECKING:
        _pyi_private_set_type: Mapping[str, Any]
        _pyi_private_get_type: SealedMapping

    description = "JSON object with encrypted values"

    def held(self, value: Any) -> SealedMapping | None:
        if value is None or isinstance(value, SealedMapping):
            return value
        if isinstance(value, Mapping):
            return SealedMapping(value)
        if hasattr(value, "resolve_expression"):
            refuse(self, "an expression is computed by the database, which has no key")
        raise TypeError(f"{self.name} takes a mapping, not {type(value).__name__}.")

    def bound(self, value: SealedMapping, place: Place) -> SealedMapping:
        def bind(key: str, secret: Secret) -> Secret:
            return secret.bound_to(place._replace(key=key)) if isinstance(secret, SealedSecret) else secret

        return value.with_secrets(bind)

    def sealed(self, value: SealedMapping, place: Place) -> SealedMapping:
        return value.with_secrets(lambda key, secret: _sealed(self, secret, place._replace(key=key)))

    def stored(self, value: SealedMapping | None) -> dict[str, Any] | None:
        if value is None or any(
            isinstance(item, Secret) and not isinstance(item, SealedSecret) for item in value.values()
        ):
            return None
        return value.document(lambda secret: secret.stored if isinstance(secret, SealedSecret) else "")

    def is_dumped(self, value: Any) -> bool:
        return isinstance(value, DumpedMapping)

    def adapted(self, stored: Any, connection: BaseDatabaseWrapper) -> Any:
        return connection.ops.adapt_json_value(stored, self.encoder)

    def from_db_value(
        self, value: str | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> SealedMapping | None:
        document = super().from_db_value(value, expression, connection)
        return SealedMapping.read(document, SealedSecret) if isinstance(document, dict) else document

    def to_python(self, value: Any) -> SealedMapping | None:
        """Take a fixture's object for a stored one, its encrypted values for ciphertext."""
        if isinstance(value, str):  # Django parses an XML fixture's JSON only after this
            raise TypeError(f"{self.name} cannot be loaded from an XML fixture: dump it as JSON.")
        return DumpedMapping.read(value, DumpedSecret) if isinstance(value, dict) else self.held(value)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        # The JSON test of JSONField would try to serialise the secrets.
        clear = {key: item for key, item in value.items() if not isinstance(item, Secret)} if value else value
        super().validate(clear, model_instance)


def _sealed(field: EncryptedField[Any, Any], secret: Secret, place: Place) -> SealedSecret:
    if isinstance(secret, SealedSecret) and secret.place is None:
        refuse(field, "a secret from values() belongs to no row and cannot be moved")
    return seal(secret, place)
