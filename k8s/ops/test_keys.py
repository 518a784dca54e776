"""Keys are changed, and lost, as the operator's guide says it."""

import base64
import os
import shutil
import signal
import subprocess
import unittest

import grpc
import psycopg

from cluster import DRAIN, SERVICES, Cluster
from contract import DEADLINE, Contract, Workspace, balanced, connected
from ground import has_its_part, no_call_failed, restart
from load import Customer, Load
from processes import LAST, PROGRAMS
from test_restore import step_of

SEALING = "settings.sealing"


class Keys(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.end)
        self.cluster.start()
        self.keys = self.cluster.keys
        settings, bff = self.channels = [balanced(self.cluster, name) for name in ("settings", "bff")]
        self.addCleanup(settings.close)
        self.addCleanup(bff.close)
        self.contract = Contract(settings)
        self.workspace = Workspace(self.contract, settings, self.keys)
        self.customers = [Customer(self.contract, bff, self.workspace) for _ in range(4)]

    def load(self):
        return Load([customer.day for customer in self.customers])

    def make(self, directory):
        subprocess.run([PROGRAMS / "suite", "keys", "--dir", directory], capture_output=True, check=True)

    def restarted(self, *services):
        for service in services:
            for replica in self.cluster.replicas[service]:
                restart(replica)
                has_its_part(replica)

    def sealed_with(self):
        with psycopg.connect(self.cluster.database("settings")) as postgres:
            return {name for name, in postgres.execute("select sealed_with from identity_key where revoked_at is null")}

    def test_a_services_key_and_what_seals_are_changed_and_no_call_fails(self):
        new = self.cluster.directory / "new"
        self.make(new)
        public = self.keys / "bff.pub"
        with self.load() as load:
            public.write_text(public.read_text() + (new / "bff.pub").read_text())
            self.restarted(*SERVICES)
            shutil.copy(new / "bff.key", self.keys / "bff.key")
            self.restarted("bff")
            shutil.copy(new / "bff.pub", public)
            self.restarted(*SERVICES)
            no_call_failed("another key of the bff", load)
            sealing = self.keys / SEALING
            first, line = sealing.read_text(), f"2027 {base64.b64encode(os.urandom(32)).decode()}\n"
            sealing.write_text(first + line)
            self.restarted("settings")
            sealing.write_text(line + first)
            self.restarted("settings")
            self.assertEqual(self.sealed_with(), {"2027"})
            sealing.write_text(line)
            self.restarted("settings")
            load.comes_round()
        no_call_failed("another key that seals", load)

    def test_all_keys_are_lost_and_everybody_works_again_once_their_workspace_signs_with_a_new_one(self):
        with self.load():
            pass
        saved = [customer.tickets() for customer in self.customers]
        shutil.rmtree(self.keys)
        self.make(self.keys)
        everybody = self.cluster.all()
        for replica in everybody:
            replica.signal(signal.SIGTERM)
        for replica in everybody:
            self.assertEqual(replica.wait(DRAIN + LAST), 0, replica.name)
        # what the guide has it say, and without its statement it stays so
        settings = self.cluster.replicas["settings"][0]
        told = settings.told()
        settings.start()
        self.assertEqual(settings.wait(DEADLINE), 1)
        self.assertIn("identity keys are sealed with the key first", settings.said(told))
        with psycopg.connect(self.cluster.database("settings"), autocommit=True) as postgres:
            self.assertEqual(postgres.execute(step_of("identity_key")).rowcount, 1)
        for replica in everybody:
            replica.start()
        for replica in everybody:
            replica.serves()
        connected(*self.channels)
        # the sessions that the lost key opened are over, and it opens no other
        with self.assertRaises(grpc.RpcError) as refused:
            self.customers[0].asks_to_log_in()
        self.assertIs(refused.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        self.workspace.signs_anew()
        for customer in self.customers:
            customer.asks_to_log_in()
        self.assertEqual([customer.tickets() for customer in self.customers], saved)
        with self.load() as load:
            pass
        no_call_failed("new keys", load)


if __name__ == "__main__":
    unittest.main()
