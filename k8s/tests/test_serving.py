"""The five services at work on loopback, as processes of their own: what they tell, and what an operator asks of them."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from chart import HERE, ROOT
from programs import NEEDED, PLACE, free_port, get, there, until
from test_monitoring import named

# They count what a quiet minute does not have; that the source counts them is checked elsewhere.
RARE = {"feed_parked_events_total", "feed_repaired_events_total", "feed_rebuilds_total", "feed_filled_gaps_total", "feed_lost_batches_total",
        "requests_crowded_total"}
# And these nobody has who has no NATS.
RARE |= {"relay_behind_events", "relay_current_time_seconds"}
# Nor these who speaks in clear: ../ops/test_rotation.py looks at them.
RARE |= {"tls_certificate_begin_time_seconds", "tls_certificate_end_time_seconds", "tls_certificates_broken", "tls_handshakes_refused_total"}
# Connections that a service takes here: more than anybody needs.
CONNECTIONS = 200
BUF = shutil.which("buf", path=f"{ROOT}/.tools/bin:{os.environ['PATH']}")


def listening(pid):
    """The TCP ports of a process that listens on loopback."""
    sockets = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(os.readlink(entry))
        except FileNotFoundError:
            # closed meanwhile
            continue
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
            yield int(words[1].split(":")[1], 16)


@there
@unittest.skipUnless(NEEDED or BUF, "buf is not installed: make tools")
class Serving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.data = pathlib.Path(cls.scratch.name) / "data"
        # five in a row
        cls.port = free_port() // 10 * 10
        # each takes a port of its own for its numbers
        env = {**os.environ, "ADMIN_LISTEN": "127.0.0.1:0", "MAX_CONNECTIONS": str(CONNECTIONS)}
        command = [PLACE / "suite", "run", "--separate", "--data", cls.data, "--port", str(cls.port)]
        cls.suite = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.end)
        until(lambda: cls.suite.poll() is not None or (cls.data / "access.json").exists(), 240)
        assert cls.suite.poll() is None, "the services did not start"

    @classmethod
    def end(cls):
        cls.suite.send_signal(signal.SIGINT)
        cls.suite.wait(timeout=60)

    def told(self):
        """The names of metrics on the pages of all services."""
        names = set()
        for child in pathlib.Path(f"/proc/{self.suite.pid}/task/{self.suite.pid}/children").read_text().split():
            for port in listening(child):
                names |= set(re.findall(r"^(\w+?)(?:_bucket)?(?:\{| )", get(f"http://127.0.0.1:{port}/metrics"), re.MULTILINE))
        return names

    def test_every_metric_named_is_on_the_page_of_a_service_that_has_customers(self):
        done = subprocess.run([PLACE / "suite", "demo", "--data", self.data], capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        # the scrubber comes once an hour, and came before anybody was there
        self.call(4, "notifications.v1.NotificationService/RebuildProjection", {}, "notifications:admin")
        self.crowd(self.port)
        missing = set()

        def told():
            missing.clear()
            missing.update(named() - self.told() - RARE)
            return not missing

        try:
            until(told, 240)
        except AssertionError:
            self.fail(f"no service tells {sorted(missing)}")

    def crowd(self, port):
        """More connections than a service takes: the last is closed at once."""
        with contextlib.ExitStack() as held:
            for _ in range(CONNECTIONS + 1):
                last = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            try:
                self.assertEqual(last.recv(1), b"")
            except ConnectionResetError:
                pass

    def test_an_operator_does_with_the_key_alone_what_the_guide_says(self):
        workspace = self.call(3, "settings.v1.WorkspaceService/CreateWorkspace", {"name": "Acme"}, "workspaces:write")["workspace"]
        # nobody gives what they do not have themselves
        scope = ("settings:read,settings:write,tickets:read", workspace["workspaceId"])
        key = self.call(3, "settings.v1.WorkspaceService/CreateIdentityKey", {"platform": "PLATFORM_WEB"}, *scope)
        self.assertTrue(key["secret"])
        teammate = self.call(3, "settings.v1.WorkspaceService/CreateTeammate", {"name": "Grace", "email": "grace@example.com", "role": "ROLE_ADMIN"}, *scope)
        self.assertEqual(teammate["teammate"]["role"], "ROLE_ADMIN")
        sites = self.call(3, "settings.v1.WorkspaceService/SetAllowedOrigins", {"origins": ["https://shop.example.com", "https://*.example.org"]}, *scope)
        self.assertEqual(len(sites["security"]["allowedOrigins"]), 2)
        token = {"name": "script", "teammate_id": teammate["teammate"]["teammateId"], "scopes": ["tickets:read"]}
        self.assertTrue(self.call(3, "settings.v1.WorkspaceService/CreateApiToken", token, *scope)["secret"])
        first, second = (self.call(4, "notifications.v1.NotificationService/RebuildProjection", {}, "notifications:admin") for _ in range(2))
        self.assertEqual(int(second["epoch"]), int(first["epoch"]) + 1)

    def test_a_credential_needs_the_key(self):
        told = subprocess.run(["bash", HERE.parent / "operator-token", self.data / "keys/tickets.key", "workspaces:write"],
                              capture_output=True, text=True, check=True).stdout
        with self.assertRaises(AssertionError) as refused:
            self.call(3, "settings.v1.WorkspaceService/CreateWorkspace", {"name": "Acme"}, token=told.strip())
        self.assertIn("unauthenticated", str(refused.exception))

    def call(self, offset, method, body, *scope, token=None):
        """As the guide says it: a credential by the script, and buf."""
        token = token or subprocess.run(["bash", HERE.parent / "operator-token", self.data / "keys/operator.key", *scope],
                                        capture_output=True, text=True, check=True).stdout.strip()
        done = subprocess.run([BUF, "curl", "--http2-prior-knowledge", "--protocol", "grpc", "--header", f"authorization: Bearer {token}",
                               "--data", json.dumps(body), f"http://127.0.0.1:{self.port + offset}/messenger.{method}"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)


if __name__ == "__main__":
    unittest.main()
