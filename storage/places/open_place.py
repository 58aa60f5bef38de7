"""Opening the place at a path or URL."""

from pathlib import Path
from urllib.parse import urlsplit

from storage.places.place import LocalPlace, Place


def open_place(url: str) -> Place:
    """Return the place at a local path, `gs://bucket/folder` or `s3://bucket/folder`.

    Raises UnknownScheme.
    """
    scheme = urlsplit(url).scheme if "://" in url else "file"
    if scheme == "file":
        return LocalPlace(Path(url.removeprefix("file://")).expanduser().absolute())
    # Imported late: most processes use local places only.
    from storage.places.object_place import object_place

    return object_place(url)
