"""Databases are restored, and one is lost, as the operator's guide says it, and customers see what is there now."""

import pathlib
import re
import signal
import subprocess
import unittest

import psycopg

from cluster import DRAIN, POSTGRES, SERVICES, Cluster
from contract import INBOXES, WEB, Contract, Workspace, balanced, operator
from load import Customer, Load
from processes import LAST, PROGRAMS, until

GUIDE = (pathlib.Path(__file__).resolve().parent.parent / "OPERATING.md").read_text()
# Those with a log of their own; Notifications has none.
TELLERS = ("tickets", "conversations")
# Comparing everything with its owners, in seconds.
COMPARED = 60


# Of each table that the guide names, whose databases have it.
OWNERS = {
    "evlog_meta": ("settings", "tickets", "conversations"),
    "projection_epoch": ("notifications",),
    "identity_key": ("settings",),
    "consumer_quarantine": ("tickets", "conversations", "notifications"),
    "pg_stat_activity": SERVICES[:-1],
}


def step_of(table):
    """The statement that the guide has for it."""
    return re.search(rf"^ *(update {table} set .*;)$", GUIDE, re.MULTILINE).group(1)


class Guide(unittest.TestCase):
    def test_every_statement_of_the_guide_is_one_that_its_databases_understand(self):
        cluster = Cluster()
        self.addCleanup(cluster.end)
        cluster.prepare()
        cluster.migrate(PROGRAMS)
        statements = re.findall(r"(?:`|^ *)((?:update|select) [^`]*?)(?:`|;$)", GUIDE, re.MULTILINE)
        met = set()
        for statement in statements:
            table = re.search(r"(?:^update|from) (\w+)", statement.replace("extract(epoch from", "")).group(1)
            met.add(table)
            for service in OWNERS[table]:
                with self.subTest(statement=statement, service=service), psycopg.connect(cluster.database(service)) as postgres:
                    # understood, and not done
                    postgres.execute(f"explain {statement}")
        self.assertEqual(met, set(OWNERS))


class Restore(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.end)
        self.cluster.start()
        settings, self.inboxes, bff = (self.channel(name) for name in ("settings", "notifications", "bff"))
        self.contract = Contract(settings)
        workspace = Workspace(self.contract, settings, self.cluster.keys)
        self.customers = [Customer(self.contract, bff, workspace) for _ in range(4)]
        self.watch = self.contract.call(bff, "messenger.bff.v1.MessengerService", "WatchMessenger")
        self.work()
        # the epoch has grown before, as it has where this happens
        self.compare()

    def channel(self, service):
        channel = balanced(self.cluster, service)
        self.addCleanup(channel.close)
        return channel

    def work(self):
        """Everybody writes something; answers what each then has."""
        with Load([customer.day for customer in self.customers]) as load:
            pass
        self.assertEqual([str(attempt) for attempt in load.tally()[2]], [])
        self.all_applied()
        return [customer.tickets() for customer in self.customers]

    def all_applied(self):
        """As the guide waits for it."""
        def applied():
            behind = [re.findall(r"^feed_behind_events\{.*\} (\S+)$", replica.page("metrics"), re.MULTILINE)
                      for name in ("tickets", "conversations", "notifications") for replica in self.cluster.replicas[name]]
            return all(behind) and {number for page in behind for number in page} == {"0"}
        until("feed_behind_events is 0 everywhere", applied)

    def homes(self):
        """What each Messenger shows first when it is opened."""
        return [self.frame(customer).home for customer in self.customers]

    def frame(self, customer, **held):
        frames = self.watch(customer.token, platform=WEB, **held)
        self.addCleanup(frames.cancel)
        return next(frames)

    def stop(self, *services):
        replicas = [replica for service in services for replica in self.cluster.replicas[service]]
        for replica in replicas:
            replica.signal(signal.SIGTERM)
        for replica in replicas:
            self.assertEqual(replica.wait(DRAIN + LAST), 0, replica.name)

    def begin(self, *services):
        replicas = [replica for service in services for replica in self.cluster.replicas[service]]
        for replica in replicas:
            replica.start()
        for replica in replicas:
            replica.serves()

    def dump(self, service):
        file = self.cluster.directory / f"{service}.dump"
        subprocess.run(["pg_dump", "--format=custom", f"--file={file}", self.cluster.database(service)], check=True)

    def empty(self, service):
        name = f"{self.cluster.prefix}_{service}"
        with psycopg.connect(POSTGRES, autocommit=True) as postgres:
            postgres.execute(f"drop database {name}")
            postgres.execute(f"create database {name} template template0 locale 'C' encoding 'UTF8'")

    def restore(self, service):
        self.empty(service)
        file = self.cluster.directory / f"{service}.dump"
        subprocess.run(["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={self.cluster.database(service)}", file], check=True)

    def told(self, service, statement):
        with psycopg.connect(self.cluster.database(service), autocommit=True) as postgres:
            self.assertEqual(postgres.execute(statement).rowcount, 1, statement)

    def compare(self):
        """How many inboxes were not what their owners tell."""
        call = self.contract.call(self.inboxes, INBOXES, "RebuildProjection")
        compared = call(operator(self.cluster.keys, "notifications:admin"), deadline=COMPARED)
        self.assertGreaterEqual(compared.contacts, len(self.customers))
        return compared.differed

    def draws_anew(self, customer, held):
        """A Messenger that was open meanwhile: it replaces what it shows by what is newer alone."""
        frame = self.frame(customer, resume_token=held.token)
        return frame.WhichOneof("frame") == "home" and frame.home.token.epoch > held.token.epoch

    def everybody_sees(self, tickets, held):
        self.assertEqual([customer.tickets() for customer in self.customers], tickets)
        for customer, before in zip(self.customers, held):
            self.assertTrue(self.draws_anew(customer, before), f"{customer.user} keeps what was there before")

    def test_tickets_and_conversations_are_restored_and_everybody_hears_of_the_history_that_counts_now(self):
        saved = [customer.tickets() for customer in self.customers]
        for service in TELLERS:
            self.dump(service)
        self.assertNotEqual(self.work(), saved)
        held = self.homes()
        self.stop(*SERVICES)
        for service in TELLERS:
            self.restore(service)
            self.told(service, step_of("evlog_meta"))
        self.told("notifications", step_of("projection_epoch"))
        self.begin(*SERVICES)
        self.all_applied()
        # before inboxes are compared, which makes every Messenger draw anew
        self.everybody_sees(saved, held)
        self.compare()
        self.assertEqual(self.compare(), 0)
        for customer, titles in zip(self.customers, saved):
            customer.titles = titles[::-1]
        self.work()
        for customer in self.customers:
            self.assertEqual(customer.tickets(), customer.titles[::-1])
        self.assertEqual(self.compare(), 0)

    def lose_notifications(self):
        self.stop("notifications")
        self.empty("notifications")
        self.begin("notifications")
        self.all_applied()

    def test_the_database_of_notifications_is_lost_and_fills_itself(self):
        tickets, held = [customer.tickets() for customer in self.customers], self.homes()
        self.lose_notifications()
        self.told("notifications", step_of("projection_epoch"))
        until("replicas see it", lambda: self.draws_anew(self.customers[0], held[0]))
        self.everybody_sees(tickets, held)
        self.assertEqual(self.compare(), 0)

    def test_planted_a_step_of_the_guide_that_is_left_out_is_noticed(self):
        tickets, held = [customer.tickets() for customer in self.customers], self.homes()
        self.lose_notifications()
        with self.assertRaises(AssertionError) as told:
            self.everybody_sees(tickets, held)
        self.assertIn("keeps what was there before", str(told.exception))


if __name__ == "__main__":
    unittest.main()
