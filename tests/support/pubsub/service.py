"""The methods of google.pubsub.v1, one of google.iam.v1, and one of our own, for `Controls`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.iam.v1 import iam_policy_pb2
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from tests.support.pubsub import pull
from tests.support.pubsub.controls import Controls
from tests.support.pubsub.faults import Refused
from tests.support.pubsub.state import State

CONTROL = "/chorus.tests.PubSub/Control"


class Methods:
    """The methods: each takes a raw request and returns a raw response, or raises Refused."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create_topic(self, request: Any) -> Any:
        self._state.create_topic(request)
        return request

    def get_topic(self, request: Any) -> Any:
        return self._state.topic(request.topic).config

    def delete_topic(self, request: Any) -> Any:
        self._state.delete_topic(request.topic)
        return Empty()

    def list_topics(self, request: Any) -> Any:
        topics = [
            topic.config
            for name, topic in self._state.topics.items()
            if name.startswith(request.project + "/")
        ]
        return types.ListTopicsResponse.pb()(topics=topics)

    def list_topic_subscriptions(self, request: Any) -> Any:
        self._state.topic(request.topic)
        names = [
            name
            for name, subscription in self._state.subscriptions.items()
            if subscription.config.topic == request.topic
        ]
        return types.ListTopicSubscriptionsResponse.pb()(subscriptions=names)

    def publish(self, request: Any) -> Any:
        ids = self._state.publish(request.topic, request.messages, request.ByteSize())
        return types.PublishResponse.pb()(message_ids=ids)

    def create_subscription(self, request: Any) -> Any:
        self._state.create_subscription(request)
        return request

    def get_subscription(self, request: Any) -> Any:
        return self._state.subscription(request.subscription).config

    def delete_subscription(self, request: Any) -> Any:
        self._state.delete_subscription(request.subscription)
        return Empty()

    def list_subscriptions(self, request: Any) -> Any:
        configs = [
            subscription.config
            for name, subscription in self._state.subscriptions.items()
            if name.startswith(request.project + "/")
        ]
        return types.ListSubscriptionsResponse.pb()(subscriptions=configs)

    def acknowledge(self, request: Any) -> Any:
        subscription = self._state.subscription(request.subscription)
        subscription.raise_if_invalid(subscription.acknowledge(request.ack_ids)[1])
        return Empty()

    def modify_ack_deadline(self, request: Any) -> Any:
        subscription = self._state.subscription(request.subscription)
        subscription.raise_if_invalid(
            subscription.extend(request.ack_ids, request.ack_deadline_seconds)[1]
        )
        return Empty()

    def test_iam_permissions(self, request: Any) -> Any:
        """Grant every requested permission on an existing resource."""
        exists = (
            request.resource in self._state.topics or request.resource in self._state.subscriptions
        )
        return iam_policy_pb2.TestIamPermissionsResponse(
            permissions=request.permissions if exists else []
        )


def handlers(state: State) -> list[grpc.GenericRpcHandler]:
    """Return the handlers of a grpc.Server."""
    methods = Methods(state)

    def unary(
        name: str, request: Any, call: Callable[[Any], Any], resource_field: str
    ) -> grpc.RpcMethodHandler:
        def handle(message: Any, context: grpc.ServicerContext) -> Any:
            try:
                with state.lock:
                    state.refusals.check(getattr(message, resource_field), name)
                    return call(message)
            except Refused as refused:
                _abort(context, refused)

        return _unary(request, handle)

    def handle_pull(message: Any, context: grpc.ServicerContext) -> Any:
        try:
            state.refusals.check(message.subscription, "Pull")
            return pull.pull(state, message, context)
        except Refused as refused:
            _abort(context, refused)

    def handle_streaming_pull(
        requests: Iterator[Any], context: grpc.ServicerContext
    ) -> Iterator[Any]:
        try:
            yield from pull.streaming_pull(state, requests, context)
        except Refused as refused:
            _abort(context, refused)

    streaming = grpc.stream_stream_rpc_method_handler(
        handle_streaming_pull, types.StreamingPullRequest.pb().FromString, _serialize
    )
    publisher = {
        "CreateTopic": unary("CreateTopic", types.Topic, methods.create_topic, "name"),
        "GetTopic": unary("GetTopic", types.GetTopicRequest, methods.get_topic, "topic"),
        "DeleteTopic": unary(
            "DeleteTopic", types.DeleteTopicRequest, methods.delete_topic, "topic"
        ),
        "ListTopics": unary("ListTopics", types.ListTopicsRequest, methods.list_topics, "project"),
        "ListTopicSubscriptions": unary(
            "ListTopicSubscriptions",
            types.ListTopicSubscriptionsRequest,
            methods.list_topic_subscriptions,
            "topic",
        ),
        "Publish": unary("Publish", types.PublishRequest, methods.publish, "topic"),
    }
    subscriber = {
        "CreateSubscription": unary(
            "CreateSubscription", types.Subscription, methods.create_subscription, "name"
        ),
        "GetSubscription": unary(
            "GetSubscription",
            types.GetSubscriptionRequest,
            methods.get_subscription,
            "subscription",
        ),
        "DeleteSubscription": unary(
            "DeleteSubscription",
            types.DeleteSubscriptionRequest,
            methods.delete_subscription,
            "subscription",
        ),
        "ListSubscriptions": unary(
            "ListSubscriptions",
            types.ListSubscriptionsRequest,
            methods.list_subscriptions,
            "project",
        ),
        "Acknowledge": unary(
            "Acknowledge", types.AcknowledgeRequest, methods.acknowledge, "subscription"
        ),
        "ModifyAckDeadline": unary(
            "ModifyAckDeadline",
            types.ModifyAckDeadlineRequest,
            methods.modify_ack_deadline,
            "subscription",
        ),
        "Pull": _unary(types.PullRequest, handle_pull),
        "StreamingPull": streaming,
    }
    permissions = unary(
        "TestIamPermissions",
        iam_policy_pb2.TestIamPermissionsRequest,
        methods.test_iam_permissions,
        "resource",
    )
    return [
        grpc.method_handlers_generic_handler(
            "google.iam.v1.IAMPolicy", {"TestIamPermissions": permissions}
        ),
        grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", publisher),
        grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", subscriber),
        grpc.method_handlers_generic_handler(CONTROL.split("/")[1], {"Control": _control(state)}),
    ]


def _control(state: State) -> grpc.RpcMethodHandler:
    """Return the handler of Controls: [method, its arguments] in, its result out, both as JSON."""
    controls = Controls(state)

    def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
        name, arguments = json.loads(request)
        try:
            with state.lock:
                return json.dumps(getattr(controls, name)(**arguments)).encode()
        except Refused as refused:
            _abort(context, refused)
            raise

    return grpc.unary_unary_rpc_method_handler(handle)


def _unary(
    request: Any, handle: Callable[[Any, grpc.ServicerContext], Any]
) -> grpc.RpcMethodHandler:
    raw = request.pb() if hasattr(request, "pb") else request
    return grpc.unary_unary_rpc_method_handler(handle, raw.FromString, _serialize)


def _serialize(message: Any) -> bytes:
    return message.SerializeToString()


def _abort(context: grpc.ServicerContext, refused: Refused) -> None:
    """End the call, with the reason for each ack id in the form of the real service."""
    code = grpc.StatusCode[refused.code]
    if not refused.per_ack_id:
        context.abort(code, refused.details)
    info = ErrorInfo(
        reason="EXACTLY_ONCE_ACKID_FAILURE",
        domain="pubsub.googleapis.com",
        metadata=refused.per_ack_id,
    )
    packed = Packed()
    packed.Pack(info)
    status = Status(code=code.value[0], message=refused.details, details=[packed])
    context.abort_with_status(rpc_status.to_status(status))
