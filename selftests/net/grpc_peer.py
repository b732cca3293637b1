#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A gRPC server, and calls to it, with gRPC's own library; messages are bytes.

usage: grpc_peer.py serve ADDRESS NAME
       grpc_peer.py call ADDRESS METHOD [--timeout S] [--times N] [--pause S]

call prints a JSON line for each call: code, details, replies, trailers, seconds.
"""

import argparse
import concurrent.futures
import json
import os
import sys
import time

import grpc

SERVICE = "test.Words"


class Words(grpc.GenericRpcHandler):
    """Methods by name; each of another kind."""

    def __init__(self, name):
        self.name = name.encode()

    def service(self, details):
        kinds = {
            "Echo": (grpc.unary_unary_rpc_method_handler, self.echo),
            "Who": (grpc.unary_unary_rpc_method_handler, self.who),
            "Fail": (grpc.unary_unary_rpc_method_handler, self.fail),
            "Slow": (grpc.unary_unary_rpc_method_handler, self.slow),
            "Die": (grpc.unary_unary_rpc_method_handler, self.die),
            "Count": (grpc.unary_stream_rpc_method_handler, self.count),
            "Sum": (grpc.stream_unary_rpc_method_handler, self.sum),
            "Talk": (grpc.stream_stream_rpc_method_handler, self.talk),
        }
        prefix, _, method = details.method.rpartition("/")
        if prefix != f"/{SERVICE}" or method not in kinds:
            return None
        make, function = kinds[method]
        return make(function)

    def echo(self, request, context):
        context.set_trailing_metadata([("x-end", "t" * 4096)])
        return self.name + b" " + request

    def who(self, request, context):
        metadata = dict(context.invocation_metadata())
        return metadata.get("x-forwarded-client-cert", "?").encode()

    def fail(self, request, context):
        context.abort(grpc.StatusCode.INTERNAL, "no")

    def slow(self, request, context):
        time.sleep(30)
        return b""

    def die(self, request, context):
        os._exit(1)

    def count(self, request, context):
        for n in range(int(request)):
            yield str(n).encode()

    def sum(self, requests, context):
        return str(sum(int(n) for n in requests)).encode()

    def talk(self, requests, context):
        for word in requests:
            yield word.upper()


def serve(address, name):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), handlers=[Words(name)])
    if not server.add_insecure_port(address):
        sys.exit(f"{address} cannot be had")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def words():
    """Slowly enough that each is answered before the next."""
    for word in (b"one", b"two", b"three"):
        time.sleep(0.1)
        yield word


def call(channel, method, timeout):
    path, began = f"/{SERVICE}/{method}", time.monotonic()
    kinds = {"Count": (channel.unary_stream, b"1000"), "Talk": (channel.stream_stream, words()),
             "Sum": (channel.stream_unary, iter([b"7"] * 1000))}
    make, request = kinds.get(method, (channel.unary_unary, b"x" * 1000))
    replies, trailers, code, details = [], {}, "OK", ""
    try:
        if method in ("Count", "Talk"):
            running = make(path)(request, timeout=timeout)
            replies = [reply.decode() for reply in running]
        else:
            reply, running = make(path).with_call(request, timeout=timeout)
            replies = [reply.decode()]
        trailers = dict(running.trailing_metadata())
    except grpc.RpcError as error:
        code, details = error.code().name, error.details()
    return {"code": code, "details": details, "replies": replies, "trailers": trailers,
            "seconds": time.monotonic() - began}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["serve", "call"])
    parser.add_argument("address")
    parser.add_argument("name")
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0, help="seconds after each")
    args = parser.parse_args()
    if args.what == "serve":
        serve(args.address, args.name)
        return
    with grpc.insecure_channel(args.address) as channel:
        for _ in range(args.times):
            print(json.dumps(call(channel, args.name, args.timeout)), flush=True)
            time.sleep(args.pause)


if __name__ == "__main__":
    main()
