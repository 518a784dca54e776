"""Customers who never rest, and what became of each of their calls."""

import random
import threading
import time
import uuid
from dataclasses import dataclass

import grpc

from contract import MESSENGER, SESSIONS, TICKETS, TYPES, WEB, operator
from processes import until

CUSTOMERS = 8
# A well-behaved client tries what may be repeated twice more, and only if nobody was there; so much later, in seconds.
AGAIN = (0.1, 0.5)
# Whatever else is slow, each customer is through with everything once within this long, in seconds.
PATIENCE = 60
# Categories of states that any ticket may be moved to and from: in progress, waiting on the customer.
MOVES = (2, 3)


@dataclass
class Attempt:
    """One try of a call."""

    method: str
    began: float
    ended: float
    code: grpc.StatusCode
    said: str
    # it was not tried again
    final: bool

    def failed(self):
        return self.code is not grpc.StatusCode.OK

    def __str__(self):
        return f"{self.method}: {self.code.name} {self.said}"


class GivenUp(Exception):
    """A call that failed for good; it is in the record."""


class Load:
    """Begins with `with`. Each of `people` is a function that does all its calls once, by the function that it is given for them."""

    def __init__(self, people):
        self.people = people
        self.rounds = [0] * len(people)
        self.attempts = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.broken = []

    def __enter__(self):
        self.threads = [threading.Thread(target=self._live, args=(number,), daemon=True) for number in range(len(self.people))]
        for thread in self.threads:
            thread.start()
        self.comes_round()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _live(self, number):
        while not self.stopping.is_set():
            try:
                self.people[number](self.call)
            except GivenUp:
                pass
            except Exception as broken:  # pylint: disable=broad-except
                # an answer that is wrong, say: the test has to hear of it
                self.broken.append(broken)
                return
            self.rounds[number] += 1

    def call(self, method, send):
        """Makes a call that may be repeated."""
        for wait in (*AGAIN, None):
            began = time.monotonic()
            answer, code, said = None, grpc.StatusCode.OK, ""
            try:
                answer = send()
            except grpc.RpcError as error:
                code, said = error.code(), error.details()
            final = code is not grpc.StatusCode.UNAVAILABLE or wait is None
            with self.lock:
                self.attempts.append(Attempt(method, began, time.monotonic(), code, said, final))
            if code is grpc.StatusCode.OK:
                return answer
            if final:
                raise GivenUp(method)
            self.stopping.wait(wait)

    def comes_round(self):
        """Waits until everybody has tried everything once from now on, whatever came of it."""
        before = list(self.rounds)

        def done():
            if self.broken:
                raise self.broken[0]
            # the one under way began earlier
            return all(now >= then + 2 for now, then in zip(self.rounds, before))
        until("everybody comes round", done, PATIENCE)

    def since(self, moment=0.0):
        """Attempts that ended after it."""
        with self.lock:
            return [attempt for attempt in self.attempts if attempt.ended >= moment]

    def tally(self, since=0.0):
        """How many attempts there were, those that failed, and of these the ones that were not tried again."""
        attempts = self.since(since)
        raw = [attempt for attempt in attempts if attempt.failed()]
        return len(attempts), raw, [attempt for attempt in raw if attempt.final]


class Customer:
    """Somebody in a browser: sees Home, opens a session, submits a ticket, reads it, writes. Whatever has a request id may be repeated."""

    def __init__(self, contract, channel, workspace):
        self.workspace = workspace
        self.user = f"user-{uuid.uuid4()}"
        self.methods = {}
        for service, names in {
            SESSIONS: ["CreateSession"],
            MESSENGER: ["GetHome", "ListTickets", "GetTicket", "SubmitTicket", "StartConversation", "SendMessage", "GetConversation",
                        "OpenTicketConversation", "MarkTicketRead", "MarkConversationRead"],
        }.items():
            for name in names:
                self.methods[name] = contract.call(channel, service, name)
        self.token = self.conversation = None
        self.titles = []

    def day(self, call):
        """Each service has its part in it."""
        def ask(name, **fields):
            return call(name, lambda: self.methods[name](self.token, **fields))

        def write(name, **fields):
            return ask(name, request_id=str(uuid.uuid4()), **fields)

        self.asks_to_log_in(call)
        title = f"Ticket {len(self.titles)}"
        ticket = write("SubmitTicket", title=title).ticket
        self.titles.append(title)
        read = ask("GetTicket", ticket_id=ticket.summary.ticket_id).ticket
        assert read.summary.title == title, f"{read} is not {title}"
        ask("GetHome", platform=WEB)
        ask("ListTickets", page_size=10)
        if not self.conversation:
            self.conversation = write("StartConversation", body="Hello").conversation.conversation_id
        write("SendMessage", conversation_id=self.conversation, body=title)
        ask("GetConversation", conversation_id=self.conversation, page_size=5)

    def tickets(self):
        """The titles of all that they have, newest first."""
        ask = self.methods["ListTickets"]
        return [ticket.title for ticket in pages("tickets", lambda **page: ask(self.token, page_size=100, **page))]

    def asks_to_log_in(self, call=lambda _, send: send()):
        """With a proof of now."""
        proof = self.workspace.vouches(self.user)
        login = self.methods["CreateSession"]
        self.token = call("CreateSession", lambda: login(app_id=self.workspace.app, platform=WEB, user_jwt=proof)).access_token

    def asks(self, name, **fields):
        """One call, outside of the record."""
        return self.methods[name](self.token, **fields)

    def sees(self, ticket):
        """A ticket as their list has it."""
        return self.asks("GetTicket", ticket_id=ticket).ticket.summary

    def stamps(self, conversation):
        """The categories that a ticket's updates in a conversation say, newest first."""
        parts = pages("parts", lambda **page: self.asks("GetConversation", conversation_id=conversation, page_size=100, **page))
        return [part.ticket_state.category for part in parts if part.ticket_id]

    def answers(self, conversation):
        """Whoever has read to the end writes."""
        newest = self.asks("GetConversation", conversation_id=conversation, page_size=1).parts[0]
        self.asks("MarkConversationRead", conversation_id=conversation, up_to_seq=newest.seq)
        self.asks("SendMessage", request_id=str(uuid.uuid4()), conversation_id=conversation, body="An answer")

    def messages(self):
        """What they wrote in their conversation, newest first."""
        ask = self.methods["GetConversation"]
        parts = pages("parts", lambda **page: ask(self.token, conversation_id=self.conversation, page_size=100, **page))
        return [part.body for part in parts if part.body]


def pages(what, ask):
    """All of a list, page after page."""
    found, page = [], ""
    while True:
        answer = ask(page_token=page)
        found += getattr(answer, what)
        page = answer.next_page_token
        if not page:
            return found


class Teammate:
    """Somebody who looks at the workspace's newest tickets and moves one of them, asking Tickets itself."""

    def __init__(self, contract, channel, workspace, keys):
        self.workspace, self.keys = workspace, keys
        self.methods = {name: contract.call(channel, TICKETS, name) for name in ("ListTickets", "GetTicket", "ChangeTicketState")}
        self.methods["ListTicketStates"] = contract.call(channel, TYPES, "ListTicketStates")
        self.chance = random.Random(1)
        # the state that each ticket was left in
        self.left = {}

    def token(self):
        return operator(self.keys, "tickets:read,tickets:write", self.workspace.id)

    def day(self, call):
        token = self.token()

        def ask(name, **fields):
            return call(name, lambda: self.methods[name](token, **fields))

        states = [state.state_id for state in ask("ListTicketStates").states if state.category in MOVES]
        tickets = ask("ListTickets", page_size=20).tickets
        if not tickets:
            return
        ticket = self.chance.choice(tickets)
        state = self.chance.choice([state for state in states if state != ticket.state.state_id])
        ask("ChangeTicketState", request_id=str(uuid.uuid4()), ticket_id=ticket.ticket_id, state_id=state)
        self.left[ticket.ticket_id] = state

    def moves(self, ticket, category):
        """To a state of this category."""
        token = self.token()
        state = next(state.state_id for state in self.methods["ListTicketStates"](token).states if state.category == category)
        self.methods["ChangeTicketState"](token, request_id=str(uuid.uuid4()), ticket_id=ticket, state_id=state)

    def finds(self):
        """The state that each ticket they moved is in."""
        token, ask = self.token(), self.methods["GetTicket"]
        return {ticket: ask(token, ticket_id=ticket).ticket.state.state_id for ticket in self.left}
