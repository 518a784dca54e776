"""Each service is replaced while customers work, replica by replica, and they notice nothing."""

import signal
import time
import unittest

from cluster import SERVICES
from ground import UnderLoad, has_its_part, no_call_failed, restart


class Rolling(UnderLoad):
    def test_each_service_is_restarted_under_load_and_no_call_fails(self):
        for service in SERVICES:
            began = time.monotonic()
            for replica in self.cluster.replicas[service]:
                restart(replica)
                has_its_part(replica)
            self.load.comes_round()
            self.no_call_failed(f"rolling restart of {service}", began)
        self.load.__exit__()
        self.no_call_failed("rolling restart of everything")
        self.each_write_happened_once()

    def test_planted_a_process_that_does_not_drain_is_noticed(self):
        replica = self.cluster.replicas["settings"][0]
        with self.assertRaises(AssertionError) as told:
            restart(replica, by=signal.SIGKILL)
        self.assertIn("settings/0 ended with -9", str(told.exception))
        replica.start()
        replica.serves()

    def test_planted_a_service_that_does_not_wait_for_its_successor_is_noticed(self):
        began = time.monotonic()
        for replica in self.cluster.replicas["tickets"]:
            replica.signal(signal.SIGTERM)
        for replica in self.cluster.replicas["tickets"]:
            replica.wait(60)
        # each of the customers hears of it
        self.load.comes_round()
        for replica in self.cluster.replicas["tickets"]:
            replica.start()
            replica.serves()
        with self.assertRaises(AssertionError) as told:
            no_call_failed("planted: both replicas of tickets at once", self.load, began)
        self.assertIn("UNAVAILABLE", str(told.exception))


if __name__ == "__main__":
    unittest.main()
