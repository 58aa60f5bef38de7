"""The id of a root: two roots on one broker do not take each other's messages."""

import secrets

from storage.places.place import Absent, Place

_FILE = "home-id"


def root_id(place: Place) -> str:
    """Return 12 hexadecimal digits, drawn at the first call and then stored below the root."""
    try:
        return place.read(_FILE).decode()
    except Absent:
        place.create(_FILE, secrets.token_hex(6).encode(), durable=True)
        return place.read(_FILE).decode()
