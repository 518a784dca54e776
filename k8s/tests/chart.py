"""The chart as its checks see it: rendered by Helm and parsed."""

import functools
import os
import pathlib
import subprocess

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHART = HERE.parent / "chart"
TOOLS = ROOT / ".tools" / "k8s"
HELMS = ("helm", "helm3")
NAMESPACE = "tc"
SERVICES = ("bff", "conversations", "notifications", "settings", "tickets")
VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
# Helm keeps what it downloads and who it trusts there; nothing of the person who runs this shall count.
ENV = {
    "PATH": os.environ["PATH"],
    "HELM_CACHE_HOME": str(TOOLS / "helm/cache"),
    "HELM_CONFIG_HOME": str(TOOLS / "helm/config"),
    "HELM_DATA_HOME": str(TOOLS / "helm/data"),
}


class Refused(Exception):
    """Helm did not render it; the text is what a person would read."""


def tool(name, *arguments, check=True, **more):
    """Runs one of the pinned tools, at most five minutes, and answers what it printed."""
    done = subprocess.run(
        [TOOLS / "bin" / name, *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL, **{"env": ENV, **more},
    )
    if check and done.returncode != 0:
        raise Refused(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def text(*values, sets=(), helm="helm", chart=CHART, release="r"):
    """What Helm makes of these values files and settings, as text."""
    flags = [flag for file in values for flag in ("--values", file)]
    flags += [flag for pair in sets for flag in ("--set", pair)]
    return tool(helm, "template", release, chart, "--namespace", NAMESPACE, *flags)


def render(*values, sets=(), helm="helm", chart=CHART, release="r"):
    """The same, as objects. A rendering without any is a fault of the test."""
    rendered = text(*values, sets=sets, helm=helm, chart=chart, release=release)
    # the loader in C: the other takes longer than everything else
    objects = [o for o in yaml.load_all(rendered, yaml.CSafeLoader) if o]
    assert objects, "nothing was rendered"
    return objects


@functools.cache
def all_rendered():
    """Every file of values in ci/, by its name."""
    return {file.name: render(file) for file in VALUES}


def of_kind(objects, *kinds):
    return [o for o in objects if o["kind"] in kinds]


def named(objects, kind, name):
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def pods(objects):
    """Every pod's labels and spec, with the name of what makes it."""
    for o in objects:
        if o["kind"] == "Pod":
            yield o, o["metadata"], o["spec"]
        elif o["kind"] in ("Deployment", "StatefulSet", "Job"):
            template = o["spec"]["template"]
            yield o, template["metadata"], template["spec"]


def shown(o):
    return f'{o["kind"]} {o["metadata"]["name"]}'


def is_hook(o):
    return "helm.sh/hook" in o["metadata"].get("annotations", {})
