/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: shadow: a request made once more, by us
 *
 * A flow whose client is memory: it says a request that a client has said to
 * another flow.  A copy goes to a mirror, and what comes back is dropped.  A
 * hedge goes to another provider, and if its answer begins before the first
 * attempt's it becomes the answer.  Neither is tried again, and what we would
 * answer ourselves ends it.
 */
#ifndef PROXY_SHADOW_H
#define PROXY_SHADOW_H

#include "daemon/proxy/internal.h"

#define MIRRORS_MAX 64 /* copies under way; more are not made */

/**
 * struct shadow - the client of such a flow
 * @end: first, so that one is the other
 * @parent: for whom it is a hedge; NULL it is a copy, or nobody waits any more
 * @is_mirror: it is a copy
 * @has_won: its answer is the parent's
 */
struct shadow {
	struct end end;
	struct http *parent;
	bool is_mirror, has_won;
};

/** shadow_mirror() - The request under way is whole: copy it to the entry's mirror. */
void shadow_mirror(struct http *http);
/** shadow_hedge() - No answer yet: a second attempt, if budget and another provider are there. */
void shadow_hedge(struct http *http);
/** shadow_cancel() - The request needs no second attempt any more. */
void shadow_cancel(struct http *http);
/** shadow_pass_on() - The client has room for more of a hedge's answer. */
void shadow_pass_on(struct http *http);
/** shadow_is_late() - Is it a copy that takes longer than a request may? */
bool shadow_is_late(const struct http *http, uint64_t now_ns);

#endif
