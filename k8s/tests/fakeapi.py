"""Enough of a Kubernetes API for Helm to install, upgrade, test, roll back and uninstall with.

It checks each object strictly against the Kubernetes schemas, ends Jobs and test Pods well, calls workloads ready, refuses a hook
whose ServiceAccount, ConfigMap or Secret is not there yet, and a change of what cannot be changed, and writes down what is written, in
order. Of all fields one has an owner: the number of pods that a scaler wrote. It has no defaults, no admission, no controllers and no
kubelet.
"""

import base64
import copy
import itertools
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import yaml

VERSION = "1.37"
KINDS = {
    "v1": {"configmaps": "ConfigMap", "secrets": "Secret", "services": "Service", "serviceaccounts": "ServiceAccount", "pods": "Pod"},
    "apps/v1": {"deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet"},
    "batch/v1": {"jobs": "Job"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy", "ingresses": "Ingress"},
    "gateway.networking.k8s.io/v1": {"grpcroutes": "GRPCRoute", "httproutes": "HTTPRoute"},
    "monitoring.coreos.com/v1": {"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"},
    "keda.sh/v1alpha1": {"scaledobjects": "ScaledObject"},
    "external-secrets.io/v1": {"externalsecrets": "ExternalSecret"},
    "cert-manager.io/v1": {"certificates": "Certificate"},
}
# Checked by the schemas of their operators elsewhere.
BUILT_IN = ("v1", "apps/v1", "batch/v1", "autoscaling/v2", "policy/v1", "networking.k8s.io/v1")
# What is for ever as it was made.
LASTING = {
    "Job": lambda spec: [spec.get(key) for key in ("template", "selector", "completionMode")],
    "Deployment": lambda spec: spec["selector"],
    "StatefulSet": lambda spec: [spec[key] for key in ("selector", "serviceName", "volumeClaimTemplates")],
}


class Refusal(Exception):
    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason = code, reason


def message_fields(data):
    """A protobuf message as {field number: values}; Helm keeps its releases as such Secrets. No length is trusted."""
    fields, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            value = varint()
        elif tag & 7 == 2:
            size = varint()
            value = data[at:at + size]
            at += size
        else:
            raise Refusal(415, "UnsupportedMediaType", "a message that is no Secret")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def secret_of(raw):
    """The Secret in what clients send as application/vnd.kubernetes.protobuf."""
    def entries(values):
        pairs = [message_fields(v) for v in values]
        return {p[1][0].decode(): p.get(2, [b""])[0] for p in pairs}

    envelope = message_fields(raw[4:])
    kind = message_fields(envelope[1][0])[2][0]
    if kind != b"Secret":
        raise Refusal(415, "UnsupportedMediaType", f"{kind.decode()} as protobuf")
    secret = message_fields(envelope[2][0])
    meta = message_fields(secret[1][0])
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": meta[1][0].decode(),
            "labels": {k: v.decode() for k, v in entries(meta.get(11, [])).items()},
        },
        "type": secret.get(3, [b"Opaque"])[0].decode(),
        "data": {k: base64.b64encode(v).decode() for k, v in entries(secret.get(2, [])).items()},
    }


def merge(old, new):
    for key, value in new.items():
        if value is None:
            old.pop(key, None)
        elif isinstance(value, dict) and isinstance(old.get(key), dict):
            merge(old[key], value)
        else:
            old[key] = value
    return old


def selected(o, labels, fields):
    mine = {**o["metadata"].get("labels", {})}
    return all(mine.get(k) == v for k, v in labels) and all(o["metadata"].get(k.removeprefix("metadata.")) == v for k, v in fields)


def status_of(o):
    """What controllers would say of it at once, if all goes well."""
    then = "2026-01-01T00:00:00Z"
    generation = o["metadata"]["generation"]
    condition = lambda kind, **more: {"type": kind, "status": "True", **more}
    if o["kind"] == "Job":
        done = [condition("SuccessCriteriaMet"), condition("Complete")]
        return {"succeeded": 1, "startTime": then, "completionTime": then, "conditions": done}
    if o["kind"] == "Pod":
        return {"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]}
    if o["kind"] in ("Deployment", "StatefulSet"):
        n = o["spec"].get("replicas", 1)
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "currentReplicas"), n)
        said = [condition("Available"), condition("Progressing", reason="NewReplicaSetAvailable")]
        return {"observedGeneration": generation, "currentRevision": "1", "updateRevision": "1", **counts, "conditions": said}
    if o["kind"] == "PodDisruptionBudget":
        counts = {"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 1, "expectedPods": 1}
        return {"observedGeneration": generation, **counts, "conditions": [condition("DisruptionAllowed")]}
    if o["kind"] == "HorizontalPodAutoscaler":
        return {"currentReplicas": 3, "desiredReplicas": 3, "conditions": [condition("ScalingActive"), condition("AbleToScale")]}
    return None


class Cluster:
    """What is stored, and who watches it."""

    def __init__(self, secrets=()):
        self.objects, self.log, self.watchers = {}, [], []
        # numbers of pods that are a scaler's
        self.scaled = {}
        self.lock, self.numbers = threading.RLock(), itertools.count(1)
        for namespace, name in secrets:
            self.put("v1", "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}, None)

    def release_names(self):
        """What is there beside Helm's own records."""
        return {(o["kind"], o["metadata"]["name"]) for o in self.objects.values() if not o["metadata"]["name"].startswith("sh.helm.")}

    def write_down(self, verb, o):
        if verb and not o["metadata"]["name"].startswith("sh.helm."):
            hook = o["metadata"].get("annotations", {}).get("helm.sh/hook", "")
            self.log.append((verb, o["kind"], o["metadata"]["name"], hook))

    def tell(self, what, key, o):
        for watcher in list(self.watchers):
            gv, plural, namespace, labels, fields, events = watcher
            if (gv, plural) == key[:2] and namespace in ("", key[2]) and selected(o, labels, fields):
                events.put({"type": what, "object": copy.deepcopy(o)})

    def put(self, gv, plural, o, verb):
        with self.lock:
            meta = o["metadata"]
            key = (gv, plural, meta.get("namespace", ""), meta["name"])
            old = self.objects.get(key)
            before = old["metadata"] if old else {"uid": f"u{next(self.numbers)}", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 0}
            meta.update(uid=before["uid"], creationTimestamp=before["creationTimestamp"], generation=before["generation"] + 1)
            meta["resourceVersion"] = str(next(self.numbers))
            said = status_of(o)
            if said:
                o["status"] = said
            self.objects[key] = o
            self.write_down(verb, o)
            self.tell("MODIFIED" if old else "ADDED", key, o)
            return copy.deepcopy(o)

    def scale(self, namespace, name, number):
        """As a scaler does it, whose the number is from then on."""
        with self.lock:
            key = ("apps/v1", "deployments", namespace, name)
            self.scaled[key] = number
            o = copy.deepcopy(self.objects[key])
            o["spec"]["replicas"] = number
            self.put(*key[:2], o, None)

    def owned(self, key, new, applied):
        """What an apply makes of a number that is a scaler's; `applied` says whether it was forced, None: it is no apply."""
        with self.lock:
            number, said = self.scaled.get(key), new.get("spec", {}).get("replicas")
            if number is None or applied is None:
                return
            if said is None:
                new["spec"]["replicas"] = number
            elif said != number and not applied:
                why = 'conflict with "kube-controller-manager" with subresource "scale" using apps/v1: .spec.replicas'
                raise Refusal(409, "Conflict", f"Apply failed with 1 conflict: {why}")
            else:
                del self.scaled[key]

    def delete(self, key):
        with self.lock:
            self.scaled.pop(key, None)
            o = self.objects.pop(key, None)
            if o is None:
                raise Refusal(404, "NotFound", f'{key[1]} "{key[3]}" not found')
            self.write_down("DELETE", o)
            self.tell("DELETED", key, o)

    def check(self, gv, o, namespace, old=None):
        if gv in BUILT_IN:
            plain = copy.deepcopy(o)
            plain.pop("status", None)
            plain["metadata"].pop("managedFields", None)
            try:
                kubernetes_validate.validate(plain, VERSION, strict=True)
            except kubernetes_validate.ValidationError as why:
                raise Refusal(422, "Invalid", f"{o['kind']} {o['metadata']['name']}: {why.message}") from why
        lasting = LASTING.get(o["kind"])
        if old and lasting and lasting(o["spec"]) != lasting(old["spec"]):
            raise Refusal(422, "Invalid", f"{o['kind']} {o['metadata']['name']}: field is immutable")
        if "helm.sh/hook" in o["metadata"].get("annotations", {}) and o["kind"] in ("Job", "Pod"):
            # whoever installs waits for a hook before anything else is made, so its pod cannot wait for that
            spec = o["spec"] if o["kind"] == "Pod" else o["spec"]["template"]["spec"]
            needs = [("serviceaccounts", spec["serviceAccountName"])]
            for container in spec["containers"]:
                needs += [("configmaps", e["configMapRef"]["name"]) for e in container.get("envFrom", [])]
                needs += [("secrets", e["valueFrom"]["secretKeyRef"]["name"]) for e in container.get("env", []) if "valueFrom" in e]
            for plural, name in needs:
                if ("v1", plural, namespace, name) not in self.objects:
                    raise Refusal(422, "Invalid", f"{o['kind']} {o['metadata']['name']} waits for {plural}/{name} for ever")


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cluster = None

    def log_message(self, *_):
        pass

    def answer(self, body, code=200):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size) if size else b""
        try:
            self.route(body)
        except Refusal as why:
            if why.code == 422:
                self.cluster.log.append(("REFUSE", str(why), "", ""))
            status = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": why.reason, "code": why.code, "message": str(why)}
            self.answer(status, why.code)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def route(self, body):
        url = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        parts = [p for p in url.path.split("/") if p]
        if parts == ["version"]:
            return self.answer({"major": "1", "minor": "37", "gitVersion": f"v{VERSION}.0"})
        if parts == ["api"]:
            return self.answer({"kind": "APIVersions", "versions": ["v1"]})
        if parts == ["apis"]:
            return self.answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()})
        if parts[:2] == ["openapi", "v3"]:
            return self.answer(openapi("/".join(parts[2:])))
        if parts[0] not in ("api", "apis"):
            raise Refusal(404, "NotFound", self.path)
        gv, rest = ("v1", parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
        if gv not in KINDS:
            raise Refusal(404, "NotFound", gv)
        if not rest:
            return self.answer(resources(gv))
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name = rest[0], rest[1] if len(rest) > 1 else None
        if plural not in KINDS[gv]:
            raise Refusal(404, "NotFound", plural)
        if self.command == "GET":
            return self.read(gv, plural, namespace, name, query)
        if self.command == "DELETE":
            self.cluster.delete((gv, plural, namespace, name))
            return self.answer({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        return self.write(gv, plural, namespace, name, body, query.get("force") == "true")

    def read(self, gv, plural, namespace, name, query):
        if name:
            found = self.cluster.objects.get((gv, plural, namespace, name))
            if not found:
                raise Refusal(404, "NotFound", f'{plural} "{name}" not found')
            return self.answer(found)
        pairs = lambda text: [tuple(p.split("=", 1)) for p in text.split(",") if "=" in p and "!=" not in p]
        labels, fields = pairs(query.get("labelSelector", "")), pairs(query.get("fieldSelector", ""))
        with self.cluster.lock:
            items = [copy.deepcopy(o) for (g, p, n, _), o in sorted(self.cluster.objects.items())
                     if (g, p) == (gv, plural) and namespace in ("", n) and selected(o, labels, fields)]
            at = str(next(self.cluster.numbers))
            if query.get("watch") in ("1", "true"):
                events = queue.Queue()
                watcher = (gv, plural, namespace, labels, fields, events)
                self.cluster.watchers.append(watcher)
        if query.get("watch") in ("1", "true"):
            first = []
            if query.get("sendInitialEvents") == "true":
                first = [{"type": "ADDED", "object": o} for o in items]
                mark = {"resourceVersion": at, "annotations": {"k8s.io/initial-events-end": "true"}}
                first.append({"type": "BOOKMARK", "object": {"apiVersion": gv, "kind": KINDS[gv][plural], "metadata": mark}})
            try:
                return self.stream(first, events)
            finally:
                self.cluster.watchers.remove(watcher)
        if "as=PartialObjectMetadataList" in self.headers.get("Accept", ""):
            items = [{"metadata": o["metadata"]} for o in items]
            return self.answer({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": at}, "items": items})
        return self.answer({"kind": KINDS[gv][plural] + "List", "apiVersion": gv, "metadata": {"resourceVersion": at}, "items": items})

    def stream(self, first, events):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def send(event):
            data = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        for event in first:
            send(event)
        while True:
            try:
                send(events.get(timeout=30))
            except queue.Empty:
                # at the end of its time a watch ends, and its client begins another
                self.wfile.write(b"0\r\n\r\n")
                return

    def write(self, gv, plural, namespace, name, body, forced):
        media = self.headers.get("Content-Type", "")
        new = secret_of(body) if body[:4] == b"k8s\x00" else yaml.load(body, yaml.CSafeLoader)
        key = (gv, plural, namespace, name or new["metadata"]["name"])
        old = self.cluster.objects.get(key)
        if self.command == "POST" and old:
            raise Refusal(409, "AlreadyExists", f'{plural} "{key[3]}" already exists')
        applies = "apply-patch" in media
        if self.command in ("PUT", "PATCH") and not old and not applies:
            raise Refusal(404, "NotFound", f'{plural} "{key[3]}" not found')
        if self.command == "PATCH" and not applies:
            new = merge(copy.deepcopy(old), new)
        new.setdefault("apiVersion", gv)
        new.setdefault("kind", KINDS[gv][plural])
        if namespace:
            new["metadata"]["namespace"] = namespace
        self.cluster.owned(key, new, forced if applies else None)
        self.cluster.check(gv, new, namespace, old)
        verb = "CREATE" if not old else "CHANGE"
        self.answer(self.cluster.put(gv, plural, new, verb), 200 if old else 201)


def place(gv):
    return "api/v1" if gv == "v1" else f"apis/{gv}"


def groups():
    listed = []
    for gv in KINDS:
        if "/" in gv:
            group, version = gv.split("/")
            one = {"groupVersion": gv, "version": version}
            listed.append({"name": group, "versions": [one], "preferredVersion": one})
    return listed


def resources(gv):
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    listed = [{"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs} for plural, kind in KINDS[gv].items()]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": listed}


def openapi(path):
    """Just enough for clients that ask whether fields are validated here."""
    if not path:
        return {"paths": {place(gv): {"serverRelativeURL": f"/openapi/v3/{place(gv)}"} for gv in KINDS}}
    gv = path.removeprefix("apis/").removeprefix("api/")
    group, _, version = gv.rpartition("/")
    asked = [{"name": name, "in": "query"} for name in ("fieldValidation", "dryRun")]
    paths = {}
    for plural, kind in KINDS.get(gv, {}).items():
        of = {"group": group, "version": version, "kind": kind}
        patch = {"parameters": asked, "responses": {}, "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": of}
        paths[f"/{place(gv)}/namespaces/{{namespace}}/{plural}/{{name}}"] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "k", "version": "1"}, "components": {"schemas": {}}, "paths": paths}


class Server:
    """A cluster on a free port of loopback, for `with`."""

    def __init__(self, secrets=()):
        self.cluster = Cluster(secrets)

    def __enter__(self):
        handler = type("Handler", (Api,), {"cluster": self.cluster})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        # streams that are still open must not keep the end waiting
        self.http.block_on_close = False
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
