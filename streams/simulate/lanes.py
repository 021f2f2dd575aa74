"""From the shop to a country: who carries, how long it takes, where it is scanned, what silence means there."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from streams.simulate.days import Workdays, workdays


class Lane(NamedTuple):
    """One way of shipping.

    ``transit``: business days from pickup to delivery, shortest and longest. ``most_gap``: weekdays
    between two scans of an ordinary parcel, at most. ``stalled_after`` and ``lost_after``: business days
    of silence by which a reasonable system has noticed (3 and 7 at home, 5 and 20 abroad: the standard
    policy). ``silence``: business days without a scan of a parcel planted as stalled.
    """

    domestic: bool
    workdays: Workdays
    carrier: str
    code: str
    service: str
    shipping_minor: int
    transit: tuple[int, int]
    most_gap: int
    skip: float
    stalled_after: int
    lost_after: int
    silence: tuple[int, int]
    origin_hubs: tuple[str, ...]
    hubs: tuple[str, ...]


# Invented carriers: tracking numbers that begin with their code belong to nobody in the real world.
DOMESTIC_CARRIERS = (("Pelican Parcel", "PP"), ("Harbor Post", "HP"))
INTERNATIONAL_CARRIER = ("Meridian Air", "MA")
EXPRESS_CARRIER = ("Kestrel Express", "KX")
CARRIERS = dict((*DOMESTIC_CARRIERS, INTERNATIONAL_CARRIER, EXPRESS_CARRIER))
HUBS = {
    "US": ("Edison, NJ, US", "Columbus, OH, US", "Memphis, TN, US", "Denver, CO, US"),
    "BR": ("Guarulhos, SP, BR", "Curitiba, PR, BR", "Contagem, MG, BR"),
    "DE": ("Leipzig, SN, DE", "Hamm, NW, DE"),
    "GB": ("Coventry, GB", "Tamworth, GB"),
}
HOME_CITIES = {"US": "Hudson, NY, US", "BR": "Campinas, SP, BR", "DE": "Kassel, HE, DE", "GB": "York, GB"}


@cache
def lane(home: str, country: str, choice: int) -> Lane:
    """Return the lane from ``home`` to ``country``; ``choice`` decides between domestic carriers."""
    domestic = home == country
    carrier = DOMESTIC_CARRIERS[choice % len(DOMESTIC_CARRIERS)] if domestic else INTERNATIONAL_CARRIER
    return Lane(
        domestic=domestic,
        workdays=workdays(home, country),
        carrier=carrier[0],
        code=carrier[1],
        service="ground" if domestic else "tracked air",
        shipping_minor=595 if domestic else 1890,
        transit=(2, 4) if domestic else (5, 9),
        most_gap=2 if domestic else 3,
        skip=0.2 if domestic else 0.35,
        stalled_after=3 if domestic else 5,
        lost_after=7 if domestic else 20,
        silence=(5, 6) if domestic else (8, 10),
        origin_hubs=HUBS[home],
        hubs=HUBS[country],
    )
