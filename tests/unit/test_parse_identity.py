"""Who a message is from: P-06, P-14, P-28, P-29 and their kin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.message import Address, folded
from helpline_mail.wire.address_fields import addresses_of
from helpline_mail.wire.headers import Field
from helpline_mail.wire.identity import sender_of
from helpline_mail.wire.parse import parse

ALICE = "alice@school.sch.uk"


def sender(*values: str):
    return sender_of([Field("from", value) for value in values])


@pytest.mark.parametrize(
    "value",
    [
        f"{ALICE} <m@e>",
        f"{ALICE}, m@e",
        f"{ALICE}(<m@e>",
        f"{ALICE})m@e",
        f"m@e <{ALICE}>",
        f'"M" <m@e> <{ALICE}>',
        "a@b@school.sch.uk",
        "<>",
        "G: a@x, b@y;",
        f"<{ALICE}",
        f"Group: {ALICE};",
        f"{ALICE} ({ALICE})",
        f"(<m@e>) <{ALICE}>",
        "alice@(hidden)school.sch.uk",
        "alice @school.sch.uk",
        f"<@relay.example:{ALICE}>",
        f"{ALICE}\x00",
        f"Alice\r<{ALICE}>",
        f"Alice\x0b<{ALICE}>",
        "=?utf-8?q?alice?=@school.sch.uk",
        "=?utf-8?q?alice=40school=2Esch=2Euk?=",
        "Alice <=?utf-8?q?alice=40school=2Esch=2Euk?=>",
        '"alice@school.sch.uk',
        '"alice"@school.sch.uk',
        "alice@[127.0.0.1]",
        "a@[127.0.0.1",
        "alice@school.sch.uk.",
        "alice@-school.sch.uk",
        ".alice@school.sch.uk",
        "alice@school。sch。uk",  # ideographic full stops
        "alice@sch\u200bool.sch.uk",
        "alice@s\N{KELVIN SIGN}ool.sch.uk",
        "alice@s\N{KELVIN SIGN}ool.m\u00fcller.example",
        "alice@\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}.example",
        "alice@\N{LATIN SMALL LETTER LONG S}chool.sch.uk",
        "alice@\N{FULLWIDTH LATIN SMALL LETTER S}chool.sch.uk",
        "a@b.u\N{KELVIN SIGN} <a@b.uk>",
        "ali\u202ece@school.sch.uk",
        "Smith, Alice <alice@school.sch.uk>",
        "undisclosed-recipients:;",
        "alice",
        "",
        ",",
        "@",
        "alice@" + "a" * 300,
        "a" * 65 + "@school.sch.uk",
    ],
)
def test_p14_what_two_readers_could_read_differently_is_malformed(value):
    assert sender(value).status == "malformed"
    assert sender(value).address is None


@pytest.mark.parametrize("values", [(), (ALICE, ALICE), (ALICE, "m@e"), ("m@e", ALICE)])
def test_p14_one_from_field_exactly(values):
    assert sender(*values).status == "malformed"


@pytest.mark.parametrize("line", [b"From : alice@school.sch.uk", b"From\t: alice@school.sch.uk"])
def test_p14_white_space_before_the_colon_is_malformed(line):
    assert parse(line + b"\r\n\r\nword").sender.status == "malformed"
    assert parse(line + b"\r\nFrom: m@evil.example\r\n\r\nword").sender.status == "malformed"


def test_p14_a_from_field_that_was_cut_is_malformed():
    raw = b"From: " + b"x" * 70_000 + b" <alice@school.sch.uk>\r\n\r\nword"
    assert parse(raw).sender.status == "malformed"


def test_p14_a_second_header_block_is_no_header():
    message = parse(b"From: m@evil.example\r\n\r\nFrom: alice@school.sch.uk\r\n\r\nword")
    assert message.sender.address == Address("m@evil.example")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (f'"{ALICE}" <mallory@evil.example>', ALICE),
        ("=?utf-8?q?alice=40school=2Esch=2Euk?= <mallory@evil.example>", ALICE),
        (
            "=?utf-8?q?alice=40school=2Esch=2Euk_=3Calice=40school=2Esch=2Euk=3E?= <mallory@evil.example>",
            f"{ALICE} <{ALICE}>",
        ),
    ],
)
def test_p06_a_display_name_is_never_the_address(value, name):
    found = sender(value)
    assert found.address == Address("mallory@evil.example", name)
    assert "mallory@evil.example" in found.shown


@pytest.mark.parametrize(
    ("value", "addr_spec", "name"),
    [
        ("alice@school.sch.uk", ALICE, ""),
        ("<alice@school.sch.uk>", ALICE, ""),
        (" Alice  <alice@SCHOOL.sch.uk> ", ALICE, "Alice"),
        ("Alice < alice@school.sch.uk >", ALICE, "Alice"),
        ('"Smith, Alice" <alice@school.sch.uk>', ALICE, "Smith, Alice"),
        ('"Alice \\"Al\\" Smith" <alice@school.sch.uk>', ALICE, 'Alice "Al" Smith'),
        ("J. R. Smith <alice@school.sch.uk>", ALICE, "J. R. Smith"),
        ("Siân Müller <alice@school.sch.uk>", ALICE, "Siân Müller"),
        ("=?iso-8859-1?q?Si=E2n?= =?iso-8859-1?q?_M=FCller?= <alice@school.sch.uk>", ALICE, "Siân Müller"),
        ('"=?utf-8?b?U2nDom4=?=" <alice@school.sch.uk>', ALICE, "Siân"),
        ("alice@school.sch.uk (Alice Smith)", ALICE, "Alice Smith"),
        ("Alice <alice@school.sch.uk> (Head)", ALICE, "Alice"),
        ("Alice [School] <alice@school.sch.uk>", ALICE, "Alice [School]"),
        ("alice@school.sch.uk <alice@school.sch.uk>", ALICE, ALICE),
        ("O'Neil <o'neil+tag@school.sch.uk>", "o'neil+tag@school.sch.uk", "O'Neil"),
        ("Alice.Smith@School.Sch.UK", "Alice.Smith@school.sch.uk", ""),
        ("a@MÜLLER.example", "a@xn--mller-kva.example", ""),
        ("a@mu\u0308ller.example", "a@xn--mller-kva.example", ""),
        ("a@xn--mller-kva.example", "a@xn--mller-kva.example", ""),
        ("siân@school.sch.uk", "siân@school.sch.uk", ""),
    ],
)
def test_ordinary_forms_are_read(value, addr_spec, name):
    found = sender(value)
    assert (found.status, found.address) == ("ok", Address(addr_spec, name))


def test_utf8_and_latin1_octets_in_a_name_are_read():
    for octets in ("Siân".encode(), "Siân".encode("latin-1")):
        message = parse(b"From: " + octets + b" <alice@school.sch.uk>\r\n\r\nword")
        assert message.sender.address == Address(ALICE, "Siân")


def test_latin1_octets_in_an_address_are_malformed_or_shown_as_text():
    assert parse(b"From: si\xe2n@sch\x81ool.sch.uk\r\n\r\nword").sender.status == "malformed"


def test_p29_line_ends_encoded_in_a_name_make_no_line():
    found = sender("=?utf-8?q?=0D=0ABcc=3A_x=40evil?= <m@evil.example>")
    assert found.address == Address("m@evil.example", "Bcc: x@evil")
    assert found.shown.isprintable()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("(c):", ()),
        ("(x): a@b;", ("a@b",)),
        ('"', ()),
        ("a@b.uk,", ("a@b.uk",)),
        ("a@[127.0.0.1", ()),
        ("A <a@b.uk>, (c) nobody, B <b@b.uk>", ("a@b.uk", "b@b.uk")),
        ("undisclosed-recipients:;", ()),
        ("Team: a@b.uk, B <b@b.uk>; c@b.uk", ("a@b.uk", "b@b.uk", "c@b.uk")),
        ('"Smith, A" <a@b.uk>; b@b.uk', ("a@b.uk", "b@b.uk")),
        ('a@b.uk, "open', ("a@b.uk",)),
    ],
)
def test_p28_recipients_are_read_as_far_as_they_can_be(value, expected):
    assert tuple(address.addr_spec for address in addresses_of(value, 100)[0]) == expected


def test_addresses_end_at_the_limit():
    found, more = addresses_of("a@b.uk, b@b.uk, c@b.uk", 2)
    assert (len(found), more) == (2, True)
    assert addresses_of("a@b.uk, b@b.uk", 2) == (found, False)


def test_only_ascii_letters_lose_their_case_where_addresses_are_compared():
    assert folded("Alice.O'Neil@School.example") == "alice.o'neil@school.example"
    for other in (
        "stra\u00dfe",
        "ali\u017fe",
        "\N{KELVIN SIGN}",
        "\u00c4",
        "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
    ):
        assert folded(other) == other


FORGERIES = st.text(alphabet=st.sampled_from(list('am@<>(),;:"\\ \t=?.[]')) | st.characters(), max_size=60)


@given(FORGERIES, FORGERIES)
def test_any_field_is_read_without_an_exception_and_as_one_line(before, behind):
    for value in (before + ALICE + behind, f"{before}<m@evil.example>{behind}"):
        found = sender(value)
        assert (found.address is None) == (found.status == "malformed")
        assert "\n" not in found.shown
        assert "\r" not in found.shown
        if found.address:
            assert found.address.addr_spec.count("@") == 1
            assert "\n" not in found.address.name


@given(st.text(alphabet=st.sampled_from(list('abm@<>(),;:" .')), max_size=40))
def test_alice_is_only_read_where_no_other_address_stands(text):
    found = sender(text + f"<{ALICE}>")
    if found.address:
        outside = text.replace('"', "").split(ALICE)[0]
        assert '"' in text or "@" not in outside
