"""What machines write in the subject of absence notices and of bounces, in our senders' languages.

Every pattern stands at the very start, so that a person's "Re: out of office" or "Out of office hours" is
not meant. A subject alone is weak evidence: see `responder` for what is made of it.
"""

import re
import unicodedata

# Left by mail gateways in front of the sender's own subject: [EXTERNAL], [SPAM?] ...
_GATEWAY_MARK = r"(?:\[[^\[\]]{1,20}\] ?){0,3}"

# Written with a colon behind, mostly followed by our own subject.
_AUTOMATIC_REPLY = (
    r"auto(?:mati[ck]|mated)?[ -]?(?:reply|response|answer)",  # English
    r"(?:ateb|ymateb) awtomatig",  # Welsh
    r"freagra uathoibrioch",  # Irish
    r"automatische (?:antwort|ruckmeldung)",  # German
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
    r"otomatik yanit",  # Turkish
)

# Written alone, or with a colon, a dash, or how long.
_ABSENCE = (
    r"out of (?:the )?office(?: (?:auto ?)?(?:reply|response|message|notification|notice))?",
    r"(?:i am |i'm )?(?:currently |now )?(?:away from (?:the office|my desk)|on (?:annual|maternity) leave)",
    r"(?:i am |i'm )(?:currently |now )?out of the office|vacation (?:reply|message|notice)",
    r"allan o'?r swyddfa|i ffwrdd o'?r swyddfa",
    r"abwesenheits(?:notiz|meldung|nachricht|info)|abwesenheit|abwesend|nicht im buro",
    r"absen(?:ce|t) du bureau|message d'absence|notification d'absence",
    r"poza biurem|nieobecnosc(?: w biurze)?|nieobecn[ya]",
    r"fuera de (?:la )?oficina|ausente|ausencia(?: de la oficina)?",
    r"fuori (?:sede|ufficio)|assenza(?: dall'ufficio)?|assente",
    r"fora do escritorio|ausente do escritorio",
    r"afwezig(?:heid(?:sbericht|smelding)?)?|niet aanwezig|buiten kantoor",
)

_UNTIL = "until|till|from|tan|bis|vom|du|jusqu|do|hasta|fino|ate|tot"

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


def _compile(*patterns: str) -> re.Pattern[str]:
    return re.compile(_GATEWAY_MARK + "(?:" + "|".join(patterns) + ")")


_ABSENT = _compile(
    rf"(?:{'|'.join(_AUTOMATIC_REPLY)}) ?(?::|$)",
    rf"(?:{'|'.join(_ABSENCE)})(?: ?[:!.]| [-–—(]| (?:{_UNTIL})\b| ?$)",
)
_BOUNCED = _compile(*_BOUNCE)


def _plain(subject: str) -> str:
    """The subject in small letters without accents, typographic apostrophes or runs of space."""
    decomposed = unicodedata.normalize("NFKD", subject[:200].replace("’", "'"))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(bare.casefold().split())


def is_absence_notice(subject: str) -> bool:
    """Whether an out-of-office notice or another automatic answer begins like that."""
    return _ABSENT.match(_plain(subject)) is not None


def is_bounce_notice(subject: str) -> bool:
    """Whether a notice of failed or delayed delivery begins like that."""
    return _BOUNCED.match(_plain(subject)) is not None
