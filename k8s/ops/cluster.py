"""Two replicas of each service on Postgres, callers balancing over their addresses, as a cluster has them."""

import atexit
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse
import uuid

import psycopg

from processes import PROGRAMS, Replica, free_ports

SERVICES = ("settings", "tickets", "conversations", "notifications", "bff")
CALLS = {
    "bff": ("tickets", "conversations", "settings", "notifications"),
    "tickets": ("conversations", "settings"),
    "conversations": ("tickets", "settings"),
    "notifications": ("tickets", "conversations", "settings"),
    "settings": (),
}
REPLICAS = 2
# Long enough that a drain which needs all of it is told from one that does not.
DRAIN = 8
POSTGRES = os.environ["TEST_POSTGRES_URL"]
_numbers = itertools.count()


class Cluster:
    """The processes; `secrets` gives the flags of TLS of a service, and makes them speak it. `programs` is where theirs are."""

    def __init__(self, secrets=None, flags=(), programs=PROGRAMS):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ticket-centre-ops."))
        self.secrets, self.flags, self.programs = secrets, list(flags), programs
        self.prefix, self.password = f"ops_{os.getpid()}_{next(_numbers)}", uuid.uuid4().hex
        ports = iter(free_ports(2 * REPLICAS * len(SERVICES)))
        self.places = {service: [(next(ports), next(ports)) for _ in range(REPLICAS)] for service in SERVICES}
        self.replicas = {}

    def prepare(self):
        """Keys, and a database for each service that has one."""
        # whatever happens: the databases are not this process's own
        atexit.register(self.end)
        self.keys = self.directory / "keys"
        subprocess.run([self.programs / "suite", "keys", "--dir", self.keys], capture_output=True, check=True)
        with psycopg.connect(POSTGRES, autocommit=True) as postgres:
            # as the guide says it: an ordinary user, for whom alone the server keeps workspaces apart
            postgres.execute(f"create role {self.prefix} login password '{self.password}'")
        for service in SERVICES[:-1]:
            self.make_database(service)

    def make_database(self, service):
        """Empty, and in the place of one that was there."""
        name = f"{self.prefix}_{service}"
        with psycopg.connect(POSTGRES, autocommit=True) as postgres:
            postgres.execute(f"drop database if exists {name}")
            postgres.execute(f"create database {name} owner {self.prefix} template template0 locale 'C' encoding 'UTF8'")

    def start(self):
        self.prepare()
        for service in SERVICES:
            self.replicas[service] = [self._replica(service, number) for number in range(REPLICAS)]
            for replica in self.replicas[service]:
                replica.start()
        for replica in self.all():
            replica.serves()
        return self

    def _replica(self, service, number):
        port, admin = self.places[service][number]
        flags = [f"--keys={self.keys}", f"--drain-seconds={DRAIN}", *self.flags]
        if service == "bff":
            # a few contacts on one address make all the load
            flags.append("--limits=off")
        else:
            flags.append(f"--database-url={self.database(service)}")
        if self.secrets:
            flags += self.secrets.flags(service)
        flags += [f"--{peer}={self.address(peer)}" for peer in CALLS[service]]
        return Replica(self.programs, service, number, port, admin, flags, self.directory / f"{service}-{number}.log")

    def database(self, service):
        """Its address, with credentials of its owner."""
        server = urllib.parse.urlsplit(POSTGRES)
        place = f"{self.prefix}:{self.password}@{server.netloc.rpartition('@')[2]}"
        return server._replace(netloc=place, path=f"/{self.prefix}_{service}").geturl()

    def migrate(self, programs):
        """As the chart's Jobs do it, whatever runs meanwhile; answers what each service's said."""
        said = {}
        for service in SERVICES[:-1]:
            command = [programs / service, "migrate", f"--database-url={self.database(service)}"]
            said[service] = subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout
        return said

    def address(self, service):
        """As callers are told it."""
        scheme = "https" if self.secrets and service != "bff" else "http"
        return ",".join(f"{scheme}://127.0.0.1:{port}" for port, _ in self.places[service])

    def target(self, service):
        """As Google's gRPC takes it."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port, _ in self.places[service])

    def all(self):
        return [replica for replicas in self.replicas.values() for replica in replicas]

    def end(self):
        atexit.unregister(self.end)
        for replica in self.all():
            replica.kill()
        self.replicas = {}
        with psycopg.connect(POSTGRES, autocommit=True) as postgres:
            for service in SERVICES[:-1]:
                postgres.execute(f"drop database if exists {self.prefix}_{service} with (force)")
            postgres.execute(f"drop role if exists {self.prefix}")
        if "KEEP_LOGS" not in os.environ:
            shutil.rmtree(self.directory, ignore_errors=True)
