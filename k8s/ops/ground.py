"""What most checks stand on: one cluster with a workspace, customers and a collector, started with the first that needs it."""

import functools
import signal
import unittest

from cluster import DRAIN, Cluster
from collector import Collector
from contract import Contract, Workspace, balanced
from load import CUSTOMERS, Customer, Load
from processes import LAST, until

# What a process says that had to.
CUT = "the drain time passed"


class Ground:
    """The cluster and who is in it."""

    def __init__(self):
        self.collector = Collector()
        self.cluster = Cluster(flags=[f"--otlp-endpoint=http://127.0.0.1:{self.collector.port}", "--trace-share=1"])
        self.collector.start(self.cluster.directory)
        self.cluster.start()
        settings = balanced(self.cluster, "settings")
        self.contract = Contract(settings)
        self.workspace = Workspace(self.contract, settings, self.cluster.keys)
        settings.close()

    def customers(self, channel, count=CUSTOMERS):
        return [Customer(self.contract, channel, self.workspace) for _ in range(count)]

    def end(self):
        self.cluster.end()
        self.collector.end()


ground = functools.cache(Ground)


def end():
    """If it was ever started."""
    if ground.cache_info().currsize:
        ground().end()


def restart(replica, by=signal.SIGTERM):
    """As a rollout does it: asked to end, which it does by itself and in time, and started again until it serves."""
    replica.signal(by)
    code = replica.wait(DRAIN + LAST)
    assert code == 0, f"{replica.name} ended with {code}: {replica.said()[-2000:]}"
    replica.start()
    replica.serves()


def has_its_part(replica):
    """Its callers have found it: only then may another go."""
    until(f"{replica.name} is called", replica.answered)


class UnderLoad(unittest.TestCase):
    """Customers call the whole time; `self.load` tells what became of it."""

    def setUp(self):
        self.ground = ground()
        self.cluster = self.ground.cluster
        channel = balanced(self.cluster, "bff")
        self.addCleanup(channel.close)
        self.customers = self.ground.customers(channel)
        self.load = Load([customer.day for customer in self.customers])
        self.load.__enter__()
        self.addCleanup(self.load.__exit__)

    def no_call_failed(self, what, since=0.0):
        no_call_failed(what, self.load, since)

    def each_write_happened_once(self):
        """After the end of the load."""
        for customer in self.customers:
            assert customer.tickets() == customer.titles[::-1], f"{customer.user} has {customer.tickets()}, and submitted {customer.titles}"


def no_call_failed(what, load, since=0.0):
    """Of those that may be repeated, for good; `AssertionError` tells which did."""
    calls, raw, final = load.tally(since)
    print(f"\n{what}: {calls} calls, {len(raw)} tried again, {len(final)} failed", flush=True)
    assert not final, "; ".join(sorted({str(attempt) for attempt in final}))
