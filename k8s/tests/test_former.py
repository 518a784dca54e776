"""Values of charts before this one are good for it too. former/ has them, by version: N-defaults.yaml is all that the chart had, the
others are an operator's. They are never changed; whoever changes what values mean or are called puts the ones before there."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import rules
from chart import CHART, HELMS, HERE, ROOT, Refused, render
from test_chart import LEAST, VERSIONS, operator_offences, schema_offences
from test_release import at_a_server

FORMER = HERE / "former"
DEFAULTS = sorted(FORMER.glob("*-defaults.yaml"))
OPERATORS = sorted(set(FORMER.glob("*.yaml")) - set(DEFAULTS))


def before(scratch):
    """The chart of the version before, out of the history."""
    version = subprocess.run(["bash", ROOT / "k8s/ops/previous", "--commit"], capture_output=True, text=True, check=True).stdout.strip()
    archive = subprocess.run(["git", "-C", ROOT, "archive", version, "k8s/chart"], capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--directory", scratch], input=archive, check=True)
    return pathlib.Path(scratch) / "k8s/chart"


def reusing(scratch, defaults):
    """The chart as Helm sees it with --reuse-values: what is new in it has no default."""
    chart = pathlib.Path(scratch) / defaults.stem
    shutil.copytree(CHART, chart)
    shutil.copy(defaults, chart / "values.yaml")
    return chart


class Former(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enterContext(tempfile.TemporaryDirectory())

    def nothing_is_wrong(self, objects):
        for version in VERSIONS:
            self.assertEqual(list(schema_offences(objects, version)), [])
        self.assertEqual(operator_offences(objects), [])
        for rule in rules.ALL:
            self.assertEqual(list(rule(objects)), [], rule.__name__)

    def test_what_an_operator_has_written_for_a_chart_before_still_installs(self):
        self.assertTrue(OPERATORS)
        for values in OPERATORS:
            for helm in HELMS:
                with self.subTest(values=values.name, helm=helm):
                    self.nothing_is_wrong(render(values, helm=helm))

    def test_all_values_of_a_chart_before_written_out_still_install(self):
        self.assertTrue(DEFAULTS)
        for defaults in DEFAULTS:
            with self.subTest(values=defaults.name):
                self.nothing_is_wrong(render(defaults, LEAST))

    def test_values_of_a_chart_before_may_be_reused_without_the_new_defaults(self):
        for defaults in DEFAULTS:
            chart = reusing(self.scratch, defaults)
            for values in (LEAST, *OPERATORS):
                with self.subTest(defaults=defaults.name, values=values.name):
                    self.nothing_is_wrong(render(values, chart=chart))

    def test_planted_a_value_that_is_called_otherwise_is_noticed(self):
        values = pathlib.Path(self.scratch) / "values.yaml"
        values.write_text(OPERATORS[0].read_text().replace("jobs:", "migrations:"))
        with self.assertRaises(Refused):
            render(values)

    def test_a_release_of_the_chart_before_may_change_the_way_of_its_jobs_as_it_is_upgraded(self):
        former = before(self.scratch)
        for old, new in [("hook", "job"), ("job", "hook")]:
            with self.subTest(old=old, new=new):
                _, helm = at_a_server(self)
                rest = ["--values", LEAST, "--wait", "--wait-for-jobs", "--timeout", "180s"]
                helm("install", "r", former, *rest, "--set", f"jobs.mode={old}")
                helm("upgrade", "r", CHART, *rest, "--set", f"jobs.mode={new}")
                helm("upgrade", "r", CHART, *rest, "--set", f"jobs.mode={new},image.tag=v2")

    def test_a_release_of_the_chart_before_is_upgraded_and_rolled_back(self):
        former = before(self.scratch)
        for values in OPERATORS:
            with self.subTest(values=values.name):
                cluster, helm = at_a_server(self)
                rest = ["--wait", "--wait-for-jobs", "--timeout", "180s"]
                helm("install", "r", former, "--values", values, *rest)
                helm("upgrade", "r", CHART, "--values", values, *rest)
                helm("rollback", "r", "1", "--wait", "--timeout", "180s")
                helm("upgrade", "r", CHART, "--reuse-values", *rest)
                self.assertEqual(helm("test", "r", "--timeout", "180s").count("Succeeded"), 5)
                self.assertEqual([entry for entry in cluster.log if entry[0] == "REFUSE"], [])


if __name__ == "__main__":
    unittest.main()
