# SPDX-License-Identifier: GPL-2.0
"""A trunk by hand: another implementation of what one hub's proxy says to another's."""

import socket
import struct

from OpenSSL import SSL

from .netlink import inside
from .pace import scaled

TICKET_LABEL, SECRET_LEN = b"EXPORTER-hubmesh-bulk", 32


class Tls:
    """TLS 1.3 with the certificate of a hub, to the port of another's proxy."""

    def __init__(self, hub, port, alpn, address="192.168.1.2"):
        identity = f"{hub.dir}/state/identity/hub"
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.use_certificate_file(f"{identity}.crt")
        context.use_privatekey_file(f"{identity}.key")
        context.set_alpn_protos([alpn])
        with inside(hub.netns):
            self.plain = socket.create_connection((address, port))
        seconds = scaled(10)
        self.plain.settimeout(None)  # OpenSSL has the descriptor: the kernel keeps the time
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                              struct.pack("ll", int(seconds), 0))
        self.ssl = SSL.Connection(context, self.plain)
        self.ssl.set_connect_state()
        self.ssl.do_handshake()

    def sendall(self, data):
        self.ssl.sendall(data)

    def recv(self, n):
        """b"" at a clean end."""
        try:
            return self.ssl.recv(n)
        except SSL.ZeroReturnError:
            return b""
        except SSL.WantReadError:
            raise TimeoutError("nothing was said") from None

    def close(self):
        self.plain.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Connect(Tls):
    """A CONNECT with these header fields on stream 1."""

    def __init__(self, hub, port, headers, address="192.168.1.2"):
        super().__init__(hub, port, b"hubmesh-proxy/1", address)
        self.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(4, 0, b"", 0)
        self.ask(headers)
        self.kind, self.answer = self.frame(1, 3)

    def ask(self, headers, stream=1):
        self.send(1, 4, b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) +
                                 value.encode() for name, value in headers.items()), stream)

    def send(self, kind, flags, payload, stream=1):
        self.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
                     struct.pack(">I", stream) + payload)

    def data(self, payload):
        self.send(0, 0, payload)

    def exactly(self, n):
        got = b""
        while len(got) < n:
            more = self.recv(n - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def frame(self, *kinds):
        """The next frame of our stream of one of these kinds."""
        while True:
            head = self.exactly(9)
            payload = self.exactly(int.from_bytes(head[:3], "big"))
            if head[3] in kinds and head[5:] == b"\0\0\0\1":
                return head[3], payload

    def said(self, n):
        """At least @n bytes of DATA."""
        got = b""
        while len(got) < n:
            kind, payload = self.frame(0, 3)
            if kind == 3:
                break
            got += payload
        return got


class Caller(Connect):
    """One call on stream 1, with the lease the entry of @hub has."""

    def __init__(self, hub, provider, service, extra=None):
        """@extra: header fields more."""
        api = hub.api("proxy")
        entry = next(e for e in api["entries"] if e["service"] == service)
        offered = next(s for s in hub.api("services")["services"] if s["name"] == service)
        super().__init__(hub, provider.api("proxy")["port"],
                         {":method": "CONNECT", ":authority": service,
                          "hubmesh-manifest": offered["manifest"],
                          "hubmesh-lease": str(entry["request"]), **(extra or {})})

    def ticket(self, stream=1):
        """What takes bytes of the stream to a raw connection (Documentation/proxy.rst, Bulk)."""
        number = struct.pack(">I", stream)
        return number + self.ssl.export_keying_material(TICKET_LABEL, SECRET_LEN, number)
