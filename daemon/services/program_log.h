/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: program_log: the newest lines a program wrote
 *
 * Pure.  Bounded in lines and in bytes; the oldest go first and are counted.
 */
#ifndef SERVICES_PROGRAM_LOG_H
#define SERVICES_PROGRAM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_LINES_MAX 256
#define OUTPUT_LINE_MAX 511 /* bytes; longer ones are cut into several */
#define OUTPUT_STREAMS 2 /* standard output and error */

/**
 * struct program_line - one of them
 * @seq: counts from 1
 * @unix_ms: when it was complete
 * @stream: 0 output, 1 error, 2 the supervisor's own words
 * @text: without its newline
 */
struct program_line {
	uint64_t seq;
	int64_t unix_ms;
	uint8_t stream;
	char *text;
};

/**
 * struct program_log - of one program
 * @lines: ring, by seq
 * @last_seq: of the newest, 0 none
 * @partial: beginnings of lines
 * @partial_len: bytes there
 */
struct program_log {
	struct program_line lines[OUTPUT_LINES_MAX];
	uint64_t last_seq;
	char partial[OUTPUT_STREAMS][OUTPUT_LINE_MAX + 1];
	size_t partial_len[OUTPUT_STREAMS];
};

/** program_log_add() - What was written on @stream; empty lines are passed over. */
void program_log_add(struct program_log *output, int64_t unix_ms, uint8_t stream, const char *bytes,
		     size_t len);
/** program_log_note() - A line of the supervisor's. */
void program_log_note(struct program_log *output, int64_t unix_ms, const char *text);
/** program_log_flush() - The program ended: what has no newline is a line too. */
void program_log_flush(struct program_log *output, int64_t unix_ms);
/** program_log_oldest() - Sequence of the oldest line held, 0 none. */
uint64_t program_log_oldest(const struct program_log *output);
/** program_log_get() - NULL when it is not held. */
const struct program_line *program_log_get(const struct program_log *output, uint64_t seq);
/** program_log_fini() - Free the lines. */
void program_log_fini(struct program_log *output);

#endif
