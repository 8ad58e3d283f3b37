"""May we answer? Each rule, and the cases P-15 to P-19 and P-25."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.message import Address, Attachment, Bounce, Message, Sender
from helpline_mail.domain.responder import (
    OwnAddresses,
    Verdict,
    authentication_reason,
    automatic_reason,
)
from helpline_mail.domain.robots import is_robot

OWN = OwnAddresses("helpline@example.org.uk")
OUR_ID = "<a1b2@example.org.uk>"


def enquiry(
    sender="alice@school.sch.uk", subject="A worry about a pupil", content_type="text/plain", text="Hello.", **fields
):
    """A teacher's mail, with header fields given as keywords."""
    return Message(
        message_id="<1@school.sch.uk>",
        sender=Sender("ok", Address(sender), sender) if sender else Sender("malformed", None, "?"),
        to=(Address("helpline@example.org.uk"),),
        cc=(),
        subject=subject,
        date=None,
        in_reply_to=(),
        references=(),
        text=text,
        new_text=text,
        attachments=(),
        content_type=content_type,
        fields={
            name.replace("_", "-"): (value,) if isinstance(value, str) else value for name, value in fields.items()
        },
    )


def verdict_of(message):
    reason = automatic_reason(message, OWN)
    return (reason.code, reason.kind) if reason else None


def test_a_teachers_mail_is_answered():
    assert automatic_reason(enquiry(return_path="<alice@school.sch.uk>"), OWN) is None


@pytest.mark.parametrize(
    "value",
    [
        "no",
        "No   ",
        "NO",
        'no; owner-email="x@example.com"',
        "no (a person (really) wrote this)",
        "(auto-replied) no",
        '"no"',
    ],
)
def test_auto_submitted_no_is_a_person(value):
    assert automatic_reason(enquiry(auto_submitted=value), OWN) is None


@pytest.mark.parametrize(
    "value",
    [
        "auto-replied", "auto-generated", "Auto-Replied", "auto-generated (failure)", "(no) auto-replied",
        'auto-replied; owner-email="no@example.com"', 'auto-notified; owner-email="a@example.com"', "x-extension",
        "auto-generated(warning-timeout)", "(never (ending) comment) auto-replied", "no-reply", ") auto-replied",
    ],
)  # fmt: skip
def test_p15_auto_submitted_mail_is_a_machines(value):
    assert verdict_of(enquiry(auto_submitted=value)) == ("auto_submitted", "automatic")


@pytest.mark.parametrize("value", ["", "(", "(auto-replied", ";"])
def test_an_auto_submitted_field_that_says_nothing_only_withholds(value):
    assert verdict_of(enquiry(auto_submitted=value)) == ("auto_submitted_unclear", "withheld")


def test_one_of_several_auto_submitted_fields_is_enough():
    assert verdict_of(enquiry(auto_submitted=("no", "auto-replied"))) == ("auto_submitted", "automatic")


def test_p16_a_bounce_with_a_null_return_path_is_a_machines():
    bounce = enquiry("MAILER-DAEMON@mx.example", "Undelivered Mail Returned to Sender", return_path="<>")
    assert verdict_of(bounce) == ("null_return_path_notice", "automatic")
    reported = replace(bounce, bounces=(Bounce("bob@school.sch.uk", "5.1.1", "failed", OUR_ID),))
    assert verdict_of(reported) == ("bounce", "automatic")
    assert verdict_of(replace(reported, fields={})) == ("bounce", "automatic")
    header = {"content-type": "multipart/report; report-type=delivery-status"}
    report = enquiry(content_type="multipart/report", **header)
    assert verdict_of(report) == ("report", "automatic")


@pytest.mark.parametrize("sender", ["postmaster@school.sch.uk", "alice@school.sch.uk"])
def test_what_only_reads_like_a_bounce_withholds(sender):
    alike = replace(enquiry(sender), bounces=(Bounce("bob@school.sch.uk", None, "failed", None),))
    assert verdict_of(alike) == ("bounce_likely", "withheld")


@pytest.mark.parametrize("path", ["<>", " < > ", "<#@[]>", '<"">'])
def test_a_null_return_path_alone_only_withholds(path):
    assert verdict_of(enquiry(return_path=path)) == ("null_return_path", "withheld")


def test_a_web_form_with_a_null_return_path_only_withholds():
    assert verdict_of(enquiry("no-reply@school.sch.uk", return_path="<>")) == ("robot_sender", "withheld")
    assert verdict_of(enquiry(return_path="<>", x_auto_response_suppress="All"))[1] == "withheld"


@pytest.mark.parametrize("subject", ["Automatic reply: x", "Undeliverable: x", "Abwesenheitsnotiz"])
def test_a_null_return_path_and_a_notices_subject_are_a_machines(subject):
    assert verdict_of(enquiry(return_path="<>", subject=subject)) == ("null_return_path_notice", "automatic")


@pytest.mark.parametrize("path", ["<>(x)", "(x) <>", "<> (a (b) c)"])
def test_a_null_return_path_with_a_comment_is_one(path):
    assert verdict_of(enquiry(return_path=path)) == ("null_return_path", "withheld")


@pytest.mark.parametrize(
    "path",
    [
        "<MAILER-DAEMON>", "<MAILER-DAEMON@school.sch.uk>", "<bounces+1-a=b@school.sch.uk>", "bounce-123@x.example",
        "<heads-bounces@school.sch.uk>", "<owner-heads@school.sch.uk>", "<prvs=12ab=bounces-1@x.example> (x)",
    ],
)  # fmt: skip
def test_an_odd_return_path_is_never_answered(path):
    assert verdict_of(enquiry(return_path=path)) == ("odd_return_path", "withheld")


@pytest.mark.parametrize(
    "path",
    [
        "<prvs=1234abcdef=alice@school.sch.uk>", "<msprvs1=19abc=alice@school.sch.uk>", "<www-data@school.sch.uk>",
        "<bounces+SRS=44ldt=IX@school.sch.uk>", "<SRS0=ab=cd=x.example=alice@school.sch.uk>", "alice", "(", "",
    ],
)  # fmt: skip
def test_a_return_path_with_a_person_behind_it_is_answered(path):
    assert automatic_reason(enquiry(return_path=path), OWN) is None


def test_the_receivers_own_return_path_stands_on_top():
    assert automatic_reason(enquiry(return_path=("<alice@school.sch.uk>", "<>")), OWN) is None


@pytest.mark.parametrize("report_type", ["delivery-status", "disposition-notification", '"Disposition-Notification"'])
def test_p25_reports_are_a_machines(report_type):
    header = {"content-type": f"multipart/report; boundary=x; report-type={report_type}"}
    assert verdict_of(enquiry(content_type="multipart/report", **header)) == ("report", "automatic")


def test_a_report_of_no_known_type_may_still_be_a_persons():
    header = {"content-type": "multipart/report; boundary=report-type"}
    assert automatic_reason(enquiry(content_type="multipart/report", **header), OWN) is None


def test_p25_calendar_answers_are_a_machines_unless_somebody_wrote_in_them():
    alone = enquiry(content_type="text/calendar", **{"content-type": 'text/calendar; charset=utf-8; method="REPLY"'})
    assert verdict_of(alone) == ("calendar_reply", "automatic")
    invitation = enquiry(content_type="text/calendar", **{"content-type": "text/calendar; method=REQUEST"})
    assert automatic_reason(invitation, OWN) is None
    part = (Attachment("", "text/calendar", 100, "0" * 64),)
    clicked = replace(
        enquiry(subject="Accepted: Call", text=" \n", content_type="multipart/alternative"), attachments=part
    )
    assert verdict_of(clicked) == ("calendar_reply", "automatic")
    assert verdict_of(replace(clicked, text="Can it be earlier?")) == ("calendar_reply_worded", "withheld")
    assert automatic_reason(replace(clicked, attachments=()), OWN) is None


def test_p25_asking_for_a_reading_receipt_is_a_persons_habit():
    assert automatic_reason(enquiry(disposition_notification_to="alice@school.sch.uk"), OWN) is None


@pytest.mark.parametrize("name", ["x-autoreply", "x-autorespond", "x-autoresponder", "x-mail-autoreply"])
def test_an_autoresponders_own_field(name):
    assert verdict_of(enquiry(**{name: "yes"})) == ("autoresponder", "automatic")
    assert automatic_reason(enquiry(**{name: "no"}), OWN) is None


def test_an_autoresponder_that_names_itself_in_another_way():
    assert verdict_of(enquiry(x_autoreply_from="<alice@school.sch.uk>")) == ("autoresponder", "automatic")
    assert verdict_of(enquiry(x_post_messageclass="9; Autoresponder")) == ("autoresponder", "automatic")
    assert automatic_reason(enquiry(x_post_messageclass="1; Mail"), OWN) is None


def test_what_a_scheduled_job_wrote_is_a_machines():
    assert verdict_of(enquiry(x_cron_env="<SHELL=/bin/sh>")) == ("cron", "automatic")


@pytest.mark.parametrize(
    "field",
    [
        {"x-fc-machinegenerated": "true"}, {"x-ms-exchange-generated-message-source": "Mailbox Rules Agent"},
        {"x-otrs-loop": "yes"}, {"delivered-to": "Autoresponder"},
        {"delivered-to": ("helpline@x.example", "autoresponder")},
    ],
)  # fmt: skip
def test_what_a_machine_made_or_passed_on_is_withheld(field):
    assert verdict_of(enquiry(**field)) == ("machine_made", "withheld")


@pytest.mark.parametrize("field", [{"x-fc-machinegenerated": "false"}, {"delivered-to": "autoresponder@school.sch.uk"}])
def test_what_says_that_no_machine_made_it_is_a_persons(field):
    assert automatic_reason(enquiry(**field), OWN) is None


@pytest.mark.parametrize("value", ["auto_reply", "Auto-Reply (vacation)"])
def test_precedence_of_an_automatic_reply(value):
    assert verdict_of(enquiry(precedence=value)) == ("precedence_auto_reply", "automatic")


@pytest.mark.parametrize("value", ["bulk", "list", "Junk", "bulk (sent to many)"])
def test_p19_bulk_mail_is_withheld(value):
    assert verdict_of(enquiry(precedence=value)) == ("list", "withheld")


@pytest.mark.parametrize("name", ["list-id", "list-unsubscribe", "list-post", "mailing-list"])
def test_p19_mailing_list_mail_becomes_a_ticket_without_an_answer(name):
    assert verdict_of(enquiry(**{name: "<heads.school.sch.uk>"})) == ("list", "withheld")


@pytest.mark.parametrize("value", ["high", "normal", "first-class", "special-delivery", ""])
def test_other_precedences_mean_nothing(value):
    assert automatic_reason(enquiry(precedence=value), OWN) is None


@pytest.mark.parametrize("value", ["All", "DR, OOF, AutoReply", "oof"])
def test_a_sender_who_wants_no_automatic_answer_gets_none(value):
    assert verdict_of(enquiry(x_auto_response_suppress=value)) == ("no_answer_wanted", "withheld")


@pytest.mark.parametrize("value", ["DR, RN, NRN", "None", "", "NDR"])
def test_a_sender_who_wants_no_reports_is_answered(value):
    assert automatic_reason(enquiry(x_auto_response_suppress=value), OWN) is None


@pytest.mark.parametrize(
    "local_part",
    [
        "mailer-daemon", "MAILER-DAEMON", "postmaster", "no-reply", "noreply", "No.Reply", "noreply+x12",
        "do-not-reply",
        "donotreply", "owner-heads", "heads-request", "heads-bounces", "heads-bounces+a=school", "listserv",
        "majordomo",
        "portal-noreply", "noreply-portal", "portal.no_reply", "bounces+123", "bounce-123", "bounces-123", "bounce123",
        "bounce-md_301.55a0", "bounces+heads=school", "noreply123", "noreply-123", "donotreplyto", "do-not-reply-to",
        "portal-donotreply", "no-responder", "nao-responda", "non-rispondere", "niet-beantwoorden", "nie-odpowiadaj",
        "root", "cron", "daemon", "www-data", "alerts", "notification", "prvs=1234abcdef=alice",
    ],
)  # fmt: skip
def test_robots_become_a_ticket_without_an_answer(local_part):
    assert is_robot(local_part)
    assert verdict_of(enquiry(f"{local_part}@school.sch.uk")) == ("robot_sender", "withheld")


@pytest.mark.parametrize(
    "local_part",
    [
        "alice", "nora.reply", "owner", "request", "requests", "daemon.smith", "info", "office", "bouncer", "c.ron",
        "r.oot", "j.root", "root.jane", "cronin", "alerts.lead", "bounce-back", "bouncewell", "noreen.reply",
        "casino-reply", "notification.lead", "daemonte", "prvs", "nonna.rispo", "nie.odpowiada",
    ],
)  # fmt: skip
def test_people_are_no_robots(local_part):
    assert not is_robot(local_part)


@pytest.mark.parametrize(
    "address",
    ["helpline@example.org.uk", "Helpline@Example.Org.UK", "helpline+b-x@example.org.uk", "helpline+@example.org.uk"],
)
def test_our_own_address_is_never_answered(address):
    assert verdict_of(enquiry(address)) == ("own_address", "withheld")


@pytest.mark.parametrize(
    "address", ["helpline@example.org", "helplines@example.org.uk", "amy@example.org.uk", "helpline@x.example.org.uk"]
)
def test_other_addresses_are_not_ours(address):
    assert address not in OWN
    assert automatic_reason(enquiry(address), OWN) is None


def test_p11_a_strangers_loop_marks_mean_nothing():
    marked = enquiry(
        x_loop="helpline@example.org.uk", x_helpline_ticket="1", x_helpline_state="closed", x_helpline_kind="answer"
    )
    assert automatic_reason(marked, OWN) is None


def test_a_malformed_sender_is_never_answered():
    assert verdict_of(enquiry(sender=None)) == ("sender_malformed", "withheld")


def test_being_only_in_bcc_withholds_nothing():
    assert automatic_reason(replace(enquiry(), to=(), cc=()), OWN) is None


ABSENT = [
    "Automatic reply: Re: [POSH-ABCD] we have your question", "Out of Office: Re: your question", "Out of office",
    "Out of Office AutoReply: hello", "Auto-Reply: hello", "Autoreply: hello", "Automated Response: Re: hello",
    "I am out of the office until Monday", "Away from my desk", "On annual leave until 3 June",
    "[EXTERNAL] Automatic reply: x",
    "Ateb awtomatig: Re: eich neges", "Allan o'r swyddfa", "Allan o’r swyddfa tan ddydd Llun",
    "Automatische Antwort: Re: x", "Abwesenheitsnotiz: Re: x", "Abwesend bis 3. Juni",
    "Réponse automatique : Re: x", "Absence du bureau", "Re\u0301ponse automatique: x",
    "Odpowiedź automatyczna: x", "Autoodpowiedź: x", "Poza biurem",
    "Respuesta automática: x", "Fuera de la oficina", "Risposta automatica: x", "Fuori sede",
    "Resposta automática: x", "Fora do escritório", "Automatisch antwoord: x", "Afwezig: x", "AFWEZIGHEIDSBERICHT",
    "Autosvar: x", "Automatiskt svar: x", "Automatisk svar: x", "Automaattinen vastaus: x", "Automatická odpověď: x",
    "Automatikus válasz: x", "Răspuns automat: x", "Автоматический ответ: x", "Автоматична відповідь: x",
    "Αυτόματη απάντηση: x",
    "Otomatik Yanıt: x", "OTOMATİK YANIT: x", "Out of Office Re: x", "I'm out of office", "I’m out of the office",
    "I am out of office until Monday", "I'm on leave until 3 June", "I am currently on leave", "Annual leave",
    "Annual leave until Monday", "On holiday until Monday", "On leave from 3 June", "Away from office",
    "Currently out of office", "I will be out of the office today", "I'm away until Monday", "Je suis en congé",
    "EXTERNAL: Automatic reply: x", "***EXTERNAL*** Automatic reply: x", "Ich bin nicht im Büro",
    "Ich bin bis 3. Juni abwesend", "Ich bin vom 1. bis zum 3. Juni nicht im Büro",
    "Automatische Antwort auf Ihre Mail",
    "Je suis absente du bureau", "Estoy fuera de la oficina", "Jestem nieobecna", "Frånvarande: x", "Fraværende: x",
    "رد تلقائي: x", "الرد التلقائي: x", "خودکار جواب: x", "תשובה אוטומטית: x", "\u200fתשובה אוטומטית: x",
    "自动回复: x", "自动答复：x", "自動回覆: x", "自動応答: x", "自動返信", "자동 회신: x", "Automatski odgovor: x",
    "Samodejni odgovor: x", "Automaatvastus: x", "Sjálfvirkt svar: x",
]  # fmt: skip


@pytest.mark.parametrize("subject", ABSENT)
def test_an_absence_notice_is_automatic_only_with_a_machines_second_sign(subject):
    alone = enquiry(subject=subject)
    assert verdict_of(alone) == ("absence_subject", "withheld")
    answer = replace(alone, in_reply_to=(OUR_ID,))
    assert verdict_of(answer) == ("absence_subject", "withheld")
    assert verdict_of(replace(alone, references=("<x@elsewhere.example>", OUR_ID))) == ("absence_subject", "withheld")
    for sign in ({"return-path": ("<>",)}, {"x-auto-response-suppress": ("All",)}, {"precedence": ("junk",)}):
        signed = replace(answer, fields=sign)
        assert verdict_of(signed)[1] == "automatic"
        assert verdict_of(replace(signed, references=("<x@elsewhere.example>", OUR_ID)))[1] == "automatic"


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Re: [POSH-7K3M9Q] we have your question", "Réponse automatique : [POSH-7K3M9Q] x",
        "[EXTERNAL] Automatische Antwort: AW: [POSH-7k3m9q] x", "Otomatik Yanıt: [POSH-7K3M9Q] x",
        "자동 회신: [POSH-7K3M9Q] x", "الرد التلقائي: [POSH-7K3M9Q] x",
    ],
)  # fmt: skip
def test_an_automatic_reply_to_our_reference_is_a_machines(subject):
    answer = replace(enquiry(subject=subject), in_reply_to=(OUR_ID,))
    assert verdict_of(answer) == ("absence_answer", "automatic")
    assert verdict_of(replace(answer, in_reply_to=("<x@elsewhere.example>",))) == ("absence_subject", "withheld")


@pytest.mark.parametrize(
    "subject",
    [
        "Abwesenheit: ein Kind fehlt seit drei Tagen", "Nieobecność: uczeń nie przychodzi",
        "Ausencia: alumna desaparecida", "Assenza: alunna", "Afwezigheid - leerling", "Absent du bureau: un élève",
        "Out of office - who do I call?", "On annual leave: pupil still at risk",
        "Abwesenheit: [POSH-7K3M9Q] ein Kind fehlt", "Out of office: Re: [POSH-7K3M9Q] who do I call?",
    ],
)  # fmt: skip
def test_a_persons_answer_about_an_absent_pupil_keeps_its_clock(subject):
    answer = replace(enquiry(subject=subject, return_path="<alice@school.sch.uk>"), in_reply_to=(OUR_ID,))
    assert verdict_of(answer) == ("absence_subject", "withheld")


@pytest.mark.parametrize("subject", ["Ausencia: alumna desaparecida", "Abwesenheit", "Assenza: alunna"])
def test_a_web_form_about_an_absent_pupil_keeps_its_clock(subject):
    assert verdict_of(enquiry(subject=subject, return_path="<>")) == ("null_return_path", "withheld")


@pytest.mark.parametrize(
    "subject",
    [
        "Re: out of office message of a pupil", "Fwd: Automatic reply: x", "Out of office hours contact with pupils",
        "Absence of a pupil", "Absence", "Automatic replies from a fake account",
        "Vacation photographs of a pupil online",
        "Autoreply settings", "RE: Automatic reply: your question", "Away from home and afraid", "Undeliverable?", "",
        "Automated abuse: bots in our group chat", "AW: Abwesenheitsnotiz: x", "A pupil is on sick leave",
        "EXTERNAL: Re: out of office", "I'm away: can you help?", "I'm on holiday. A pupil wrote to me",
        "Annual leave: who is our safeguarding lead?", "On holiday with pupils",
        "On holiday: pupils posted pictures", "Ich bin bis heute ohne Antwort", "Automatic reply settings",
        "자동차", "自动", "I am away with my class", "External reply: x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("in_reply_to", [(), (OUR_ID,)])
def test_a_teachers_subject_is_not_taken_for_a_notice(subject, in_reply_to):
    assert automatic_reason(replace(enquiry(subject=subject), in_reply_to=in_reply_to), OWN) is None


def test_what_a_header_proves_comes_before_what_a_subject_suggests():
    assert verdict_of(enquiry(subject="Automatic reply: x", auto_submitted="auto-replied"))[0] == "auto_submitted"
    assert verdict_of(enquiry("no-reply@school.sch.uk", auto_submitted="auto-generated"))[1] == "automatic"


def test_a_failed_sender_authentication_withholds():
    assert authentication_reason(None) is None
    assert authentication_reason(Verdict(dmarc="pass", aligned=True)) is None
    assert authentication_reason(Verdict()) is None
    reason = authentication_reason(Verdict(dmarc="fail", failed=True))
    assert (reason.code, reason.kind) == ("authentication_failed", "withheld")


fields = st.dictionaries(
    st.sampled_from(
        ["auto-submitted", "precedence", "return-path", "content-type", "x-auto-response-suppress", "x-autoreply"]
    ),
    st.lists(st.text(max_size=60), max_size=3).map(tuple),
)


@given(fields, st.text(max_size=80), st.text(max_size=30))
def test_any_text_gets_a_decision_and_never_an_error(fields, subject, local_part):
    message = replace(enquiry(f"{local_part}@school.sch.uk", subject), fields=fields)
    reason = automatic_reason(message, OWN)
    assert reason is None or reason.kind in {"automatic", "withheld"}


@given(st.text(max_size=200), st.text(max_size=60))
def test_a_subject_and_a_sender_never_make_a_mail_automatic(subject, local_part):
    reason = automatic_reason(enquiry(f"{local_part}@school.sch.uk", subject), OWN)
    assert reason is None or reason.kind == "withheld"
