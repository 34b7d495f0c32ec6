from __future__ import annotations

import copy
import json
import pickle

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context, Template
from rest_framework.utils.encoders import JSONEncoder

from integrations.encryption.secret import Secret

VALUE = "plain-and-precious-value"


@pytest.fixture
def secret() -> Secret:
    return Secret(VALUE)


def test_reveals_its_value(secret: Secret) -> None:
    assert secret.reveal() == VALUE


def test_shows_only_the_mask(secret: Secret) -> None:
    assert secret.masked() == "***alue"


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r}",
        lambda secret: f"{secret:>30}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: repr({"token": [secret]}),
        lambda secret: Template("{{ secret }}").render(Context({"secret": secret})),
        lambda secret: " ".join(str(getattr(secret, name)) for name in dir(secret) if not name.startswith("_")),
    ],
)
def test_never_shows_its_value(secret: Secret, show) -> None:
    assert "precious" not in show(secret)


@pytest.mark.parametrize("encoder", [json.JSONEncoder, DjangoJSONEncoder, JSONEncoder])
def test_is_refused_by_json(secret: Secret, encoder: type[json.JSONEncoder]) -> None:
    with pytest.raises(TypeError) as refusal:
        json.dumps({"token": secret}, cls=encoder)

    assert VALUE not in str(refusal.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_is_refused_by_pickle(secret: Secret, protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret, protocol)


def test_is_its_own_copy(secret: Secret) -> None:
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"token": secret})["token"] is secret


def test_has_no_attributes_beside_its_slot(secret: Secret) -> None:
    assert not hasattr(secret, "__dict__")


def test_equals_only_itself(secret: Secret) -> None:
    assert secret == secret
    assert secret != Secret(VALUE)
    assert secret not in [VALUE]


def test_matches_the_same_value(secret: Secret) -> None:
    assert secret.matches(VALUE)
    assert secret.matches(Secret(VALUE))
    assert not secret.matches(VALUE + "x")
    assert not secret.matches("\ud800")


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["list"]])
def test_refuses_what_is_no_text(wrong: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(wrong).__name__}"):
        Secret(wrong)


def test_refuses_a_lone_surrogate_without_repeating_the_value() -> None:
    with pytest.raises(ValueError, match="lone surrogate") as refusal:
        Secret(VALUE + "\ud800")

    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
    assert VALUE not in str(refusal.value)
