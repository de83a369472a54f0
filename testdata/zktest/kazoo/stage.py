"""What the recipes are told and asked with."""

import socket
import struct
import threading
import time

from kazoo.client import KazooClient

PATIENCE = 20  # Seconds to wait for what should come. It bounds hangs and measures nothing.
A_WHILE = 0.05  # Seconds in which what must not happen would.
RECIPES = []

address = ""  # Of the server.


def recipe(play):
    RECIPES.append(play)
    return play


class Later(threading.Thread):
    """Runs a function in a thread. What it returned, or raised, is the result."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.call, self.value, self.error = lambda: function(*args), None, None
        self.start()

    def run(self):
        try:
            self.value = self.call()
        except BaseException as error:
            self.error = error

    def result(self):
        self.join(PATIENCE)
        assert not self.is_alive(), "still waiting"
        if self.error:
            raise self.error
        return self.value

    def waits(self):
        self.join(A_WHILE)
        return self.is_alive()


class Section:
    """Counts visits, and fails when two are in at once."""

    def __init__(self):
        self.mutex, self.inside, self.visits = threading.Lock(), 0, 0

    def visit(self):
        with self.mutex:
            self.inside += 1
            self.visits += 1
            assert self.inside == 1, "two are in at once"
        time.sleep(0.001)
        with self.mutex:
            self.inside -= 1


def eventually(condition, what="what was awaited"):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what + " did not come"
        time.sleep(0.005)


def equal(want, got):
    assert want == got, "want %r, got %r" % (want, got)


def refused(error, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except error:
        return
    raise AssertionError("not refused with " + error.__name__)


def connect(**kwargs):
    client = KazooClient(hosts=address, timeout=10, **kwargs)
    client.start(timeout=PATIENCE)
    return client


def intrude(client, close):
    """Takes over the client's session on another connection, and leaves at once: the client must reconnect, or has lost its session if that is closed."""
    ident, password = client.client_id
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), PATIENCE) as s:
        body = struct.pack(">iqiqi16s?", 0, 0, 10000, ident, 16, password, False)
        s.sendall(struct.pack(">i", len(body)) + body)
        answers = s.makefile("rb")
        equal(ident, struct.unpack_from(">q", answers.read(20), 12)[0])
        if close:
            s.sendall(struct.pack(">iii", 8, 1, -11))
            answers.read()  # To the end of the connection.
