# SPDX-License-Identifier: GPL-2.0
"""HTTP/2 peers for tests, with control over every frame: a client and a service of python3-h2."""

import collections
import contextlib
import os
import socket
import sys
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kernel"))
from lib.netlink import inside  # noqa: E402

READ = 65536
BLOCK = os.urandom(1 << 16) * 8


def connection(client):
    config = h2.config.H2Configuration(client_side=client, header_encoding="utf-8",
                                       validate_outbound_headers=False,
                                       normalize_outbound_headers=False)
    return h2.connection.H2Connection(config=config)


Goaway = collections.namedtuple("Goaway", ["last_stream_id", "error_code"])


class Answer:
    """What has come back on a stream."""

    def __init__(self):
        self.headers, self.trailers, self.body, self.interim = {}, {}, b"", []
        self.reset, self.ended = None, False

    @property
    def status(self):
        return int(self.headers.get(":status", 0))

    @property
    def over(self):
        return self.ended or self.reset is not None


class Client:
    """One connection; streams are opened and read as a test likes."""

    def __init__(self, sock, credit=True):
        self.sock, self.conn, self.credit = sock, connection(True), credit
        self.answers = collections.defaultdict(Answer)
        self.goaway, self.goaways, self.closed, self.partial = None, [], None, b""
        self.conn.initiate_connection()
        self.flush()

    def flush(self):
        if data := self.conn.data_to_send():
            self.sock.sendall(data)

    def request(self, path="/", method="GET", headers=(), body=b"", end=True):
        stream = self.conn.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":path", path),
                  (":authority", "speech"), *headers]
        self.conn.send_headers(stream, fields, end_stream=end and not body)
        self.answers[stream] = Answer()
        if body:
            self.send(stream, body, end)
        self.flush()
        return stream

    def send(self, stream, body, end=False):
        """As far as windows go, waiting for them."""
        while body:
            room = min(self.conn.local_flow_control_window(stream),
                       self.conn.max_outbound_frame_size)
            if room <= 0:
                self.flush()
                self.read()
                continue
            self.conn.send_data(stream, body[:room], end and len(body) <= room)
            body = body[room:]
        self.flush()

    def reset(self, stream, code=h2.errors.ErrorCodes.CANCEL):
        self.conn.reset_stream(stream, code)
        self.flush()

    def read(self):
        try:
            data = self.sock.recv(READ)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            raise EOFError("the connection has ended")
        self.receive(data)
        self.flush()

    def receive(self, data):
        """Frame by frame: h2 takes a GOAWAY for the end of what is under way, so it gets none."""
        self.partial += data
        while len(self.partial) >= 9:
            end = 9 + int.from_bytes(self.partial[:3], "big")
            if len(self.partial) < end:
                return
            frame, self.partial = self.partial[:end], self.partial[end:]
            if frame[3] == 7:
                self.goaway = Goaway(int.from_bytes(frame[9:13], "big"),
                                     int.from_bytes(frame[13:17], "big"))
                self.goaways.append(self.goaway)
                continue
            for event in self.conn.receive_data(frame):
                self.take(event)

    def take(self, event):
        answer = self.answers[getattr(event, "stream_id", 0) or 0]
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = dict(event.headers)
        elif isinstance(event, h2.events.InformationalResponseReceived):
            answer.interim.append(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.credit:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code

    def wait(self, *streams):
        while not all(self.answers[stream].over for stream in streams):
            self.read()
        return self.answers[streams[0]] if streams else None

    def ask(self, *args, **kw):
        return self.wait(self.request(*args, **kw))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Service:
    """In the namespace of a hub; answers by path, and does wrong when told to."""

    def __init__(self, hub, port=8080, streams=100, kind=None):
        self.name, self.streams, self.kind = hub.name.encode(), streams, kind or Session
        self.seen, self.resets, self.peers = [], [], []
        self.dies = self.refuses = self.says_goodbye = self.halves = 0
        self.lock = threading.Lock()
        with inside(hub.netns):
            self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", port))
        self.server.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, sock):
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError, StopIteration):
            self.kind(self, sock).run()
        sock.close()

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def spend(self, what):
        """One of so many times something goes wrong."""
        with self.lock:
            left = getattr(self, what)
            setattr(self, what, max(0, left - 1))
        return left > 0


class Session:
    """A connection to a Service."""

    def __init__(self, service, sock):
        self.service, self.sock, self.conn = service, sock, connection(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests, self.bodies, self.waiting = {}, {}, {}

    def run(self):
        self.conn.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS:
                                   self.service.streams})
        self.conn.initiate_connection()
        self.sock.sendall(self.conn.data_to_send())
        while data := self.sock.recv(READ):
            for event in self.conn.receive_data(data):
                with contextlib.suppress(h2.exceptions.StreamClosedError):
                    self.take(event)
            if out := self.conn.data_to_send():
                self.sock.sendall(out)

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.begin(event.stream_id, dict(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            path = self.requests.get(event.stream_id, {}).get(":path")
            if path:
                self.bodies[event.stream_id] += event.data
            if path == "/echo":
                self.push(event.stream_id, event.data)
            if path != "/stuck":
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.finish(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.service.resets.append(event.error_code)
            self.waiting.pop(event.stream_id, None)
        elif isinstance(event, h2.events.WindowUpdated):
            for stream in list(self.waiting):
                self.push(stream, b"")

    def begin(self, stream, headers):
        self.requests[stream], self.bodies[stream] = headers, b""
        with self.service.lock:
            self.service.seen.append(headers)
        if self.service.spend("dies"):
            raise StopIteration
        if self.service.spend("refuses"):
            self.conn.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
            del self.requests[stream]
        elif self.service.spend("says_goodbye"):
            self.conn.close_connection(last_stream_id=max(0, stream - 2))
            self.sock.sendall(self.conn.data_to_send())
            raise StopIteration
        elif headers[":path"] == "/echo":
            self.conn.send_headers(stream, [(":status", "200")])
        elif headers[":path"] == "/early":
            self.reply(stream, b"enough", status="413")
            del self.requests[stream]

    def finish(self, stream):
        headers = self.requests.get(stream)
        if headers is None:
            return
        path, body = headers[":path"], self.bodies.pop(stream)
        if path == "/echo":
            self.push(stream, b"", end=True)
        elif path == "/trailers":
            self.reply(stream, b"body", trailers=[("x-long", "t" * 4096), ("x-end", "yes")])
        elif path == "/hints":
            self.conn.send_headers(stream, [(":status", "103"), ("link", "</x>")])
            self.reply(stream, b"hinted")
        elif path == "/hints-empty":
            self.conn.send_headers(stream, [(":status", "103"), ("link", "</x>")])
            self.conn.send_headers(stream, [(":status", "204")], end_stream=True)
        elif path == "/hints-dies":
            self.conn.send_headers(stream, [(":status", "103"), ("link", "</x>")])
            self.sock.sendall(self.conn.data_to_send())
            raise StopIteration
        elif path == "/long-head":
            self.reply(stream, b"", more=[(f"x-{i}", "v" * 1000) for i in range(20)])
        elif path == "/reset":
            self.conn.reset_stream(stream, h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
        elif path == "/fail":
            self.reply(stream, b"no", status="500")
        elif path.startswith("/large"):
            self.conn.send_headers(stream, [(":status", "200")])
            self.push(stream, os.urandom(1 << 16) * 64, end=True)
        elif path == "/block":
            self.conn.send_headers(stream, [(":status", "200")])
            self.push(stream, BLOCK, end=True)
        elif path == "/half":
            self.conn.send_headers(stream, [(":status", "200"), ("content-length", "10")])
            self.conn.send_data(stream, b"half")
            self.sock.sendall(self.conn.data_to_send())
            if self.service.spend("halves"):
                raise StopIteration
            self.conn.send_data(stream, b"and it", end_stream=True)
        elif path != "/slow" and path != "/stuck":
            self.reply(stream, self.service.name + b" " + body)

    def reply(self, stream, body, status="200", trailers=None, more=()):
        is_head = self.requests.get(stream, {}).get(":method") == "HEAD"
        self.conn.send_headers(stream, [(":status", status), ("content-length", str(len(body))),
                                        *more], end_stream=is_head)
        if is_head:
            return
        self.push(stream, body, end=not trailers)
        if trailers:
            self.conn.send_headers(stream, trailers, end_stream=True)

    def push(self, stream, data, end=False):
        """As far as the window goes; the rest later."""
        kept, ends = self.waiting.pop(stream, (b"", False))
        data, end = kept + data, end or ends
        while data:
            room = min(self.conn.local_flow_control_window(stream),
                       self.conn.max_outbound_frame_size)
            if room <= 0:
                break
            self.conn.send_data(stream, data[:room])
            data = data[room:]
        if data or not end:
            self.waiting[stream] = data, end
        else:
            self.conn.end_stream(stream)
