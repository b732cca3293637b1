/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: grpc_status: what a proxy has to know of gRPC
 *
 * gRPC is HTTP/2 with its own outcome in the trailers and its own deadline in
 * the headers (gRPC over HTTP2, github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 * Pure; values are foreign.
 */
#ifndef PROXY_GRPC_STATUS_H
#define PROXY_GRPC_STATUS_H

#include <stdbool.h>

#include "daemon/proxy/http1.h"

#define GRPC_STATUS_MAX 16
#define GRPC_STATUS_NONE (-1) /* none came */

/** grpc_is_content_type() - application/grpc, with a suffix or parameters; not grpc-web. */
bool grpc_is_content_type(const struct http1_text *value);
/** grpc_parse_timeout() - Value of grpc-timeout in nanoseconds. Return: false malformed. */
bool grpc_parse_timeout(const struct http1_text *value, uint64_t *ret_ns);
/** grpc_parse_status() - Value of grpc-status: 0 to 16; UNKNOWN for what is none. */
int grpc_parse_status(const struct http1_text *value);
/**
 * grpc_to_http() - The HTTP status that means the same (google/rpc/code.proto).
 * @status: 0 to 16, or GRPC_STATUS_NONE
 */
unsigned int grpc_to_http(int status);
/** grpc_of_http() - What a gRPC client is told for a status of our own. */
int grpc_of_http(unsigned int status);
/**
 * grpc_is_provider_fault() - Does an outcome speak against the provider?
 * @status: 0 to 16, or GRPC_STATUS_NONE
 *
 * UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE and DATA_LOSS do, and an answer without any;
 * RESOURCE_EXHAUSTED is mostly a quota of the caller, and UNIMPLEMENTED the answer to a client
 * that tries what a server can do.
 */
bool grpc_is_provider_fault(int status);

#endif
