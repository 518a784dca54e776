"""The chart and the programs it deploys know the same settings, and an image needs nothing else to run."""

import json
import subprocess
import unittest

from chart import CHART, SERVICES, all_rendered, named, of_kind, render
from programs import BASE_LIBRARIES, PLACE, Image, as_root, end, free_port, get, libraries, there, until, variables


# Their libraries for TLS look for it.
LIBRARIES = {"SSL_CERT_FILE"}


@there
class Settings(unittest.TestCase):
    def test_a_program_knows_every_variable_that_it_is_given(self):
        for values, objects in all_rendered().items():
            for service in SERVICES:
                with self.subTest(values=values, service=service):
                    given = set(named(objects, "ConfigMap", f"r-{service}")["data"])
                    spec = named(objects, "Deployment", f"r-{service}")["spec"]["template"]["spec"]
                    given |= {e["name"] for e in spec["containers"][0].get("env", [])}
                    self.assertEqual(given - variables(service) - LIBRARIES, set())

    def test_a_job_knows_every_variable_that_it_is_given(self):
        jobs = [o for objects in all_rendered().values() for o in of_kind(objects, "Job")]
        self.assertTrue(jobs)
        for job in jobs:
            container = job["spec"]["template"]["spec"]["containers"][0]
            service, errand = container["image"].rsplit("/", 1)[1].split(":")[0].split("@")[0], container["args"][0]
            given = {e["name"] for e in container["env"]}
            extra = {"NATS", *LIBRARIES} if errand == "migrate" else LIBRARIES
            # what only the other errand needs is harmless there
            unknown = given - variables(service, errand) - extra - {n for n in given if n.startswith("NATS_") and errand == "migrate"}
            self.assertEqual(unknown, set(), f"{service} {errand}")

    def test_calls_are_those_that_the_programs_make(self):
        objects = all_rendered()["default-values.yaml"]
        for service in SERVICES:
            given = {name for name in named(objects, "ConfigMap", f"r-{service}")["data"] if name.lower() in SERVICES}
            known = {name for name in variables(service) if name.lower() in SERVICES}
            self.assertEqual(given, known, service)

    def test_databases_and_streams_are_those_that_the_programs_have(self):
        objects = render(CHART / "ci/default-values.yaml", sets=["nats.url=nats://n:4222"])
        for service in SERVICES:
            spec = named(objects, "Deployment", f"r-{service}")["spec"]["template"]["spec"]["containers"][0]
            self.assertEqual("DATABASE_URL" in variables(service), "DATABASE_URL" in {e["name"] for e in spec.get("env", [])}, service)
            given = set(named(objects, "ConfigMap", f"r-{service}")["data"])
            self.assertEqual("NATS_REPLICAS" in variables(service), "NATS_REPLICAS" in given, service)

    def test_what_the_chart_sets_is_what_a_program_makes_of_it(self):
        objects = all_rendered()["dev-values.yaml"]
        for service in SERVICES:
            env = named(objects, "ConfigMap", f"r-{service}")["data"]
            done = subprocess.run([PLACE / service, "--print-config"], capture_output=True, text=True, env=env, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            config = json.dumps(json.loads(done.stdout))
            for name in ("LISTEN", "ADMIN_LISTEN", "KEYS", "NATS"):
                self.assertIn(json.dumps(env[name]), config, f"{service}: {name}")


@there
class Images(unittest.TestCase):
    def test_a_program_needs_no_library_that_the_base_image_does_not_have(self):
        for service in (*SERVICES, "suite"):
            self.assertEqual({name for name, _ in libraries(PLACE / service)} - BASE_LIBRARIES, set(), service)

    @as_root
    def test_each_service_runs_with_nothing_but_its_image_and_ends_when_it_is_asked_to(self):
        for service in SERVICES:
            with self.subTest(service=service):
                self.live_through(service)

    def live_through(self, service):
        image = Image(service)
        self.addCleanup(image.remove)
        config = dict(named(all_rendered()["default-values.yaml"], "ConfigMap", f"r-{service}")["data"])
        grpc, admin = free_port(), free_port()
        config.update(LISTEN=f"127.0.0.1:{grpc}", ADMIN_LISTEN=f"127.0.0.1:{admin}")
        # nobody is there, which keeps no service from starting
        config.update({name: "http://127.0.0.1:1" for name in config if name.lower() in SERVICES})
        if "DATABASE_CONNECTIONS" in config:
            config["DATABASE_URL"] = "sqlite:///data/it.db?mode=rwc"
            migrate = image.run("migrate", env={"DATABASE_URL": config["DATABASE_URL"]})
            out, err = migrate.communicate(timeout=120)
            self.assertEqual(migrate.returncode, 0, err)
            self.assertIn(f"{service}: the database is at m", out)
        process = image.run(env=config)
        try:
            until(lambda: get(f"http://127.0.0.1:{admin}/livez") == "ok\n" or process.poll() is not None)
            self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
            asked = image.run("healthcheck", f"http://127.0.0.1:{grpc}")
            out, err = asked.communicate(timeout=120)
            self.assertEqual((asked.returncode, out), (0, f"{service}: http://127.0.0.1:{grpc} serves\n"), err)
            self.assertEqual(get(f"http://127.0.0.1:{admin}/readyz"), "ok\n")
        finally:
            code, said = end(process)
        self.assertEqual(code, 0, said)
        for line in said.splitlines():
            self.assertIn("message", json.loads(line)["fields"], "logs are JSON where nobody reads them at a terminal")


if __name__ == "__main__":
    unittest.main()
