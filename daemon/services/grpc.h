/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: grpc: one grpc.health.v1.Health/Check over HTTP/2 without TLS
 *
 * Bytes in, bytes out; no sockets.  https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
#ifndef SERVICES_GRPC_H
#define SERVICES_GRPC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GRPC_SERVICE_MAX 120 /* bytes: its length fits one byte of protobuf */

struct grpc_check;

/** grpc_check_new() - @service of the server, "" for the server as a whole. NULL: no memory. */
struct grpc_check *grpc_check_new(const char *service);
void grpc_check_free(struct grpc_check *check);
/** grpc_check_output() - What to send now. Return: bytes, 0 none, -1 broken. Borrowed. */
ssize_t grpc_check_output(struct grpc_check *check, const uint8_t **ret);
/** grpc_check_input() - Return: 1 SERVING; 0 go on; -1 not serving, or no gRPC. */
int grpc_check_input(struct grpc_check *check, const uint8_t *bytes, size_t len);

#endif
