#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The gRPC server of words.proto, and calls to it, with gRPC's and protobuf's own libraries.

usage: grpc_json_peer.py serve ADDRESS SET
       grpc_json_peer.py call ADDRESS SET METHOD JSON

SET is what protoc wrote.  serve prints "ready", then a JSON line for each call it gets; call
prints its answer as JSON.
"""

import concurrent.futures
import json
import sys
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


class Words:
    """Messages and methods by the descriptor set; methods by name."""

    def __init__(self, path):
        files = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as file:
            files.ParseFromString(file.read())
        self.pool = descriptor_pool.DescriptorPool()
        for one in files.file:
            self.pool.Add(one)
        self.service = self.pool.FindServiceByName("words.Words")
        self.factory = message_factory.MessageFactory(self.pool)
        self.Note = self.message("words.Note")

    def message(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def types(self, method):
        found = self.service.methods_by_name[method]
        return self.message(found.input_type.full_name), self.message(found.output_type.full_name)


class Server(grpc.GenericRpcHandler):
    """What each method does."""

    def __init__(self, words):
        self.words = words

    def service(self, details):
        name = details.method.rpartition("/")[2]
        function = getattr(self, name.lower(), None)
        kind = {"Stream": grpc.unary_stream_rpc_method_handler,
                "Sum": grpc.stream_unary_rpc_method_handler,
                "Talk": grpc.stream_stream_rpc_method_handler}.get(
                    name, grpc.unary_unary_rpc_method_handler)
        if not details.method.startswith("/words.Words/") or not function:
            return None
        takes, _ = self.words.types(name)

        def told(request, context):
            print(json.dumps({"method": name, "metadata": {
                key: value for key, value in context.invocation_metadata()
                if isinstance(value, str)}, "left": context.time_remaining()}), flush=True)
            return function(request, context)
        return kind(told, takes.FromString,
                    lambda one: one if isinstance(one, bytes) else one.SerializeToString())

    def echo(self, request, context):
        context.send_initial_metadata([("x-first", "1")])
        context.set_trailing_metadata([("x-last", "2")])
        return request

    def who(self, request, context):
        return self.words.Note(text=dict(context.invocation_metadata()).get(request.text, ""))

    def do(self, request, context):
        if request.code:
            context.set_trailing_metadata([("grpc-status-details-bin", b"\x08\x05")])
            context.abort(grpc.StatusCode(next(
                code.value for code in grpc.StatusCode if code.value[0] == request.code)),
                request.message)
        return self.words.Note(text="x" * request.size)

    def stream(self, request, context):
        for n in range(request.notes):
            yield self.words.Note(number=n, text="x" * request.size)
        if request.code:
            context.abort(grpc.StatusCode.ABORTED, request.message)

    def slow(self, request, context):
        time.sleep(60)
        return request

    def odd(self, request, context):
        return b"\xa0\x06\x01"  # field 100

    def take(self, request, context):
        return request

    def talk(self, requests, context):
        context.send_initial_metadata([("x-first", "1")])
        for one in requests:
            if one.text == "fail":
                context.abort(grpc.StatusCode.ABORTED, "as asked")
            yield one

    def sum(self, requests, context):
        return self.words.Note(number=sum(one.number for one in requests))


def serve(address, words):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), handlers=[Server(words)])
    if not server.add_insecure_port(address):
        sys.exit(f"{address} cannot be had")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def call(address, words, method, text):
    takes, gives = words.types(method)
    with grpc.insecure_channel(address) as channel:
        reply = channel.unary_unary(f"/words.Words/{method}", takes.SerializeToString,
                                    gives.FromString)(json_format.Parse(text, takes()), timeout=30)
        print(json_format.MessageToJson(reply))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], Words(sys.argv[3]))
    else:
        call(sys.argv[2], Words(sys.argv[3]), *sys.argv[4:])
