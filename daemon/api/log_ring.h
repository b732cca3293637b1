/* SPDX-License-Identifier: GPL-2.0 */
#ifndef API_LOG_RING_H
#define API_LOG_RING_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/api/api.h"
#include "daemon/lib/log.h"

/**
 * struct log_line - one remembered line
 * @seq: counts lines since the start, from 1
 * @unix_ms: wall clock when it was written
 * @level: 0 error .. 3 debug
 * @class: whose fault, see enum log_class
 * @text: key=value, cut to LOG_LINE_MAX bytes
 */
struct log_line {
	uint64_t seq;
	int64_t unix_ms;
	int level;
	char class[16];
	char text[LOG_LINE_MAX];
};

struct log_ring;

/* Every function of the ring may be called from any thread. */
struct log_ring *log_ring_new(void);
void log_ring_free(struct log_ring *ring);
void log_ring_add(struct log_ring *ring, int64_t unix_ms, int level, const char *class,
		  const char *text);
/** log_ring_newest() - Sequence of the newest line, 0 without one. */
uint64_t log_ring_newest(const struct log_ring *ring);
/** log_ring_oldest() - Sequence of the oldest line still held, 0 without one. */
uint64_t log_ring_oldest(const struct log_ring *ring);
/** log_ring_get() - Copy a line by sequence. Return: false when never written or overwritten. */
bool log_ring_get(const struct log_ring *ring, uint64_t seq, struct log_line *ret);
/** log_level_name() - "error", "warning", "info", "debug"; "?" for other numbers. */
const char *log_level_name(int level);
/** log_level_parse() - Return: 0..3; -EINVAL. */
int log_level_parse(const char *text);

#endif
