"""The services' contract, as they tell it themselves by reflection, and credentials for their calls."""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

WEB = 1
MESSENGER = "messenger.bff.v1.MessengerService"
SESSIONS = "messenger.bff.v1.SessionService"
WORKSPACES = "messenger.settings.v1.WorkspaceService"
CONTACTS = "messenger.settings.v1.ContactService"
TICKETS = "messenger.tickets.v1.TicketService"
TYPES = "messenger.tickets.v1.TicketTypeService"
INBOXES = "messenger.notifications.v1.NotificationService"
OPERATOR_TOKEN = pathlib.Path(__file__).resolve().parent.parent / "operator-token"
# Of each attempt, in seconds: far more than a call takes on a busy machine.
DEADLINE = 10

# Each of several addresses gets its share as long as it says that it serves, and is tried again soon: as the chart's callers do it.
BALANCED = (
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}})),
    # a list of addresses is no name to be called by
    ("grpc.default_authority", "localhost"),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # channels of other tests are no concern of this one's
    ("grpc.use_local_subchannel_pool", 1),
)


class Contract:
    """Asked for once, over a channel to any of the services."""

    def __init__(self, channel):
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self.methods = {}
        for service in (MESSENGER, SESSIONS, WORKSPACES, CONTACTS, TICKETS, TYPES, INBOXES):
            for method in pool.FindServiceByName(service).methods:
                self.methods[service, method.name] = (message_factory.GetMessageClass(method.input_type),
                                                      message_factory.GetMessageClass(method.output_type), method.server_streaming)

    def call(self, channel, service, name):
        """A function that makes it."""
        request, answer, streams = self.methods[service, name]
        kind = channel.unary_stream if streams else channel.unary_unary
        send = kind(f"/{service}/{name}", request.SerializeToString, answer.FromString)

        def made(token=None, deadline=DEADLINE, **fields):
            metadata = [("authorization", f"Bearer {token}")] if token else []
            return send(request(**fields), timeout=deadline, metadata=metadata)
        return made


def operator(keys, *scope):
    """A credential of the operator, good for a minute, made as the operator's guide says."""
    return subprocess.run(["bash", OPERATOR_TOKEN, keys / "operator.key", *scope], capture_output=True, text=True, check=True).stdout.strip()


class Workspace:
    """A workspace and the key with which its owner's server vouches for users."""

    def __init__(self, contract, channel, keys):
        self.contract, self.channel, self.keys = contract, channel, keys
        made = self.call(WORKSPACES, "CreateWorkspace", "workspaces:write", name="Acme").workspace
        self.app, self.id = made.app_id, made.workspace_id
        self.signs_anew()

    def call(self, service, method, *scope, **fields):
        """As the operator."""
        return self.contract.call(self.channel, service, method)(operator(self.keys, *scope), **fields)

    def settles(self, service, method, **fields):
        """As the operator within the workspace."""
        return self.call(service, method, "settings:read,settings:write", self.id, **fields)

    def signs_anew(self):
        """With another key from here on."""
        key = self.settles(WORKSPACES, "CreateIdentityKey", platform=WEB)
        self.kid, self.secret = key.key.key_id, key.secret

    def vouches(self, user):
        """A user token, good for five minutes."""
        now = int(time.time())
        head = {"alg": "HS256", "typ": "JWT", "kid": self.kid}
        claims = {"user_id": user, "name": user, "aud": self.app, "iat": now, "exp": now + 300}
        text = ".".join(_base64url(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{_base64url(hmac.digest(self.secret.encode(), text.encode(), hashlib.sha256))}"


def _base64url(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def balanced(cluster, service):
    """A channel to the replicas of a service that speaks in clear."""
    return grpc.insecure_channel(cluster.target(service), options=BALANCED)


def connected(*channels):
    """Waits until calls go through: who called while all was down waits before the next try, longer each time."""
    for channel in channels:
        grpc.channel_ready_future(channel).result(timeout=60)
