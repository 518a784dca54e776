"""What must hold for whatever the chart renders. Each rule answers the offences it finds, as sentences."""

import re

from chart import NAMESPACE, SERVICES, is_hook, of_kind, pods, shown


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def pods_are_restricted(objects):
    """The Pod Security Standard "restricted", and a read-only root besides."""
    for o, _, spec in pods(objects):
        pod = spec.get("securityContext", {})
        if not pod.get("runAsNonRoot") or not pod.get("runAsUser"):
            yield f"{shown(o)} may run as root"
        if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{shown(o)} has no seccomp profile"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{shown(o)} gets a token of the cluster's API"
        if spec.get("enableServiceLinks") is not False:
            yield f"{shown(o)} gets an environment variable for each Service, which may be taken for a setting"
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(key):
                yield f"{shown(o)} has {key}"
        for volume in spec.get("volumes", []):
            if not set(volume) - {"name"} <= {"secret", "configMap", "emptyDir", "projected"}:
                yield f"{shown(o)} mounts {volume['name']} from the node"
        for container in spec["containers"] + spec.get("initContainers", []):
            own = container.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
                yield f"{shown(o)} may gain privileges"
            if not own.get("readOnlyRootFilesystem"):
                yield f"{shown(o)} may write to its root"
            if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"):
                yield f"{shown(o)} keeps capabilities"


def resources_are_bounded(objects):
    for o, _, spec in pods(objects):
        for container in spec["containers"]:
            resources = container.get("resources", {})
            if not {"cpu", "memory"} <= set(resources.get("requests", {})):
                yield f"{shown(o)} asks for no CPU or memory"
            if "memory" not in resources.get("limits", {}):
                yield f"{shown(o)} may take all memory"


def placed_with_their_service(objects):
    """Whatever runs a service's image may run where the service may; a server for development where all of them may."""
    place = lambda spec: [spec.get(key) for key in ("nodeSelector", "tolerations", "priorityClassName")]
    image = lambda spec: re.split("[@:]", spec["containers"][0]["image"].rsplit("/", 1)[1])[0]
    places = {image(spec): place(spec) for o, _, spec in pods(objects) if o["kind"] == "Deployment"}
    for o, _, spec in pods(objects):
        allowed_to = [places[image(spec)]] if image(spec) in places else list(places.values())
        if place(spec) not in allowed_to:
            yield f"{shown(o)} may run elsewhere than its service"


def one_scaler_and_no_number_beside_it(objects):
    scaled = [o["spec"]["scaleTargetRef"]["name"] for o in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")]
    for o in of_kind(objects, "Deployment"):
        name = o["metadata"]["name"]
        if scaled.count(name) > 1:
            yield f"{shown(o)} is scaled by two"
        if scaled.count(name) == ("replicas" in o["spec"]):
            yield f"{shown(o)} has a number of replicas beside a scaler, or neither"


def budgets_leave_room(objects):
    """A budget is there where more than one pod is the least, and only there."""
    least = {o["metadata"]["name"]: o["spec"].get("replicas") for o in of_kind(objects, "Deployment")}
    for o in of_kind(objects, "HorizontalPodAutoscaler"):
        least[o["spec"]["scaleTargetRef"]["name"]] = o["spec"]["minReplicas"]
    for o in of_kind(objects, "ScaledObject"):
        least[o["spec"]["scaleTargetRef"]["name"]] = o["spec"]["minReplicaCount"]
    budgets = {o["metadata"]["name"] for o in of_kind(objects, "PodDisruptionBudget")}
    for name, pods_at_least in least.items():
        if pods_at_least > 1 and name not in budgets:
            yield f"{name} has no disruption budget"
        if pods_at_least <= 1 and name in budgets:
            yield f"{name} has a budget that keeps nodes from being drained"


def grace_covers_the_drain(objects):
    config = {o["metadata"]["name"]: o.get("data", {}) for o in of_kind(objects, "ConfigMap")}
    for o in of_kind(objects, "Deployment"):
        spec = o["spec"]["template"]["spec"]
        sleep = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain = int(config[o["metadata"]["name"]]["DRAIN_SECONDS"])
        if spec["terminationGracePeriodSeconds"] != sleep + drain + 8:
            yield f"{shown(o)} is killed {sleep} + {drain} + 8 s after its end began, or later than need be"


def probes_fit(objects):
    """gRPC probes name a port that listens, by number; each service has all three."""
    for o in of_kind(objects, "Deployment"):
        container = o["spec"]["template"]["spec"]["containers"][0]
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.get(kind)
            if probe is None:
                yield f"{shown(o)} has no {kind}"
            elif "grpc" in probe and probe["grpc"]["port"] != ports["grpc"]:
                yield f"{shown(o)}: {kind} asks another port"
            elif "httpGet" in probe and probe["httpGet"]["port"] not in ports:
                yield f"{shown(o)}: {kind} asks a port without a name"
        if "grpc" in container.get("livenessProbe", {}):
            yield f"{shown(o)} is killed while it drains: liveness must not ask whether it serves"
        startup = container.get("startupProbe", {})
        patience = startup.get("periodSeconds", 10) * startup.get("failureThreshold", 3)
        if patience < 600:
            yield f"{shown(o)} is killed in the middle of a long migration, after {patience} s"
        if o["spec"]["progressDeadlineSeconds"] <= patience:
            yield f"{shown(o)} is called a failure while it may still start"


def calls_agree(objects):
    """Each address in a configuration has a Service, an egress rule there and an ingress rule here, and no rule is without one."""
    services = {o["metadata"]["name"]: o for o in of_kind(objects, "Service")}
    labels = {o["metadata"]["name"]: o["spec"]["template"]["metadata"]["labels"] for o in of_kind(objects, "Deployment")}
    policies = of_kind(objects, "NetworkPolicy")
    address = re.compile(r"https?://([a-z0-9-]+)\.([a-z0-9-]+)\.svc\.[a-z.]+:(\d+)$")
    edges = set()
    for config in of_kind(objects, "ConfigMap"):
        caller = config["metadata"]["name"]
        for key, value in config.get("data", {}).items():
            if key.lower() not in SERVICES:
                continue
            host, namespace, port = address.match(value).groups()
            callee = host.removesuffix("-headless")
            edges.add((caller, callee))
            if namespace != NAMESPACE or host not in services or callee not in labels:
                yield f"{caller} calls {value}, where nothing is"
                continue
            if int(port) not in [p["port"] for p in services[host]["spec"]["ports"]]:
                yield f"{caller} calls {value}, a port that the Service does not have"
            if policies and not allowed(policies, "egress", labels[caller], labels[callee], int(port)):
                yield f"{caller} may not call out to {callee}"
            if policies and not allowed(policies, "ingress", labels[callee], labels[caller], "grpc"):
                yield f"{callee} does not let {caller} in"
    for caller, theirs in labels.items():
        for callee, others in labels.items():
            open_both = allowed(policies, "egress", theirs, others, None) or allowed(policies, "ingress", others, theirs, None)
            if policies and open_both and (caller, callee) not in edges:
                yield f"{caller} may reach {callee}, which it does not call"


def allowed(policies, direction, pod, peer, port):
    """Whether a policy on `pod` lets `peer` through by its labels; `port` None: on any port."""
    for policy in policies:
        if not matches(policy["spec"]["podSelector"], pod):
            continue
        for rule in policy["spec"].get(direction, []):
            peers = rule.get("from" if direction == "ingress" else "to", [])
            here = any("podSelector" in p and "namespaceSelector" not in p and matches(p["podSelector"], peer) for p in peers)
            ports = [p["port"] for p in rule.get("ports", [])]
            if here and (port is None or not ports or port in ports):
                return True
    return False


def policies_deny_first(objects):
    """Every pod is under a policy of both directions, and none opens everything."""
    policies = of_kind(objects, "NetworkPolicy")
    for o, metadata, _ in pods(objects):
        mine = [p for p in policies if matches(p["spec"]["podSelector"], metadata["labels"])]
        if policies and not any(set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"} for p in mine):
            yield f"{shown(o)} is under no network policy"
        if policies and not any(53 in [x["port"] for r in p["spec"].get("egress", []) for x in r.get("ports", [])] for p in mine) \
                and o["kind"] != "StatefulSet":
            yield f"{shown(o)} cannot ask for a name"
    for p in policies:
        for direction in ("ingress", "egress"):
            if {} in p["spec"].get(direction, []):
                yield f"{shown(p)} opens everything: {direction}"


def names_resolve(objects):
    """What a pod needs is rendered here, or is one of the Secrets and ConfigMaps that the values name."""
    have = {(o["kind"], o["metadata"]["name"]) for o in objects}
    have |= {("Secret", o["spec"]["target"]["name"]) for o in of_kind(objects, "ExternalSecret")}
    outside = {"ticket-centre-keys", "ticket-centre-postgres", "ticket-centre-nats", "ticket-centre-console", "postgres-ca", "authorities", "registry"}
    outside |= {f"ticket-centre-tls-{service}" for service in SERVICES}
    for o, _, spec in pods(objects):
        needs = [("ServiceAccount", spec["serviceAccountName"])]
        needs += [("Secret", v["secret"]["secretName"]) for v in spec.get("volumes", []) if "secret" in v]
        needs += [("ConfigMap", v["configMap"]["name"]) for v in spec.get("volumes", []) if "configMap" in v]
        for container in spec["containers"]:
            needs += [("ConfigMap", e["configMapRef"]["name"]) for e in container.get("envFrom", [])]
            needs += [("Secret", e["valueFrom"]["secretKeyRef"]["name"]) for e in container.get("env", []) if "valueFrom" in e]
        for kind, name in needs:
            if (kind, name) not in have and name not in outside:
                yield f"{shown(o)} needs {kind} {name}, which nobody makes"


def hooks_need_only_hooks(objects):
    """What runs before an installation finds none of what is installed."""
    later = {(o["kind"], o["metadata"]["name"]) for o in objects if not is_hook(o)}
    for o, _, spec in pods([o for o in objects if "pre-install" in o["metadata"].get("annotations", {}).get("helm.sh/hook", "")]):
        needs = [("ServiceAccount", spec["serviceAccountName"])]
        needs += [("ConfigMap", e["configMapRef"]["name"]) for c in spec["containers"] for e in c.get("envFrom", [])]
        for need in needs:
            if need in later:
                yield f"{shown(o)} runs before {need[0]} {need[1]} is there"


def private_keys_stay_apart(objects):
    """A pod has its own private key alone, and nothing holds the operator's."""
    for o in of_kind(objects, "Deployment"):
        own = o["metadata"]["labels"]["app.kubernetes.io/component"]
        keys = [i["key"] for v in o["spec"]["template"]["spec"]["volumes"] if v["name"] == "keys" for i in v["secret"]["items"]]
        if [k for k in keys if k.endswith(".key")] != [f"{own}.key"]:
            yield f"{shown(o)} has other private keys than its own"
        if ("settings.sealing" in keys) != (own == "settings"):
            yield f"{shown(o)} is not the one that seals, or cannot"
        if {f"{name}.pub" for name in (*SERVICES, "operator")} - set(keys):
            yield f"{shown(o)} does not know everybody's public key"


def no_secret_is_written_down(objects):
    for o in objects:
        if o["kind"] == "Secret":
            yield f"{shown(o)}: the chart makes no Secret"
        if o["kind"] == "ConfigMap":
            for key, value in o.get("data", {}).items():
                if re.search(r"://[^/\s]*:[^/\s]*@", str(value)):
                    yield f"{shown(o)}: {key} holds a password"


def selectors_never_overlap(objects):
    """A Service or a Deployment selects the pods of one component only."""
    templates = [(o, metadata["labels"]) for o, metadata, _ in pods(objects) if o["kind"] in ("Deployment", "StatefulSet")]
    for o in of_kind(objects, "Deployment", "StatefulSet", "Service", "PodDisruptionBudget"):
        selector = o["spec"]["selector"]
        selector = selector if "matchLabels" in selector else {"matchLabels": selector}
        found = [t["metadata"]["name"] for t, labels in templates if matches(selector, labels)]
        if len(found) != 1:
            yield f"{shown(o)} selects {found or 'nothing'}"


def no_pod_is_restarted_for_a_version_of_the_chart(objects):
    """What of a pod's template changes with each chart, and with nothing that the pod does."""
    for o, metadata, _ in pods(objects):
        labels = set(metadata["labels"]) & {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}
        if o["kind"] != "Pod" and labels:
            yield f"{shown(o)} is restarted, or refused, when {sorted(labels)} of its pods change"


def databases_are_an_ordinary_users(objects):
    """Where Postgres is the chart's own: a superuser would pass row-level security by."""
    statements = [text for o in of_kind(objects, "ConfigMap") for key, text in o.get("data", {}).items() if key.endswith(".sql")]
    supers = [e["value"] for o, _, spec in pods(objects) for c in spec["containers"] for e in c.get("env", []) if e["name"] == "POSTGRES_USER"]
    for o in of_kind(objects, "ConfigMap"):
        address = re.match(r"postgres://(\w+)@[^/]+/(\w+)$", o.get("data", {}).get("DATABASE_URL", ""))
        if address:
            user, database = address.groups()
            lines = [line.strip() for text in statements for line in text.splitlines()]
            if user in (supers or ["postgres"]):
                yield f"{shown(o)} connects as the superuser {user}"
            elif f"create role {user} login;" not in lines:
                yield f"{shown(o)} connects as {user}, whom nobody makes"
            if f"create database {database} owner {user};" not in lines:
                yield f"{shown(o)} connects to {database}, which is not {user}'s"


def rollouts_never_take_away(objects):
    for o in of_kind(objects, "Deployment"):
        rolling = o["spec"]["strategy"].get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
            yield f"{shown(o)} takes a pod away before its successor serves"


def scraped_once(objects):
    for monitor in of_kind(objects, "ServiceMonitor"):
        components = [
            o["metadata"]["labels"]["app.kubernetes.io/component"]
            for o in of_kind(objects, "Service") if matches(monitor["spec"]["selector"], o["metadata"]["labels"])
        ]
        if sorted(components) != sorted(SERVICES):
            yield f"{shown(monitor)} reads {components}"


ALL = [rule for name, rule in list(globals().items()) if callable(rule) and getattr(rule, "__module__", "") == __name__
       and name not in ("matches", "allowed")]
