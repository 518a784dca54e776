"""Every service goes from the version before to this one while customers work, and back, and nobody notices."""

import os
import pathlib
import signal
import time
import unittest

import psycopg

from cluster import DRAIN, REPLICAS, SERVICES, Cluster
from contract import DEADLINE, INBOXES, Contract, Workspace, balanced, operator
from ground import has_its_part, no_call_failed, restart
from load import CUSTOMERS, Customer, Load, Teammate
from processes import LAST, PROGRAMS

PREVIOUS = pathlib.Path(os.environ["PREVIOUS"]) if os.environ.get("PREVIOUS") else None
# What a program says that serves what the version after it has added.
LATER = "the schema is of a later version"
ANOTHERS = "so another program made it"
# Comparing everything with its owners, in seconds.
COMPARED = 60


@unittest.skipUnless(PREVIOUS, "no programs of the version before are at hand")
class Upgrade(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(programs=PREVIOUS)
        self.addCleanup(self.cluster.end)
        self.cluster.start()
        settings, self.tickets, self.inboxes, bff = (self.channel(name) for name in ("settings", "tickets", "notifications", "bff"))
        # what Messengers and scripts know that were there before the upgrade
        self.contract = Contract(settings)
        workspace = Workspace(self.contract, settings, self.cluster.keys)
        self.customers = [Customer(self.contract, bff, workspace) for _ in range(CUSTOMERS)]
        self.teammate = Teammate(self.contract, self.tickets, workspace, self.cluster.keys)
        self.load = Load([person.day for person in (*self.customers, self.teammate)])
        self.load.__enter__()
        self.addCleanup(self.load.__exit__)

    def channel(self, service):
        channel = balanced(self.cluster, service)
        self.addCleanup(channel.close)
        return channel

    def roll(self, what, programs):
        """One replica of each service, so that every caller meets both versions of whomever it calls, and then the others."""
        began = time.monotonic()
        for number in range(REPLICAS):
            # whoever calls goes first: the chart rolls all at once, and promises no order
            for service in reversed(SERVICES):
                replica = self.cluster.replicas[service][number]
                replica.becomes(programs)
                restart(replica)
                has_its_part(replica)
            self.load.comes_round()
        no_call_failed(what, self.load, began)

    def nothing_is_lost(self):
        self.load.__exit__()
        for customer in self.customers:
            # the teammate's moves change their order
            self.assertEqual(sorted(customer.tickets()), sorted(customer.titles), customer.user)
            self.assertEqual(customer.messages(), [*customer.titles[::-1], "Hello"], customer.user)
        self.assertTrue(self.teammate.left)
        self.assertEqual(self.teammate.finds(), self.teammate.left)
        compare = self.contract.call(self.inboxes, INBOXES, "RebuildProjection")
        compared = compare(operator(self.cluster.keys, "notifications:admin"), deadline=COMPARED)
        print(f"\n{compared.contacts} inboxes compared with their owners, {compared.differed} differed", flush=True)
        self.assertGreaterEqual(compared.contacts, len(self.customers))
        self.assertEqual(compared.differed, 0)

    def migrated(self):
        """The services whose schema is another one now."""
        before, after = self.cluster.migrate(PREVIOUS), self.cluster.migrate(PROGRAMS)
        print("\n" + "".join(after.values()), end="", flush=True)
        return [service for service in before if before[service] != after[service]]

    def test_every_service_goes_to_this_version_and_back_under_load_and_no_call_fails_and_nothing_is_lost(self):
        began = time.monotonic()
        changed = self.migrated()
        self.assertTrue(changed, "the version before has the schema of now")
        self.load.comes_round()
        no_call_failed("the version before on the schema of this one", self.load, began)
        self.roll("this version", PROGRAMS)
        told = {replica: replica.told() for replica in self.cluster.all()}
        self.roll("back to the version before", PREVIOUS)
        for service in changed:
            for replica in self.cluster.replicas[service]:
                self.assertIn(LATER, replica.said(told[replica]), replica.name)
        self.roll("this version again", PROGRAMS)
        self.nothing_is_lost()

    def test_planted_a_step_that_takes_something_away_is_noticed(self):
        began = time.monotonic()
        with psycopg.connect(self.cluster.database("tickets"), autocommit=True) as postgres:
            postgres.execute("alter table ticket rename column title to name")
            try:
                self.load.comes_round()
            finally:
                postgres.execute("alter table ticket rename column name to title")
        with self.assertRaises(AssertionError) as told:
            no_call_failed("planted: a column is called otherwise", self.load, began)
        self.assertIn("INTERNAL", str(told.exception))

    def test_a_program_that_cannot_serve_the_schema_says_so_and_ends_and_the_others_go_on(self):
        began = time.monotonic()
        replica = self.cluster.replicas["tickets"][0]
        with psycopg.connect(self.cluster.database("tickets"), autocommit=True) as postgres:
            last = postgres.execute("select max(version) from seaql_migrations").fetchone()[0]
            postgres.execute("update seaql_migrations set version = 'm9999_of_another_program' where version = %s", [last])
            replica.signal(signal.SIGTERM)
            self.assertEqual(replica.wait(DRAIN + LAST), 0)
            told = replica.told()
            replica.start()
            code = replica.wait(DEADLINE)
            said = replica.said(told)
            postgres.execute("update seaql_migrations set version = %s where version = 'm9999_of_another_program'", [last])
        self.assertEqual(code, 1, said)
        self.assertIn("m9999_of_another_program", said)
        self.assertIn(ANOTHERS, said)
        self.load.comes_round()
        no_call_failed("a program that does not start", self.load, began)


if __name__ == "__main__":
    unittest.main()
