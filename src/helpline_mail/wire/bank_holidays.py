"""Bank holidays by division, from the `holidays` library, as a function that the domain can call."""

from datetime import date
from threading import Lock

from helpline_mail.domain.opening_hours import BankHolidays, no_bank_holidays


def bank_holidays(division: str) -> BankHolidays:
    """Gives the name of the bank holiday on a local day, for "GB-ENG", "DE-BY", "FR", or "" for none at all.

    Names are English wherever the library has English ones, whatever the process's locale. It knows the years
    up to `known_until`. ValueError, for people to read, if it does not know the division.
    """
    if not division:
        return no_bank_holidays
    from holidays import country_holidays, list_supported_countries  # 0.2 s, so not before it is needed

    country, dash, subdivision = division.partition("-")
    known = list_supported_countries()
    if country not in known:
        raise ValueError(f'no bank holidays are known for "{division}": write "GB-ENG", for example, or "" for none')
    if dash and subdivision not in known[country]:
        divisions = ", ".join(f'"{country}-{name}"' for name in known[country]) or f'only "{country}" itself'
        raise ValueError(f'no bank holidays are known for "{division}"; known are {divisions}')
    language = _english(country_holidays(country).supported_languages)
    calendar = country_holidays(country, subdiv=subdivision or None, language=language)
    one_at_a_time = Lock()  # the library calls a year known before it has computed it

    def name_of(day: date) -> str | None:
        with one_at_a_time:
            name = calendar.get(day)
        return name.replace("(observed)", "(substitute day)").replace("; ", " and ") if name else None

    return name_of


def known_until(division: str) -> date | None:
    """The last day of the last year whose bank holidays are known; None where there are none to know."""
    if not division:
        return None
    from holidays import country_holidays

    return date(country_holidays(division.partition("-")[0]).end_year, 12, 31)


def _english(languages: tuple[str, ...]) -> str | None:
    """The country's own English, so that it is Labour Day in Australia; else the American one, if there is any."""
    return next((language for language in sorted(languages, key="en_US".__eq__) if language.startswith("en_")), None)
