"""Whom the configured receiver vouches for: RFC 8601 forms, Microsoft 365's form, and forgeries (P-04, P-05)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.responder import Verdict
from helpline_mail.wire.authentication_results import MICROSOFT_365, verdict

RECEIVER = "mx.example.org.uk"
DOMAIN = "example.org.uk"


def judged(*values, receiver=RECEIVER, domain=DOMAIN):
    return verdict({"authentication-results": values}, receiver, domain)


def test_p04_only_a_positive_aligned_verdict_vouches_for_staff():
    assert verdict({}, RECEIVER, DOMAIN) == Verdict()
    failed = judged(f"{RECEIVER}; dmarc=fail (p=quarantine) header.from={DOMAIN}")
    assert (failed.aligned, failed.failed, failed.dmarc) == (False, True, "fail")
    passed = judged(f"{RECEIVER}; dmarc=pass (p=quarantine dis=none) header.from={DOMAIN}")
    assert (passed.aligned, passed.failed, passed.dmarc) == (True, False, "pass")


def test_p05_nobody_is_believed_unless_configured():
    assert judged(f"{RECEIVER}; dmarc=pass header.from={DOMAIN}", receiver="") == Verdict()
    assert judged(f"; dmarc=pass header.from={DOMAIN}", receiver="") == Verdict()


def test_p05_a_forged_pass_below_the_receivers_fail_is_text():
    forged = f"{RECEIVER}; dmarc=pass header.from={DOMAIN}"
    assert judged(f"{RECEIVER}; dmarc=fail header.from={DOMAIN}", forged).failed
    assert not judged(f"{RECEIVER}; spf=pass smtp.mailfrom=evil.example", forged).aligned
    assert not judged("relay.example; none", forged).aligned


@pytest.mark.parametrize(
    "value",
    [
        f"mx.example.org.uk.evil.example; dmarc=pass header.from={DOMAIN}",
        f"evil.example; dmarc=pass header.from={DOMAIN}",
        f"(mx.example.org.uk) evil.example; dmarc=pass header.from={DOMAIN}",
        f'"mx.example.org.uk;" dmarc=pass header.from={DOMAIN}',
        f"dmarc=pass header.from={DOMAIN}",
        "",
        ";;;",
    ],
)
def test_other_writers_are_not_believed(value):
    assert judged(value) == Verdict()


@pytest.mark.parametrize(
    "value",
    [
        f"{RECEIVER};dmarc=pass header.from={DOMAIN}",
        f"MX.Example.ORG.uk 1 ; DMARC = Pass ( p=none ) header.from = {DOMAIN.upper()}",
        f'"{RECEIVER}"; dmarc=pass reason="a;b (c" header.from={DOMAIN}.',
        f"(a (nested; dmarc=fail) comment) {RECEIVER}; spf=fail smtp.mailfrom=x.org; dmarc=pass header.from={DOMAIN}",
        f"{RECEIVER};\tspf=none smtp.mailfrom=x@y.example;\tdkim=fail;\tdmarc=pass header.from={DOMAIN}",
        f"{RECEIVER}; dkim=pass (1024-bit key) header.d={DOMAIN} header.s=s1 header.b=abc=",
        f"{RECEIVER}; dkim/1=pass header.i=@{DOMAIN}",
        f"{RECEIVER}; dkim=pass header.i=alice@{DOMAIN} header.s=s1 header.b=ab+/c==",
        f'{RECEIVER}; dkim=pass header.d="{DOMAIN}" header.i=alice@{DOMAIN}',
        f"{RECEIVER}; dmarc=pass header.from=alice@{DOMAIN}",
        f"{RECEIVER}; dmarc=pass reason=x header.from={DOMAIN}",
        f"{RECEIVER}; dmarc=pass policy.published-domain-policy=none header.from={DOMAIN} policy.dis=none",
        f"{RECEIVER}; spf=pass (a \\) b) smtp.mailfrom=x.org; dmarc=pass header.from={DOMAIN}",
        f'{RECEIVER}; spf=pass (a " b) smtp.mailfrom=x.org; dmarc=pass header.from={DOMAIN}',
        f"{RECEIVER}; dkim=fail header.d=list.example; dkim=pass header.d={DOMAIN}; dmarc=none",
    ],
)
def test_forms_of_a_pass(value):
    assert judged(value).aligned


@pytest.mark.parametrize(
    "value",
    [
        f"{RECEIVER}; dmarc=pass",
        f"{RECEIVER}; dmarc=pass header.from=evil.example",
        f"{RECEIVER}; dmarc=pass header.from=sub.{DOMAIN}",
        f"{RECEIVER}; dmarc=pass header.from=evil.example header.from={DOMAIN}",
        f"{RECEIVER}; dmarc=pass header.from=evil.example; dmarc=pass header.from={DOMAIN}",
        f"{RECEIVER}; dmarc=passed header.from={DOMAIN}",
        f"{RECEIVER}; dmarc=pass.fail header.from={DOMAIN}",
        f"{RECEIVER}; dmarc=pass header.from={DOMAIN} (unfinished",
        f'{RECEIVER}; dmarc=pass header.from={DOMAIN} policy.x="unfinished',
        f"{RECEIVER}; spf=pass ) ( ; dmarc=pass header.from={DOMAIN}",
        f"{RECEIVER}; spf=pass \\( ; dmarc=pass header.from={DOMAIN}",
        f"{RECEIVER}; dmarc=bestguesspass header.from={DOMAIN}",
        f"{RECEIVER}; x-dmarc=pass header.from={DOMAIN}",
        f"{RECEIVER}; spf=pass smtp.mailfrom={DOMAIN}",
        f"{RECEIVER}; dkim=pass header.d=evil.example header.b={DOMAIN}",
        f"{RECEIVER}; dkim=neutral header.d={DOMAIN}",
        f"{RECEIVER}; dmarc=permerror header.from={DOMAIN}",
        f"{RECEIVER}; dkim=pass header.d=x@{DOMAIN}",
        f"{RECEIVER}; dkim=pass header.d=@{DOMAIN}",
        f"{RECEIVER}; dkim=pass header.i={DOMAIN}",
        f"{RECEIVER}; dkim=pass header.i=mallory@evil.example@{DOMAIN}",
        f'{RECEIVER}; dkim=pass header.i="mallory@evil.example"@{DOMAIN}',
        f"{RECEIVER}; dkim=pass header.d=evil.example header.d=list.example header.i=@{DOMAIN}",
        f"{RECEIVER}; dkim=pass header.d= header.i=@{DOMAIN}",
        f"{RECEIVER}; dkim=pass header.d={DOMAIN}..",
        f"{RECEIVER}; dmarc=pass header.from=mallory@evil.example@{DOMAIN}",
        f'{RECEIVER}; dmarc=pass header.from="{DOMAIN}',
        f'{RECEIVER}; dmarc=pass header.from="evil.example {DOMAIN}"',
        f"{RECEIVER}; dmarc=pass reason=he said header.from={DOMAIN}",
        f"{RECEIVER}; dmarc=pass reason=x header.from={DOMAIN} header.from=evil.example",
        f"{RECEIVER}; dmarc=pass header.from={DOMAIN} @evil.example",
        f"{RECEIVER}; dmarc=pass header.from=example.org.u\N{KELVIN SIGN}",
        f"{RECEIVER}; none",
        f"{RECEIVER}",
    ],
)
def test_what_vouches_for_nobody(value):
    found = judged(value)
    assert not found.aligned
    assert not found.failed


@pytest.mark.parametrize(
    "value",
    [
        f'{RECEIVER}; spf=pass smtp.mailfrom="; dmarc=pass header.from={DOMAIN} "@evil.example',
        f"{RECEIVER}; spf=pass (helo=a; dmarc=pass header.from={DOMAIN}) smtp.mailfrom=evil.example",
        f"{RECEIVER}; spf=pass (helo=a\\); dmarc=pass header.from={DOMAIN}) smtp.mailfrom=evil.example",
        f"{RECEIVER}; spf=pass (helo=a)); dmarc=pass header.from={DOMAIN} (",
        f'{RECEIVER}; spf=pass smtp.mailfrom="a; dmarc=pass header.from={DOMAIN}',
        f'{RECEIVER}; dmarc=pass policy.x="header.from={DOMAIN}" header.from=evil.example',
        f'{RECEIVER}; dmarc=pass policy.x="a header.from={DOMAIN} b"',
    ],
)
def test_a_senders_text_inside_a_genuine_field_stays_text(value):
    assert not judged(value).aligned


def test_a_failure_beside_an_aligned_signature_is_a_failure():
    found = judged(f"{RECEIVER}; dkim=pass header.d={DOMAIN}; dmarc=fail header.from={DOMAIN}")
    assert found.failed
    assert not found.aligned
    doubled = judged(f"{RECEIVER}; dmarc=pass header.from={DOMAIN}; dmarc=fail")
    assert (doubled.failed, doubled.dmarc, doubled.aligned) == (True, "fail", False)


MICROSOFT = (
    "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom={0}; dkim=pass (signature was verified) "
    "header.d={0};dmarc={1} action=none header.from={0};compauth=pass reason=100"
)


def test_microsoft_365_writes_no_identifier():
    found = judged(MICROSOFT.format(DOMAIN, "pass"), receiver=MICROSOFT_365)
    assert (found.spf, found.dkim, found.dmarc, found.aligned) == ("pass", "pass", "pass", True)
    assert judged(MICROSOFT.format(DOMAIN, "fail"), receiver=MICROSOFT_365).failed
    assert judged(MICROSOFT.format(DOMAIN, "pass")) == Verdict()
    identified = f"evil.example; dmarc=pass header.from={DOMAIN}"
    assert judged(identified, receiver=MICROSOFT_365) == Verdict()


def test_no_domain_is_vouched_for_by_an_empty_one():
    assert not judged(f"{RECEIVER}; dmarc=pass header.from=", domain="").aligned
    assert not judged(f"{RECEIVER}; dkim=pass", domain="").aligned


def test_a_field_beyond_any_receivers_length_is_not_read():
    assert judged(f"{RECEIVER}; dmarc=pass header.from={DOMAIN}" + " " * 10_000) == Verdict()


@given(st.text(alphabet=' ();"\\=abmx.dmarcpssfil-@/1\t\n\x00é', max_size=200))
def test_any_text_gets_a_verdict_that_vouches_for_nobody(text):
    assert not judged(f"{RECEIVER};" + text, domain="unsaid.example").aligned


@given(st.text(max_size=60))
def test_a_receiver_that_quotes_its_sender_is_safe_from_him(local_part):
    quoted = local_part.replace("\\", "\\\\").replace('"', '\\"')
    found = judged(f'{RECEIVER}; spf=pass smtp.mailfrom="{quoted}"@evil.example; dmarc=none')
    assert (found.spf, found.dmarc, found.aligned, found.failed) == ("pass", "none", False, False)
