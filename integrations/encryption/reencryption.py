"""Finding the values of a data key, in whatever model they are, and moving them under the active one.

Which models have secrets is asked of the app registry each time, so that a new one cannot be forgotten. Nothing is
decrypted in order to be found: a stored value begins with the id of its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction

from integrations.encryption.cipher import DataKeyCipher, stored_prefix
from integrations.encryption.current_value import ENCRYPTED, holds_value, quoted
from integrations.encryption.data_keys import active_cipher
from integrations.encryption.encrypted_field import EncryptedField
from integrations.encryption.errors import UnboundSecretError, UnreadableSecretError
from integrations.encryption.fields import EncryptedJSONField, SealedModel
from integrations.encryption.models import DataKey
from integrations.encryption.sealed_mapping import SealedMapping
from integrations.encryption.sealed_secret import SealedSecret

Counts = dict[UUID, Counter[str]]
"""By the id of a data key: how many values of each model stand under it."""

_START = UUID(int=0)
_KEY_ID = "^v1:([0-9a-f]{32}):"
_SECRETS_IN_JSON = f'$.*."{ENCRYPTED}"'


@dataclass(slots=True)
class Moved:
    """What one pass did: values that stand under the active key now, and, by row, why others do not."""

    values: int = 0
    unreadable: dict[tuple[str, UUID], list[str]] = field(default_factory=dict)
    """By model and row. They name the field, never the value."""

    def add(self, other: Moved) -> None:
        self.values += other.values
        self.unreadable.update(other.unreadable)


class _Replacement(NamedTuple):
    column: EncryptedField[Any, Any]
    json_key: str | None
    old: str
    stored: str


def models_with_secrets() -> list[type[SealedModel]]:
    """Return every model of the project that has an encrypted column of its own."""
    models_of_the_project = (model for model in apps.get_models() if issubclass(model, SealedModel))
    found = [model for model in models_of_the_project if not model._meta.proxy and _columns(model)]
    return sorted(found, key=lambda model: model._meta.label)


def count_values() -> Counts:
    """Count all stored values of all tenants by their data key: one pass over each encrypted column."""
    counts: Counts = {}
    for model in models_with_secrets():
        for column in _columns(model):
            with connection.cursor() as cursor:
                cursor.execute(_count_sql(model, column))
                for key_id, number in cursor.fetchall():
                    counts.setdefault(UUID(key_id), Counter())[model._meta.label] += number
    return counts


def rows_under(model: type[SealedModel], key_id: UUID) -> models.QuerySet[Any]:
    """Return the rows of a model, whoever they belong to, that hold a value of this data key."""
    conditions, parameters = zip(*(_holds_key(column, key_id) for column in _columns(model)), strict=True)
    rows = model._base_manager.extra(where=[" OR ".join(conditions)], params=list(parameters))  # noqa: S610  (no input)
    return rows.order_by("pk")


def count_rows(key: DataKey) -> int:
    """Count the rows of the key's owner that hold a value of it."""
    return sum(_of_owner(model, key).count() for model in models_with_secrets())


def move_values(key: DataKey, *, batch_size: int) -> Iterator[Moved]:
    """Encrypt the values of a retired key anew under its owner's active one; report after each batch.

    One pass over the rows: those that somebody has locked are left to the next one. A batch is a transaction of its
    own, which locks what it reads and replaces exactly the ciphertext that it read; it may be stopped at any moment
    and run beside itself. `updated_at` and `version` stay, since nothing changed that anybody could see.

    Raises:
        KeyNotAtHandError: the owner has no active key any more (it was deleted), or a master key is missing.
    """
    for model in models_with_secrets():
        after = _START
        while True:
            moved, last, is_end = _move_batch(model, key, after=after, batch_size=batch_size)
            yield moved
            if is_end:
                break
            after = last


def _move_batch(model: type[SealedModel], key: DataKey, *, after: UUID, batch_size: int) -> tuple[Moved, UUID, bool]:
    moved = Moved()
    with transaction.atomic():
        cipher = active_cipher(key.tenant_id)  # before the rows, as a writer of secrets does
        rows = _of_owner(model, key).filter(pk__gt=after).select_for_update(skip_locked=True, no_key=True, of=("self",))
        batch = list(rows[:batch_size])
        for row in batch:
            moved.add(_move_row(row, key, cipher))
    return moved, batch[-1].pk if batch else after, len(batch) < batch_size


def _move_row(row: SealedModel, key: DataKey, cipher: DataKeyCipher) -> Moved:
    moved = Moved()
    replacements: list[_Replacement] = []
    problems: list[str] = []
    for column in _columns(type(row)):
        for json_key, secret in _secrets_under(row, column, key):
            try:
                replacements.append(_Replacement(column, json_key, secret.stored, _sealed_anew(secret, cipher)))
            except UnreadableSecretError as error:
                problems.append(str(error))
    if not (replacements or problems):
        problems.append(f"{row._meta.label} {row.pk} names the data key in what is no stored value.")
    if problems:
        moved.unreadable[row._meta.label, row.pk] = problems
    if replacements and _swap(row, replacements):
        moved.values = len(replacements)
    return moved


def _swap(row: SealedModel, replacements: list[_Replacement]) -> bool:
    """Replace values of a row in one statement; False when one of them is not what was read any more."""
    expressions: dict[str, str] = {}
    new: dict[str, list[Any]] = {}
    conditions, current = [f"{quoted(row._meta.pk)} = %s"], [row.pk]
    for column, json_key, old, stored in replacements:
        name = quoted(column)
        parameters = new.setdefault(name, [])
        if json_key is None:
            expressions[name] = "%s"
            parameters.append(stored)
        else:
            # Not the whole document: its clear values would come back from Python with other spellings.
            expressions[name] = f"jsonb_set({expressions.get(name, name)}, ARRAY[%s, %s], to_jsonb(%s::text))"
            parameters += [json_key, ENCRYPTED, stored]
        condition, is_read = holds_value(column, json_key, old)
        conditions.append(condition)
        current += is_read
    assignments = ", ".join(f"{name} = {expression}" for name, expression in expressions.items())
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_table(row)} SET {assignments}"  # noqa: S608  (names from the model)
            f" WHERE {' AND '.join(conditions)}",
            [*chain.from_iterable(new.values()), *current],
        )
        is_swapped: bool = cursor.rowcount == 1
        return is_swapped


def _sealed_anew(secret: SealedSecret, cipher: DataKeyCipher) -> str:
    if secret.place is None:
        raise UnboundSecretError("Only a secret that was loaded with its row can be encrypted anew.")
    return cipher.seal(secret.reveal(), secret.place.associated_data())


def _secrets_under(
    row: SealedModel, column: EncryptedField[Any, Any], key: DataKey
) -> Iterator[tuple[str | None, SealedSecret]]:
    value = getattr(row, column.attname)
    items: Sequence[tuple[str | None, Any]] = (
        list(value.items()) if isinstance(value, SealedMapping) else [(None, value)]
    )
    for json_key, secret in items:
        if isinstance(secret, SealedSecret) and secret.stored.startswith(stored_prefix(key.id)):
            yield json_key, secret


def _of_owner(model: type[SealedModel], key: DataKey) -> models.QuerySet[Any]:
    rows = rows_under(model, key.id)
    attribute = model.encryption_tenant_field
    if attribute is not None:
        return rows.filter(**{attribute: key.tenant_id})
    return rows if key.tenant_id is None else rows.none()


def _columns(model: type[models.Model]) -> list[EncryptedField[Any, Any]]:
    """Those of the model's own table: what it inherits from another table is found there."""
    return [column for column in model._meta.local_concrete_fields if isinstance(column, EncryptedField)]


def _holds_key(column: EncryptedField[Any, Any], key_id: UUID) -> tuple[str, str]:
    name = f"{_table(column.model)}.{quoted(column)}"
    if isinstance(column, EncryptedJSONField):
        path = f"{_SECRETS_IN_JSON} ? (@ starts with $prefix)"
        condition = f"jsonb_path_exists({name}, '{path}', jsonb_build_object('prefix', %s::text))"
        return condition, stored_prefix(key_id)
    return f"starts_with({name}, %s)", stored_prefix(key_id)


def _count_sql(model: type[SealedModel], column: EncryptedField[Any, Any]) -> str:
    values, value = _table(model), quoted(column)
    if isinstance(column, EncryptedJSONField):
        values, value = f"{values}, jsonb_path_query({value}, '{_SECRETS_IN_JSON}') AS secret", "secret #>> '{}'"
    key_id = f"substring({value} FROM '{_KEY_ID}')"
    return f"SELECT {key_id}, count(*) FROM {values} WHERE {key_id} IS NOT NULL GROUP BY 1"  # noqa: S608  (from the model)


def _table(model: models.Model | type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
