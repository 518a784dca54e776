"""The chart, rendered for every file of values in ci/."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import kubernetes_validate
import yaml

import rules
from chart import CHART, HELMS, HERE, SERVICES, TOOLS, VALUES, Refused, all_rendered, named, of_kind, render, shown, text, tool

# The oldest and the newest Kubernetes that the chart is for.
VERSIONS = ("1.32", "1.37")
OPERATORS = ("gateway.networking.k8s.io/", "monitoring.coreos.com/", "keda.sh/", "external-secrets.io/", "cert-manager.io/")
LEAST = CHART / "ci/default-values.yaml"


def schema_offences(objects, version):
    for o in objects:
        if not o["apiVersion"].startswith(OPERATORS):
            try:
                kubernetes_validate.validate(o, version, strict=True)
            except kubernetes_validate.ValidationError as why:
                yield f"{shown(o)}: {why.message}"


def operator_offences(objects):
    """The same for what operators define, by the schemas of their packages."""
    theirs = [o for o in objects if o["apiVersion"].startswith(OPERATORS)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(theirs, file)
        file.flush()
        modules = TOOLS / "node/node_modules/@kubernetes-models"
        done = subprocess.run(["node", HERE / "operators.mjs", modules, file.name], capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    assert told["checked"] == len(theirs), "some were not looked at"
    return told["offences"]


class Chart(unittest.TestCase):
    def test_both_helms_find_nothing_to_say(self):
        for helm in HELMS:
            for values in VALUES:
                with self.subTest(helm=helm, values=values.name):
                    tool(helm, "lint", "--strict", CHART, "--values", values)

    def test_both_helms_make_the_same_objects(self):
        for values in VALUES:
            with self.subTest(values=values.name):
                key = lambda o: (o["kind"], o["metadata"]["name"])
                self.assertEqual(sorted(render(values), key=key), sorted(render(values, helm="helm3"), key=key))

    def test_kubernetes_knows_every_field_in_the_oldest_and_the_newest_version(self):
        for name, objects in all_rendered().items():
            for version in VERSIONS:
                with self.subTest(values=name, version=version):
                    self.assertEqual(list(schema_offences(objects, version)), [])

    def test_operators_accept_what_is_asked_of_them(self):
        kinds = set()
        for name, objects in all_rendered().items():
            with self.subTest(values=name):
                self.assertEqual(operator_offences(objects), [])
            kinds |= {o["kind"] for o in objects}
        wanted = {"GRPCRoute", "HTTPRoute", "ServiceMonitor", "PrometheusRule", "ScaledObject", "ExternalSecret", "Certificate"}
        self.assertEqual(wanted - kinds, set(), "no file of values asks for these")

    def test_every_rule_holds_for_every_file_of_values(self):
        for name, objects in all_rendered().items():
            for rule in rules.ALL:
                with self.subTest(values=name, rule=rule.__name__):
                    self.assertEqual(list(rule(objects)), [])

    def test_what_needs_an_operator_is_off_until_asked_for(self):
        for o in all_rendered()["default-values.yaml"]:
            self.assertFalse(o["apiVersion"].startswith(OPERATORS), shown(o))

    def test_two_releases_in_one_namespace_share_no_name(self):
        for values in VALUES:
            names = [{(o["kind"], o["metadata"]["name"]) for o in render(values, release=release)} for release in ("one", "two")]
            self.assertEqual(names[0] & names[1], set())

    def test_long_release_names_still_make_names_that_kubernetes_takes(self):
        for mode in ("hook", "job"):
            objects = render(LEAST, sets=[f"jobs.mode={mode}", "nats.url=nats://n:4222"], release="r" * 53)
            for o in objects:
                self.assertLessEqual(len(o["metadata"]["name"]), 63, shown(o))
            self.assertEqual(len({o["metadata"]["name"] for o in of_kind(objects, "Job")}), 7)

    def test_a_change_of_one_service_restarts_that_one_alone(self):
        def checksums(sets):
            deployments = of_kind(render(LEAST, sets=sets), "Deployment")
            return {o["metadata"]["name"]: o["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for o in deployments}

        before, after = checksums([]), checksums(["services.tickets.log=debug"])
        self.assertEqual({name for name in before if before[name] != after[name]}, {"r-tickets"})

    def test_nothing_changes_when_the_same_is_rendered_again(self):
        for values in VALUES:
            self.assertEqual(text(values), text(values))

    def test_a_service_may_turn_off_or_set_to_nothing_what_is_the_default(self):
        objects = render(LEAST, sets=["services.settings.replicas=0", "services.bff.topologySpread.enabled=false",
                                      "services.bff.pdb.enabled=false", "networkPolicy.enabled=false"])
        self.assertEqual(named(objects, "Deployment", "r-settings")["spec"]["replicas"], 0)
        self.assertNotIn("topologySpreadConstraints", named(objects, "Deployment", "r-bff")["spec"]["template"]["spec"])
        self.assertFalse([o for o in of_kind(objects, "PodDisruptionBudget") if o["metadata"]["name"] == "r-bff"])
        self.assertEqual(of_kind(objects, "NetworkPolicy"), [])

    def test_what_is_stopped_runs_nothing_and_scales_nothing_whatever_else_is_set(self):
        for values in VALUES:
            objects = render(values, sets=["stopped=true"])
            self.assertEqual({o["spec"]["replicas"] for o in of_kind(objects, "Deployment")}, {0}, values.name)
            self.assertEqual(of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject", "Job", "PodDisruptionBudget"), [], values.name)

    def test_with_tls_services_are_called_over_it_and_kubelets_ask_in_clear(self):
        objects = render(LEAST, sets=["tls.secretPrefix=tc-tls-"])
        bff = named(objects, "ConfigMap", "r-bff")["data"]
        self.assertTrue(bff["TICKETS"].startswith("https://r-tickets-headless.") and "TLS_CERT" not in bff, bff)
        self.assertEqual({bff[key] for key in ("TLS_CA", "TLS_CLIENT_CERT")}, {"/etc/ticket-centre/tls/ca.crt", "/etc/ticket-centre/tls/tls.crt"})
        tickets = named(objects, "ConfigMap", "r-tickets")["data"]
        self.assertEqual(tickets["TLS_CLIENT_CA"], "/etc/ticket-centre/tls/ca.crt")
        for name in SERVICES:
            spec = named(objects, "Deployment", f"r-{name}")["spec"]["template"]["spec"]
            self.assertIn({"name": "tls", "secret": {"secretName": f"tc-tls-{name}", "defaultMode": 0o440}}, spec["volumes"])
            asked = {kind for probe in ("startupProbe", "readinessProbe") for kind in spec["containers"][0][probe] if kind in ("grpc", "httpGet")}
            self.assertEqual(asked, {"grpc"} if name == "bff" else {"httpGet"}, name)

    def test_pods_of_a_service_are_spread_over_zones_and_over_the_nodes_of_each(self):
        for deployment in of_kind(all_rendered()["default-values.yaml"], "Deployment"):
            keys = [each["topologyKey"] for each in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]]
            self.assertEqual(keys, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"])
        once = render(LEAST, sets=["defaults.topologySpread.topologyKey=kubernetes.io/hostname"])
        for deployment in of_kind(once, "Deployment"):
            self.assertEqual(len(deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]), 1)

    def test_an_issuer_makes_each_service_a_certificate_for_the_names_that_it_is_called_by(self):
        objects = render(LEAST, sets=["tls.secretPrefix=tc-tls-", "tls.issuer.name=internal"])
        made = {o["spec"]["secretName"]: o["spec"] for o in of_kind(objects, "Certificate")}
        self.assertEqual(set(made), {f"tc-tls-{name}" for name in SERVICES})
        for config in of_kind(objects, "ConfigMap"):
            for name in SERVICES:
                address = config["data"].get(name.upper())
                if address:
                    self.assertIn(address.removeprefix("https://").rsplit(":", 1)[0], made[f"tc-tls-{name}"]["dnsNames"])
        # nobody but its gateway calls the bff, and in clear
        self.assertEqual({name for name, spec in made.items() if "server auth" not in spec["usages"]}, {"tc-tls-bff"})
        self.assertEqual({usage for spec in made.values() for usage in spec["usages"]}, {"digital signature", "client auth", "server auth"})

    def test_a_job_that_runs_with_something_else_has_another_name(self):
        sets = ["jobs.mode=job", "nats.url=nats://n:4222"]
        names = lambda more: {o["metadata"]["name"] for o in of_kind(render(LEAST, sets=sets + more), "Job")}
        self.assertEqual(len(names([])), 7)
        self.assertEqual(names([]) & names(["image.tag=other"]), set())
        streams = {name for name in names([]) - names(["nats.maxMib=2048"])}
        self.assertEqual(len(streams), 6, "those of the three services that write events")

    def test_behind_a_proxy_nobody_is_limited_by_its_address(self):
        bff = lambda *sets: named(render(LEAST, sets=list(sets)), "ConfigMap", "r-bff")["data"]
        exposed = ["ingress.enabled=true", "ingress.host=chat.example.com"]
        self.assertFalse({"LIMITS", "TRUSTED_PROXIES"} & bff().keys())
        self.assertEqual(bff(*exposed)["LIMITS"], "contacts")
        self.assertEqual(bff(*exposed, "services.bff.env.LIMITS=all")["LIMITS"], "all")
        trusting = bff(*exposed, "trustedProxies={10.0.0.0/8,fd00::/8}")
        self.assertEqual(trusting["TRUSTED_PROXIES"], "10.0.0.0/8,fd00::/8")
        self.assertNotIn("LIMITS", trusting)

    def test_the_console_gets_its_provider_and_reads_its_secret_from_a_file(self):
        least = [
            "console.issuer=https://login.example.com",
            "console.origin=https://console.example.com",
            "console.clientId=tickets",
            "console.workspace=any",
        ]
        bff = lambda sets: render(LEAST, sets=sets)
        config = lambda sets: named(bff(sets), "ConfigMap", "r-bff")["data"]
        self.assertNotIn("OIDC_ISSUER", config([]))
        self.assertEqual(config(least)["OIDC_ISSUER"], "https://login.example.com")
        secret = [*least, "console.existingSecret=console"]
        pod = named(bff(secret), "Deployment", "r-bff")["spec"]["template"]["spec"]
        file = {"name": "OIDC_CLIENT_SECRET_FILE", "value": "/etc/ticket-centre/console/client-secret"}
        self.assertIn(file, pod["containers"][0]["env"])
        self.assertIn("console", [v.get("secret", {}).get("secretName") for v in pod["volumes"]])
        others = named(bff(secret), "Deployment", "r-tickets")["spec"]["template"]["spec"]
        self.assertNotIn("console", [v["name"] for v in others["volumes"]])

    def test_settings_that_cannot_work_are_refused_in_one_sentence(self):
        for sets, sentence in [
            (["keys.existingSecret="], "the services need keys"),
            (["console.issuer=https://login.example.com"], "console.issuer needs console.origin"),
            (["console.clientId=tickets"], "console.issuer must say"),
            (["postgres.existingSecret="], "services.conversations needs a database"),
            (["services.settings.enabled=false"], 'services.bff calls "settings", which is not enabled'),
            (["services.bff.calls={billing}"], '"billing" is named in a list of calls'),
            (["services.bff.autoscaling.enabled=true", "services.bff.keda.enabled=true"], "cannot both scale it"),
            (["services.bff.keda.enabled=true"], "keda has no triggers"),
            (["services.bff.autoscaling.enabled=true", "services.bff.autoscaling.minReplicas=11"], "is above maxReplicas"),
            (["services.bff.ports.admin=50051"], "are the same"),
            (["nats.url=nats://me:secret@n:4222"], "nats.url holds a password"),
            (["nats.url=nats://n:4222", "dev.nats.enabled=true"], "NATS has two addresses"),
            (["nats.url=nats://n:4222", "nats.existingSecret=s"], "NATS has two addresses"),
            (["dev.postgres.enabled=true"], "two different databases"),
            (["jobs.mode=hook", "dev.nats.enabled=true"], "jobs.mode hook needs servers that are there before"),
            (["jobs.mode=hook", "postgres.existingSecret=", "externalSecrets.enabled=true", "externalSecrets.storeRef.name=v"],
             "jobs.mode hook needs a Secret"),
            (["externalSecrets.enabled=true"], "externalSecrets.storeRef.name"),
            (["gateway.enabled=true"], "gateway.parentRefs"),
            (["discovery.mode=mesh", "tls.secretPrefix=tc-tls-"], "a mesh encrypts what it sees"),
            (["ingress.enabled=true"], "ingress.host"),
            (["tls.issuer.name=internal"], "set tls.secretPrefix"),
            (["tls.secretPrefix=tls-", "tls.issuer.name=internal", "tls.renewBefore=24h"], "not shorter than tls.duration"),
        ]:
            for helm in HELMS:
                with self.subTest(sets=sets, helm=helm), self.assertRaises(Refused) as refused:
                    render(LEAST, sets=sets, helm=helm)
                self.assertIn(sentence, str(refused.exception))

    def test_values_that_are_misspelt_or_of_a_wrong_kind_are_refused(self):
        for sets in ["defaults.replica=2", "services.bff.replicas=two", "services.billing.enabled=true", "discovery.mode=magic",
                     "image.pullPolicy=Sometimes", "services.bff.digest=sha256:1", "jobs.mode=later", "nats.maxMib=1",
                     "services.bff.ports.grpc=80", "services.bff.env.DATABASE_URL=x", "postgres.password=x",
                     "services.bff.resources.limit.memory=1Gi", "networkPolicy.nodeLocalDns=nowhere"]:
            for helm in HELMS:
                with self.subTest(sets=sets, helm=helm), self.assertRaises(Refused) as refused:
                    render(LEAST, sets=[sets], helm=helm)
                self.assertRegex(str(refused.exception), "values don't meet the specifications of the schema|at '/")

    def test_the_schema_knows_every_value_and_no_other(self):
        """Each default is described, and whatever is described has a default."""
        schema = json.loads((CHART / "values.schema.json").read_text())

        def compare(values, node, path):
            node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
            if "properties" not in node:
                return
            self.assertIs(node.get("additionalProperties"), False, f"{path} lets anything in")
            for key in set(values) | set(node["properties"]):
                self.assertIn(key, node["properties"], f"{path} in values.yaml")
                if key in values and isinstance(values[key], dict):
                    compare(values[key], node["properties"][key], f"{path}.{key}")
                elif path not in (".global",) and not path.startswith(".services.") and key not in ("global", "ephemeral-storage"):
                    if not (path.endswith(".limits") and key == "cpu"):
                        self.assertIn(key, values, f"{path} in the schema")

        values = yaml.safe_load((CHART / "values.yaml").read_text())
        compare(values, schema, "")

    def test_the_table_in_the_readme_is_that_of_the_values(self):
        with tempfile.TemporaryDirectory() as scratch:
            fresh = pathlib.Path(scratch) / "README.md"
            fresh.write_text((CHART / "README.md").read_text())
            generator = TOOLS / "node/node_modules/.bin/readme-generator"
            subprocess.run([generator, "--values", CHART / "values.yaml", "--readme", fresh], capture_output=True, check=True, timeout=60)
            self.assertEqual(fresh.read_text(), (CHART / "README.md").read_text(), "write it anew with: make readme-k8s")

    def test_all_five_services_are_there(self):
        for name, objects in all_rendered().items():
            components = {o["metadata"]["labels"]["app.kubernetes.io/component"] for o in of_kind(objects, "Deployment")}
            self.assertEqual(components, set(SERVICES), name)


if __name__ == "__main__":
    unittest.main()
