"""The settings of a process, and what is said about them."""

from chorus.settings import SETTINGS
from tests.command import Command


def test_the_doctor_shows_every_setting(tmp_path):
    shown = Command(tmp_path)("doctor", "--json").json["settings"]
    assert set(shown) == {setting.name for setting in SETTINGS}
    assert (shown["CHORUS_DEVICE"], shown["CHORUS_PRECISION"]) == ("auto", "int8")
    table = Command(tmp_path)("doctor").out
    assert all(setting.name in table for setting in SETTINGS)
