from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from integrations.encryption.place import Place

ROW = UUID("01890a5d-ac96-774b-bcce-b302099a8058")
TENANT = UUID("01890a5d-ac96-774b-bcce-b302099a8059")

# Few and awkward letters, so that different places come close to the same bytes.
names = st.text(alphabet="ab1:,|", max_size=4)
keys = st.none() | st.text(alphabet="abk-\x00:,", max_size=4)
ids = st.sampled_from([ROW, TENANT, UUID(int=0)])
places = st.builds(Place, names, names, keys, ids, st.none() | ids)


def test_bytes_are_the_published_ones() -> None:
    place = Place("integrations.Integration", "config", "access_token", ROW, TENANT)

    assert place.associated_data() == (
        b"signalbox:v1:value,24:integrations.Integration,6:config," + b"t" + TENANT.bytes + ROW.bytes + b"kaccess_token"
    )


def test_bytes_of_a_platform_text_field() -> None:
    place = Place("a.B", "token", None, ROW, None)

    assert place.associated_data() == b"signalbox:v1:value,3:a.B,5:token," + b"p" + bytes(16) + ROW.bytes + b"-"


@given(places, places)
def test_two_places_never_share_their_bytes(first: Place, second: Place) -> None:
    assert (first.associated_data() == second.associated_data()) == (first == second)


def test_a_key_may_be_any_text() -> None:
    assert Place("a.B", "f", "\ud800", ROW, None).associated_data().endswith(b"k\xed\xa0\x80")


def test_reads_as_a_place() -> None:
    assert str(Place("a.B", "config", "token", ROW, TENANT)) == f"a.B.config['token'] of row {ROW}"
    assert str(Place("a.B", "token", None, ROW, TENANT)) == f"a.B.token of row {ROW}"
