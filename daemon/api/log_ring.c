// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: log_ring: the last lines of the log, for GET /v1/log
 *
 * A fixed ring of API_LOG_LINES_MAX lines with growing sequence numbers, so
 * that a reader can continue where it stopped and see how many lines it lost.
 */
#include "daemon/api/log_ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

struct log_ring {
	pthread_mutex_t lock; /* protects all below: lines come from any thread */
	uint64_t newest;
	struct log_line lines[API_LOG_LINES_MAX];
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

struct log_ring *log_ring_new(void)
{
	struct log_ring *ring = xnew(struct log_ring);

	pthread_mutex_init(&ring->lock, NULL);
	return ring;
}

void log_ring_free(struct log_ring *ring)
{
	if (!ring)
		return;
	pthread_mutex_destroy(&ring->lock);
	free(ring);
}

void log_ring_add(struct log_ring *ring, int64_t unix_ms, int level, const char *class,
		  const char *text)
{
	struct log_line *line;

	pthread_mutex_lock(&ring->lock);
	line = &ring->lines[++ring->newest % API_LOG_LINES_MAX];
	line->seq = ring->newest;
	line->unix_ms = unix_ms;
	line->level = level;
	snprintf(line->class, sizeof(line->class), "%s", class ? class : "");
	snprintf(line->text, sizeof(line->text), "%s", text ? text : "");
	pthread_mutex_unlock(&ring->lock);
}

uint64_t log_ring_newest(const struct log_ring *ring)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&ring->lock;
	uint64_t newest;

	pthread_mutex_lock(lock);
	newest = ring->newest;
	pthread_mutex_unlock(lock);
	return newest;
}

uint64_t log_ring_oldest(const struct log_ring *ring)
{
	uint64_t newest = log_ring_newest(ring);

	if (newest < API_LOG_LINES_MAX)
		return newest ? 1 : 0;
	return newest - API_LOG_LINES_MAX + 1;
}

bool log_ring_get(const struct log_ring *ring, uint64_t seq, struct log_line *ret)
{
	const struct log_line *line = &ring->lines[seq % API_LOG_LINES_MAX];
	pthread_mutex_t *lock = (pthread_mutex_t *)&ring->lock;
	bool is_held;

	pthread_mutex_lock(lock);
	is_held = seq && line->seq == seq;
	if (is_held)
		*ret = *line;
	pthread_mutex_unlock(lock);
	return is_held;
}

const char *log_level_name(int level)
{
	if (level < 0 || level >= (int)(sizeof(level_names) / sizeof(level_names[0])))
		return "?";
	return level_names[level];
}

int log_level_parse(const char *text)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (strcmp(text, level_names[i]) == 0)
			return (int)i;
	return -EINVAL;
}
