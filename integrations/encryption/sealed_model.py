"""The base of models with encrypted fields: binds what is loaded, and writes a secret only when it was assigned."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any, ClassVar, Self
from uuid import UUID

from django.core import checks
from django.db import models, router, transaction

from integrations.encryption import data_keys
from integrations.encryption.encrypted_field import UNSAVED, EncryptedField, refuse
from integrations.encryption.place import Place

_LOADED_ROW = "_loaded_row"
_LOADED_TENANT = "_loaded_tenant"  # missing when the row was loaded without its tenant


class SealedModel(models.Model):
    """A model with encrypted fields, a UUID primary key and, unless it is the platform's, a tenant.

    - A loaded value is bound to its row and tenant in `from_db`; saving a row whose id or tenant changed encrypts
      its values anew.
    - `save()` writes an encrypted column only when it was assigned, so that a stale object cannot undo a rotation
      of the secret by somebody else, and an unreadable value survives every other change byte for byte.
    - A row that is loaded without its tenant but with a secret (`only("auth_token")`) costs one query more.
    """

    encryption_tenant_field: ClassVar[str | None] = "tenant_id"
    """The attribute that holds the tenant's id, null for the platform. None: all rows are the platform's."""

    class Meta:
        abstract = True

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if UNSAVED in state:
            state[UNSAVED] = dict(state[UNSAVED])  # a copy of the object must not share what is unsaved
        return state

    def save(
        self,
        *,
        force_insert: bool | tuple[models.base.ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Save as Django does, except for encrypted columns that were not assigned: those stay as they are.

        Opens a transaction of its own when there is none, because the data key is locked until the commit.

        Raises:
            FieldError: the tenant was changed, and `update_fields` names a secret but not the tenant.
            DatabaseError: the row was deleted meanwhile; it is not inserted again from an object without its secrets.
            KeyNotAtHandError, UnreadableSecretError: a value that has to be encrypted anew cannot be opened.
        """
        using = using or router.db_for_write(type(self), instance=self)
        names = None if update_fields is None else set(update_fields)
        if not self._state.adding and not force_insert and self._state.db == using and self.pk is not None:
            names = self._names_to_save(names)
        with transaction.atomic(using=using, savepoint=False), data_keys.one_lock_per_tenant():
            super().save(force_insert=force_insert, force_update=force_update, using=using, update_fields=names)
        if self._has_tenant_at_hand():
            self.remember_identity()

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        loaded = instance.__dict__
        loaded.pop(UNSAVED, None)
        fields = [field for field in encrypted_fields(cls) if loaded.get(field.attname) is not None]
        row = loaded[_LOADED_ROW] = _uuid(instance.pk)
        attribute = cls.encryption_tenant_field
        if attribute is None or attribute in loaded:
            tenant = loaded[_LOADED_TENANT] = instance.sealed_identity()[1]
        elif fields:
            tenant = cls._base_manager.using(db).values_list(attribute, flat=True).get(pk=row)
        for field in fields:
            place = Place(field.model._meta.label, field.name, None, row, tenant)
            loaded[field.attname] = field.bound(loaded[field.attname], place)
        return instance

    def sealed_identity(self) -> tuple[UUID, UUID | None]:
        """Return what the row's values are bound to as the object is now: its primary key and its tenant's id."""
        attribute = self.encryption_tenant_field
        tenant = getattr(self, attribute) if attribute is not None else None
        return _uuid(self.pk), None if tenant is None else _uuid(tenant)

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        names = None if fields is None else set(fields)
        super().refresh_from_db(using=using, fields=names, from_queryset=from_queryset)
        unsaved = self.__dict__.get(UNSAVED, {})
        for field in encrypted_fields(type(self)):
            if names is None or field.name in names:
                unsaved.pop(field.attname, None)
        if self._has_tenant_at_hand() and (
            names is None or names & {self.encryption_tenant_field, self._tenant_field_name()}
        ):
            self.remember_identity()

    def _names_to_save(self, names: set[str] | None) -> set[str] | None:
        """Return the fields that a save of this existing row writes; None for all."""
        fields = encrypted_fields(type(self))
        if self._is_moved_to_another_tenant():
            if names is None or self._tenant_field_name() in names:
                for field in fields:
                    getattr(self, field.attname)  # a deferred one has to be encrypted anew as well
                return None if names is None else names | {field.name for field in fields}
            for field in fields:
                if field.name in names:
                    refuse(field, "the object moved to another tenant, and update_fields leaves the tenant out")
            return names
        if self._is_another_row():
            return names
        unsaved = self.__dict__.get(UNSAVED, {})
        untouched = {field.name for field in fields if field.attname not in unsaved}
        if names is not None:
            return names - untouched
        if not untouched:
            return None
        loaded = {field.name for field in self._meta.concrete_fields if field.attname in self.__dict__}
        return {name for name in loaded - untouched if not self._is_fixed(name)}

    def _has_tenant_at_hand(self) -> bool:
        return self.encryption_tenant_field is None or self.encryption_tenant_field in self.__dict__

    def remember_identity(self) -> None:
        """Take the row and the tenant as the object has them now for those that are stored."""
        self.__dict__[_LOADED_ROW], self.__dict__[_LOADED_TENANT] = self.sealed_identity()

    def _is_moved_to_another_tenant(self) -> bool:
        if not self._has_tenant_at_hand():
            return False
        # Loaded without its tenant, which was then assigned: nobody knows what it was, so it counts as another.
        return _LOADED_TENANT not in self.__dict__ or self.__dict__[_LOADED_TENANT] != self.sealed_identity()[1]

    def _is_another_row(self) -> bool:
        return self.__dict__.get(_LOADED_ROW) != _uuid(self.pk)

    def _tenant_field_name(self) -> str:
        attribute = self.encryption_tenant_field
        return next((field.name for field in self._meta.concrete_fields if field.attname == attribute), "")

    def _is_fixed(self, name: str) -> bool:
        field = self._meta.get_field(name)
        return bool(getattr(field, "primary_key", False) or getattr(field, "generated", False))

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        messages = list(super().check(**kwargs))
        if not isinstance(cls._meta.pk, models.UUIDField):
            messages.append(
                checks.Error(
                    "A SealedModel needs a UUID primary key that is known before the row is inserted.",
                    obj=cls,
                    id="integrations.E032",
                )
            )
        if cls.encryption_tenant_field is not None and not _has_column(cls, cls.encryption_tenant_field):
            messages.append(
                checks.Error(
                    f"{cls.encryption_tenant_field} is no column of this model.", obj=cls, id="integrations.E033"
                )
            )
        return messages


@cache
def encrypted_fields(model: type[models.Model]) -> tuple[EncryptedField[Any, Any], ...]:
    """Return the encrypted fields of a model."""
    return tuple(field for field in model._meta.concrete_fields if isinstance(field, EncryptedField))


def _has_column(model: type[models.Model], attribute: str) -> bool:
    return any(field.attname == attribute for field in model._meta.concrete_fields)


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
