"""The services' programs, where they were built: in $PROGRAMS, or where cargo puts them."""

import functools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from chart import ROOT, SERVICES

PLACE = pathlib.Path(os.environ.get("PROGRAMS") or pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug")
# In CI nothing is left out.
NEEDED = os.environ.get("PROGRAMS_NEEDED") == "1"
BASE_LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "linux-vdso.so.1"}
NOBODY = 65532

there = unittest.skipUnless(NEEDED or all((PLACE / name).exists() for name in (*SERVICES, "suite")), f"the programs are not built in {PLACE}")
as_root = unittest.skipUnless(os.getuid() == 0, "only root gives a program a root directory of its own")


def libraries(program):
    """What the loader wants for it: name and path."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        words = line.split()
        path = words[2] if "=>" in words else words[0]
        yield pathlib.Path(words[0]).name, path


@functools.cache
def variables(program, *errand):
    """The environment variables that its --help names."""
    done = subprocess.run([PLACE / program, *errand, "--help"], capture_output=True, text=True, check=True, env={})
    return set(re.findall(r"\[env: ([A-Z_]+)", " ".join(done.stdout.split())))


def until(what, limit=120):
    """Looks again until it holds, at most `limit` seconds; answers what it was."""
    end = time.monotonic() + limit
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, f"it took more than {limit} s"
        time.sleep(0.05)


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Image:
    """A root directory as the image of a service has it: the program, what the base brings, its keys, and nowhere to write but
    /data, which stands in for Postgres."""

    def __init__(self, service):
        self.service = service
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="ticket-centre-image."))
        self.root.chmod(0o755)
        self.add(PLACE / service, f"/{service}")
        for name, path in libraries(PLACE / service):
            if path.startswith("/"):
                self.add(path, path)
        keys = self.root / "etc/ticket-centre/keys"
        subprocess.run([PLACE / "suite", "keys", "--dir", keys], capture_output=True, check=True)
        for key in keys.glob("*.key"):
            # one private key reaches a pod
            if key.stem == service:
                os.chown(key, NOBODY, NOBODY)
            else:
                key.unlink()
        sealing = keys / "settings.sealing"
        if service == "settings":
            os.chown(sealing, NOBODY, NOBODY)
        else:
            sealing.unlink()
        (self.root / "data").mkdir()
        os.chown(self.root / "data", NOBODY, NOBODY)

    def add(self, file, where):
        place = self.root / where.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
        place.chmod(0o755)

    def run(self, *arguments, env=None, **more):
        def enter():
            os.chroot(self.root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        return subprocess.Popen([f"/{self.service}", *arguments], env=env or {}, preexec_fn=enter, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def remove(self):
        shutil.rmtree(self.root)


def end(process, limit=120):
    """SIGTERM, as a pod gets it; answers the exit code and what was said last."""
    process.send_signal(signal.SIGTERM)
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, out + err
