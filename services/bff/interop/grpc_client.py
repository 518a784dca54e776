"""Google's own gRPC client for Python against a running suite, without generated code."""

import os
import sys
import unittest
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2

BFF = os.environ["BFF"].removeprefix("http://")
TOKEN = os.environ["TOKEN"]
SERVICE = "messenger.bff.v1.MessengerService"
WEB = 1


def contract():
    files = descriptor_pb2.FileDescriptorSet()
    with open(os.environ["DESCRIPTORS"], "rb") as descriptors:
        files.ParseFromString(descriptors.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


POOL = contract()


class Messenger:
    """All methods of the service, by their names."""

    def __init__(self, channel, token=TOKEN):
        self.channel = channel
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def __getattr__(self, name):
        method = POOL.FindServiceByName(SERVICE).FindMethodByName(name)
        request = message_factory.GetMessageClass(method.input_type)
        answer = message_factory.GetMessageClass(method.output_type)
        kind = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        call = kind(f"/{SERVICE}/{name}", request.SerializeToString, answer.FromString)
        return lambda timeout=10, **fields: call(request(**fields), timeout=timeout, metadata=self.metadata)


class NativeGrpc(unittest.TestCase):
    def setUp(self):
        self.channel = grpc.insecure_channel(BFF)
        self.addCleanup(self.channel.close)
        self.messenger = Messenger(self.channel)

    def failure(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        return caught.exception

    def details(self, error):
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                return status_pb2.Status.FromString(value).details
        return []

    def test_a_customer_sees_her_home(self):
        home = self.messenger.GetHome(platform=WEB).home
        self.assertEqual(home.identity.name, "Ada Lovelace")
        self.assertEqual(len(home.spaces), 3)

    def test_what_she_writes_is_what_she_reads(self):
        title = "ünïcode 😀 over gRPC"
        sent = self.messenger.SubmitTicket(title=title, request_id=str(uuid.uuid4())).ticket
        read = self.messenger.GetTicket(ticket_id=sent.summary.ticket_id).ticket
        self.assertEqual(read.summary.title, title)

    def test_without_a_session_every_call_is_refused_with_a_reason(self):
        anonymous = Messenger(self.channel, token=None)
        error = self.failure(lambda: anonymous.GetHome(platform=WEB))
        self.assertEqual(error.code(), grpc.StatusCode.UNAUTHENTICATED)
        info = error_details_pb2.ErrorInfo()
        self.assertTrue(self.details(error)[0].Unpack(info))
        self.assertEqual(info.reason, "UNAUTHENTICATED")

    def test_every_wrong_field_is_named(self):
        error = self.failure(lambda: self.messenger.GetHome())
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        bad = error_details_pb2.BadRequest()
        self.assertTrue(self.details(error)[1].Unpack(bad))
        self.assertEqual(bad.field_violations[0].field, "platform")

    def test_a_call_has_no_more_time_than_its_caller_gives_it(self):
        error = self.failure(lambda: self.messenger.GetHome(platform=WEB, timeout=0.001))
        self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_a_watch_tells_each_change_and_ends_when_its_reader_goes(self):
        frames = self.messenger.WatchMessenger(platform=WEB, timeout=30)
        homes = (frame for frame in frames if frame.HasField("home"))
        next(homes)
        self.messenger.SubmitTicket(title="Seen live", request_id=str(uuid.uuid4()))
        next(homes)
        frames.cancel()
        self.assertEqual(frames.code(), grpc.StatusCode.CANCELLED)


if __name__ == "__main__":
    unittest.main(verbosity=1, argv=sys.argv)
