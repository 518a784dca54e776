"""The operator's guide: its functions work, and what it names is there."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import textwrap
import time
import unittest

import yaml

from chart import CHART, HERE, ROOT, SERVICES, named, of_kind, pods, render
from programs import free_port

GUIDE = (HERE.parent / "OPERATING.md").read_text()
LEAST = CHART / "ci/default-values.yaml"
FUNCTIONS = re.search(r"^(url\(\) .*?)^```$", GUIDE, re.MULTILINE | re.DOTALL).group(1)
SECRET = "postgres://tickets:s3cret@db.example:5432/tickets"


class Shell(unittest.TestCase):
    """Its functions, with another kubectl."""

    def setUp(self):
        self.place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def program(self, name, text):
        file = self.place / name
        file.write_text(f"#!/usr/bin/env bash\n{text}\n")
        file.chmod(0o755)

    def say(self, command, ca=""):
        env = {"PATH": f"{self.place}:{os.environ['PATH']}", "NS": "n", "R": "r", "PG": "tc-postgres", "CA": ca}
        return subprocess.run(["bash", "-c", f"set -u\n{FUNCTIONS}\n{command}"], cwd=self.place, env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False)

    def cluster_has(self, address):
        self.program("kubectl", f"""
            case "$*" in
                "-n n get secret tc-postgres -o jsonpath={{.data.tickets-url}}") printf %s '{address}' | base64 -w 0 ;;
                "-n n get configmap authority -o jsonpath={{.data.ca\\.crt}}") echo PEM ;;
                *) echo "what is: $*" >&2; exit 1 ;;
            esac""")

    def test_an_address_that_is_for_pods_gets_an_authority_that_is_here(self):
        inside = "sslrootcert=/etc/ticket-centre/postgres/ca.crt"
        for said, ca, wanted in [
            ("", "", ""),
            ("?sslmode=require", "", "?sslmode=require"),
            ("?sslmode=verify-full", "", "?sslmode=verify-full&sslrootcert=system"),
            (f"?sslmode=verify-full&{inside}", "authority", f"?sslmode=verify-full&sslrootcert={self.place}/ca.crt"),
            (f"?{inside}&sslmode=verify-ca&x=1", "authority", f"?sslmode=verify-ca&x=1&sslrootcert={self.place}/ca.crt"),
            (f"?{inside}", "", ""),
        ]:
            with self.subTest(said=said, ca=ca):
                self.cluster_has(SECRET + said)
                done = self.say("url tickets", ca)
                self.assertEqual((done.stdout, done.stderr, done.returncode), (f"{SECRET}{wanted}\n", "", 0))
                self.assertEqual((self.place / "ca.crt").exists(), ca != "")
                (self.place / "ca.crt").unlink(missing_ok=True)

    def test_an_address_that_is_not_there_is_none(self):
        self.cluster_has("")
        for command, ca in [("url tickets", ""), ("url billing", ""), ("url tickets", "somebody")]:
            if ca:
                self.cluster_has(SECRET + "?sslmode=verify-full")
            done = self.say(command, ca)
            self.assertEqual((done.stdout, done.returncode), ("", 1))
            self.assertTrue(done.stderr)

    def test_a_backup_that_fails_says_whose_and_the_others_are_made(self):
        self.program("kubectl", "echo eA== ")
        self.program("pg_dump", "[[ $* != *settings* ]] || exit 1; echo \"$@\"")
        loop = re.search(r"^(for s in [^\n]*\n    pg_dump .*?^done)$", GUIDE, re.MULTILINE | re.DOTALL).group(1)
        told = self.say(loop).stdout.splitlines()
        self.assertEqual([line for line in told if line.startswith("FAILED")], ["FAILED settings"])
        self.assertEqual(len(told), 4)

    def test_logs_are_those_of_all_pods_and_lines_that_are_no_json_are_shown(self):
        self.program("kubectl", """echo "$@" > asked
            echo '{"level":"INFO","fields":{}}'; echo '{"level":"ERROR","timestamp":1,"fields":{"message":"m"}}'
            echo 'tickets: the database cannot be opened: nobody answers there'""")
        plain = json.dumps("tickets: the database cannot be opened: nobody answers there")
        self.assertEqual(self.say("logs tickets 10m").stdout.splitlines()[2:], [plain])
        asked = (self.place / "asked").read_text()
        self.assertIn("--since=10m", asked)
        labels = dict(pair.split("=") for pair in re.search(r"-l (\S+)", asked).group(1).split(","))
        found = [o for o, metadata, _ in pods(render(LEAST)) if labels.items() <= metadata["labels"].items()]
        self.assertEqual([o["metadata"]["name"] for o in found], ["r-tickets"])
        command = re.search(r"^(logs notifications \| .*)$", GUIDE, re.MULTILINE).group(1)
        shown = [json.loads(line) for line in self.say(command).stdout.splitlines()]
        self.assertEqual(shown, [{"timestamp": 1, "level": "ERROR", "fields": {"message": "m"}}, json.loads(plain)])

    def test_a_forwarded_port_is_waited_for_and_one_that_is_refused_is_not(self):
        port = free_port()
        self.program("kubectl", f"sleep 1; exec timeout 20 python3 -m http.server --bind 127.0.0.1 {port}")
        begun = time.monotonic()
        done = self.say(f"forward svc/x {port}:50051 2> /dev/null && curl -sfo /dev/null 127.0.0.1:{port} && echo there; kill $!")
        self.assertEqual(done.stdout, "there\n", done.stderr)
        self.assertGreater(time.monotonic() - begun, 1)
        self.program("kubectl", "exit 1")
        self.assertNotEqual(self.say(f"forward svc/x {free_port()}:50051").returncode, 0)


class Named(unittest.TestCase):
    def test_each_call_is_one_of_the_contract_with_fields_that_it_has(self):
        contract = (ROOT / "proto/messenger/settings/v1/settings.proto").read_text()
        types = (ROOT / "proto/messenger/settings/v1/types.proto").read_text()
        calls = re.findall(r"^ *call (\w+) '(.*?)' ", GUIDE, re.MULTILINE)
        self.assertLess({"CreateTeammate", "SetAllowedOrigins"}, {method for method, _ in calls})
        for method, body in calls:
            message = re.search(rf"^message {method}Request \{{(.*?)^\}}", contract, re.MULTILINE | re.DOTALL).group(1)
            for key, value in json.loads(body).items():
                self.assertRegex(message, rf"\b{key} = \d+;", method)
                if key in ("role", "platform"):
                    self.assertRegex(contract + types, rf"\b{value} = \d+;", method)
        self.assertEqual(json.loads(dict(calls)["CreateTeammate"])["role"], "ROLE_ADMIN", "nobody else may make one later")

    def test_certificates_are_called_as_cert_manager_is_asked_for_them(self):
        made = {o["metadata"]["name"] for o in of_kind(render(LEAST, sets=["tls.secretPrefix=tc-tls-", "tls.issuer.name=i"]), "Certificate")}
        commands = re.findall(r"`(?:kubectl -n \$NS describe certificate|cmctl -n \$NS renew) (\S+)`", GUIDE)
        self.assertEqual(len(commands), 2)
        for name in commands:
            self.assertEqual({name.replace("$R", "r").replace("NAME", service) for service in SERVICES}, made)

    def test_what_the_guide_has_one_write_into_the_values_is_what_the_chart_takes(self):
        blocks = re.findall(r"^( *)```yaml\n(.*?)^ *```$", GUIDE, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 4)
        for _, text in blocks:
            with self.subTest(text=text), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                values = yaml.safe_load(textwrap.dedent(text).replace("app_…", "any"))
                yaml.safe_dump(values, file)
                file.flush()
                self.assertTrue(named(render(LEAST, file.name), "Deployment", "r-bff"))

    def test_each_value_that_is_named_is_one_that_the_chart_has(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        words = "|".join(schema["properties"])
        paths = set(re.findall(rf"`((?:{words})(?:\.[A-Za-z]+)+)(?=[`:=])", GUIDE)) - {"tls.crt", "tls.key"}
        self.assertLess({"networkPolicy.gatewayPeers", "jobs.podAnnotations", "extraCa.configMap", "defaults.podAnnotations"}, paths)
        for path in sorted(paths):
            node = schema
            for key in path.replace("services.NAME", "services.bff").split("."):
                node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
                if "propertyNames" in node:
                    break
                self.assertIn(key, node.get("properties", {}), path)
                node = node["properties"][key]


if __name__ == "__main__":
    unittest.main()
