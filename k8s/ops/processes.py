"""Processes of the product: started, asked, ended, and none of them left behind."""

import atexit
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

PROGRAMS = pathlib.Path(os.environ["PROGRAMS"])
# Debug builds on a busy machine start slowly.
START = 120
# What a process takes beside its drain time, in seconds: its tasks end, its database is closed, its last spans are sent. Each of
# the first two has 2 s; the last has 3 s where a collector is away.
LAST = 4

_running = []


class Late(AssertionError):
    """What was waited for did not come."""


def until(what, found, limit=60):
    """Looks again until it is found, at most `limit` seconds; answers what it was."""
    end = time.monotonic() + limit
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() >= end:
            raise Late(f"{what}: not within {limit} s")
        time.sleep(0.02)


def free_ports(count):
    """Ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Process:
    """A program that is started again and again with the same command; its words are added to its log."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, [str(word) for word in command], pathlib.Path(log)
        self.child = None

    def start(self):
        with self.log.open("ab") as log:
            # Ctrl-C on the terminal is for whoever runs the tests, who ends the others
            self.child = subprocess.Popen(self.command, env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True)
        _running.append(self)

    def ended(self):
        return self.child is None or self.child.poll() is not None

    def signal(self, which):
        self.child.send_signal(which)

    def wait(self, limit):
        """Its exit code; `Late` when it does not end in time."""
        try:
            return self.child.wait(limit)
        except subprocess.TimeoutExpired as late:
            raise Late(f"{self.name} does not end within {limit} s") from late

    def kill(self):
        if not self.ended():
            self.child.kill()
            self.child.wait()

    def said(self, since=0):
        """What it logged, after so many bytes."""
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def told(self):
        """How long its log is."""
        return self.log.stat().st_size if self.log.exists() else 0


class Replica(Process):
    """One of a service's replicas."""

    def __init__(self, programs, service, number, port, admin, flags, log):
        super().__init__(f"{service}/{number}", [programs / service, f"--listen=127.0.0.1:{port}", f"--admin-listen=127.0.0.1:{admin}",
                                                 *flags], log)
        self.service, self.port, self.admin = service, port, admin

    def becomes(self, programs):
        """The program of its service in that directory, when it is started again."""
        self.command[0] = str(programs / self.service)

    def page(self, which):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/{which}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def serves(self):
        """Waits until it says so, which it does when its port is open."""
        def said():
            if self.ended():
                raise AssertionError(f"{self.name} ended ({self.child.returncode}): {self.said()[-2000:]}")
            return self.page("readyz") == "ok\n"
        until(f"{self.name} serves", said, START)

    def answered(self):
        """Calls of the product that it answered since it started; health is none of them."""
        lines = (line for line in self.page("metrics").splitlines() if line.startswith("grpc_server_handled_total{"))
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines if 'grpc_service="messenger.' in line)


@atexit.register
def end_all():
    """By their numbers, whatever happened."""
    for process in _running:
        process.kill()


# so that a stop from outside ends what was started, too; nothing else gets past the tests
signal.signal(signal.SIGTERM, signal.default_int_handler)
