// SPDX-License-Identifier: GPL-2.0
/* DOC: grpc: see grpc.h */
#include "daemon/services/grpc.h"

#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "daemon/lib/memory.h"

#define PREFIX_LEN 5 /* compressed flag, length */
#define SERVING 1

/**
 * struct grpc_check - one question
 * @session: HTTP/2
 * @request: gRPC frame with HealthCheckRequest
 * @request_len: its length
 * @sent: of it
 * @reply: beginning of the answer's body
 * @reply_len: bytes there
 * @is_refused: a status that is no success was seen
 * @is_closed: the stream ended
 */
struct grpc_check {
	nghttp2_session *session;
	uint8_t request[PREFIX_LEN + 2 + GRPC_SERVICE_MAX];
	size_t request_len, sent;
	uint8_t reply[16];
	size_t reply_len;
	int is_refused, is_closed;
};

static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t size,
			    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct grpc_check *check = source->ptr;
	size_t n = check->request_len - check->sent;

	if (n > size)
		n = size;
	memcpy(buf, check->request + check->sent, n);
	check->sent += n;
	if (check->sent == check->request_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct grpc_check *check = arg;

	if (name_len == 7 && memcmp(name, ":status", 7) == 0)
		check->is_refused |= value_len != 3 || memcmp(value, "200", 3) != 0;
	if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
		check->is_refused |= value_len != 1 || value[0] != '0';
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t len, void *arg)
{
	struct grpc_check *check = arg;
	size_t room = sizeof(check->reply) - check->reply_len;

	if (len > room)
		len = room;
	memcpy(check->reply + check->reply_len, bytes, len);
	check->reply_len += len;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *arg)
{
	((struct grpc_check *)arg)->is_closed = 1;
	return 0;
}

/* HealthCheckRequest { string service = 1; } behind the prefix of a gRPC message. */
static void make_request(struct grpc_check *check, const char *service)
{
	size_t len = strlen(service);
	size_t message_len = len ? len + 2 : 0;

	check->request[PREFIX_LEN - 1] = (uint8_t)message_len;
	check->request_len = PREFIX_LEN + message_len;
	if (!len)
		return;
	check->request[PREFIX_LEN] = 1 << 3 | 2; /* field 1, a string */
	check->request[PREFIX_LEN + 1] = (uint8_t)len;
	memcpy(check->request + PREFIX_LEN + 2, service, len);
}

#define HEADER(name, value)                                                                 \
	{                                                                                   \
		(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, \
			NGHTTP2_NV_FLAG_NONE                                                \
	}

static int submit(struct grpc_check *check)
{
	static const nghttp2_nv headers[] = {
		HEADER(":method", "POST"),
		HEADER(":scheme", "http"),
		HEADER(":authority", "localhost"),
		HEADER(":path", "/grpc.health.v1.Health/Check"),
		HEADER("content-type", "application/grpc"),
		HEADER("te", "trailers"),
		HEADER("user-agent", "meshd"),
	};
	nghttp2_data_provider body = {.source.ptr = check, .read_callback = read_request};

	return nghttp2_submit_settings(check->session, NGHTTP2_FLAG_NONE, NULL, 0) ||
	       nghttp2_submit_request(check->session, NULL, headers, ARRAY_SIZE(headers), &body,
				      NULL) < 0;
}

struct grpc_check *grpc_check_new(const char *service)
{
	struct grpc_check *check = xnew(struct grpc_check);
	nghttp2_session_callbacks *callbacks;

	make_request(check, service);
	if (nghttp2_session_callbacks_new(&callbacks)) {
		free(check);
		return NULL;
	}
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_client_new(&check->session, callbacks, check);
	nghttp2_session_callbacks_del(callbacks);
	if (!check->session || submit(check)) {
		grpc_check_free(check);
		return NULL;
	}
	return check;
}

void grpc_check_free(struct grpc_check *check)
{
	if (!check)
		return;
	nghttp2_session_del(check->session);
	free(check);
}

ssize_t grpc_check_output(struct grpc_check *check, const uint8_t **ret)
{
	return nghttp2_session_mem_send(check->session, ret);
}

/* HealthCheckResponse { ServingStatus status = 1; }: 08 01 behind the prefix. */
static int is_serving(const struct grpc_check *check)
{
	return !check->is_refused && check->reply_len == PREFIX_LEN + 2 && check->reply[0] == 0 &&
	       check->reply[PREFIX_LEN] == 1 << 3 && check->reply[PREFIX_LEN + 1] == SERVING;
}

int grpc_check_input(struct grpc_check *check, const uint8_t *bytes, size_t len)
{
	if (nghttp2_session_mem_recv(check->session, bytes, len) != (ssize_t)len)
		return -1;
	if (!check->is_closed) /* after a protocol error it only wants to say goodbye */
		return nghttp2_session_want_read(check->session) ? 0 : -1;
	return is_serving(check) ? 1 : -1;
}
