"""Streaming pull and unary pull.

Each stream has a generator that yields responses, and a thread that reads the client's requests.
"""

import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import grpc
from google.pubsub_v1 import types

from tests.support.pubsub.faults import Refused
from tests.support.pubsub.state import State
from tests.support.pubsub.subscription import Copy, ServerSubscription, Stream

Response = types.StreamingPullResponse.pb()


def streaming_pull(
    state: State, requests: Iterator[Any], context: grpc.ServicerContext
) -> Iterator[Any]:
    """Yield the responses of one stream. Raises Refused when the server ends it."""
    first = next(requests, None)
    if first is None:
        return
    with state.lock:
        state.refusals.check(first.subscription, "StreamingPull")
        subscription, stream = state.open_stream(first)

    def close() -> None:
        with state.lock:
            subscription.close(stream)

    if not context.add_callback(close):
        close()
        return
    Thread(
        target=_read_requests, args=(state, subscription, stream, first, requests), daemon=True
    ).start()
    while (response := _next_response(state, subscription, stream)) is not None:
        yield response


def add_messages(received: Any, leased: list[tuple[str, Copy]], counted: bool) -> None:
    """Append leased messages to a response, with their delivery attempts if `counted`."""
    for ack_id, copy in leased:
        message = received.add(ack_id=ack_id, delivery_attempt=copy.attempts if counted else 0)
        message.message.CopyFrom(copy.message)


def _read_requests(
    state: State,
    subscription: ServerSubscription,
    stream: Stream,
    first: Any,
    requests: Iterator[Any],
) -> None:
    try:
        _apply_request(state, subscription, stream, first)
        for request in requests:
            _apply_request(state, subscription, stream, request)
    except grpc.RpcError:
        pass  # cancelled; the call's own callback closes the stream
    with state.lock:
        stream.ended = True  # the client closed its half of the stream
        subscription.changed.notify_all()


def _apply_request(
    state: State, subscription: ServerSubscription, stream: Stream, request: Any
) -> None:
    with state.lock:
        stream.deadline = request.stream_ack_deadline_seconds or stream.deadline
        if request.ack_ids:
            stream.confirmations.append(("acknowledge", *subscription.acknowledge(request.ack_ids)))
        pairs = zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True)
        for ack_id, seconds in pairs:
            stream.confirmations.append(
                ("modify_ack_deadline", *subscription.extend([ack_id], seconds))
            )


def _next_response(state: State, subscription: ServerSubscription, stream: Stream) -> Any:
    """Return the next response, or None once the client has ended the stream. Raises Refused."""
    config = subscription.config
    with state.lock:

        def next_event() -> Any:
            if stream.ended:
                return "ended"
            if stream.broken or stream.confirmations:
                return "broken" if stream.broken else "confirmed"
            return subscription.lease(stream, *stream.capacity(), stream.deadline)

        break_every = subscription.faults.break_every
        end = None if break_every is None else stream.opened + break_every
        event = state.wait(subscription, next_event, end)
        confirmations, stream.confirmations = stream.confirmations, []
    if event == "ended":
        return None
    if event == "broken" or not event:
        raise Refused(stream.broken or "UNAVAILABLE", "the stream was broken, as the test asked")
    response = Response()
    response.subscription_properties.exactly_once_delivery_enabled = (
        config.enable_exactly_once_delivery
    )
    if event == "confirmed":
        _confirm(response, confirmations, config.enable_exactly_once_delivery)
    else:
        add_messages(response.received_messages, event, config.HasField("dead_letter_policy"))
    return response


def _confirm(
    response: Any, confirmations: list[tuple[str, list[str], list[str]]], exactly_once: bool
) -> None:
    """Add the confirmations, which only exactly-once subscriptions send."""
    for kind, valid, invalid in confirmations if exactly_once else ():
        confirmation = getattr(response, f"{kind}_confirmation")
        confirmation.ack_ids.extend(valid)
        confirmation.invalid_ack_ids.extend(invalid)


def pull(state: State, request: Any, context: grpc.ServicerContext) -> Any:
    """Answer a unary pull: wait for the first message, but not until the caller's deadline."""
    with state.lock:
        subscription = state.subscription(request.subscription)
        seconds = subscription.config.ack_deadline_seconds
        max_messages = min(request.max_messages, 1000)
        wait_seconds = (
            0.0 if request.return_immediately else min(1.0, (context.time_remaining() or 2.0) / 2)
        )
        leased = state.wait(
            subscription,
            lambda: subscription.lease(None, max_messages, 10_000_000, seconds),
            time.monotonic() + wait_seconds,
        )
    response = types.PullResponse.pb()()
    add_messages(
        response.received_messages, leased, subscription.config.HasField("dead_letter_policy")
    )
    return response
