// SPDX-License-Identifier: GPL-2.0
/* DOC: session: see session.h */
#include "daemon/session/session.h"

#include <stdlib.h>

#include "daemon/lib/memory.h"

void sessions_fini(struct sessions *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->list[i]);
	free(table->list);
	*table = (struct sessions){0};
}

static size_t lower_bound(const struct sessions *table, uint64_t id)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (table->list[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct session *sessions_find(const struct sessions *table, uint64_t id)
{
	size_t i = lower_bound(table, id);

	return i < table->n && table->list[i]->id == id ? table->list[i] : NULL;
}

struct session *sessions_add(struct sessions *table, uint64_t id)
{
	size_t i = lower_bound(table, id);
	struct session *session;

	if (table->n >= SESSIONS_MAX || (i < table->n && table->list[i]->id == id))
		return NULL;
	if (table->n == table->capacity) {
		table->capacity = table->capacity ? table->capacity * 2 : 16;
		table->list = xreallocarray(table->list, table->capacity, sizeof(*table->list));
	}
	session = xnew(struct session);
	session->id = id;
	session->seed = -1;
	session->retry_at = NEVER;
	memmove(&table->list[i + 1], &table->list[i], (table->n - i) * sizeof(*table->list));
	table->list[i] = session;
	table->n++;
	return session;
}

void sessions_remove(struct sessions *table, struct session *session)
{
	size_t i = lower_bound(table, session->id);

	memmove(&table->list[i], &table->list[i + 1], (table->n - i - 1) * sizeof(*table->list));
	table->n--;
	free(session);
}

bool session_allows(const struct session *session, uint8_t message, uint8_t key_owner_link,
		    const struct control_key *key)
{
	if (message == CONTROL_HELLO)
		return session->state == SESSION_GREETING;
	if (session->state != SESSION_READY)
		return false;
	if (session->kind != SESSION_MESH)
		return true;
	if (message == CONTROL_RECORD || message == CONTROL_DIGEST || message == CONTROL_PULL ||
	    message == CONTROL_BLOB || message == CONTROL_REVOCATIONS ||
	    message == CONTROL_REVOCATIONS_HAVE)
		return false;
	return !key || key->owner != key_owner_link;
}

uint32_t session_next_serial(struct session *session)
{
	return 2 * session->offers++ + (session->is_client ? 1 : 2);
}

uint32_t session_pick_cipher(uint32_t preferred, uint32_t ours, uint32_t theirs)
{
	uint32_t both = ours & theirs;

	if (preferred < 32 && (both & 1u << preferred))
		return preferred;
	for (uint32_t i = 1; i < 32; i++) {
		if (both & 1u << i)
			return i;
	}
	return 0;
}

uint64_t session_deadline(const struct session *session, uint64_t idle_ns)
{
	uint64_t at = session->retry_at;

	if (session->state == SESSION_GREETING)
		at = earlier(at, session->since_ns + SESSION_HELLO_NS);
	if (session->state == SESSION_READY && session->kind == SESSION_MESH)
		at = earlier(at, session->last_ns + idle_ns);
	return at;
}
