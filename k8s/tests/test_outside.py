"""Who reaches the services from outside, and whom they reach there: names, ports, peers, authorities."""

import re
import unittest

import rules
from chart import CHART, SERVICES, Refused, named, of_kind, pods, render, shown, tool

LEAST = CHART / "ci/default-values.yaml"
CONSOLE = ["console.issuer=https://login.example.com", "console.origin=https://console.example.com", "console.clientId=tickets",
           "console.workspace=any"]
INGRESS = ["ingress.enabled=true", "ingress.host=chat.example.com", "ingress.tlsSecret=chat-tls"]
ROUTE = ["gateway.enabled=true", "gateway.parentRefs[0].name=public"]


def policy(objects, name):
    return named(objects, "NetworkPolicy", name)["spec"]


def ports_out(sets, name="r-bff"):
    """Ports outside the release that a policy lets a pod reach, without DNS."""
    rules_out = policy(render(LEAST, sets=sets), name)["egress"]
    return [{p["port"] for p in rule["ports"]} for rule in rules_out if "to" not in rule]


def callers(sets):
    """Who may call the BFF besides the chart's own pods; without peers a rule is for everybody."""
    rules_in = [rule for rule in policy(render(LEAST, sets=sets), "r-bff")["ingress"] if rule["ports"][0]["port"] == "grpc"]
    return [peer for rule in rules_in for peer in rule["from"] or [{"everybody": {}}] if peer.keys() != {"podSelector"}]


def of_namespace(name):
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


class Exposed(unittest.TestCase):
    def test_the_bff_lets_in_the_gateways_that_are_named_and_nobody_else(self):
        self.assertEqual(callers([]), [of_namespace("gateway-system")])
        self.assertEqual(callers(["networkPolicy.gatewayNamespace=ingress-nginx"]), [of_namespace("ingress-nginx")])
        cloud = "networkPolicy.gatewayPeers[0].ipBlock.cidr=10.1.0.0/16"
        self.assertEqual(callers([cloud]), [of_namespace("gateway-system"), {"ipBlock": {"cidr": "10.1.0.0/16"}}])
        self.assertEqual(callers([cloud, "networkPolicy.gatewayNamespace="]), [{"ipBlock": {"cidr": "10.1.0.0/16"}}])
        self.assertEqual(callers(["networkPolicy.gatewayNamespace="]), [])

    def test_who_may_come_in_is_said_when_it_is_installed(self):
        flags = ["--namespace", "tc", "--dry-run=client", "--values", LEAST]
        notes = lambda *sets: tool("helm", "install", "r", CHART, *flags, *(f for pair in sets for f in ("--set", pair))).split("NOTES:")[1]
        self.assertIn("kubernetes.io/metadata.name: gateway-system", notes())
        self.assertIn("kubernetes.io/metadata.name: ingress-nginx", notes("networkPolicy.gatewayNamespace=ingress-nginx"))
        self.assertIn("cidr: 10.1.0.0/16", notes("networkPolicy.gatewayPeers[0].ipBlock.cidr=10.1.0.0/16"))
        self.assertNotIn("gateway-system", notes("networkPolicy.enabled=false"))

    def test_an_ingress_leads_to_the_console_by_its_own_name_too(self):
        def names(*sets):
            spec = of_kind(render(LEAST, sets=[*INGRESS, *sets]), "Ingress")[0]["spec"]
            self.assertEqual(spec["tls"][0]["hosts"], [rule["host"] for rule in spec["rules"]])
            return spec["tls"][0]["hosts"]

        self.assertEqual(names(), ["chat.example.com"])
        self.assertEqual(names(*CONSOLE), ["chat.example.com", "console.example.com"])
        self.assertEqual(names(*CONSOLE, "console.origin=https://chat.example.com:8443"), ["chat.example.com"])

    def test_a_route_leads_to_the_console_by_its_own_name_too_unless_it_has_no_names(self):
        def names(*sets):
            return of_kind(render(LEAST, sets=[*ROUTE, "gateway.kind=HTTPRoute", *sets]), "HTTPRoute")[0]["spec"].get("hostnames")

        self.assertEqual(names("gateway.hostnames={chat.example.com}", *CONSOLE), ["chat.example.com", "console.example.com"])
        self.assertEqual(names("gateway.hostnames={chat.example.com}"), ["chat.example.com"])
        self.assertIsNone(names(*CONSOLE))

    def test_a_console_that_nobody_could_open_is_refused(self):
        with self.assertRaises(Refused) as refused:
            render(LEAST, sets=[*ROUTE, *CONSOLE])
        self.assertIn("set gateway.kind to HTTPRoute", str(refused.exception))
        render(LEAST, sets=[*ROUTE, *CONSOLE, *INGRESS])
        with self.assertRaises(Refused) as refused:
            render(LEAST, sets=[*ROUTE, "networkPolicy.gatewayNamespace="])
        self.assertIn("no gateway may reach the bff", str(refused.exception))


class Reached(unittest.TestCase):
    def test_the_port_of_an_address_is_one_that_pods_may_reach(self):
        postgres = {5432}
        for url, wanted in [("nats://n:14222", {4222, 14222}), ("nats://n", {4222}), ("tls://a:5000\\,b:5001", {4222, 5000, 5001}),
                            ("nats://[fd00::1]", {4222}), ("nats://[fd00::1]:7000", {4222, 7000})]:
            self.assertEqual(ports_out([f"nats.url={url}"], "r-tickets"), [postgres, wanted], url)
        # a Service with another port than its pods
        self.assertEqual(ports_out(["nats.url=nats://n:80", "nats.port=5222"], "r-tickets"), [postgres, {80, 5222}])
        self.assertEqual(ports_out(["monitoring.traces.endpoint=http://collector:5555"]), [{4317, 5555}])
        self.assertEqual(ports_out(["monitoring.traces.endpoint=http://collector/v1"]), [{80, 4317}])
        self.assertEqual(ports_out(CONSOLE), [{443}])
        self.assertEqual(ports_out([*CONSOLE, "console.issuer=https://login.example.com:8443/realms/x"]), [{443, 8443}])

    def test_a_meshs_rules_hold_for_every_pod_and_its_proxy_stays_out_of_those_that_end(self):
        values = CHART / "ci/hook-values.yaml"
        objects = render(values, sets=["networkPolicy.extraIngress[0].ports[0].port=4143"])
        policies = of_kind(objects, "NetworkPolicy")
        told = [{"port": 8080}, {"port": 8086}, {"port": 8090}]
        for o, metadata, _ in pods(objects):
            mine = [p["spec"] for p in policies if rules.matches(p["spec"]["podSelector"], metadata["labels"])]
            self.assertTrue(any(rule["ports"] == told for spec in mine for rule in spec["egress"] if "egress" in spec), shown(o))
            self.assertTrue(any(rule.get("ports") == [{"port": 4143}] for spec in mine for rule in spec.get("ingress", [])), shown(o))
            self.assertEqual(metadata["annotations"]["linkerd.io/inject"], "enabled" if o["kind"] == "Deployment" else "disabled", shown(o))
        # what runs before there is any other policy
        first = [p for p in policies if "helm.sh/hook" in p["metadata"].get("annotations", {})]
        self.assertEqual([rule["ports"] for rule in first[0]["spec"]["egress"]].count(told), 1)

    def test_authorities_of_ones_own_are_believed_by_each_program_that_calls_somebody_outside(self):
        sets = ["extraCa.configMap=bundle", "jobs.mode=job", "nats.url=tls://n:4222"]
        objects = render(LEAST, sets=sets)
        file = "/etc/ticket-centre/authorities/ca.crt"
        for o, _, spec in pods(objects):
            if o["kind"] == "Pod":
                continue
            container = spec["containers"][0]
            given = {e["name"]: e.get("value") for e in container.get("env", [])}
            for source in container.get("envFrom", []):
                given |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
            self.assertEqual(given["SSL_CERT_FILE"], file, shown(o))
            self.assertIn({"name": "authorities", "mountPath": file.rsplit("/", 1)[0], "readOnly": True}, container["volumeMounts"], shown(o))
            self.assertIn({"name": "authorities", "configMap": {"name": "bundle"}}, spec["volumes"], shown(o))
        self.assertNotIn("authorities", [v["name"] for o, _, spec in pods(render(LEAST)) for v in spec.get("volumes", [])])


class Settings(unittest.TestCase):
    def test_what_the_chart_sets_itself_cannot_be_set_a_second_time(self):
        sets = [*CONSOLE, *INGRESS, "console.existingSecret=s", "tls.secretPrefix=t-", "nats.url=nats://n", "extraCa.configMap=c",
                "trustedProxies={10.0.0.0/8}", "monitoring.traces.endpoint=http://c:4317"]
        objects = render(LEAST, sets=sets)
        written = {key for name in SERVICES for key in named(objects, "ConfigMap", f"r-{name}")["data"]}
        written |= {e["name"] for o, _, spec in pods(objects) for e in spec["containers"][0].get("env", [])}
        self.assertTrue({"OIDC_CLIENT_SECRET_FILE", "TLS_CERT", "DATABASE_URL", "TRUSTED_PROXIES", "SSL_CERT_FILE"} <= written, written)
        for key in sorted(written | {"DEV_AUTH"}):
            with self.subTest(key=key), self.assertRaises(Refused) as refused:
                render(LEAST, sets=[f"services.bff.env.{key}=x"])
            self.assertRegex(str(refused.exception), "values don't meet the specifications of the schema|at '/")

    def test_an_empty_network_of_proxies_is_refused(self):
        for network in ("", "10.0.0.0", "all"):
            with self.subTest(network=network), self.assertRaises(Refused) as refused:
                render(LEAST, sets=[f"trustedProxies[0]={network}"])
            self.assertIn("trustedProxies", re.sub(r"[./]0", "", str(refused.exception)))

    def test_a_postgres_for_development_has_a_connection_for_whom_the_chart_lets_connect(self):
        objects = render(CHART / "ci/dev-values.yaml", sets=["defaults.replicas=2"])
        most = next(word for word in named(objects, "StatefulSet", "r-postgres")["spec"]["template"]["spec"]["containers"][0]["args"] if "=" in word)
        used = 0
        for o in of_kind(objects, "Deployment"):
            each = named(objects, "ConfigMap", o["metadata"]["name"])["data"].get("DATABASE_CONNECTIONS", 0)
            # one pod more while they are replaced, and one connection more as it starts
            used += bool(each) * ((o["spec"]["replicas"] + 1) * int(each) + 1)
        # three are kept for superusers
        self.assertLessEqual(used, int(most.removeprefix("max_connections=")) - 3)


if __name__ == "__main__":
    unittest.main()
