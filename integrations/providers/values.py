"""The values of one integration, opened for the length of a call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from integrations.encryption.secret import Secret

if TYPE_CHECKING:
    from integrations.providers.base import Provider


class Values(Mapping[str, str]):
    """What an adapter reads: the fields that have a value, in clear. Its repr shows names alone; it is not kept.

    A field that is left out and declares a default has that.
    """

    __slots__ = ("_secret_names", "_values")

    def __init__(self, provider: Provider, values: Mapping[str, str]) -> None:
        defaults = {field.name: field.default for field in provider.fields if field.default}
        self._values = {**defaults, **{name: value for name, value in values.items() if value}}
        self._secret_names = frozenset(self._values) - {field.name for field in provider.public_fields}

    @classmethod
    def revealed(cls, provider: Provider, config: Mapping[str, object]) -> Values:
        """Open a stored configuration. Raises EncryptionError when a secret cannot be read."""
        return cls(
            provider,
            {
                name: value.reveal() if isinstance(value, Secret) else str(value)
                for name, value in config.items()
                if value is not None
            },
        )

    def object(self, name: str) -> dict[str, str]:
        """Return the entries of a field of the kind OBJECT; none when it has no value."""
        return {str(key): str(value) for key, value in json.loads(self._values.get(name) or "{}").items()}

    def secrets(self) -> Iterator[str]:
        """Yield everything that must not be shown, each entry of an object by itself."""
        for name in self._secret_names:
            value = self._values[name]
            yield value
            if value.startswith("{"):
                try:
                    yield from self.object(name).values()
                except (ValueError, AttributeError):
                    continue

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Values({', '.join(sorted(self._values))})"
