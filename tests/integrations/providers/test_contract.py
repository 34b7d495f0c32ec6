"""What every provider in the registry must keep; a new one is tested by being registered."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import ValidationError

from integrations.encryption.masking import mask
from integrations.models import Integration
from integrations.providers.base import RESERVED_NAMES, Capability, Field, FieldKind, Provider
from integrations.providers.reference import smallest_example
from integrations.providers.registry import (
    PROVIDERS,
    SHARED_SLOTS,
    all_providers,
    get_provider,
    provider_choices,
    providers_of_slot,
    slot_choices,
    slots,
)

EVERY_PROVIDER = pytest.mark.parametrize("provider", all_providers(), ids=lambda provider: provider.key)
EVERY_FIELD = pytest.mark.parametrize(
    ("provider", "field"),
    [
        pytest.param(provider, field, id=f"{provider.key}.{field.name}")
        for provider in all_providers()
        for field in provider.fields
    ],
)
# Words that a name of something worth stealing contains.
SECRET_WORDS = ("token", "secret", "password", "api_key", "private", "credential")


def examples(provider: Provider) -> dict[str, str]:
    return {field.name: field.example for field in provider.fields}


@EVERY_PROVIDER
def test_is_found_under_its_own_key(provider: Provider) -> None:
    assert get_provider(provider.key) is provider
    assert f".providers.{provider.key}." in PROVIDERS[provider.key]


@EVERY_PROVIDER
def test_slot_is_the_key_or_a_shared_one(provider: Provider) -> None:
    assert provider.slot == provider.key or provider.slot in SHARED_SLOTS
    assert provider in providers_of_slot(provider.slot)


@EVERY_PROVIDER
def test_names_fit_the_columns(provider: Provider) -> None:
    for column, value in (("provider", provider.key), ("slot", provider.slot), ("name", provider.label)):
        field = Integration._meta.get_field(column)
        assert len(value) <= (field.max_length or 0)


@EVERY_PROVIDER
def test_has_a_page_that_names_where_to_find_the_values(provider: Provider) -> None:
    page = provider.documentation.read_text(encoding="utf-8")
    assert provider.documentation.name == "doc.md"
    assert provider.documentation.parent.name == provider.key
    assert "### Where to find the values" in page
    for field in provider.fields:
        if field.required:
            assert field.label.lower() in page.lower(), f"{field.label} is not explained"


@EVERY_PROVIDER
def test_declares_what_people_need_to_know_of_each_field(provider: Provider) -> None:
    for field in provider.fields:
        assert field.label[0].isupper() or field.label.startswith("n8n")
        assert field.help.endswith("."), field.name
        assert bool(field.pattern) == bool(field.pattern_message), field.name
        assert 0 < field.max_length <= (20_000 if field.is_object else 4000), field.name


@EVERY_PROVIDER
def test_accepts_its_own_examples(provider: Provider) -> None:
    assert provider.problems(examples(provider)) == {}
    assert provider.cleaned(examples(provider)) == examples(provider)


@EVERY_PROVIDER
def test_stores_the_same_when_cleaned_twice(provider: Provider) -> None:
    padded = {name: f"\t {value} \r\n" for name, value in examples(provider).items()}
    once = provider.cleaned(padded)
    assert once == examples(provider)
    assert provider.cleaned(once) == once


@EVERY_PROVIDER
def test_names_every_missing_required_field(provider: Provider) -> None:
    expected = {field.name for field in provider.fields if field.required or field.required_without}
    for nothing in ({}, dict.fromkeys(examples(provider)), dict.fromkeys(examples(provider), "  ")):
        assert set(provider.problems(nothing)) == expected


@EVERY_PROVIDER
def test_misses_nothing_that_is_stored_already(provider: Provider) -> None:
    assert provider.problems({}, stored={field.name for field in provider.fields}) == {}


@EVERY_PROVIDER
def test_refuses_a_stored_required_field_that_is_cleared(provider: Provider) -> None:
    everything = {field.name for field in provider.fields}
    for field in provider.fields:
        cleared = provider.problems({field.name: None}, stored=everything)
        needed = [] if field.required else [name for name in field.required_with if name in everything]
        together = {field.name: [f"This field is required together with {' and '.join(needed)}."]} if needed else {}
        assert cleared == ({field.name: ["This field is required."]} if field.required else together)


@EVERY_PROVIDER
def test_names_an_unknown_field_and_the_allowed_ones(provider: Provider) -> None:
    (reason,) = provider.problems({**examples(provider), "no_such_field": "x"})["no_such_field"]
    assert reason.startswith("Unknown field.")
    for field in provider.fields:
        assert field.name in reason


@EVERY_PROVIDER
def test_refuses_envelope_names_as_fields(provider: Provider) -> None:
    for name in RESERVED_NAMES:
        assert provider.problems({**examples(provider), name: "x"}) == {name: ["This field cannot be written here."]}


@EVERY_PROVIDER
def test_asks_for_capabilities_never_for_names(provider: Provider) -> None:
    assert provider.can(Capability.WEBHOOK_BASE) == bool(provider.webhook_base_field)
    assert all(isinstance(capability, Capability) for capability in provider.capabilities)


@EVERY_FIELD
def test_field_is_secret_when_its_name_says_so(provider: Provider, field: Field) -> None:
    is_address = field.name == "token_url"  # says where tokens are got, and holds none
    if any(word in field.name for word in SECRET_WORDS) and not is_address:
        assert field.secret


@EVERY_FIELD
@pytest.mark.parametrize("value", [1, 1.5, True, False, [], ["x"], {}, {"a": "b"}], ids=repr)
def test_field_refuses_what_is_no_string(provider: Provider, field: Field, value: object) -> None:
    reason = 'Must be a JSON object, such as {"name": "value"}.' if field.is_object else "Must be a string."
    if field.is_object and isinstance(value, dict):
        pytest.skip("an object, which this field takes")
    assert provider.problems({**examples(provider), field.name: value}) == {field.name: [reason]}


@EVERY_FIELD
@pytest.mark.parametrize("character", ["\x00", "\n", "\x1b", "\u200b", "\u202e", "\ud800", "\u2028"], ids=ascii)
def test_field_refuses_invisible_characters(provider: Provider, field: Field, character: str) -> None:
    if field.kind is FieldKind.MULTILINE and character == "\n":
        pytest.skip("a line break, which this field takes")
    value = field.example[:1] + character + field.example[1:]
    if field.is_object:
        value = json.dumps({"name": value})
    (reason,) = provider.problems({**examples(provider), field.name: value})[field.name]
    assert reason == "Contains an invisible or control character: copy the value again without it."


@EVERY_FIELD
def test_field_refuses_a_value_that_is_too_long(provider: Provider, field: Field) -> None:
    value = field.example + "1" * field.max_length
    if field.is_object:
        value = json.dumps({f"name{number}": "1" * 2000 for number in range(20)})
    assert provider.problems({**examples(provider), field.name: value}) == {
        field.name: [f"At most {field.max_length} characters."]
    }


@EVERY_FIELD
def test_field_never_repeats_a_refused_value(provider: Provider, field: Field) -> None:
    for value in ("Bearer hunter2-hunter2", "hunter2 " * 1000, "hunter2\x00", "https://u:hunter2@10.0.0.1/#?"):
        assert "hunter2" not in str(provider.problems({field.name: value}))


@EVERY_FIELD
def test_field_refuses_the_masked_form_of_its_example_when_secret(provider: Provider, field: Field) -> None:
    if field.secret and not field.is_object:
        problems = provider.problems({**examples(provider), field.name: mask(field.example)})
        assert list(problems) == [field.name]
        assert "masked" in problems[field.name][0]


def test_slots_and_choices_follow_the_registry() -> None:
    assert slots()[:3] == ["whatsapp", "sms", "n8n"]
    assert slots() == list(dict.fromkeys(provider.slot for provider in all_providers()))
    assert provider_choices() == [(provider.key, provider.label) for provider in all_providers()]
    assert slot_choices()[:3] == [("whatsapp", "WhatsApp"), ("sms", "SMS"), ("n8n", "n8n")]


def test_models_take_their_choices_from_the_registry_without_a_migration() -> None:
    for column, choices in (("provider", provider_choices), ("slot", slot_choices)):
        field = Integration._meta.get_field(column)
        assert field.deconstruct()[3]["choices"] is choices
    with pytest.raises(ValidationError, match="is not a valid choice"):
        Integration._meta.get_field("provider").clean("no-such-thing", None)


@EVERY_PROVIDER
def test_examples_can_be_stored_as_they_are_and_say_how_fields_go_together(provider: Provider) -> None:
    assert len({example.title for example in provider.examples}) == len(provider.examples)
    for example in provider.examples:
        assert provider.problems(example.values) == {}, example.title
        assert len(example.values) > 1
        assert not example.note or example.note.endswith(".")


@EVERY_PROVIDER
def test_what_everybody_has_to_fill_in_is_not_folded_away(provider: Provider) -> None:
    folded = {field.name for field in provider.fields if field.section}
    assert not folded & {field.name for field in provider.fields if field.required}
    assert not folded & set(smallest_example(provider))


@EVERY_PROVIDER
def test_field_that_a_form_hides_depends_on_a_choice(provider: Provider) -> None:
    fields = {field.name: field for field in provider.fields}
    for field in provider.fields:
        if field.matters_when:
            other, values = field.matters_when
            assert set(values) <= set(dict(fields[other].choices)), field.name


def test_custom_has_an_example_of_each_kind_of_authentication_and_of_graphql() -> None:
    custom = get_provider("custom")
    kinds = dict(next(field.choices for field in custom.fields if field.name == "auth_type"))
    assert {example.values["auth_type"] for example in custom.examples} == set(kinds)
    assert any("graphql_query" in example.values for example in custom.examples)
    assert any("Retell AI" in example.title for example in custom.examples)
