"""What mail clients put around a quotation, in the languages of those who use them."""

# When a client says that our mail was written, and by whom: {n} is our name, {a} our address.
GMAIL = {
    "en": "On Tue, 24 Nov 2026 at 10:10, {n} <{a}> wrote:",
    "de": "Am Di., 24. Nov. 2026 um 10:10 Uhr schrieb {n} <{a}>:",
    "fr": "Le mar. 24 nov. 2026 à 10:10, {n} <{a}> a écrit\xa0:",
    "cy": "Ar Maw, 24 Tach 2026 am 10:10 {n} <{a}> ysgrifennodd:",
}
GMAIL_PHONE = {
    "en": "On Tue, 24 Nov 2026, 10:10 {n}, <{a}> wrote:",
    "de": "{n} <{a}> schrieb am Di., 24. Nov. 2026, 10:10:",
    "fr": "Le mar. 24 nov. 2026, 10:10, {n} <{a}> a écrit :",
    "cy": "Ar Maw, 24 Tach 2026, 10:10 {n}, <{a}> ysgrifennodd:",
}
APPLE = {
    "en": "On 24 Nov 2026, at 10:10, {n} <{a}> wrote:",
    "de": "Am 24.11.2026 um 10:10 schrieb {n} <{a}>:",
    "fr": "Le 24 nov. 2026 à 10:10, {n} <{a}> a écrit :",
    "cy": "Ar 24 Tach 2026, am 10:10, ysgrifennodd {n} <{a}>:",
}
THUNDERBIRD = {
    "en": "On 24/11/2026 10:10, {n} wrote:",
    "de": "Am 24.11.26 um 10:10 schrieb {n}:",
    "fr": "Le 24/11/2026 à 10:10, {n} a écrit\xa0:",
    "cy": "Ar 24/11/2026 10:10, ysgrifennodd {n}:",
}
OUTLOOK_LABELS = {
    "en": ("From:", "Sent:", "To:", "Subject:"),
    "de": ("Von:", "Gesendet:", "An:", "Betreff:"),
    "fr": ("De\xa0:", "Envoyé\xa0:", "À\xa0:", "Objet\xa0:"),
    "cy": ("Oddi wrth:", "Anfonwyd:", "At:", "Pwnc:"),
}
OUTLOOK_DATES = {
    "en": "24 November 2026 10:10", "de": "Dienstag, 24. November 2026 10:10", "fr": "mardi 24 novembre 2026 10:10",
    "cy": "24 Tachwedd 2026 10:10",
}  # fmt: skip
OUTLOOK_RULES = {
    "en": "-----Original Message-----", "de": "-----Ursprüngliche Nachricht-----",
    "fr": "-----Message d'origine-----", "cy": "-----Neges wreiddiol-----",
}  # fmt: skip
OUTLOOK_ADVERTS = {
    "en": ("Get ", "Outlook for iOS", ""), "de": ("", "Outlook für iOS", " beziehen"),
    "fr": ("Obtenir ", "Outlook pour iOS", ""), "cy": ("Cael ", "Outlook ar gyfer iOS", ""),
}  # fmt: skip
IPHONES = {
    "en": "Sent from my iPhone", "de": "Von meinem iPhone gesendet", "fr": "Envoyé de mon iPhone",
    "cy": "Anfonwyd o fy iPhone",
}  # fmt: skip
