"""Helm itself installs, upgrades, tests, rolls back and uninstalls the chart, at a server that answers as Kubernetes does."""

import base64
import gzip
import json
import os
import pathlib
import re
import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from chart import CHART, ENV, HERE, NAMESPACE, VALUES, Refused, is_hook, render, tool
from fakeapi import Server

# What the values say is there already.
SECRETS = [(NAMESPACE, name) for name in ("ticket-centre-keys", "ticket-centre-postgres", "ticket-centre-nats")]


GUIDE = (HERE.parent / "OPERATING.md").read_text()


def flags_of(value):
    """What the guide has behind the upgrade that sets it."""
    return re.search(rf"helm -n \$NS upgrade .* --set {re.escape(value)}(.*)$", GUIDE, re.MULTILINE).group(1).split()


class At:
    """Helm at a server."""

    def __init__(self, server, scratch):
        config = pathlib.Path(scratch) / "kubeconfig"
        config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
        }))
        self.env = {**ENV, "KUBECONFIG": str(config), "HELM_DRIVER": "secret", "HOME": os.environ.get("HOME", scratch)}

    def __call__(self, *arguments):
        # it would hold itself back, for the sake of a server that is not its own
        return tool("helm", *arguments, "--namespace", NAMESPACE, "--qps", "1000", "--burst-limit", "1000", env=self.env)


def at_a_server(test):
    """An empty cluster, but for the Secrets, and Helm at it, until the test is over."""
    scratch = tempfile.TemporaryDirectory()
    test.addCleanup(scratch.cleanup)
    server = Server(SECRETS).__enter__()
    test.addCleanup(server.__exit__)
    return server.cluster, At(server, scratch.name)


class Release(unittest.TestCase):
    def on_a_server(self, values):
        rest = [CHART, "--values", values, "--wait", "--wait-for-jobs", "--timeout", "180s"]
        return *at_a_server(self), rest

    def test_a_release_is_installed_upgraded_tested_rolled_back_and_uninstalled(self):
        # mostly it waits, so they may as well wait together
        with ThreadPoolExecutor(len(VALUES)) as together:
            for values, outcome in [(values, together.submit(self.live_through, values)) for values in VALUES]:
                with self.subTest(values=values.name):
                    outcome.result()

    def live_through(self, values):
        cluster, helm, rest = self.on_a_server(values)
        tags = lambda: {
            o["spec"]["template"]["spec"]["containers"][0]["image"].rsplit(":", 1)[1]
            for (_, plural, _, name), o in cluster.objects.items() if plural == "deployments" and name != "r-settings"
        }
        before = cluster.release_names()
        helm("install", "r", *rest)
        first = tags()
        rendered = render(values)
        made = {(o["kind"], o["metadata"]["name"]) for o in rendered if not is_hook(o)}
        self.assertEqual(made - cluster.release_names(), set())
        helm("upgrade", "r", *rest, "--set", "image.tag=v2")
        self.assertEqual(tags(), {"v2"})
        # the same images, and so the same errands, with something else about them
        helm("upgrade", "r", *rest, "--set", "image.tag=v2", "--set", "defaults.resources.requests.cpu=150m")
        told = helm("test", "r", "--timeout", "180s")
        self.assertEqual(told.count("Succeeded"), 5, told)
        helm("rollback", "r", "1", "--wait", "--timeout", "180s")
        self.assertEqual(tags(), first)
        helm("uninstall", "r", "--wait", "--timeout", "180s")
        # Helm leaves what hooks made, until the next installation makes it anew
        hooks = {(o["kind"], o["metadata"]["name"]) for o in rendered
                 if is_hook(o) and "succeeded" not in o["metadata"]["annotations"]["helm.sh/hook-delete-policy"]}
        self.assertEqual(cluster.release_names() - before, hooks)
        self.assertEqual([entry for entry in cluster.log if entry[0] == "REFUSE"], [])

    def test_jobs_before_a_rollout_run_before_any_pod_is_made_or_changed(self):
        cluster, helm, rest = self.on_a_server(CHART / "ci/hook-values.yaml")
        helm("install", "r", *rest)
        first = len(cluster.log)
        helm("upgrade", "r", *rest, "--set", "image.tag=v2")
        for log in (cluster.log[:first], cluster.log[first:]):
            jobs = [n for n, (verb, kind, _, _) in enumerate(log) if kind == "Job" and verb == "CREATE"]
            deployments = [n for n, (_, kind, _, _) in enumerate(log) if kind == "Deployment"]
            self.assertEqual(len(jobs), 7)
            self.assertLess(max(jobs), min(deployments))
            names = [log[n][2] for n in jobs]
            self.assertLess(max(names.index(n) for n in names if n.endswith("-migrate")), min(names.index(n) for n in names if n.endswith("-streams")))

    def test_another_version_of_the_chart_alone_restarts_no_pod_and_repeats_no_job(self):
        cluster, helm, rest = self.on_a_server(CHART / "ci/dev-values.yaml")
        rest += ["--set", "jobs.mode=job"]
        templates = lambda: {
            (plural, name): o["spec"]["template"] for (_, plural, _, name), o in cluster.objects.items()
            if plural in ("deployments", "statefulsets", "jobs")
        }
        helm("install", "r", *rest)
        before = templates()
        with tempfile.TemporaryDirectory() as scratch:
            later = pathlib.Path(scratch) / "chart"
            shutil.copytree(CHART, later)
            about = later / "Chart.yaml"
            about.write_text(re.sub(r"^version: .*$", "version: 0.1.1", about.read_text(), flags=re.MULTILINE))
            helm("upgrade", "r", later, *rest[1:])
        labels = cluster.objects[("apps/v1", "deployments", NAMESPACE, "r-tickets")]["metadata"]["labels"]
        self.assertEqual(labels["helm.sh/chart"], "ticket-centre-0.1.1")
        self.assertEqual(templates(), before)

    def test_what_an_autoscaler_scales_is_stopped_and_given_a_number_as_the_guide_says(self):
        values = CHART / "ci/default-values.yaml"
        cluster, helm, rest = self.on_a_server(values)
        pods = lambda: cluster.objects[("apps/v1", "deployments", NAMESPACE, "r-bff")]["spec"].get("replicas")
        scaled = [*rest, "--set", "services.bff.autoscaling.enabled=true"]
        helm("install", "r", *scaled)
        cluster.scale(NAMESPACE, "r-bff", 3)
        # what does not say a number leaves it alone
        helm("upgrade", "r", *scaled, "--set", "image.tag=v2")
        self.assertEqual(pods(), 3)
        for change, flags, number in [([*scaled, "--set", "stopped=true"], flags_of("stopped=true"), 0),
                                      (rest, flags_of("services.NAME.autoscaling.enabled=false"), 2)]:
            with self.assertRaises(Refused) as refused:
                helm("upgrade", "r", *change)
            self.assertIn(".spec.replicas", str(refused.exception))
            helm("upgrade", "r", *change, *flags)
            self.assertEqual(pods(), number)
            # and it begins anew
            helm("upgrade", "r", *scaled)
            cluster.scale(NAMESPACE, "r-bff", 3)
        numbered = json.loads(helm("history", "r", "--output", "json"))[-2]["revision"]
        with self.assertRaises(Refused):
            helm("rollback", "r", numbered)
        helm("rollback", "r", numbered, *flags)
        self.assertEqual(pods(), 2)

    def test_what_an_autoscaler_scales_is_stopped_without_more_where_helm_3_made_the_release(self):
        cluster, helm, rest = self.on_a_server(CHART / "ci/default-values.yaml")
        scaled = [*rest, "--set", "services.bff.autoscaling.enabled=true"]
        # Helm 3 waits in ways that the server does not know
        tool("helm3", "install", "r", *(word for word in scaled if not str(word).startswith("--wait")), "--namespace", NAMESPACE, env=helm.env)
        cluster.scale(NAMESPACE, "r-bff", 3)
        with self.assertRaises(Refused) as refused:
            helm("upgrade", "r", *scaled, "--set", "stopped=true", *flags_of("stopped=true"))
        self.assertIn("serverSideApply disabled", str(refused.exception))
        helm("upgrade", "r", *scaled, "--set", "stopped=true")
        self.assertEqual(cluster.objects[("apps/v1", "deployments", NAMESPACE, "r-bff")]["spec"]["replicas"], 0)

    def test_the_way_of_the_jobs_may_be_changed_from_each_to_each(self):
        cluster, helm, rest = self.on_a_server(CHART / "ci/default-values.yaml")
        rest += ["--set", "nats.url=nats://n:4222"]
        for verb, mode in zip(["install"] + 6 * ["upgrade"], ["start", "hook", "job", "start", "job", "hook", "start"]):
            with self.subTest(mode=mode):
                first = len(cluster.log)
                helm(verb, "r", *rest, "--set", f"jobs.mode={mode}")
                made = [entry for entry in cluster.log[first:] if entry[:2] == ("CREATE", "Job")]
                self.assertEqual(len(made), 0 if mode == "start" else 7)
        helm("uninstall", "r", "--wait", "--timeout", "180s")
        left = {name for kind, name in cluster.release_names() if kind != "Secret"}
        self.assertEqual(left, {"r-jobs"})
        # the guide names them
        self.assertIn("delete serviceaccount,networkpolicy $R-jobs", GUIDE)

    def test_a_helm_that_was_cut_off_is_gone_back_from_as_the_guide_says(self):
        cluster, helm, rest = self.on_a_server(CHART / "ci/default-values.yaml")
        helm("install", "r", *rest)
        helm("upgrade", "r", *rest, "--set", "image.tag=v2")
        self.recorded(cluster, 1, "deployed")
        self.recorded(cluster, 2, "pending-upgrade")
        with self.assertRaises(Refused) as refused:
            helm("upgrade", "r", *rest, "--set", "image.tag=v3")
        self.assertIn("another operation", str(refused.exception))
        deployed = [entry["revision"] for entry in json.loads(helm("history", "r", "--output", "json")) if entry["status"] == "deployed"]
        back = re.search(r"`helm -n \$NS (rollback) \$R (REVISION) (.*)`\), and", GUIDE).groups()
        helm(back[0], "r", deployed[-1], *back[2].split())
        helm("upgrade", "r", *rest, "--set", "image.tag=v3")

    def recorded(self, cluster, revision, status):
        """Writes into Helm's record of a revision that it is so."""
        record = cluster.objects[("v1", "secrets", NAMESPACE, f"sh.helm.release.v1.r.v{revision}")]
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(record["data"]["release"]))))
        release["info"]["status"] = record["metadata"]["labels"]["status"] = status
        packed = gzip.compress(json.dumps(release).encode())
        record["data"]["release"] = base64.b64encode(base64.b64encode(packed)).decode()

    def test_an_installation_whose_secret_is_missing_fails_before_anything_is_made(self):
        cluster, helm, rest = self.on_a_server(CHART / "ci/hook-values.yaml")
        cluster.delete(("v1", "secrets", NAMESPACE, "ticket-centre-postgres"))
        with self.assertRaises(Refused) as refused:
            helm("install", "r", *rest)
        self.assertIn("secrets/ticket-centre-postgres", str(refused.exception))
        self.assertFalse([entry for entry in cluster.log if entry[1] == "Deployment"])


if __name__ == "__main__":
    unittest.main()
