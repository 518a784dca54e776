"""A replica that dies takes with it what was under way, and nothing else."""

import time
import unittest

from cluster import SERVICES
from ground import UnderLoad, has_its_part


class Killed(UnderLoad):
    def kill(self, *replicas):
        """At once; answers between which moments that was."""
        began = time.monotonic()
        for replica in replicas:
            replica.kill()
        return began, time.monotonic()

    def only_what_was_in_flight_failed(self, what, began, gone):
        _, raw, final = self.load.tally(began)
        flying = [attempt for attempt in self.load.since(began) if attempt.began <= gone]
        print(f"\n{what}: {len(flying)} calls in flight, {len(raw)} of all since failed once, {len(final)} for good", flush=True)
        later = [attempt for attempt in raw if attempt.began > gone]
        self.assertEqual([], [f"{(attempt.began - gone) * 1000:.0f} ms later {attempt}" for attempt in later])
        self.assertLessEqual(len(raw), len(flying))
        # whatever fails with its replica may be repeated at the other
        self.assertEqual([], [str(attempt) for attempt in final])

    def test_a_replica_of_each_service_is_killed_and_only_calls_in_flight_fail(self):
        for service in SERVICES:
            replica = self.cluster.replicas[service][0]
            began, gone = self.kill(replica)
            self.load.comes_round()
            self.only_what_was_in_flight_failed(f"kill -9 of {replica.name}", began, gone)
            replica.start()
            replica.serves()
            has_its_part(replica)
        self.load.__exit__()
        self.each_write_happened_once()

    def test_planted_a_service_without_a_second_replica_is_noticed(self):
        replicas = self.cluster.replicas["bff"]
        began, gone = self.kill(*replicas)
        self.load.comes_round()
        for replica in replicas:
            replica.start()
            replica.serves()
        with self.assertRaises(AssertionError) as told:
            self.only_what_was_in_flight_failed("planted: kill -9 of both replicas of bff", began, gone)
        self.assertIn("UNAVAILABLE", str(told.exception))


if __name__ == "__main__":
    unittest.main()
