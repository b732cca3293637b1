#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""crashing.py - the bad version of the demo's service: it crashes with every answer

usage: crashing.py PORT TEXT

It answers HTTP on 127.0.0.1 with TEXT.  The crash is one a supervisor repairs: the port is closed
just before the answer leaves, and open again DOWN_S later.  Whoever connects in between
is refused, so nothing that was begun is lost: what is to be shown is the judgement of versions.
"""

import socket
import sys
import time

DOWN_S = 0.7


def serve_one(listener, body):
    client, _ = listener.accept()
    with client:
        client.recv(65536)
        listener.close()
        client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                       f"{body}".encode())


def main(port, text):
    while True:
        with socket.create_server(("127.0.0.1", int(port))) as listener:
            serve_one(listener, text + "\n")
        time.sleep(DOWN_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
