"""A check that never failed proves nothing: faults are planted into a copy of the chart, and the check that is for each must say so."""

import pathlib
import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import rules
from chart import CHART, render
from test_chart import operator_offences, schema_offences
from test_policy import trivy_findings

DEPLOYMENT, HELPERS, JOBS = "templates/deployment.yaml", "templates/_helpers.tpl", "templates/jobs.yaml"
POLICY, SCALING, SERVICE, MONITORING, DEV, HEALTH = (
    f"templates/{name}.yaml" for name in ("networkpolicy", "scaling", "service", "monitoring", "dev", "tests/health"))

# Where, what stands there, what is planted in its place, whom it must alarm.
FAULTS = [
    (HELPERS, "runAsNonRoot: true\nrunAsUser: 65532", "runAsUser: 0", "pods_are_restricted"),
    (HELPERS, "readOnlyRootFilesystem: true\n", "", "pods_are_restricted"),
    (HELPERS, "drop: [ALL]", "drop: [NET_RAW]", "pods_are_restricted"),
    (DEPLOYMENT, "      enableServiceLinks: false\n", "", "pods_are_restricted"),
    (JOBS, "  automountServiceAccountToken: false\n  enable", "  enable", "pods_are_restricted"),
    ("values.yaml", "    limits:\n      memory: 256Mi\n", "", "resources_are_bounded"),
    (JOBS, '  {{- with include "tc.placement" .svc | trim }}{{ . | nindent 2 }}{{ end }}\n', "", "placed_with_their_service"),
    (HEALTH, '  {{- with include "tc.placement" $svc | trim }}{{ . | nindent 2 }}{{ end }}\n', "", "placed_with_their_service"),
    (DEV, '      {{- with include "tc.placement" $.Values.defaults | trim }}{{ . | nindent 6 }}{{ end }}\n', "", "placed_with_their_service"),
    (DEPLOYMENT, "{{- if not (or $svc.autoscaling.enabled $svc.keda.enabled) }}", "{{- if true }}", "one_scaler_and_no_number_beside_it"),
    (SCALING, "(gt $least 1)", "(gt $least 0)", "budgets_leave_room"),
    (SCALING, "(gt $least 1)", "(gt $least 2)", "budgets_leave_room"),
    (DEPLOYMENT, "(int $svc.shutdown.drainSeconds) 8", "5", "grace_covers_the_drain"),
    (DEPLOYMENT, '(dict "port" (int $svc.ports.grpc))', '(dict "port" (int $svc.ports.admin))', "probes_fit"),
    ("values.yaml", "failureThreshold: 220", "failureThreshold: 30", "probes_fit"),
    (DEPLOYMENT, "            httpGet:\n              path: /livez\n              port: admin",
     "            grpc:\n              port: {{ $svc.ports.grpc }}", "probes_fit"),
    (POLICY, "(has $name $theirs.calls)", '(has $name (list "tickets"))', "calls_agree"),
    (POLICY, "    - to:\n        - podSelector:\n            matchLabels: {{- include \"tc.selector\" (dict \"root\" $ \"name\" .) | nindent 14 }}\n      ports:\n        - port: {{ $callee.ports.grpc }}",
     "    - to:\n        - podSelector:\n            matchLabels: {{- include \"tc.selector\" (dict \"root\" $ \"name\" .) | nindent 14 }}\n      ports:\n        - port: 1", "calls_agree"),
    (POLICY, "        - podSelector:\n            matchLabels: {{- include \"tc.selector\" (dict \"root\" $ \"name\" $caller) | nindent 14 }}",
     "        - podSelector: {}", "calls_agree"),
    (POLICY, "  egress:\n    {{- include \"tc.egressDns\" $ | nindent 4 }}\n    {{- range $svc.calls }}", "  egress:\n    {{- range $svc.calls }}", "policies_deny_first"),
    (POLICY, "  ingress:\n    {{- range $caller", "  ingress:\n    - {}\n    {{- range $caller", "policies_deny_first"),
    (DEPLOYMENT, "serviceAccountName: {{ include \"tc.fullname\" $ctx }}", "serviceAccountName: somebody", "names_resolve"),
    (JOBS, "  {{- if $hook }}\n  annotations: {{- toYaml $before | nindent 4 }}\n  {{- end }}\nautomount", "automount", "hooks_need_only_hooks"),
    (DEPLOYMENT, "              - key: {{ $name }}.key\n                path: {{ $name }}.key\n",
     "              - key: operator.key\n                path: operator.key\n", "private_keys_stay_apart"),
    (DEPLOYMENT, '{{- if eq $name "settings" }}', '{{- if true }}', "private_keys_stay_apart"),
    (HELPERS, 'postgres://tickets@%s/%s', 'postgres://tickets:secret@%s/%s', "no_secret_is_written_down"),
    (SERVICE, "selector: {{- include \"tc.selector\" $ctx | nindent 4 }}", "selector: {app.kubernetes.io/instance: r}", "selectors_never_overlap"),
    (DEPLOYMENT, "maxUnavailable: 0", "maxUnavailable: 1", "rollouts_never_take_away"),
    (HELPERS, '{{ include "tc.selector" . }}\napp.kubernetes.io/part-of: ticket-centre\n{{- end -}}', '{{ include "tc.labels" . }}\n{{- end -}}',
     "no_pod_is_restarted_for_a_version_of_the_chart"),
    (DEV, "          env:\n            - name: POSTGRES_HOST", "          env:\n            - name: POSTGRES_USER\n              value: tickets\n            - name: POSTGRES_HOST",
     "databases_are_an_ordinary_users"),
    (DEV, " owner tickets;", ";", "databases_are_an_ordinary_users"),
    (MONITORING, '      ticket-centre/headless: "true"\n', "", "scraped_once"),
    (DEPLOYMENT, "containerPort: {{ $svc.ports.grpc }}", "containerPortt: {{ $svc.ports.grpc }}", "schemas"),
    (SCALING, "averageUtilization: {{ $svc.autoscaling.cpuUtilization }}", "averageUtilization: many", "schemas"),
    (MONITORING, "interval: {{ .interval }}", "interval: now and then", "operators"),
    ("templates/exposure.yaml", "          port: {{ $svc.ports.grpc }}\n      {{- if eq", "          port: grpc\n      {{- if eq", "operators"),
    ("templates/certificates.yaml", "algorithm: ECDSA", "algorithm: best", "operators"),
    (HELPERS, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "trivy"),
]


def each(rule):
    return lambda rendered: [offence for objects in rendered for offence in rule(objects)]


CHECKS = {
    **{rule.__name__: each(rule) for rule in rules.ALL},
    "schemas": each(lambda objects: schema_offences(objects, "1.37")),
    "operators": each(operator_offences),
    # one look at everything: each takes its time
    "trivy": lambda rendered: trivy_findings([o for objects in rendered for o in objects]),
}


def alarmed(fault):
    """Which checks say something of the chart with this fault, in any file of values that renders."""
    where, old, new, aim = fault
    with tempfile.TemporaryDirectory() as scratch:
        chart = pathlib.Path(scratch) / "chart"
        shutil.copytree(CHART, chart)
        file = chart / where
        text = file.read_text()
        assert old in text, f"{where} does not hold {old!r} any more: plant another fault"
        file.write_text(text.replace(old, new))
        rendered = [render(chart / "ci" / f"{name}-values.yaml", chart=chart) for name in ("full", "dev", "hook")]
    return CHECKS[aim](rendered)


class Planted(unittest.TestCase):
    def test_each_planted_fault_is_told_by_the_check_that_is_for_it(self):
        with ThreadPoolExecutor(2) as together:
            for fault, offences in zip(FAULTS, together.map(alarmed, FAULTS)):
                with self.subTest(check=fault[3], planted=fault[2] or f"without {fault[1]}"):
                    self.assertTrue(offences, "nobody noticed")

    def test_each_check_has_a_fault_planted_for_it(self):
        self.assertEqual(set(CHECKS) - {fault[3] for fault in FAULTS}, set())


if __name__ == "__main__":
    unittest.main()
