"""The secret of an integration's own OAuth app is replaced without a gap: the one before it stays in its slot for a while."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.providers.base import Provider
from integrations.providers.oauth2 import oauth2_of
from integrations.services.integration_values import Merged


def keep_previous_secret(
    provider: Provider, *, merged: Merged, given: Mapping[str, object], stored: Mapping[str, object]
) -> Merged:
    """Put the client secret that is being replaced into its slot, unless the request says what belongs there.

    It is tried where the new one is not accepted yet, and goes once the new one has got a token
    (`oauth_outcomes.store_renewed`), or with the client secret itself.
    """
    declared = oauth2_of(provider)
    if declared is None or declared.client_secret_field not in merged.changed:
        return merged
    name, old = declared.previous_secret_field, stored.get(declared.client_secret_field)
    is_known = any(field.name == name for field in provider.fields)
    is_said = name in given and (given[name] is None or bool(str(given[name]).strip()))
    if not is_known or (is_said and declared.client_secret_field in merged.config):
        return merged
    config = {key: value for key, value in merged.config.items() if key != name}
    if declared.client_secret_field in config and isinstance(old, Secret):
        with suppress(UnreadableSecretError):
            config[name] = Secret(old.reveal())  # sealed anew: what is sealed belongs to its field
    is_other = (name in config or name in stored) and name not in merged.changed
    return Merged(config, [*merged.changed, name] if is_other else merged.changed)
