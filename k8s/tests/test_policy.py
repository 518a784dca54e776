"""What others hold to be good practice, by trivy's built-in checks, with what is left out and why; and the Dockerfile, by hadolint."""

import json
import pathlib
import tempfile
import unittest

import yaml

from chart import HERE, all_rendered, tool

# Findings that stay, each with its reason.
SKIPPED = {
    "KSV-0011": "no CPU limit: throttling shows as latency, and requests already share the CPU fairly",
    "KSV-0020": "the servers for development run as the user that their images were made for",
    "KSV-0021": "as above, for its group",
    "KSV-01010": "KEYS names a directory; what is secret comes from Secrets alone, which a rule of ours checks",
}


def trivy_says(objects):
    """Each finding's id and sentence."""
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "rendered.yaml").write_text(yaml.dump_all(objects, Dumper=yaml.CSafeDumper))
        told = json.loads(tool("trivy", "config", "--quiet", "--skip-check-update", "--format", "json", "--cache-dir", f"{scratch}/cache", scratch))
    return [(m["AVDID"].removeprefix("AVD-"), m["Message"]) for r in told.get("Results", []) for m in r.get("Misconfigurations", [])]


def trivy_findings(objects):
    return [f"{check}: {message}" for check, message in trivy_says(objects) if check not in SKIPPED]



class Policy(unittest.TestCase):
    def test_others_find_nothing_of_weight_but_what_stays_for_a_reason(self):
        found = trivy_says([o for objects in all_rendered().values() for o in objects])
        self.assertEqual([(check, message) for check, message in found if check not in SKIPPED], [])
        self.assertEqual(set(SKIPPED) - {check for check, _ in found}, set(), "nothing is left to skip there")

    def test_the_dockerfile_follows_good_practice(self):
        tool("hadolint", "--failure-threshold", "info", HERE.parent / "Dockerfile")


if __name__ == "__main__":
    unittest.main()
