"""Invented companies, many of them, and what is asked about each."""

from __future__ import annotations

import random
from itertools import product

_FIRST = (
    "Amber", "Birch", "Calder", "Dover", "Elm", "Fairfax", "Garnet", "Harrow", "Ivel", "Juniper", "Kestrel", "Larch",
    "Morley", "Norwood", "Orrin", "Penrose", "Quill", "Rowan", "Selby", "Thorn", "Ulver", "Varley", "Wharfe", "Yarrow",
)  # fmt: skip
_SECOND = (
    "bank", "bridge", "bury", "croft", "dale", "field", "ford", "gate", "ham", "holme", "hurst", "ley", "mere", "moor",
    "shaw", "stead", "stone", "ton", "well", "wick", "wood", "worth",
)  # fmt: skip
_TRADES = (
    "Freight", "Clinics", "Castings", "Hotels", "Logistics", "Machining", "Optics", "Print", "Robotics", "Textiles",
    "Timber", "Valves",
)  # fmt: skip
_FORMS = ("Ltd", "Group", "GmbH", "Partners", "Works")
RARE = "quixotine"
"""A word in the name of one company alone."""


def names(chance: random.Random) -> list[str]:
    """Thirty thousand names in an order of their own."""
    made = [
        f"{first}{second} {trade} {form}" for first, second, trade, form in product(_FIRST, _SECOND, _TRADES, _FORMS)
    ]
    chance.shuffle(made)
    return made
