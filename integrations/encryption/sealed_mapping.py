"""What an `EncryptedJSONField` holds: a mapping that cannot be changed in place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from integrations.encryption.current_value import ENCRYPTED
from integrations.encryption.secret import Secret


class SealedMapping(Mapping[str, Any]):
    """A field's values: `Secret` objects and clear JSON values.

    Read-only, because a change in place could not be noticed and so would not be saved: assign a new mapping, such
    as `{**integration.config, "access_token": Secret("…")}`. Lists and objects among the clear values are handed
    out as copies.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Copy the values.

        Raises:
            TypeError: a key is no `str`, or a secret lies deeper than the first level, where it would not be encrypted.
            ValueError: a clear value looks like an encrypted one.
        """
        for key, value in values.items():
            if not isinstance(key, str):
                raise TypeError(f"Keys of an encrypted JSON field are str, not {type(key).__name__}.")
            if not isinstance(value, Secret):
                _refuse_hidden_secrets(key, value)
        self._values: dict[str, Any] = {key: copy.deepcopy(value) for key, value in values.items()}

    @classmethod
    def read(cls, document: Mapping[str, Any], secret_of: Callable[[str], Secret]) -> Self:
        """Build from the stored JSON object; `secret_of` makes a secret of the stored form of one."""
        mapping = cls.__new__(cls)
        mapping._values = {
            key: secret_of(value[ENCRYPTED]) if _is_encrypted(value) else value for key, value in document.items()
        }
        return mapping

    def with_secrets(self, replacement: Callable[[str, Secret], Secret]) -> SealedMapping:
        """Return a mapping in which each secret is what `replacement(key, secret)` returns."""
        mapping = SealedMapping.__new__(SealedMapping)
        mapping._values = {
            key: replacement(key, value) if isinstance(value, Secret) else value for key, value in self._values.items()
        }
        return mapping

    def document(self, stored_form_of: Callable[[Secret], str]) -> dict[str, Any]:
        """Return the JSON object to store."""
        return {
            key: {ENCRYPTED: stored_form_of(value)} if isinstance(value, Secret) else copy.deepcopy(value)
            for key, value in self._values.items()
        }

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        return copy.deepcopy(value) if isinstance(value, dict | list) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._values!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class DumpedMapping(SealedMapping):
    """A mapping from a fixture on its way into its row; only `loaddata` makes and stores these."""

    __slots__ = ()


def _is_encrypted(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {ENCRYPTED} and isinstance(value[ENCRYPTED], str)


def _refuse_hidden_secrets(key: str, value: Any) -> None:
    if _is_encrypted(value):
        raise ValueError(f"{key}: an object whose only key is {ENCRYPTED} is how a stored secret looks.")
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for item in inner:
        if isinstance(item, Secret):
            raise TypeError(f"{key}: a Secret is encrypted only as a direct value of the field, not inside {key}.")
        if not _is_encrypted(item):
            _refuse_hidden_secrets(key, item)
