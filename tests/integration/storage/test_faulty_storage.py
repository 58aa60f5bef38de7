"""Buckets that are slow, fail and lose answers: what a place makes of them."""

from multiprocessing import get_context
from threading import Barrier, Thread

import pytest

from storage.places.object_place import object_place
from storage.places.open_place import open_place
from storage.places.place import Absent
from storage.places.retry import RetryPolicy, StorageRefused, StorageUnavailable
from storage.record import Record
from storage.versions.pointer import Pointer
from tests.support.servers import faulty_proxy as faults
from tests.support.servers.buckets import set_environment

QUICK = RetryPolicy(first_wait=0.01, longest_wait=0.05, give_up_after=20)
WRITE = {"gs": "POST", "s3": "PUT"}


class Said(Record):
    words: tuple[str, ...] = ()


def adding(word):
    return lambda before: Said(words=(*(before.words if before else ()), word))


@pytest.fixture
def place(buckets, proxy):  # noqa: ARG001 — before the server
    return object_place(f"{buckets.new_bucket()}/root", QUICK)


@pytest.mark.parametrize(
    "name",
    [
        "UNAVAILABLE",
        "UNAVAILABLE_AFTER",
        "TOO_MANY",
        "CONFLICT",
        "PRECONDITION",
        "CUT",
        "CUT_AFTER",
    ],
)
def test_who_creates_a_file_is_told_so_whatever_became_of_the_first_answers(
    buckets, proxy, place, name
):
    proxy.fail_next(2, getattr(faults, name), WRITE[buckets.scheme])
    assert place.create("a", b"one")
    assert not place.create("a", b"one"), "somebody else's, though the bytes are the same"
    proxy.fail_next(1, getattr(faults, name), WRITE[buckets.scheme])
    assert not place.create("a", b"two")
    assert place.read("a") == b"one"


@pytest.mark.parametrize("name", ["UNAVAILABLE", "TOO_MANY", "CUT"])
def test_every_operation_is_tried_again(proxy, place, name):
    place.create("x/a", b"one")
    for operation in (
        lambda: place.read("x/a"),
        lambda: place.names("x"),
        lambda: place.exists("x/a"),
        lambda: place.exists("x/b"),
        lambda: place.replace("x/a", b"two"),
        lambda: place.remove("x/a"),
        lambda: place.clear("x"),
    ):
        failed = proxy.failed
        proxy.fail_next(2, getattr(faults, name))
        operation()
        assert proxy.failed > failed
    assert place.names("x") == []


def test_a_call_that_hangs_is_given_up_and_made_again(buckets, proxy):
    place = object_place(
        f"{buckets.new_bucket()}/root",
        RetryPolicy(first_wait=0.01, give_up_after=20, idle_timeout=0.3, request_timeout=0.5),
    )
    proxy.fail_next(1, faults.HANGS_AFTER, WRITE[buckets.scheme])
    assert place.create("a", b"one")
    proxy.fail_next(1, faults.HANGS)
    assert place.read("a") == b"one"


class WaitClock:
    """A clock that only waiting advances: requests take no time, however slow the machine is."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_storage_that_stays_unavailable_is_an_error_within_the_limit_and_works_again_later(
    buckets, proxy, monkeypatch
):
    clock = WaitClock()
    monkeypatch.setattr("storage.places.object_place.time", clock)
    place = object_place(
        f"{buckets.new_bucket()}/root", RetryPolicy(first_wait=0.05, give_up_after=1)
    )
    proxy.fail_share(1, [faults.UNAVAILABLE])
    with pytest.raises(
        StorageUnavailable, match=r"root/a could not be read or written in \d+ tries"
    ) as caught:
        place.create("a", b"one")
    assert 0.05 <= clock.now <= 1, "it waits between tries, and gives up at the limit"
    assert caught.value.tries == proxy.count() > 1, "the libraries try by themselves as well"
    proxy.stop_failing()
    assert place.create("a", b"one")


def test_what_storage_refuses_is_said_at_once_with_what_to_do(proxy, place):
    place.create("a", b"one")
    for operation in (
        lambda: place.read("a"),
        lambda: place.create("b", b""),
        lambda: place.names(""),
    ):
        for fault, advice in ((faults.FORBIDDEN, "Check"), (faults.NOT_IMPLEMENTED, "Correct it")):
            calls = proxy.count()
            proxy.fail_next(1, fault)
            with pytest.raises(StorageRefused, match=advice):
                operation()
            assert proxy.count() == calls + 1


@pytest.mark.usefixtures("proxy")
def test_a_bucket_that_is_not_there_is_no_empty_place(buckets):
    place = object_place(f"{buckets.scheme}://no-such-bucket/root", QUICK)
    for operation in (
        lambda: place.read("a"),
        lambda: place.exists("a"),
        lambda: place.names(""),
        lambda: place.create("a", b""),
    ):
        with pytest.raises(StorageRefused, match="no such bucket"):
            operation()


def test_missing_credentials_are_said_at_once(s3_server, monkeypatch, tmp_path):
    set_environment(
        monkeypatch, {**s3_server.environment, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StorageRefused, match="AWS_PROFILE"):
        object_place(f"{s3_server.new_bucket()}/root", QUICK).read("a")


@pytest.mark.parametrize("endpoint", ["nonsense", "http://127.0.0.1:port"])
def test_an_endpoint_that_is_none_is_said_at_once(s3_server, monkeypatch, endpoint):
    set_environment(monkeypatch, {**s3_server.environment, "AWS_ENDPOINT_URL": endpoint})
    with pytest.raises(StorageRefused, match=endpoint):
        object_place("s3://acme/root", QUICK).read("a")


def test_a_name_that_no_bucket_can_have_is_said_at_once(s3_server, monkeypatch):
    set_environment(monkeypatch, s3_server.environment)
    with pytest.raises(StorageRefused, match="Invalid bucket name"):
        object_place("s3://acme!!/root", QUICK).read("a")


def test_what_others_wrote_is_seen_at_once(place):
    other = object_place(place.url, QUICK)
    assert (place.names("x"), place.exists("x/a")) == ([], False)
    other.create("x/a", b"one")
    assert (place.names("x"), place.exists("x/a")) == (["a"], True)
    other.remove("x/a")
    assert (place.names("x"), place.exists("x/a")) == ([], False)


def test_on_a_bad_day_a_pointer_loses_no_move_and_makes_none_twice(proxy, place):
    pointer, together = Pointer(place, "current", Said), Barrier(4)
    proxy.fail_share(0.2, seed=1)

    def mover(word):
        together.wait()
        for time in range(3):
            pointer.move(adding(f"{word}{time}"))

    threads = [Thread(target=mover, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert proxy.failed > 5
    proxy.stop_failing()
    assert sorted(pointer.current().words) == sorted(
        f"{number}{time}" for number in range(4) for time in range(3)
    )


def test_a_long_listing_is_whole_though_some_of_its_pages_fail(proxy, place, monkeypatch):
    monkeypatch.setattr("storage.places.object_place._PAGE_KEYS", 5)
    names = [f"file-{number:02}" for number in range(22)]
    for name in names:
        place.create(f"x/{name}", b"")
    proxy.fail_share(0.4, [faults.UNAVAILABLE, faults.CUT], seed=2)
    assert place.names("x") == names
    assert proxy.failed > 0


def test_a_large_file_is_created_in_one_conditional_request(proxy, place):
    data = bytes(101 << 20)  # beyond it both libraries would send it in parts
    before = proxy.count()
    assert place.create("big", data)
    assert proxy.count() == before + 1
    assert not place.create("big", b"other")


def test_an_absent_file_is_absent_through_all_that(proxy, place):
    proxy.fail_next(1, faults.UNAVAILABLE)
    with pytest.raises(Absent, match="root/nothing"):
        place.read("nothing")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_place_goes_with_a_process_that_is_made_of_this_one(place, method):
    place.create("a", b"one")
    context = get_context(method)
    child = context.Process(
        target=_copy, args=(place.url, "a", "b") if method == "spawn" else (place, "a", "b")
    )
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert place.read("b") == b"one"


def _copy(place, source, target):
    found = open_place(place) if isinstance(place, str) else place
    found.create(target, found.read(source))
