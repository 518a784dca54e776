"""Databases are restored, and one is lost, as the operator's guide says it, and customers see what is there now."""

import pathlib
import re
import signal
import subprocess
import unittest

import grpc
import psycopg

from cluster import DRAIN, POSTGRES, SERVICES, Cluster
from contract import CONTACTS, INBOXES, WEB, WORKSPACES, Contract, Workspace, balanced, connected, operator
from load import Customer, Load, Teammate
from processes import LAST, PROGRAMS, Late, until

GUIDE = (pathlib.Path(__file__).resolve().parent.parent / "OPERATING.md").read_text()
# Those with a log of their own; Notifications has none.
TELLERS = ("tickets", "conversations")
# Comparing everything with its owners, in seconds.
COMPARED = 60
IN_PROGRESS, WAITING = 2, 3

# Of each table that the guide names, whose databases have it.
OWNERS = {
    "evlog_meta": ("settings", "tickets", "conversations"),
    "ticket": ("tickets",),
    "conversation_reply": ("tickets",),
    "departed_contact": ("tickets", "conversations", "notifications"),
    "contact": ("settings",),
    "projection_epoch": ("notifications",),
    "identity_key": ("settings",),
    "consumer_quarantine": ("tickets", "conversations", "notifications"),
    "pg_stat_activity": SERVICES[:-1],
}


def step_of(table):
    """The statement that the guide has for it."""
    return re.search(rf"^ *((?:update|delete from) {table}\b.*;)$", GUIDE, re.MULTILINE).group(1)


def asked_of(table):
    """The question that the guide has psql ask it."""
    return re.search(rf'-Atc "(select [^"]* from {table} [^"]*)"', GUIDE).group(1)


def flags_of(program):
    """Those that the guide gives it."""
    return re.search(rf"\b{program} ((?:--[a-z-]+(?:=[a-z]+)? )+)", GUIDE).group(1).split()


class Guide(unittest.TestCase):
    def test_every_statement_of_the_guide_is_one_that_its_databases_understand(self):
        cluster = Cluster()
        self.addCleanup(cluster.end)
        cluster.prepare()
        cluster.migrate(PROGRAMS)
        statements = re.findall(r"(?:`|^ *)((?:update|select|delete from) [^`]*?)(?:`|;$)", GUIDE, re.MULTILINE)
        statements += re.findall(r'-Atc "(select [^"]*)"', GUIDE)
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
        self.channels = []
        settings, self.inboxes, bff = (self.channel(name) for name in ("settings", "notifications", "bff"))
        self.contract = Contract(settings)
        self.workspace = Workspace(self.contract, settings, self.cluster.keys)
        self.newcomer = lambda: Customer(self.contract, bff, self.workspace)
        self.customers = [self.newcomer() for _ in range(4)]
        self.teammate = Teammate(self.contract, self.channel("tickets"), self.workspace, self.cluster.keys)
        self.watch = self.contract.call(bff, "messenger.bff.v1.MessengerService", "WatchMessenger")
        self.work()
        # the epoch has grown before, as it has where this happens
        self.compare()

    def channel(self, service):
        channel = balanced(self.cluster, service)
        self.addCleanup(channel.close)
        self.channels.append(channel)
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
        subprocess.run(["pg_dump", *flags_of("pg_dump"), f"--file={file}", self.cluster.database(service)], check=True)

    def restore(self, service):
        self.cluster.make_database(service)
        file = self.cluster.directory / f"{service}.dump"
        command = ["pg_restore", *flags_of("pg_restore"), "--exit-on-error", f"--dbname={self.cluster.database(service)}", file]
        subprocess.run(command, check=True)

    def told(self, service, statement):
        """How many rows it changed; it always changes some."""
        with psycopg.connect(self.cluster.database(service), autocommit=True) as postgres:
            changed = postgres.execute(statement).rowcount
        self.assertGreater(changed, 0, statement)
        return changed

    def restored(self, *services, without=None):
        """As the guide says it, from the backups; `without` is a table whose statement is left out."""
        self.stop(*SERVICES)
        steps = [("notifications", "projection_epoch")]
        for service in services:
            self.restore(service)
            steps.append((service, "evlog_meta"))
            steps += {"tickets": [("tickets", "ticket")], "conversations": [("tickets", "conversation_reply")]}.get(service, [])
        for service, table in steps:
            if table != without:
                self.told(service, step_of(table))
        self.begin(*SERVICES)
        connected(*self.channels)
        self.all_applied()

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
        self.restored(*TELLERS)
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

    def a_ticket(self):
        """The newest of the first customer's, and the conversation about it."""
        customer = self.customers[0]
        ticket = customer.asks("ListTickets", page_size=1).tickets[0].ticket_id
        conversation = customer.asks("OpenTicketConversation", ticket_id=ticket).conversation.conversation_id
        self.all_applied()
        return customer, ticket, conversation

    def test_tickets_are_restored_alone_and_what_is_done_to_them_then_is_news(self):
        customer, ticket, conversation = self.a_ticket()
        self.dump("tickets")
        for category in (IN_PROGRESS, WAITING, IN_PROGRESS):
            self.teammate.moves(ticket, category)
        self.all_applied()
        shown = customer.sees(ticket)
        customer.asks("MarkTicketRead", ticket_id=ticket, up_to_revision=shown.revision)
        self.all_applied()
        stamps = customer.stamps(conversation)
        self.assertEqual((customer.sees(ticket).unread, stamps[0]), (False, IN_PROGRESS))

        def is_news():
            """A Messenger that has shown what is lost takes what is there now, and hears of what comes."""
            there = customer.sees(ticket)
            self.assertNotEqual(there.state.category, IN_PROGRESS)
            self.assertGreater(there.revision, shown.revision, "a Messenger keeps what it has shown")
            self.teammate.moves(ticket, WAITING)
            self.all_applied()
            self.assertTrue(customer.sees(ticket).unread, "nobody is told")
            self.assertEqual(customer.stamps(conversation), [WAITING, *stamps])

        # planted: revisions are given a second time
        self.restored("tickets", without="ticket")
        with self.assertRaises(AssertionError):
            is_news()
        self.restored("tickets")
        is_news()
        # and may be answered
        customer.answers(conversation)
        self.all_applied()
        self.assertEqual(customer.sees(ticket).state.category, IN_PROGRESS)
        self.compare()
        self.assertEqual(self.compare(), 0)

    def test_conversations_are_restored_alone_and_answers_that_are_written_then_move_their_tickets(self):
        customer, ticket, conversation = self.a_ticket()
        saved = customer.messages()
        self.dump("conversations")
        for _ in range(5):
            customer.answers(conversation)
        self.work()

        def is_answered(limit=60):
            self.teammate.moves(ticket, WAITING)
            until("they are told what is asked of them", lambda: customer.stamps(conversation)[:1] == [WAITING])
            customer.answers(conversation)
            until("the answer moves the ticket", lambda: customer.sees(ticket).state.category == IN_PROGRESS, limit)

        # planted: places in a conversation are given a second time
        self.restored("conversations", without="conversation_reply")
        with self.assertRaises(Late):
            is_answered(limit=10)
        self.restored("conversations")
        self.assertEqual(customer.messages(), saved)
        is_answered()
        self.compare()
        self.assertEqual(self.compare(), 0)

    def test_settings_are_restored_alone_and_who_had_been_erased_is_found_and_erased_again(self):
        workspace, erased = self.workspace, self.customers.pop()
        first = workspace.kid, workspace.secret
        workspace.signs_anew()
        self.dump("settings")
        contact = self.asked("settings", f"select workspace_id, id from contact where user_id = '{erased.user}'").pop()
        self.erase(contact)
        workspace.settles(WORKSPACES, "RevokeIdentityKey", key_id=first[0])
        newcomer = self.newcomer()
        self.customers.append(newcomer)
        saved, held = self.work(), self.homes()
        self.assertEqual(self.came_back(), set())
        self.restored("settings")
        self.assertEqual(self.came_back(), {contact})
        self.erase(contact)
        self.assertEqual(self.came_back(), set())
        # who came after the backup is somebody new, to whom nothing belongs
        self.customers.pop()
        newcomer.titles, newcomer.conversation = [], None
        newcomer.day(lambda _, send: send())
        self.assertEqual(newcomer.tickets(), newcomer.titles)
        # what was revoked is good again until it is revoked again
        good = workspace.kid, workspace.secret
        workspace.kid, workspace.secret = first
        self.assertTrue(self.opens_a_session())
        workspace.settles(WORKSPACES, "RevokeIdentityKey", key_id=first[0])
        self.assertFalse(self.opens_a_session())
        workspace.kid, workspace.secret = good
        for customer in self.customers:
            customer.asks_to_log_in()
        self.everybody_sees(saved[:-1], held)
        self.work()
        self.compare()
        self.assertEqual(self.compare(), 0)

    def asked(self, service, statement):
        with psycopg.connect(self.cluster.database(service)) as postgres:
            return set(postgres.execute(statement).fetchall())

    def came_back(self):
        """Who is erased elsewhere, and not in Settings: the lines of the guide's comparison."""
        return self.asked("tickets", asked_of("departed_contact")) - self.asked("settings", asked_of("contact"))

    def erase(self, contact):
        """Until everybody has heard of it."""
        self.workspace.settles(CONTACTS, "EraseContact", contact_id=contact[1])
        for service in ("tickets", "conversations", "notifications"):
            until(f"{service} heard of it", lambda at=service: contact in self.asked(at, asked_of("departed_contact")))

    def opens_a_session(self):
        try:
            self.newcomer().asks_to_log_in()
        except grpc.RpcError as refused:
            self.assertIs(refused.code(), grpc.StatusCode.UNAUTHENTICATED)
            return False
        return True

    def lose_notifications(self):
        self.stop("notifications")
        self.cluster.make_database("notifications")
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
