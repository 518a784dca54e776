"""Certificates and their authority are replaced under mutual TLS while calls go on, as the operator's guide says it."""

import itertools
import pathlib
import socket
import tempfile
import unittest

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from certificates import HOST, OPERATOR, Authority, Secrets, greeted
from cluster import CALLS, SERVICES, Cluster
from contract import DEADLINE, Contract, Workspace, balanced
from ground import CUT, has_its_part, no_call_failed, restart
from load import Customer, Load
from processes import until

ENCRYPTED = SERVICES[:-1]


class Rotation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.old, cls.new = Authority("old"), Authority("new")
        cls.secrets = Secrets(cls.scratch / "secrets", SERVICES)
        cls.secrets.put_all(cls.old.bundle, cls.old)
        cls.cluster = Cluster(secrets=cls.secrets)
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.start()
        with cls.channel("settings") as settings:
            cls.contract = Contract(settings)
            cls.workspace = Workspace(cls.contract, settings, cls.cluster.keys)

    @classmethod
    def channel(cls, service):
        """A new connection with the operator's Secret of now."""
        held = cls.secrets.held[OPERATOR]
        trust = grpc.ssl_channel_credentials(held["ca.crt"], held["tls.key"], held["tls.crt"])
        return grpc.secure_channel(cls.cluster.target(service), trust, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.default_authority", HOST)])

    def newcomer(self, call):
        """Makes a connection for each call, to each service."""
        for service in ENCRYPTED:
            with self.channel(service) as channel:
                ask = health_pb2_grpc.HealthStub(channel).Check
                call(f"health of {service}", lambda: ask(health_pb2.HealthCheckRequest(), timeout=DEADLINE))

    def load(self):
        channel = balanced(self.cluster, "bff")
        self.addCleanup(channel.close)
        self.customers = [Customer(self.contract, channel, self.workspace) for _ in range(4)]
        return Load([customer.day for customer in self.customers] + [self.newcomer])

    def ports(self):
        return [(service, replica.port) for service in ENCRYPTED for replica in self.cluster.replicas[service]]

    def each_port(self, what, holds):
        for service, port in self.ports():
            until(f"{service} at {port} {what}", lambda at=(service, port): holds(*at), 30)

    def all_show_their_certificates(self):
        """Of now."""
        held = self.secrets.held[OPERATOR]
        pair = held["tls.crt"], held["tls.key"]
        self.each_port("shows its new certificate",
                       lambda service, port: greeted(port, held["ca.crt"], pair, self.scratch) == self.secrets.shows(service))

    def all_let_in(self, authority, let_in=True):
        """Whoever has a certificate of this authority."""
        pair = authority.issue("newcomer")
        self.each_port("takes the authority" if let_in else "refuses the authority",
                       lambda _, port: bool(greeted(port, self.secrets.held[OPERATOR]["ca.crt"], pair, self.scratch)) is let_in)

    def tells_its_certificates(self, replica):
        """From when until when they are good, which alerts and a dashboard ask for."""
        sides = ("client",) if replica.service == "bff" else ("client", "server") if CALLS[replica.service] else ("server",)
        of = {"own": self.secrets.certificate(replica.service), "authority": self.new.certificate()}
        told = replica.page("metrics")
        for side, (which, held) in itertools.product(sides, of.items()):
            for name, time in (("begin", held.not_valid_before_utc), ("end", held.not_valid_after_utc)):
                self.assertIn(f'tls_certificate_{name}_time_seconds{{side="{side}",which="{which}"}} {time.timestamp():.0f}\n', told, replica.name)

    def connect_anew(self, number):
        """One replica of each service, and so whoever calls it or is called by it; an open connection would keep what it was made with."""
        for service in SERVICES:
            replica = self.cluster.replicas[service][number]
            # which says nothing, not even of TLS
            self.enterContext(socket.create_connection((HOST, replica.port)))
            restart(replica)
            has_its_part(replica)

    def test_certificates_and_then_their_authority_are_replaced_and_no_call_fails(self):
        with self.load() as load:
            self.secrets.put_all(authority=self.old)
            self.all_show_their_certificates()
            load.comes_round()
            no_call_failed("new certificates", load)
            # both authorities, certificates of the new one, and then it alone
            self.secrets.put_all(bundle=self.old.bundle + self.new.bundle)
            self.all_let_in(self.new)
            self.secrets.put_all(authority=self.new)
            self.all_show_their_certificates()
            self.connect_anew(0)
            no_call_failed("certificates of another authority", load)
            self.secrets.put_all(bundle=self.new.bundle)
            self.all_let_in(self.old, let_in=False)
            self.connect_anew(1)
            load.comes_round()
        no_call_failed("rotation of certificates and their authority", load)
        for replica in self.cluster.all():
            self.tells_its_certificates(replica)
            # nothing was half read
            self.assertNotIn('tls_certificates_broken{side="server"} 1', replica.page("metrics"))
            self.assertNotIn("cannot be used", replica.said())
            # nor did who says nothing hold a drain up
            self.assertNotIn(CUT, replica.said())
        for customer in self.customers:
            self.assertEqual(customer.tickets(), customer.titles[::-1])

    def test_planted_a_service_with_an_expired_certificate_is_noticed(self):
        # whichever test comes first: both authorities
        self.secrets.put_all(bundle=self.old.bundle + self.new.bundle)
        self.all_let_in(self.old)
        self.all_let_in(self.new)
        with self.load() as load:
            self.secrets.put("tickets", pair=self.old.issue("tickets", expired=True))
            for replica in self.cluster.replicas["tickets"]:
                restart(replica)
            load.comes_round()
            with self.assertRaises(AssertionError) as told:
                no_call_failed("planted: an expired certificate", load)
            self.assertIn("UNAVAILABLE", str(told.exception))
            self.secrets.put("tickets", pair=self.old.issue("tickets"))
            self.all_show_their_certificates()


if __name__ == "__main__":
    unittest.main()
