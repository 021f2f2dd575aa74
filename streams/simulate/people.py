"""Invented customers of several cultures, with addresses that fit and mailboxes that reach nobody."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from streams.core.events import Address, Customer
from streams.simulate.days import Zone, zone
from streams.simulate.dice import Dice


class Place(NamedTuple):
    """Where people live: city, region, the beginning of its postal codes, and its IANA zone."""

    city: str
    region: str
    postal: str
    zone: str


class Person(NamedTuple):
    """A customer with what the simulator needs at hand."""

    customer: Customer
    address: Address
    country: str
    zone: Zone
    city: str


_GIVEN = {
    "en": (
        "Grace",
        "Theo",
        "Zoë",
        "Maya",
        "Caleb",
        "Renée",
        "Owen",
        "Ruth",
        "Silas",
        "Noor",
        "Imani",
        "Beau",
    ),
    "pt": ("João", "Beatriz", "Antônio", "Luísa", "Caíque", "Heloísa", "Davi", "Íris", "Thaís", "Otávio"),
    "de": ("Jürgen", "Käthe", "Lukas", "Sören", "Annika", "Björn", "Greta", "Özlem", "Matthäus", "Heike"),
    "pl": ("Łukasz", "Agnieszka", "Michał", "Żaneta", "Zofia", "Bartłomiej"),
    "vi": ("Hạnh", "Minh", "Thảo", "Quốc", "Liên", "Dũng"),
    "yo": ("Adébáyọ̀", "Folákẹ́", "Olúwaṣeun", "Títílayọ̀", "Kọ́lá"),
    "es": ("Íñigo", "Begoña", "Martín", "Lucía", "Ramón", "Ximena"),
    "ja": ("さくら", "健太", "美咲", "翔", "葵"),
}
_FAMILY = {
    "en": (
        "Whitlock",
        "O'Dell",
        "Marsh",
        "Abara",
        "Fennimore",
        "Quill",
        "Hartley-Vaughn",
        "Ostrander",
        "Pike",
    ),
    "pt": ("Gonçalves", "Araújo", "Brandão", "Falcão", "Magalhães", "Simões", "d'Ávila", "Nóbrega"),
    "de": ("Müller-Lüdenscheidt", "Großmann", "Köhler", "Weiß", "Schöneberg", "Öztürk", "Baumgärtner"),
    "pl": ("Wójcik", "Kaźmierczak", "Dąbrowski", "Świątek", "Zieliński"),
    "vi": ("Nguyễn", "Trần", "Phạm", "Đặng", "Võ"),
    "yo": ("Adéyẹmí", "Ọláníyan", "Babátúndé", "Fáṣọlá"),
    "es": ("Ibáñez", "Muñoz", "Peñalver", "Cádiz", "Güemes"),
    "ja": ("田中", "高橋", "渡辺", "小林"),
}
# Who lives where, as often as listed; and what they like to read. English and Portuguese lead.
_CULTURES = {
    "US": ("en",) * 8 + ("pt",) * 2 + ("es",) * 2 + ("pl", "vi", "vi", "yo", "ja", "de"),
    "BR": ("pt",) * 9 + ("ja", "de", "es"),
    "DE": ("de",) * 8 + ("pl", "pl", "en", "vi"),
    "GB": ("en",) * 8 + ("yo", "yo", "pl", "pt"),
}
_LOCALES = {
    "US": {"pt": "pt-BR", "de": "de-DE"},
    "BR": {"en": "en-US"},
    "DE": {"en": "en-GB"},
    "GB": {"pt": "pt-BR"},
}
_HOME_LOCALE = {"US": "en-US", "BR": "pt-BR", "DE": "de-DE", "GB": "en-GB"}
PLACES = {
    "US": (
        Place("Brooklyn", "NY", "112", "America/New_York"),
        Place("Providence", "RI", "029", "America/New_York"),
        Place("Savannah", "GA", "314", "America/New_York"),
        Place("Madison", "WI", "537", "America/Chicago"),
        Place("New Orleans", "LA", "701", "America/Chicago"),
        Place("Boulder", "CO", "803", "America/Denver"),
        Place("Tucson", "AZ", "857", "America/Phoenix"),
        Place("Portland", "OR", "972", "America/Los_Angeles"),
        Place("Oakland", "CA", "946", "America/Los_Angeles"),
    ),
    "BR": (
        Place("São Paulo", "SP", "014", "America/Sao_Paulo"),
        Place("Florianópolis", "SC", "880", "America/Sao_Paulo"),
        Place("Belo Horizonte", "MG", "301", "America/Sao_Paulo"),
        Place("Recife", "PE", "520", "America/Recife"),
        Place("Manaus", "AM", "690", "America/Manaus"),
    ),
    "DE": (
        Place("Köln", "NW", "506", "Europe/Berlin"),
        Place("Leipzig", "SN", "042", "Europe/Berlin"),
        Place("Tübingen", "BW", "720", "Europe/Berlin"),
    ),
    "GB": (
        Place("Leeds", "England", "LS6 ", "Europe/London"),
        Place("Bristol", "England", "BS3 ", "Europe/London"),
        Place("Norwich", "England", "NR2 ", "Europe/London"),
    ),
}
_STREETS = {
    "US": "{n} Juniper Street",
    "BR": "Rua das Acácias, {n}",
    "DE": "Lindenstraße {n}",
    "GB": "{n} Chapel Lane",
}
_POSTAL_ENDINGS = {"US": "{n:02}", "BR": "{n:02}-0{n:02}", "DE": "{n:02}", "GB": "{n}QX"}
_DOMAINS = ("example.com", "example.com", "example.org", "example.net")  # RFC 2606: reserved, reach nobody
_HOME_SHARE = 0.7
_ABROAD = ("BR", "BR", "BR", "BR", "US", "US", "GB", "GB", "DE", "DE")


def invent(dice: Dice, number: int, home: str) -> Person:
    """Return customer ``number`` of a shop in ``home``: seven in ten live in the shop's country."""
    country = home if dice.happens(_HOME_SHARE) else dice.one([there for there in _ABROAD if there != home])
    culture = dice.one(_CULTURES[country])
    given, family = dice.one(_GIVEN[culture]), dice.one(_FAMILY[culture])
    name = f"{family} {given}" if culture == "ja" else f"{given} {family}"
    place = dice.one(PLACES[country])
    customer = Customer(
        customer_id=f"CUST-{number:06}",
        email=f"{_mailbox(given, family)}{number}@{dice.one(_DOMAINS)}",
        name=name,
        locale=_LOCALES[country].get(culture, _HOME_LOCALE[country]),
        time_zone=place.zone,
        country=country,
    )
    return Person(customer, _address(dice, name, country, place), country, zone(place.zone), place.city)


def _address(dice: Dice, name: str, country: str, place: Place) -> Address:
    ending = _POSTAL_ENDINGS[country].format(n=dice.between(1, 9))
    return Address(
        name=name,
        street=_STREETS[country].format(n=dice.between(1, 240)),
        city=place.city,
        region=place.region,
        postal_code=place.postal + ending,
        country=country,
    )


def _mailbox(given: str, family: str) -> str:
    """Return an address in plain ASCII letters; names in other scripts become ``customer``."""
    folded = unicodedata.normalize("NFKD", f"{given}.{family}".replace("ß", "ss"))
    plain = "".join(
        letter for letter in folded.lower() if letter.isascii() and (letter.isalpha() or letter == ".")
    )
    return plain if len(plain) > 2 else "customer"
