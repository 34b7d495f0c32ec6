"""The fields in which OAuth2 keeps what it needs: an app of the customer's own, and the tokens that came from connecting."""

from __future__ import annotations

from typing import Final

from integrations.providers.base import Field

_VISIBLE: Final = r"[!-~]+"
_ALONE: Final = "Paste the {} alone: no spaces and no letters outside ASCII."
OWN_APP: Final = "An OAuth app of your own"
"""Beside what can be entered without connecting."""
_WITHOUT_SCHEME: Final = "Paste the token alone: no spaces, no “Bearer”, no letters outside ASCII."


def previous_secret_field(*, section: str = "", used_when: tuple[str, tuple[str, ...]] | None = None) -> Field:
    """Return the slot of the secret that the app had before: it is filled when the client secret is replaced."""
    return Field(
        name="client_secret_previous",
        label="Previous client secret",
        section=section,
        used_when=used_when,
        help="Tried where the new one is not accepted yet. Filled when the client secret is replaced, emptied once the new one "
        "has got a token.",
        example="example-previous-secret-for-documentation",
        pattern=_VISIBLE,
        pattern_message=_ALONE.format("client secret"),
        max_length=1000,
    )


def oauth_fields(
    *,
    client_id: tuple[str, str],
    client_secret: tuple[str, str],
    access_token: tuple[str, str],
    refresh_token: tuple[str, str] | None,
    instead: tuple[str, ...] = (),
    section: str = "",
) -> tuple[Field, ...]:
    """Return the five fields, or four for a provider without refresh tokens.

    Each argument is a field's help and its example; `instead` names other fields of the provider that are enough by
    themselves, such as an API token. `section` is the heading below which a form folds them
    away.
    """
    token_help, token_example = access_token
    id_help, id_example = client_id
    secret_help, secret_example = client_secret
    fields = (
        Field(
            name="access_token",
            label="Access token",
            # Where nothing else is enough by itself, it is what people paste.
            section=section if instead else "",
            help=token_help,
            example=token_example,
            required_without=(*instead, "client_secret"),
            pattern=_VISIBLE,
            pattern_message=_WITHOUT_SCHEME,
            max_length=4000,
        ),
        Field(
            name="client_id",
            label="Client ID",
            section=section,
            help=id_help,
            example=id_example,
            secret=False,
            required_with=("client_secret",),
            pattern=_VISIBLE,
            pattern_message=_ALONE.format("client ID"),
            max_length=200,
        ),
        Field(
            name="client_secret",
            label="Client secret",
            section=section,
            help=secret_help,
            example=secret_example,
            required_without=(*instead, "access_token"),
            pattern=_VISIBLE,
            pattern_message=_ALONE.format("client secret"),
        ),
        previous_secret_field(section=section),
    )
    if refresh_token is None:
        return fields
    refresh_help, refresh_example = refresh_token
    return (
        *fields,
        Field(
            name="refresh_token",
            label="Refresh token",
            section=section,
            help=refresh_help,
            example=refresh_example,
            pattern=_VISIBLE,
            pattern_message=_ALONE.format("token"),
            max_length=4000,
        ),
    )
