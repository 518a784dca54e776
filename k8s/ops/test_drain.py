"""What never ends by itself ends with its process, which ends in time."""

import signal
import socket
import time
import unittest

import grpc
import h2.config
import h2.connection
import h2.events
import h2.settings

from cluster import DRAIN
from contract import BALANCED, MESSENGER, WEB
from ground import CUT, ground
from processes import LAST, Late, until

class Silent:
    """A connection whose other end never says a word."""

    def __init__(self, test, port):
        self.socket = test.enterContext(socket.create_connection(("127.0.0.1", port), timeout=DRAIN + LAST))

    def is_closed(self):
        """Waits for it: nothing was sent, so nothing else can come."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class Unread:
    """A stream that has begun and whose reader takes nothing, so that not even its end can be told."""

    def __init__(self, test, port):
        self.socket = test.enterContext(socket.create_connection(("127.0.0.1", port), timeout=30))
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.http.local_settings = h2.settings.Settings(initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self.http.initiate_connection()
        self.http.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"),
                                   (":path", "/grpc.health.v1.Health/Watch"), ("content-type", "application/grpc"), ("te", "trailers")])
        # a request without fields
        self.http.send_data(1, b"\0\0\0\0\0", end_stream=True)
        self.socket.sendall(self.http.data_to_send())
        while not self._has_begun():
            self.socket.sendall(self.http.data_to_send())

    def _has_begun(self):
        return any(isinstance(event, h2.events.ResponseReceived) for event in self.http.receive_data(self.socket.recv(65536)))


class Drain(unittest.TestCase):
    def setUp(self):
        self.ground = ground()
        self.replicas = [replicas[0] for replicas in self.ground.cluster.replicas.values()]
        self.told = {replica: replica.told() for replica in self.replicas}
        self.addCleanup(self.all_serve)

    def all_serve(self):
        for replica in self.replicas:
            if replica.ended():
                replica.start()
        for replica in self.replicas:
            replica.serves()

    def drained(self, limit):
        """How long each took to end, all being asked at once; none may take longer."""
        began, took = time.monotonic(), {}
        for replica in self.replicas:
            replica.signal(signal.SIGTERM)

        def all_ended():
            for replica in self.replicas:
                if replica not in took and replica.ended():
                    took[replica] = time.monotonic() - began
            return len(took) == len(self.replicas)
        try:
            until("all ended", all_ended, limit)
        except Late as late:
            raise Late(f"{sorted(r.name for r in self.replicas if r not in took)} did not end within {limit} s") from late
        for replica in self.replicas:
            self.assertEqual(replica.child.returncode, 0, replica.said(self.told[replica])[-2000:])
        return took

    def said(self, what, took):
        print(f"\n{what}: " + ", ".join(f"{replica.name} {seconds:.2f} s" for replica, seconds in took.items()), flush=True)

    def watched(self, replica):
        """By a client that asks for its health and, whenever the answer ends, again."""
        channel = grpc.insecure_channel(f"127.0.0.1:{replica.port}", options=BALANCED)
        self.addCleanup(channel.close)
        grpc.channel_ready_future(channel).result(30)

    def test_streams_that_never_end_and_sockets_that_never_speak_hold_no_drain_up(self):
        silent = [Silent(self, replica.port) for replica in self.replicas]
        for replica in self.replicas:
            self.watched(replica)
        # the other services' feeds are open at each of the four anyway
        channel = grpc.insecure_channel(f"127.0.0.1:{self.replicas[-1].port}")
        self.addCleanup(channel.close)
        customer = self.ground.customers(channel, 1)[0]
        customer.day(lambda _, send: send())
        frames = self.ground.contract.call(channel, MESSENGER, "WatchMessenger")(customer.token, deadline=None, platform=WEB)
        next(frames)
        took = self.drained(DRAIN)
        self.said("drain with streams and silent sockets", took)
        for replica in self.replicas:
            self.assertNotIn(CUT, replica.said(self.told[replica]), replica.name)
        for each in silent:
            self.assertTrue(each.is_closed())
        self.assertTrue(self.ended_with_a_word(frames), "the watch ended without a word")

    def ended_with_a_word(self, frames):
        """The customer's Messenger is told to come back elsewhere."""
        last = None
        try:
            for last in frames:
                pass
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAVAILABLE
        return last is not None and last.HasField("go_away")

    def test_a_stream_that_nobody_reads_is_cut_when_the_drain_time_is_over(self):
        for replica in self.replicas:
            Unread(self, replica.port)
        took = self.drained(DRAIN + LAST)
        self.said("drain with streams that nobody reads", took)
        for replica in self.replicas:
            self.assertIn(CUT, replica.said(self.told[replica]), replica.name)
            self.assertGreaterEqual(took[replica], DRAIN, replica.name)

    def test_planted_a_process_without_a_drain_time_is_noticed(self):
        settings = self.replicas[0]
        self.replicas = [settings]
        settings.signal(signal.SIGTERM)
        settings.wait(DRAIN + LAST)
        bounded = settings.command
        settings.command = [word.replace(f"--drain-seconds={DRAIN}", "--drain-seconds=600") for word in bounded]
        settings.start()
        settings.serves()
        settings.command = bounded
        Unread(self, settings.port)
        self.addCleanup(settings.kill)
        with self.assertRaises(Late) as told:
            self.drained(DRAIN + LAST)
        self.assertIn("settings/0", str(told.exception))


if __name__ == "__main__":
    unittest.main()
