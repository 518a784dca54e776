"""Alerts and dashboards: they parse, they fire, and what they name is told by the programs."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import promql_parser
import yaml

from chart import CHART, HERE, ROOT, SERVICES, TOOLS, all_rendered, of_kind, render, tool

GUIDE = HERE.parent / "OPERATING.md"
OURS = re.compile(r"\b((?:feed|log|inboxes|relay|grpc_server|database|watches|tls|connections|requests)_[a-z_]+?)(?:_bucket)?\b(?=\{)")


def alerts():
    rules = yaml.safe_load((CHART / "rules.yaml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def queries():
    """Every PromQL of the dashboards, as Grafana would send it."""
    for file in (CHART / "dashboards").glob("*.json"):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                text = target["expr"].replace("$__rate_interval", "5m").replace("$__range", "6h")
                yield f'{file.name}: {panel["title"]}', re.sub(r"\$\w+", "x", text)


def named():
    """Every metric of ours that an alert or a dashboard asks for."""
    texts = [rule["expr"] for rule in alerts()] + [text for _, text in queries()]
    return {name for text in texts for name in OURS.findall(text)}


def missing():
    return next(rule["annotations"]["description"] for rule in alerts() if rule["alert"] == "TicketCentreServiceGone")


class Rules(unittest.TestCase):
    def test_the_rules_are_well_formed_and_each_alert_is_silent_or_fires_as_it_should(self):
        tool("promtool", "check", "rules", CHART / "rules.yaml")
        tool("promtool", "test", "rules", HERE / "rules_test.yaml", cwd=HERE)

    def test_each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(self):
        tests = yaml.safe_load((HERE / "rules_test.yaml").read_text())["tests"]
        cases = [case for test in tests for case in test["alert_rule_test"]]
        for rule in alerts():
            fires = {bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]}
            self.assertEqual(fires, {True, False}, rule["alert"])

    def test_an_alert_that_never_fires_any_more_is_noticed(self):
        rules = yaml.safe_load((CHART / "rules.yaml").read_text())
        for rule in rules["groups"][0]["rules"]:
            rule["expr"] = f'({rule["expr"]}) and on () (vector(1) > 2)'
        with tempfile.TemporaryDirectory() as scratch:
            place = pathlib.Path(scratch)
            (place / "rules.yaml").write_text(yaml.safe_dump(rules))
            (place / "test.yaml").write_text((HERE / "rules_test.yaml").read_text().replace("../chart/rules.yaml", "rules.yaml"))
            said = subprocess.run([TOOLS / "bin/promtool", "test", "rules", place / "test.yaml"], capture_output=True, text=True, timeout=120, check=False)
        missed = set(re.findall(r"alertname: (\w+)", said.stdout + said.stderr))
        self.assertEqual(missed, {rule["alert"] for rule in alerts()})

    def test_each_alert_has_a_section_in_the_operators_guide_and_none_is_left_over(self):
        sections = set(re.findall(r"^### (TicketCentre\w+)$", GUIDE.read_text(), re.MULTILINE))
        self.assertEqual(sections, {rule["alert"] for rule in alerts()})

    def test_what_is_installed_is_what_was_tested_and_points_to_the_guide(self):
        installed = of_kind(all_rendered()["full-values.yaml"], "PrometheusRule")[0]["spec"]["groups"][0]["rules"]
        for rule, tested in zip(installed, alerts(), strict=True):
            self.assertEqual(rule["annotations"].pop("runbook_url"), f'https://runbooks.example.com/OPERATING.md#{tested["alert"].lower()}')
            self.assertEqual(rule, tested)

    def test_a_service_that_is_disabled_is_not_missed_and_the_others_are(self):
        sets = ["monitoring.rules.enabled=true", "services.bff.calls={settings}"]
        for off in (["services.notifications.enabled=false"], [], ["services.notifications.enabled=false", "services.bff.enabled=false"],
                    [f"services.{name}.enabled=false" for name in ("bff", "notifications", "tickets")] + ["services.conversations.calls={settings}"]):
            gone = {pair.split(".")[1] for pair in off if pair.endswith("enabled=false")}
            there = sorted(set(SERVICES) - gone)
            objects = render(CHART / "ci/default-values.yaml", sets=sets + off)
            installed = of_kind(objects, "PrometheusRule")[0]["spec"]
            # each of those that are there is missed when it goes, and nothing is while they are there
            tests = [{
                "interval": "1m",
                "input_series": [{"series": f'up{{app="ticket-centre", job="{name}"}}', "values": "1x20"} for name in there if name != away],
                "alert_rule_test": [{"eval_time": "10m", "alertname": "TicketCentreServiceGone", "exp_alerts": [{
                    "exp_labels": {"severity": "page", "app": "ticket-centre", "job": away},
                    "exp_annotations": {"summary": f"{away} has no pods that Prometheus knows of", "description": missing()},
                }] if away else []}],
            } for away in ["", *there]]
            with self.subTest(there=there), tempfile.TemporaryDirectory() as scratch:
                place = pathlib.Path(scratch)
                (place / "rules.yaml").write_text(yaml.safe_dump(installed))
                (place / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}))
                tool("promtool", "test", "rules", place / "test.yaml")

    def test_every_query_of_a_dashboard_parses(self):
        self.assertTrue(list(queries()))
        for where, text in queries():
            with self.subTest(where=where):
                promql_parser.parse(text)

    def test_every_metric_named_is_one_that_the_source_counts_and_describes(self):
        source = "\n".join(file.read_text() for place in ("shared", "services") for file in (ROOT / place).rglob("*.rs"))
        described = set(re.findall(r"^//! \| `(\w+)`", source, re.MULTILINE))
        for name in named():
            self.assertIn(name, described)
            self.assertRegex(source, rf'(?:count|gauge|counter!|gauge!|histogram!)\("{name}"')


if __name__ == "__main__":
    unittest.main()
