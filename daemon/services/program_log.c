// SPDX-License-Identifier: GPL-2.0
/* DOC: program_log: see program_log.h */
#include "daemon/services/program_log.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

#define STREAM_OWN OUTPUT_STREAMS

static void add_line(struct program_log *output, int64_t unix_ms, uint8_t stream, const char *text,
		     size_t len)
{
	struct program_line *line = &output->lines[output->last_seq % OUTPUT_LINES_MAX];

	free(line->text);
	line->seq = ++output->last_seq;
	line->unix_ms = unix_ms;
	line->stream = stream;
	line->text = xstrndup(text, len);
}

static void end_line(struct program_log *output, int64_t unix_ms, uint8_t stream)
{
	if (output->partial_len[stream])
		add_line(output, unix_ms, stream, output->partial[stream],
			 output->partial_len[stream]);
	output->partial_len[stream] = 0;
}

void program_log_add(struct program_log *output, int64_t unix_ms, uint8_t stream, const char *bytes,
		     size_t len)
{
	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline ? (size_t)(newline - bytes) : len;
		size_t room = OUTPUT_LINE_MAX - output->partial_len[stream];

		if (part > room) {
			part = room;
			newline = NULL;
		}
		memcpy(output->partial[stream] + output->partial_len[stream], bytes, part);
		output->partial_len[stream] += part;
		if (newline || output->partial_len[stream] == OUTPUT_LINE_MAX)
			end_line(output, unix_ms, stream);
		part += newline ? 1 : 0;
		bytes += part;
		len -= part;
	}
}

void program_log_note(struct program_log *output, int64_t unix_ms, const char *text)
{
	size_t len = strcspn(text, "\n"); /* a sentence for a client ends with one */

	add_line(output, unix_ms, STREAM_OWN, text, len < OUTPUT_LINE_MAX ? len : OUTPUT_LINE_MAX);
}

void program_log_flush(struct program_log *output, int64_t unix_ms)
{
	for (uint8_t stream = 0; stream < OUTPUT_STREAMS; stream++)
		end_line(output, unix_ms, stream);
}

uint64_t program_log_oldest(const struct program_log *output)
{
	return output->last_seq > OUTPUT_LINES_MAX ? output->last_seq - OUTPUT_LINES_MAX + 1
						   : output->last_seq > 0;
}

const struct program_line *program_log_get(const struct program_log *output, uint64_t seq)
{
	const struct program_line *line = &output->lines[(seq - 1) % OUTPUT_LINES_MAX];

	return seq && line->seq == seq ? line : NULL;
}

void program_log_fini(struct program_log *output)
{
	for (size_t i = 0; i < OUTPUT_LINES_MAX; i++)
		free(output->lines[i].text);
}
