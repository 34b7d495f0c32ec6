from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.scrubbing import Scrubber

SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60).filter(
    lambda text: "*" not in text
)
AROUND = st.text(st.characters(codec="ascii"), max_size=7)


@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_secret_is_found_however_it_was_written(secret: str, before: str, after: str) -> None:
    scrubber = Scrubber([secret])
    forms = [
        secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe=""),
        quote(secret), quote_plus(secret), secret.encode().hex(), secret.encode().hex().upper(),
        b64encode(secret.encode()).decode(), urlsafe_b64encode(secret.encode()).decode(),
    ]  # fmt: skip
    for form in forms:
        cleaned = scrubber.text(f"{before}{form}{after}", max_length=10_000)
        assert "***" in cleaned
        assert form.rstrip("=") not in cleaned


@given(user=AROUND, secret=SECRETS)
def test_secret_is_found_within_the_base64_of_something_longer(user: str, secret: str) -> None:
    whole = b64encode(f"{user}:{secret}".encode()).decode()
    assert whole not in Scrubber([secret]).text(f"Basic {whole}", max_length=10_000)


def test_longer_secret_does_not_survive_in_part() -> None:
    assert Scrubber(["abcd", "abcdefgh"]).text("x abcdefgh y abcd", max_length=100) == "x *** y ***"


def test_text_is_cleaned_before_it_is_cut_and_fit_for_the_database() -> None:
    cleaned = Scrubber(["secret-value"]).text("a\0b\ud800 secret-value", max_length=9)
    assert cleaned == "a\N{REPLACEMENT CHARACTER}b? ***"
    assert Scrubber([]).text("abcdef", max_length=4) == "abc…"


def test_short_values_blot_out_no_words() -> None:
    assert Scrubber(["on", ""]).text("on and on", max_length=100) == "on and on"


def test_json_keeps_plain_data_and_cleans_names_and_values() -> None:
    data = {"secret-value": [1, True, None, float("nan"), "a secret-value"], "when": object(), "deep": {"a": {"b": 1}}}
    assert Scrubber(["secret-value"]).json(data, max_length=50) == {
        "***": [1, True, None, None, "a ***"],
        "when": None,
        "deep": {"a": {"b": 1}},
    }
