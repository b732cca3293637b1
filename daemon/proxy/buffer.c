// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: buffers of flows
 *
 * What is read from a socket goes into a chunk, which goes back when its bytes
 * have been taken: a flow that waits holds none.  When many are held, by flows
 * whose readers are slow, later ones get small ones, so that everybody moves.
 */
#include "daemon/proxy/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

/* What malloc() keeps at hand for each thread; larger ones it would merge and split each time. */
#define APPEND_MIN 1024
#define SHRINK_MAX \
	2048 /* bytes for which a chunk is not held: to copy them costs less than its pages */

void buffer_get_chunk(struct proxy *proxy, struct buffer *buffer)
{
	bool is_large = proxy->n_chunks < CHUNKS_MAX;

	buffer->start = buffer->end = 0;
	buffer->size = is_large ? CHUNK_SIZE : CHUNK_SMALL_SIZE;
	proxy->n_chunks += is_large;
	if (is_large && proxy->n_idle_chunks)
		buffer->bytes = proxy->idle_chunks[--proxy->n_idle_chunks];
	else
		buffer->bytes = xmalloc(buffer->size);
}

void buffer_shrink(struct proxy *proxy, struct buffer *buffer)
{
	size_t len = buffer_len(buffer);
	struct buffer small = {0};

	if (buffer->size < CHUNK_SMALL_SIZE || len > SHRINK_MAX)
		return;
	buffer_append(&small, buffer->bytes + buffer->start, len);
	buffer_release(proxy, buffer);
	*buffer = small;
}

void buffer_grow(struct proxy *proxy, struct buffer *buffer)
{
	struct buffer chunk = {0};

	if (buffer->size >= CHUNK_SMALL_SIZE)
		return;
	buffer_get_chunk(proxy, &chunk);
	memcpy(chunk.bytes, buffer->bytes + buffer->start, buffer_len(buffer));
	chunk.end = buffer_len(buffer);
	buffer_release(proxy, buffer);
	*buffer = chunk;
}

void buffer_release(struct proxy *proxy, struct buffer *buffer)
{
	bool is_large = buffer->size == CHUNK_SIZE;

	if (!buffer->bytes)
		return;
	proxy->n_chunks -= is_large;
	if (is_large && proxy->n_idle_chunks < CHUNKS_IDLE_MAX)
		proxy->idle_chunks[proxy->n_idle_chunks++] = buffer->bytes;
	else
		free(buffer->bytes);
	*buffer = (struct buffer){0};
}

void buffer_append(struct buffer *buffer, const uint8_t *bytes, size_t len)
{
	size_t have = buffer_len(buffer), size = buffer->size ? buffer->size : APPEND_MIN;

	if (buffer->start && buffer->end + len > buffer->size) {
		memmove(buffer->bytes, buffer->bytes + buffer->start, have);
		buffer->start = 0;
		buffer->end = have;
	}
	while (size < buffer->end + len)
		size *= 2; /* powers of two: never CHUNK_SIZE */
	if (size != buffer->size) {
		buffer->bytes = xreallocarray(buffer->bytes, size, 1);
		buffer->size = size;
	}
	memcpy(buffer->bytes + buffer->end, bytes, len);
	buffer->end += len;
}

void buffer_append_content(struct buffer *buffer, bool is_chunked, const uint8_t *bytes, size_t len)
{
	char line[sizeof("ffffffffffffffff\r\n")];

	if (!len)
		return;
	if (is_chunked)
		buffer_append(buffer, (const uint8_t *)line,
			      (size_t)snprintf(line, sizeof(line), "%zx\r\n", len));
	buffer_append(buffer, bytes, len);
	if (is_chunked)
		buffer_append(buffer, (const uint8_t *)"\r\n", 2);
}

size_t buffer_room(struct buffer *buffer)
{
	if (buffer->start && buffer->end == buffer->size) {
		size_t have = buffer_len(buffer);

		memmove(buffer->bytes, buffer->bytes + buffer->start, have);
		buffer->start = 0;
		buffer->end = have;
	}
	return buffer->size - buffer->end;
}

void buffer_take(struct proxy *proxy, struct buffer *buffer, size_t n)
{
	buffer->start += n;
	if (buffer->start == buffer->end)
		buffer_release(proxy, buffer);
}
