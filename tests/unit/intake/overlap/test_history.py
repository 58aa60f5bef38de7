"""The overlap with earlier uploads of the customer, and the sketch for later ones."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.overlap.history import outdated_sketches, select_sketches
from storage.places.place import CannotWrite, LocalPlace
from storage.places.retry import StorageUnavailable
from storage.records.feedback import Dataset, dataset_path
from storage.records.sketch import SketchName, sketch_names
from tests.support.intake_files import stored_rows, upload

LINES = [f"{number},text number {number}" for number in range(100)]


def csv(*lines: str) -> bytes:
    return "\n".join(["id,text", *lines]).encode()


def summary(dataset: Dataset) -> list[tuple[list[tuple[str, int, int]], int | None]]:
    return [
        (
            [(source.dataset, source.position, source.shared) for source in chunk.donors],
            chunk.new,
        )
        for chunk in dataset.chunks
    ]


def test_a_dataset_records_its_time_and_the_length_of_its_texts(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"id,text\n1,caf\xc3\xa9  au lait\n2,b\n", day=7)
    assert dataset.taken_in == datetime(2026, 1, 7, tzinfo=UTC)
    assert dataset.chunks[0].chars == len("caf\u00e9 au lait") + 1


def test_all_rows_of_the_first_upload_of_a_customer_are_new(tmp_path: Path) -> None:
    dataset = upload(tmp_path, csv(*LINES), chunk_rows=60)
    assert summary(dataset) == [([], 60), ([], 40)]


def test_an_upload_with_added_removed_and_changed_rows_has_source_chunks_for_the_others(
    tmp_path: Path,
) -> None:
    first = upload(tmp_path, csv(*LINES), chunk_rows=50)
    lines = ["x,a new one", *LINES[:20], *LINES[30:99], "99,text number 99 is another"]
    second = upload(tmp_path, csv(*lines), "next.csv", day=2, chunk_rows=50)
    assert summary(second) == [([(first.id, 0, 40), (first.id, 1, 9)], 1), ([(first.id, 1, 40)], 1)]


def test_chunk_files_do_not_depend_on_earlier_uploads(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    upload(tmp_path / "one", csv(*LINES))
    lines = csv(*LINES[5:], "x,new")
    one, two = (upload(tmp_path / name, lines, "next.csv", day=2) for name in ("one", "two"))
    assert one.chunks[0].donors
    assert not two.chunks[0].donors
    files = [
        sorted((tmp_path / name / "home/feedback/acme" / one.id).glob("*.parquet"))
        for name in ("one", "two")
    ]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    assert one.chunks[0].id == two.chunks[0].id


def test_feedback_of_another_customer_is_never_a_source(tmp_path: Path) -> None:
    upload(tmp_path, csv(*LINES))
    file = tmp_path / "theirs.csv"
    file.write_bytes(csv(*LINES))
    theirs = store_upload(
        LocalPlace(tmp_path / "home"), UploadOptions(str(file), "other"), io.BytesIO(), print
    )
    assert summary(theirs) == [([], 100)]


def test_a_sketch_without_its_dataset_is_ignored(tmp_path: Path) -> None:
    first = upload(tmp_path, csv(*LINES))
    (tmp_path / "home" / dataset_path("acme", first.id)).unlink()
    assert summary(upload(tmp_path, csv(*LINES[1:]), "next.csv", day=2)) == [([], 99)]


@pytest.mark.parametrize("data", [b"", b"ARROW1 no more"])
def test_a_damaged_sketch_is_ignored(tmp_path: Path, data: bytes) -> None:
    upload(tmp_path, csv(*LINES))
    [sketch] = (tmp_path / "home/sketches/acme").iterdir()
    sketch.write_bytes(data)
    assert summary(upload(tmp_path, csv(*LINES[1:]), "next.csv", day=2)) == [([], 99)]


def test_unavailable_storage_is_waited_for_once_and_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, lines in enumerate((LINES, LINES[50:], LINES[:40]), 1):
        upload(tmp_path, csv(*lines), day=day)
    paths = []

    def unavailable(place: LocalPlace, path: str) -> bytes:
        paths.append(path)
        raise StorageUnavailable(place.url_of(path), "503", 9, 60.0)

    monkeypatch.setattr(LocalPlace, "read", unavailable)
    monkeypatch.setattr(LocalPlace, "remove", unavailable)
    with pytest.raises(StorageUnavailable):
        upload(tmp_path, csv(*LINES, "100,new"), day=4)
    assert len(paths) == 1


def test_an_upload_whose_dataset_was_removed_is_no_source_of_itself(tmp_path: Path) -> None:
    first = upload(tmp_path, csv(*LINES))
    (tmp_path / "home" / dataset_path("acme", first.id)).unlink()
    assert summary(upload(tmp_path, csv(*LINES), day=2)) == [([], 100)]


def test_an_upload_whose_sketch_cannot_be_written_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create = LocalPlace.create

    def create_unless_sketch(
        place: LocalPlace, path: str, data: bytes, *, durable: bool = False
    ) -> bool:
        if path.startswith("sketches/"):
            raise CannotWrite(path, "no space left")
        return create(place, path, data, durable=durable)

    monkeypatch.setattr(LocalPlace, "create", create_unless_sketch)
    dataset = upload(tmp_path, csv(*LINES))
    assert upload(tmp_path, csv(*LINES)) == dataset
    assert "no space left" in caplog.text


def test_an_upload_that_is_interrupted_at_its_sketch_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("intake.dataset.writer.store_sketch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        upload(tmp_path, csv(*LINES))
    assert len(stored_rows(tmp_path, upload(tmp_path, csv(*LINES)))) == 100


def test_an_upload_of_a_few_rows_has_no_sketch(tmp_path: Path) -> None:
    upload(tmp_path, csv(*LINES[:20]))
    assert not (tmp_path / "home/sketches").exists()


NAMES = st.lists(st.integers(32, 3_000_000), max_size=200).map(
    lambda sizes: [SketchName(f"{at:05d}", rows, f"d{at}") for at, rows in enumerate(sizes)][::-1]
)


@given(NAMES, st.integers(32, 3_000_000))
def test_the_bytes_of_selected_sketches_are_bounded_by_the_rows_of_the_upload(
    names: list[SketchName], rows: int
) -> None:
    selected = select_sketches(names, rows)
    assert sum(name.bytes for name in selected) <= min(256 << 20, 512 * rows)
    assert len(selected) <= 64
    assert selected == [name for name in names if name in selected], "the newest first"


@given(NAMES)
def test_the_newest_sketches_of_every_size_are_kept(names: list[SketchName]) -> None:
    outdated = outdated_sketches(names)
    kept = [name for name in names if name not in outdated]
    assert len(kept) <= 64 * len({name.rows.bit_length() for name in names})
    for name in outdated:
        newer = [
            one
            for one in kept
            if one.rows.bit_length() == name.rows.bit_length()
            and one.uploaded_at > name.uploaded_at
        ]
        assert len(newer) == 64


def test_small_uploads_do_not_hide_a_large_one() -> None:
    names = [SketchName(f"{at:05d}", 100, "live") for at in range(1000)][::-1]
    names.append(SketchName("00000", 50_000, "export"))
    assert [name.dataset for name in select_sketches(names, 50_000)] == ["export"]
    assert names[-1] not in outdated_sketches(names)


def test_files_with_other_names_are_not_sketches(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path)
    name = SketchName.of(datetime(2026, 11, 25, 15, 15, 43, 123_000, UTC), 420, "up-load")
    assert name.path("acme") == "sketches/acme/20261125T151543123Z-420-up-load.arrow"
    for path in (
        name.path("acme"),
        "sketches/acme/readme",
        "sketches/acme/a-b-c.arrow",
        "sketches/acme/x.arrow",
    ):
        place.create(path, b"")
    assert sketch_names(place, "acme") == [name]
