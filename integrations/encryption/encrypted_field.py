"""What both encrypted fields share: assignment, storage through `pre_save` alone, and every refusal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from django.core import checks
from django.core.exceptions import FieldError
from django.db import models, transaction
from django.db.models.constants import OnConflict
from django.db.models.expressions import Col
from django.db.models.lookups import IsNull, Lookup
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.compiler import SQLCompiler, SQLUpdateCompiler

from integrations.encryption.place import Place

SetType = TypeVar("SetType", contravariant=True)
GetType = TypeVar("GetType", covariant=True)

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _Field = models.Field
else:
    _Field = Generic  # a mixin: the field class itself is the next base

UNSAVED = "_unsaved_secrets"
"""Key in an instance's `__dict__`: by attname, the values that were assigned and are not yet committed."""


class Storable:
    """A database value that `pre_save` made. Nothing else is accepted for an encrypted column."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class EncryptedAttribute(DeferredAttribute):
    """Turns what is assigned into secrets and remembers that it was assigned."""

    field: Any

    def __set__(self, instance: models.Model, value: Any) -> None:
        attname = self.field.attname
        values = instance.__dict__
        held = self.field.held(value)
        if attname in values and values[attname] is held:
            return  # `full_clean()` assigns what it read: not a change
        values[attname] = held
        values.setdefault(UNSAVED, {})[attname] = held


class _EncryptedCol(Col):
    """The column in a query: may be selected and tested for NULL, never copied into another column."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        if isinstance(compiler, SQLUpdateCompiler):
            refuse(self.target, "F() of it would copy a ciphertext that opens in no other place")
        return super().as_sql(compiler, connection)


class _EncryptedIsNull(IsNull):
    def process_lhs(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, lhs: Any = None) -> Any:
        column = lhs or self.lhs
        if isinstance(column, _EncryptedCol):  # also in the WHERE of an update, where the column itself refuses
            column = Col(column.alias, column.target, column.output_field)
        return super().process_lhs(compiler, connection, column)


class EncryptedField(_Field[SetType, GetType]):
    """Mixin for a field whose column holds ciphertext. See `docs/explanation/encryption.md`.

    Only `pre_save` makes storable values, since only there the row is known to which they are bound. Whatever goes
    around it (`update()`, `bulk_update()`, expressions, lookups) raises FieldError with the way out.
    """

    descriptor_class = EncryptedAttribute
    empty_strings_allowed = False  # without a default the value is None, which NOT NULL refuses, and not ""

    def held(self, value: Any) -> Any:
        """Return what the instance holds after `value` was assigned; TypeError when it cannot be held."""
        raise NotImplementedError

    def bound(self, value: Any, place: Place) -> Any:
        """Return a value that was just loaded, bound to its row."""
        raise NotImplementedError

    def sealed(self, value: Any, place: Place) -> Any:
        """Return an assigned or loaded value encrypted for `place`, inside the transaction that will store it."""
        raise NotImplementedError

    def stored(self, value: Any) -> Any:
        """Return the stored form of a sealed value: text, or a JSON object. None when it is not sealed."""
        raise NotImplementedError

    def is_dumped(self, value: Any) -> bool:
        """Whether a value comes from a fixture."""
        raise NotImplementedError

    # --- Writing ----------------------------------------------------------------------------------------------

    def pre_save(self, model_instance: models.Model, add: bool) -> Storable | None:
        from integrations.encryption.sealed_model import SealedModel

        value = getattr(model_instance, self.attname)
        if not isinstance(model_instance, SealedModel):
            if value is None:
                return None
            refuse(self, "a historical model, which has lost its base class, cannot write it")
        if add:
            model_instance.remember_identity()  # for bulk_create(), which passes save() by
        if value is None:
            return None
        if self.is_dumped(value):
            refuse(self, "ciphertext from a fixture is stored by loaddata only")
        row, tenant = model_instance.sealed_identity()
        sealed = self.sealed(value, Place(self.model._meta.label, self.name, None, row, tenant))
        # Until the commit the value counts as unsaved: after a rollback the next save() must write it again.
        model_instance.__dict__[self.attname] = sealed
        model_instance.__dict__.setdefault(UNSAVED, {})[self.attname] = sealed
        transaction.on_commit(partial(_committed, model_instance, self.attname, sealed))
        return Storable(self.stored(sealed))

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        return self.get_db_prep_value(value, connection)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None:
            return None
        if self.is_dumped(value):
            value = Storable(self.stored(value))
        if not isinstance(value, Storable):
            refuse(self, f"a {type(value).__name__} reached the database layer without being encrypted for a row")
        return self.adapted(value.value, connection)

    def adapted(self, stored: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the stored form as the database driver takes it."""
        return stored

    def get_placeholder(self, value: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> str:
        query: Any = compiler.query
        if (
            getattr(query, "on_conflict", None) == OnConflict.UPDATE
            and self in query.update_fields
            and not any(field.primary_key for field in query.unique_fields)
        ):
            refuse(
                self,
                "bulk_create(update_conflicts=True) would write it into a row whose id is not the one it is "
                "encrypted for, unless unique_fields has the primary key",
            )
        return "%s"

    # --- Querying ---------------------------------------------------------------------------------------------

    def get_col(self, alias: str, output_field: models.Field[Any, Any] | None = None) -> Col:
        return _EncryptedCol(alias, self, output_field)

    @property
    def cached_col(self) -> Col:
        return _EncryptedCol(self.model._meta.db_table, self)

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        if lookup_name == "isnull":
            return _EncryptedIsNull
        raise FieldError(
            f"{self._title()} is encrypted: it cannot be looked up by {lookup_name!r}, only by isnull. "
            f"Load the objects and compare with Secret.matches()."
        )

    def get_transform(self, lookup_name: str) -> NoReturn:
        self.get_lookup(lookup_name)
        raise FieldError(f"{self._title()} is encrypted: only isnull may be asked of it.")

    # --- Forms, dumps, checks ---------------------------------------------------------------------------------

    def formfield(self, *args: Any, **kwargs: Any) -> None:
        """No model form shows an encrypted field by itself: a secret's form field is written by hand."""
        return

    def value_to_string(self, obj: models.Model) -> Any:
        """Return the ciphertext for a dump."""
        value = self.value_from_object(obj)
        stored = self.stored(value)
        if value is not None and stored is None:
            refuse(self, "it was assigned and not saved, and a dump carries ciphertext only")
        return stored

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        from integrations.encryption.sealed_model import SealedModel

        messages = list(super().check(**kwargs))
        if not issubclass(self.model, SealedModel):
            messages.append(
                checks.Error(
                    "A model with an encrypted field must derive from SealedModel.",
                    hint="Only SealedModel binds loaded values to their row.",
                    obj=self,
                    id="integrations.E030",
                )
            )
        if self.has_default() and self.get_default():
            messages.append(
                checks.Error("The default of an encrypted field must be empty.", obj=self, id="integrations.E031")
            )
        return messages

    def _title(self) -> str:
        return f"{self.model._meta.label}.{self.name}"


def refuse(field: models.Field[Any, Any], reason: str) -> NoReturn:
    """Raise the error that names the field and the way out."""
    raise FieldError(
        f"{field.model._meta.label}.{field.name} is encrypted: {reason}. "
        f"Assign the value to a loaded object and call save()."
    )


def _committed(instance: models.Model, attname: str, sealed: Any) -> None:
    unsaved = instance.__dict__.get(UNSAVED, {})
    if unsaved.get(attname) is sealed:  # else it was assigned again after the save
        del unsaved[attname]
