"""What machines write in the subject of absence notices and of bounces, in our senders' languages.

Every pattern stands at the very start, so that a person's "Re: out of office" or "Out of office hours" is
not meant. A subject alone is weak evidence: in most languages the words for an absent colleague are also those
for an absent pupil. See `responder` for what is made of it.
"""

import re
import unicodedata

# Left by mail gateways in front of the sender's own subject: [EXTERNAL], EXTERNAL:, ***SPAM*** ...
_GATEWAY_MARK = r"(?:(?:\[[^\[\]]{1,20}\]|(?:external|extern|ext|spam):|\*{1,3}[a-z? ]{1,15}\*{1,3}) ?){0,3}"

# Written with a colon behind, mostly followed by our own subject.
_AUTOMATIC_REPLY = (
    r"auto(?:mati[ck]|mated)?[ -]?(?:reply|response|answer)",  # English
    r"out of (?:the )?office auto[ -]?(?:reply|response)",
    r"(?:ateb|ymateb) awtomatig",  # Welsh
    r"freagra uathoibrioch",  # Irish
    r"automatische (?:antwort|ruckmeldung)|abwesenheitsnotiz",  # German
    r"reponse (?:automatique|auto)",  # French
    r"odpowiedz automatyczna|automatyczna odpowiedz|autoodpowiedz",  # Polish
    r"respuesta automatica",  # Spanish
    r"risposta automatica",  # Italian
    r"resposta automatica",  # Portuguese
    r"automatisch (?:antwoord|bericht)",  # Dutch
    r"auto(?:matisk|matiskt)? ?svar",  # Danish, Norwegian, Swedish
    r"automaattinen vastaus",  # Finnish
    r"automaticka odpoved",  # Czech, Slovak
    r"automatikus valasz",  # Hungarian
    r"raspuns automat",  # Romanian
    r"automatinis atsakymas|automatiska atbilde",  # Lithuanian, Latvian
    r"автоматичен отговор|автоматическии ответ|автоматична відповідь",  # Bulgarian, Russian, Ukrainian
    r"αυτοματη απαντηση",  # Greek
    r"otomatik (?:yanit|cevap)",  # Turkish
    r"automatski odgovor|samodejni odgovor|аутоматски одговор",  # Croatian, Slovene, Serbian
    r"automaatvastus|automaatne vastus",  # Estonian
    r"sjalfvirkt svar",  # Icelandic
    r"(?:ال)?رد (?:ال)?تلقائي|(?:ال)?رد (?:ال)?آلي",  # Arabic
    r"خودکار جواب|پاسخ خودکار",  # Urdu, Persian
    r"תשובה אוטומטית|מענה אוטומטי",  # Hebrew
    r"自动(?:回复|答复|回覆)|自動(?:回覆|回復|答覆)",  # Chinese
    r"自動(?:応答|返信)(?:メッセージ|メール)?",  # Japanese
    r"자동 ?(?:회신|응답|답장)",  # Korean
)

_I_AM = r"(?:(?:i am |i'm |i will be |i'll be )(?:currently |now )?|currently )"

# Written alone, or with a colon, a dash, or how long.
_ABSENCE = (
    rf"{_I_AM}?out of (?:the )?office(?: (?:reply|response|(?:auto )?(?:message|notification|notice)))?",
    rf"{_I_AM}?(?:away from (?:(?:the |my )?office|my desk)|on (?:annual|maternity) leave)",
    r"vacation (?:reply|message|notice)",
    r"allan o'?r swyddfa|i ffwrdd o'?r swyddfa",
    r"abwesenheits(?:notiz|meldung|nachricht|info)|abwesenheit|abwesend|(?:ich bin )?nicht im buro",
    r"(?:je suis )?(?:actuellement )?absente? du bureau|absence du bureau|(?:message|notification) d'absence",
    r"(?:jestem )?(?:poza biurem|nieobecn[ya])|nieobecnosc(?: w biurze)?",
    r"(?:estoy )?(?:fuera de (?:la |mi )?oficina|ausente)|ausencia(?: de la oficina)?",
    r"(?:sono )?(?:fuori (?:sede|ufficio)|assente)|assenza(?: dall'ufficio)?",
    r"(?:estou )?(?:fora do escritorio|ausente do escritorio)",
    r"(?:ik ben )?(?:afwezig|niet aanwezig|buiten kantoor)|afwezigheid(?:sbericht|smelding)?",
    r"franvarande|franvaromeddelande|fraværende|fraværs(?:melding|besked)|poissa toimistolta",
)

# What people write about too: only alone, with how long, or before the subject of another mail.
_LEAVE = rf"annual leave|{_I_AM}?on (?:holiday|vacation|leave)|{_I_AM}away|je suis en conges?|ich bin im urlaub"

# Sentences of which the beginning is enough.
_SENTENCES = (
    r"automatische (?:antwort|ruckmeldung) auf\b",
    r"ich bin (?:ab|bis|seit|vom|von|zur ?zeit|derzeit)\b.{0,60} (?:abwesend|nicht im buro|im urlaub|ausser haus)\b",
)

_REPLY = r"(?:re|aw|antw|odp|sv|vs|rv|rif)\b ?:"
_UNTIL = "until|till|from|today|returning|tan|bis|vom|du|jusqu|do|hasta|fino|ate|tot"

_BOUNCE = (
    r"(?:permanent )?delivery (?:status|fail(?:ure|ed)|has failed|report|notification|delayed|incomplete)",
    r"mail (?:delivery|system error|error\b|failed\b|(?:could )?not (?:be )?delivered)|delayed mail\b",
    r"returned (?:mail|e-?mail)\b|undeliver(?:able|ed)\b|unable to deliver",
    r"failure notice|fail(?:ed|ure) (?:mail|delivery)|non[- ]?delivery|nondeliverable",
    r"message (?:delivery|delayed|undeliverable|(?:could )?not (?:be )?delivered)",
    r"warning: (?:could not send|message|mail)",
    r"unzustellbar|nicht zustellbar|benachrichtigung zum ubermittlungsstatus|zustellung fehlgeschlagen",
    r"non remis|echec de (?:la )?remise|notification d'etat de remise",
    r"nie mozna dostarczyc|niedostarcz",
    r"no se puede entregar|notificacion de estado de entrega",
    r"non recapitabile|mancato recapito|mancata consegna",
    r"nao e possivel entregar|nao entregue|falha na entrega",
    r"onbestelbaar|niet bezorgd",
)


# What a mail client sends at the touch of a button, in the languages of our staff's clients.
_OF_CLIENT = re.compile(
    r"(?:read|not read|gelesen|lu|accepted|declined|tentative|zugesagt|abgesagt|accept[e\u00e9]|"
    r"refus[e\u00e9]|recall|r\u00fcckruf|rappel|darllenwyd)\s?: ",
    re.IGNORECASE,
)


def is_of_client(subject: str) -> bool:
    """Whether a subject is one that a mail client writes by itself: a receipt, an answer to an invitation, a recall."""
    return _OF_CLIENT.match(subject) is not None


def _bare(text: str) -> str:
    """Small letters without accents, invisible characters or Turkish dotless letters."""
    kept = (
        character
        for character in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(character) and unicodedata.category(character) != "Cf"
    )
    return "".join(kept).casefold().replace("ı", "i")


def _compile(*patterns: str) -> re.Pattern[str]:
    # The patterns are bared like the subjects, so each script is written here as its readers know it.
    return re.compile(_bare(_GATEWAY_MARK + "(?:" + "|".join(patterns) + ")"))


_AUTOMATIC = "|".join(_AUTOMATIC_REPLY)
_SAYS_AUTOMATIC = _compile(rf"(?:{_AUTOMATIC}) ?(?::|$)")
_ANSWERS_REFERENCE = _compile(rf"(?:{_AUTOMATIC}) ?:.*\[[a-z]{{2,8}}-[a-z0-9]{{6}}\]")
_ABSENT = _compile(
    rf"(?:{_AUTOMATIC}) ?(?::|$)",
    rf"(?:{'|'.join(_ABSENCE)})(?: ?[:!.]| [-–—(]| (?:{_UNTIL})\b| {_REPLY}| ?$)",
    rf"(?:{_LEAVE})(?: (?:{_UNTIL})\b|:? {_REPLY}|[!.]? ?$)",
    *_SENTENCES,
)
_BOUNCED = _compile(*_BOUNCE)


def _plain(subject: str) -> str:
    """The subject's beginning as the patterns are written, without typographic apostrophes or runs of space."""
    return " ".join(_bare(subject[:200].replace("’", "'")).split())


def is_absence_notice(subject: str) -> bool:
    """Whether an out-of-office notice or another automatic answer begins like that; an absent pupil may too."""
    return _ABSENT.match(_plain(subject)) is not None


def says_automatic(subject: str) -> bool:
    """Whether it begins with the words of a mail program for an automatic reply, and not merely with an absence."""
    return _SAYS_AUTOMATIC.match(_plain(subject)) is not None


def answers_reference(subject: str) -> bool:
    """Whether it is a mail program's automatic reply to a subject with a reference: "Automatic reply: [ABC-123456]"."""
    return _ANSWERS_REFERENCE.match(_plain(subject)) is not None


def is_bounce_notice(subject: str) -> bool:
    """Whether a notice of failed or delayed delivery begins like that."""
    return _BOUNCED.match(_plain(subject)) is not None
