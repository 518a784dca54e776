"""Where spans end: OpenTelemetry's own messages and service, behind a collector if one can run here."""

import importlib.util
import pathlib
import subprocess
import threading
from concurrent import futures
from dataclasses import dataclass

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from processes import Process, free_ports, until


@dataclass
class Span:
    """What is kept of one."""

    service: str
    name: str
    trace: bytes
    own: bytes
    parent: bytes
    # Unix time in nanoseconds
    began: int


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes what OTLP says, by the messages that OpenTelemetry publishes."""

    def __init__(self, port):
        self.spans, self.lock = [], threading.Lock()
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def Export(self, request, context):
        found = []
        for resource in request.resource_spans:
            names = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
            for scope in resource.scope_spans:
                found += [Span(names.get("service.name", ""), span.name, span.trace_id, span.span_id, span.parent_span_id, span.start_time_unix_nano)
                          for span in scope.spans]
        with self.lock:
            self.spans += found
        return trace_service_pb2.ExportTraceServiceResponse()

    def took(self):
        with self.lock:
            return list(self.spans)


def program():
    """The collector's, where the package has one for this machine that runs."""
    package = importlib.util.find_spec("rotel")
    if package is None:
        return None
    found = pathlib.Path(package.origin).parent / "rotel-agent"
    try:
        subprocess.run([found, "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        # the Python that it is linked with is not there
        return None
    return found


class Collector:
    """The services are told of `port`. What gets through is in `receiver`."""

    def __init__(self):
        self.port, self.behind = free_ports(2)
        self.program = program()
        self.receiver = self.process = None

    def start(self, directory):
        self.receiver = Receiver(self.behind if self.program else self.port)
        self.directory = directory
        print(f"\ncollector: {self.program.name if self.program else 'none runs here; spans go straight to their receiver'}", flush=True)
        self.listen(self.port)

    def listen(self, port):
        """The collector alone, anew, at this port."""
        if not self.program:
            return
        self.process = Process("collector", [
            self.program, "start", f"--otlp-grpc-endpoint=127.0.0.1:{port}", f"--otlp-http-endpoint=127.0.0.1:{free_ports(1)[0]}",
            "--exporter=otlp", f"--otlp-exporter-endpoint=http://127.0.0.1:{self.behind}",
            f"--pid-file={self.directory / 'collector.pid'}", f"--log-file={self.directory / 'collector.out'}",
        ], self.directory / "collector.log")
        self.process.start()

    def end(self):
        if self.process:
            self.process.kill()
        self.receiver.server.stop(None).wait()

    def until(self, what, found, limit=30):
        """Waits until the spans that came have it."""
        return until(what, lambda: found(self.receiver.took()), limit)
