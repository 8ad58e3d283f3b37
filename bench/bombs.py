"""Generated mail bombs against `parse`: CPU seconds and peak memory of each, in a process of its own.

    python bench/bombs.py            every bomb
    python bench/bombs.py NAME...    some of them

Memory is the growth of the peak resident size over what a plain mail needs, against the size of the bomb; small
bombs are measured against one MiB, which is what the interpreter's own allocator rounds to. Exit code 1 if any
takes more than 2 s or more than 5 times its size.
"""

import base64
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

MOST_SECONDS = 2.0
MOST_TIMES = 5.0
MEBIBYTE = 1 << 20

HEAD = b"From: Mallory <mallory@evil.example>\r\nTo: helpline@example.org.uk\r\nSubject: bomb\r\n"


def nested(levels: int) -> bytes:
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(levels))
    return HEAD + opened + b"\r\nword\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(levels)))


def nested_messages(levels: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * levels + b"\r\nword"


def encoded_messages(count: int) -> bytes:
    levels = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" * 19
    part = b"--b\r\n" + levels + (b"word " * 14 + b"\r\n") * 14_000
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count


def nested_alternatives(size: int) -> bytes:
    parts = b"--b\r\nContent-Type: text/plain\r\n\r\n\r\n" * size
    return HEAD + b"Content-Type: multipart/alternative; boundary=b\r\n\r\n" + parts


def parts(count: int, boundary: bytes = b"b") -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + (b"--%s\r\n\r\n\r\n" % boundary) * count


def with_fields_in_parts(count: int) -> bytes:
    part = b"--b\r\n" + b"a:\r\n" * 1000 + b"\r\n"
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count


def header(name: bytes, value: bytes) -> bytes:
    return b"%s: %s\r\n" % (name, value) + HEAD + b"\r\nword\r\n"


def text(body: bytes, content_type: bytes = b"text/plain; charset=utf-8", encoding: bytes = b"8bit") -> bytes:
    return HEAD + b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (content_type, encoding) + body


def html(body: bytes) -> bytes:
    return text(body, b"text/html; charset=utf-8")


def attachment(size: int, encoding: bytes = b"base64") -> bytes:
    content = base64.encodebytes(bytes(range(256)) * (size // 256))
    return text(content, b"application/octet-stream; name=x", encoding)


def report(body: bytes, media_type: bytes = b"message/delivery-status", encoding: bytes = b"7bit") -> bytes:
    fields = b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (media_type, encoding)
    return HEAD + b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" + fields + body + b"\r\n--b--\r\n"


def nested_report(levels: int, body: bytes) -> bytes:
    opened = b"".join(
        b'Content-Type: multipart/report; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(levels)
    )
    return HEAD + opened + b"\r\n" + body


def letters(count: int) -> bytes:
    return b"".join(b" a%d=1" % n for n in range(count))


BOMBS: dict[str, Callable[[], bytes]] = {
    **{f"nesting of {n}": lambda n=n: nested(n) for n in (20, 300, 1000, 5000, 100_000)},
    "messages in messages, 100,000": lambda: nested_messages(100_000),
    "encoded messages in messages": lambda: encoded_messages(48),
    "100,000 parts": lambda: parts(100_000),
    "1,000,000 false delimiters": lambda: parts(1_000_000, b"bb"),
    "delimiters without line ends": lambda: (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b" * 5_000_000
    ),
    "100,000 empty alternatives": lambda: nested_alternatives(100_000),
    "1,000 parts of 1,000 fields": lambda: with_fields_in_parts(1000),
    "10,000 addresses": lambda: header(b"To", b", ".join(b"a%d@example.org" % n for n in range(10_000))),
    "20,000 encoded words": lambda: header(b"Subject", b" ".join([b"=?utf-8?q?a?="] * 20_000)),
    "encoded words of a slow kind": lambda: header(b"Subject", b"=?utf-8?b?" + b"/" * 60_000 + b"?="),
    "20,000 quotes in From": lambda: header(b"From", b'"' * 20_000),
    "20,001 quotes in To": lambda: header(b"To", b'"' * 20_001),
    "60,000 comments in From": lambda: header(b"From", b"(" * 60_000),
    "30,000 empty comments": lambda: header(b"From", b"()" * 30_000 + b"<a@b>"),
    "60,000 angles": lambda: header(b"References", b"<" * 60_000),
    "20,000 references": lambda: header(b"References", b"<a@b> " * 10_000),
    "30,000 parameters": lambda: header(b"Content-Type", b"text/plain" + b"; a=b" * 10_000),
    "empty parameters": lambda: header(b"Content-Type", b"text/plain" + b";" * 24_000),
    "pieces of a parameter": lambda: header(b"Content-Type", b"a/b" + b"".join(b";n*%d=x" % n for n in range(9000))),
    "1,000,000 header lines": lambda: b"a:\r\n" * 1_000_000 + HEAD,
    "carriage returns alone": lambda: b"a:\r" * 10_000_000,
    "carriage returns and one line feed": lambda: b"a:\r" * 10_000_000 + b"\n" + HEAD,
    "one header of 30 MB": lambda: header(b"X", b"a" * 30_000_000),
    "a folded header of 30 MB": lambda: header(b"Subject", b"a\r\n " * 7_000_000),
    "one line of 30 MB": lambda: text(b"a" * 30_000_000),
    "30 MB of line ends": lambda: text(b"\n" * 30_000_000),
    "30 MB of short lines": lambda: text(b"ab\n" * 10_000_000),
    "text of 250 kB": lambda: text(b"ab\n" * 83_000),
    "one emoji and 250 kB": lambda: text("🙂".encode() + b"a" * 249_000),
    "no UTF-8 at all": lambda: text(b"\xff" * 250_000),
    "every other octet no UTF-8": lambda: text(b"\xffa" * 125_000),
    "quotation marks": lambda: text(b">\n" * 125_000),
    "quotations and answers": lambda: text(b"On 1 May 2026 at 10:10 a@b wrote:\n> a\n" * 6_000),
    "On On On": lambda: text(b"On " * 80_000),
    "From: lines": lambda: text(b"From:\n" * 40_000),
    "colons": lambda: text(b":" * 250_000),
    "flowed lines": lambda: text(b"a \n" * 83_000, b"text/plain; format=flowed"),
    "quoted-printable without end": lambda: text(b"=" * 30_000_000, encoding=b"quoted-printable"),
    "base64 of 25 MB": lambda: attachment(25_000_000),
    "base64 of padding": lambda: text(b"A=" * 15_000_000, b"application/octet-stream", b"base64"),
    "uuencode of one-letter lines": lambda: text(b"begin 644 a\n#AAAA\n" + b"!\n" * 10_000_000, b"a/b", b"x-uuencode"),
    "false uuencoded files": lambda: text(b"begin 644 a\n#AAAA\n" * 500_000),
    "begin begin begin": lambda: text(b"x" + b"begin " * 8_300_000),
    "begin begin begin, 20 deep": lambda: nested(20).replace(b"word", b"x" + b"begin " * 8_300_000),
    "uuencoded files within a line": lambda: text(b"xbegin 644 a\n#A\n" * 3_000_000),
    "false ends of a uuencoded file": lambda: text(b"begin 644 a\n#AAAA\n" + b"endx\n" * 9_000_000),
    "false starts in 200 parts": lambda: (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + (b"--b\r\n\r\n" + b"xbegin 644 a\n#A\n" * 15_000 + b"\r\n") * 200
    ),
    **{
        f"x-uuencode, {kind.decode()}": lambda kind=kind: text(
            b"begin 644 \nbegin 6444444 " * 2_000_000, kind, b"x-uuencode"
        )
        for kind in (b"text/plain", b"image/png")
    },
    "x-uuencode of no letters": lambda: text(b"!\x7f\n" * 16_000_000, encoding=b"x-uuencode"),
    "x-uuencode of empty lines": lambda: text(b"\n" * 49_000_000, encoding=b"x-uuencode"),
    "base64 of spaces": lambda: text(b" " * 49_000_000, encoding=b"base64"),
    "report of empty lines": lambda: report(b"\n" * 261_000),
    "report of bare carriage returns": lambda: report(b"\r" * 261_000),
    "report of pairs of line ends": lambda: report(b"\r\n" * 130_000),
    "report of empty blocks": lambda: report(b"a:\r\n\r\n" * 42_000),
    "report of short blocks": lambda: report(b"\na:\n" * 60_000),
    "report that returns a long header": lambda: report(b"a:\n" * 86_000, b"message/rfc822"),
    "report that returns a long list of fields": lambda: report(b"a:\n" * 86_000, b"text/rfc822-headers"),
    "report in x-uuencode": lambda: report(b"begin 644 a\n" + b"!\n" * 120_000, b"text/plain", b"x-uuencode"),
    "report of words": lambda: report(b"a@b.example\n" * 20_000, b"text/plain"),
    "report, 49 deep, of dashes": lambda: nested_report(49, b"-\n" * 120_000),
    "report, 49 deep, of empty lines": lambda: nested_report(49, b"-\n\n" * 80_000),
    "HTML: 100,000 nested div": lambda: html(b"<div>" * 100_000),
    "HTML: 100,000 nested span and p": lambda: html(b"<span>" * 50_000 + b"</p>" * 50_000),
    "HTML: 50,000 bold paragraphs": lambda: html(b"<b><p>" * 50_000),
    "HTML: formatting to rebuild": lambda: html(
        b"<p>" + b"".join(b"<font a=%d>" % n for n in range(5_000)) + b"</p>x<p>" * 5_000
    ),
    "HTML: one tag of 100,000 attributes": lambda: html(b"<p" + letters(25_000) + b">word"),
    "HTML: attributes behind a quoted angle": lambda: html(b'<p x=">"' + letters(25_000) + b">word"),
    "HTML: a tag that never ends": lambda: html(b"<p" + letters(25_000)),
    "HTML: nested tables": lambda: html(b"<table><tr><td>" * 30_000),
    "HTML: quotes": lambda: html(b"<a '\">" * 40_000),
    "HTML: entities": lambda: html(b"&nbsp;&#x41;&amp;" * 15_000),
    "HTML: a number without end": lambda: html(b"<p>" * 7_501 + b"&#" + b"1" * 200_000),
    "HTML: quoted empty lines": lambda: html(b"<blockquote>" * 6 + b"<pre>" + b"\n" * 249_000),
    "HTML: quoted lines of one letter": lambda: html(b"<blockquote>" * 6 + b"<pre>" + b"\na" * 124_000),
    "HTML: lines of one letter": lambda: html(b"<pre>" + b"\na" * 124_000),
    "HTML: letters of three octets": lambda: html("\u2039".encode() * 249_000),
    "HTML: letters that grow": lambda: text(b"\x8b" * 249_000, b"text/html; charset=windows-1252"),
    "HTML: nested blockquotes": lambda: html(b"<blockquote>a" * 20_000),
    "HTML: comments": lambda: html(b"<!--" * 60_000),
    "HTML: select and svg": lambda: html(b"<svg><p><select><option>" * 10_000),
    "HTML: foster parents": lambda: html(b"<table>a<b>" * 20_000),
    **{
        f"charset {name}": lambda name=name: text(b"\x1b$)\xff~{+AA" * 25_000, b"text/plain; charset=" + name)
        for name in (b"utf-7", b"hz", b"iso-2022-kr", b"iso-2022-jp", b"utf-16", b"idna", b"hex", b"zip", b"big5")
    },
}


def measure(name: str) -> None:
    """In the child: reads one bomb and prints what it took."""
    from helpline_mail.wire.parse import parse

    raw = BOMBS[name]()
    parse(html(b"<p>warm</p>"))
    parse(text(b"warm"))
    with open("/proc/self/clear_refs", "w") as refs:  # noqa: PTH123  (resets the peak on Linux)
        refs.write("5")
    before = peak()
    started = time.process_time()
    message = parse(raw)
    seconds = time.process_time() - started
    growth = peak() - before
    print(json.dumps({"seconds": seconds, "growth": growth, "size": len(raw), "defects": len(message.defects)}))


def peak() -> int:
    """The peak resident size in octets."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(names: list[str]) -> int:
    bad = 0
    print(f"{'bomb':42}{'size kB':>9}{'CPU s':>8}{'growth kB':>11}{'times':>7}")
    for name in names or BOMBS:
        child = subprocess.run(
            [sys.executable, __file__, "--measure", name], capture_output=True, text=True, check=True
        )
        found = json.loads(child.stdout)
        times = found["growth"] / max(found["size"], MEBIBYTE)
        over = found["seconds"] > MOST_SECONDS or times > MOST_TIMES
        bad += over
        print(
            f"{name[:41]:42}{found['size'] // 1000:>9}{found['seconds']:>8.3f}{found['growth'] // 1000:>11}"
            f"{times:>7.2f}{'  OVER' if over else ''}{'' if found['defects'] else '  (no defect)'}",
            flush=True,
        )
    print(f"{bad} over 2 s or 5 times their size")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
