"""The identity of a root, so that two roots on one broker do not take each other's messages."""

import secrets

from storage.places.place import Absent, Place

_FILE = "home-id"


def root_id(place: Place) -> str:
    """12 hexadecimal digits, drawn when first asked for and then kept; the same from whichever
    machine is asked.
    """
    try:
        return place.read(_FILE).decode()
    except Absent:
        place.create(_FILE, secrets.token_hex(6).encode(), durable=True)
        return place.read(_FILE).decode()
