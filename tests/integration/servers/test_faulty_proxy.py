"""The proxy of the tests fails as planned, before either server."""

from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.servers.faulty_proxy import CUT_AFTER, TOO_MANY, FaultyProxy


@pytest.fixture
def ask(buckets):
    """Return the proxy, and a function that puts or gets one object without any client library."""
    with FaultyProxy(buckets.url) as proxy:
        bucket = buckets.new_bucket().partition("://")[2]
        if buckets.scheme == "gs":
            put = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name=a"
            get, method = f"/storage/v1/b/{bucket}/o/a?alt=media", "POST"
        else:
            put = get = f"/{bucket}/a"
            method = "PUT"

        def ask(data=None):
            url = proxy.url + (get if data is None else put)
            headers = {"Authorization": "AWS tests:any", "Content-Type": "application/octet-stream"}
            request = Request(url, data, headers, method="GET" if data is None else method)  # noqa: S310
            with urlopen(request, timeout=10) as answer:  # noqa: S310 — our own server
                return answer.read()

        yield proxy, ask


def test_calls_are_forwarded_and_counted(ask):
    proxy, ask = ask
    ask(b"\0binary")
    assert ask() == b"\0binary"
    assert (proxy.count("GET"), proxy.count(), proxy.failed) == (1, 2, 0)


def test_only_the_planned_calls_fail(ask):
    proxy, ask = ask
    proxy.fail_next(1, TOO_MANY)
    with pytest.raises(HTTPError, match="429"):
        ask(b"data")
    ask(b"data")
    assert proxy.failed == 1


def test_an_answer_can_be_lost_after_the_work_was_done(ask):
    proxy, ask = ask
    proxy.fail_next(1, CUT_AFTER)
    with pytest.raises(OSError, match=r"closed|reset"):
        ask(b"done")
    assert ask() == b"done"


def test_a_share_of_all_calls_fails(ask):
    proxy, ask = ask
    proxy.fail_share(0.5, [TOO_MANY], seed=3)
    for _ in range(20):
        with suppress(HTTPError):
            ask(b"data")
    assert 4 <= proxy.failed <= 16
