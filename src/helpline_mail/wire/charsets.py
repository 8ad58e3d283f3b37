"""Octets to text. A charset's name is a stranger's word: only names on our list reach a codec."""

import re
from contextlib import suppress
from encodings.aliases import aliases

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_STRAY_OCTETS = re.compile("[\udc80-\udcff]+")

# What senders call things, against what they mean (WHATWG Encoding section 4.2). Latin-1 and ASCII are read as
# their superset of Microsoft, because that is what mail so labelled holds.
_MEANT = {
    "ascii": "cp1252",
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso8859_9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "ks_c_5601_1987": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "cp_850": "cp850",
    "unicode_1_1_utf_7": "utf_7",
    "iso_2022_jp": "iso2022_jp_ext",
    "iso2022_jp": "iso2022_jp_ext",
    "tis_620": "cp874",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "x_gbk": "gb18030",
    "cn_gb": "gb18030",
    "windows_31j": "cp932",
    "windows_874": "cp874",
    "x_mac_cyrillic": "mac_cyrillic",
    "utf8mb4": "utf_8",
}
_READABLE = frozenset(
    [
        "big5",
        "big5hkscs",
        "cp037",
        "cp1006",
        "cp437",
        "cp737",
        "cp775",
        "cp850",
        "cp852",
        "cp855",
        "cp857",
        "cp858",
        "cp860",
        "cp861",
        "cp862",
        "cp863",
        "cp864",
        "cp865",
        "cp866",
        "cp869",
        "cp874",
        "cp932",
        "cp949",
        "cp950",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "cp1258",
        "euc_jp",
        "euc_jis_2004",
        "gb18030",
        "hz",
        "iso2022_jp_ext",
        "iso2022_jp_2",
        "iso2022_jp_2004",
        "iso2022_kr",
        "iso8859_2",
        "iso8859_3",
        "iso8859_4",
        "iso8859_5",
        "iso8859_6",
        "iso8859_7",
        "iso8859_8",
        "iso8859_10",
        "iso8859_11",
        "iso8859_13",
        "iso8859_14",
        "iso8859_15",
        "iso8859_16",
        "johab",
        "koi8_r",
        "koi8_t",
        "koi8_u",
        "kz1048",
        "mac_cyrillic",
        "mac_greek",
        "mac_iceland",
        "mac_latin2",
        "mac_roman",
        "mac_turkish",
        "ptcp154",
        "shift_jis_2004",
        "utf_7",
        "utf_8",
        "utf_16",
        "utf_16_be",
        "utf_16_le",
        "utf_32",
        "utf_32_be",
        "utf_32_le",
    ]
)


def codec_name(charset: str) -> str | None:
    """The name of the codec for a declared charset, or None if it is unknown or no charset at all.

    Never asks `codecs.lookup`: it imports modules by the name it is given, and remembers every miss for ever.
    """
    name = _NOT_IN_A_NAME.sub("_", charset[:64].lower()).strip("_")
    name = _MEANT.get(name, name)
    name = aliases.get(name, name)
    name = _MEANT.get(name, name)
    return name if name in _READABLE else None


def text_of(octets: bytes, charset: str = "") -> str:
    """`octets` as text: in the declared charset, else as UTF-8 with stray octets as Windows-1252. Never raises."""
    codec = codec_name(charset) if charset else None
    if codec and codec != "utf_8":
        with suppress(UnicodeError):
            return octets.decode(codec)
    text = octets.decode("utf-8", "surrogateescape")
    return text if text.isascii() else _STRAY_OCTETS.sub(_as_cp1252, text)


def _as_cp1252(strays: re.Match[str]) -> str:
    return strays[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace")
