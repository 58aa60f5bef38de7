"""Small files that unpack to gigabytes are refused by the commands, in words, before they hurt."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.hostile.gzip_bombs import bomb
from tests.support.hostile.parquet_bombs import repeated
from tests.support.runs.command import Command

BOMBS = {
    "value-of-1-mb.parquet": lambda file: pq.write_table(
        pa.table({"text": repeated("x" * (1 << 20), 20_000)}), file, compression="zstd"
    ),
    "texts-of-10-kb.parquet": lambda file: pq.write_table(
        pa.table({"text": repeated("x" * 10_000, 3_000_000)}), file, compression="zstd"
    ),
    "unclosed-quote.csv.gz": bomb(b'id,text\n1,"a\n', b"some words,and more\n", 1000),
    "empty-rows.csv.gz": bomb(b"id,text\n1,a\n", b"\n", 200),
}


@pytest.fixture(scope="module")
def chorus(registry, tmp_path_factory):
    home = shutil.copytree(registry, tmp_path_factory.mktemp("bombs") / "home")
    return Command(home, light=True)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_the_limit_and_its_setting(chorus, tmp_path, name):
    file = tmp_path / name
    BOMBS[name](file)
    answer = chorus.here("plan", file)
    assert answer.status == 2
    assert "Traceback" not in answer.err
    assert "at most 200 times as many are allowed" in answer.err
    assert "CHORUS_INTAKE_RATIO" in answer.err
    assert not (chorus.home / "feedback").exists()


def test_the_limits_are_settings_of_every_command(chorus, tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("id,text\n1,a\n2,b\n3,c\n")
    limited = Command(chorus.home, light=True, CHORUS_INTAKE_ROWS="2")
    answer = limited.here("score", file)
    assert (answer.status, "CHORUS_INTAKE_ROWS" in answer.err) == (2, True)


def test_an_unclosed_quote_in_a_file_that_is_otherwise_fine_costs_one_line(chorus, tmp_path):
    rows = "".join(f"{number},text {np.base_repr(number, 36)}\n" for number in range(3, 5_000))
    file = tmp_path / "in.csv"
    file.write_text(f'id,text\n1,one\n2,"two\n{rows}')
    answer = chorus.here("plan", file, "--json")
    assert answer.status == 0, answer.err
    assert answer.json["rows"] == 4_998
