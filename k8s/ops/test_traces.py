"""What an operator's collector hears of the services."""

import signal
import time
import unittest

from cluster import DRAIN
from contract import balanced
from ground import ground, no_call_failed
from load import Load
from processes import LAST, Late, free_ports

SUBMIT = "messenger.bff.v1.MessengerService/SubmitTicket"
CREATE = "messenger.tickets.v1.TicketService/CreateContactTicket"
# A change is told on: the badge that it makes is worked out by another service, from the feed.
TOLD_ON = "inbox from tickets"
# Longer than a batch of spans waits before it is sent, and one that is given up.
SILENCE = 12


def leads_back(span, spans):
    """All spans from this one to the one without a parent."""
    known = {each.own: each for each in spans if each.trace == span.trace}
    way = [span]
    while way[-1].parent in known:
        way.append(known[way[-1].parent])
    return way


def of_a_ticket(spans, since):
    """The first span of the trace of a ticket that was submitted after this moment, if all services are in it."""
    for told in (span for span in spans if span.name == TOLD_ON and span.service == "notifications"):
        trace = [span for span in spans if span.trace == told.trace]
        created = [span for span in trace if span.name == CREATE and span.service == "tickets"]
        for span in created:
            first = leads_back(span, trace)[-1]
            if first.name == SUBMIT and first.service == "bff" and not first.parent and first.began > since:
                return first
    return None


class Traces(unittest.TestCase):
    def setUp(self):
        self.ground = ground()
        self.collector, self.cluster = self.ground.collector, self.ground.cluster
        self.since = time.time_ns()
        channel = balanced(self.cluster, "bff")
        self.addCleanup(channel.close)
        self.customer = self.ground.customers(channel, 1)[0]

    def day(self):
        self.customer.day(lambda _, send: send())

    def until_a_trace(self, limit=60):
        return self.collector.until("a trace from the BFF through Tickets to Notifications", lambda spans: of_a_ticket(spans, self.since), limit)

    def test_one_trace_leads_from_a_customer_through_the_services_to_the_badge(self):
        self.day()
        self.until_a_trace()

    def test_what_a_process_did_last_is_sent_before_it_ends(self):
        self.day()
        ended = [*self.cluster.replicas["bff"], *self.cluster.replicas["tickets"]]
        try:
            for replica in ended:
                replica.signal(signal.SIGTERM)
            for replica in ended:
                self.assertEqual(replica.wait(DRAIN + LAST), 0, replica.said()[-2000:])
            self.until_a_trace()
        finally:
            self.all_serve(ended)

    def all_serve(self, replicas):
        for replica in replicas:
            if replica.ended():
                replica.start()
        for replica in replicas:
            replica.serves()

    def test_without_its_collector_calls_go_on_and_spans_come_again_with_it(self):
        if not self.collector.process:
            self.skipTest("no collector runs here that could go away")
        with Load([self.customer.day]) as load:
            self.collector.process.kill()
            load.comes_round()
            self.since = time.time_ns()
            self.collector.listen(self.collector.port)
            self.until_a_trace()
        no_call_failed("without a collector and with it again", load)

    def test_planted_a_collector_at_another_port_is_noticed(self):
        if not self.collector.process:
            self.skipTest("no collector runs here that could listen elsewhere")
        self.collector.process.kill()
        self.collector.listen(free_ports(1)[0])
        try:
            self.day()
            with self.assertRaises(Late):
                self.until_a_trace(SILENCE)
        finally:
            self.collector.process.kill()
            self.collector.listen(self.collector.port)


if __name__ == "__main__":
    unittest.main()
