/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: refused: certificates of strangers, counted by reason and logged at a bounded rate
 *
 * For sessions and for trunks of the proxy alike.
 */
#ifndef TRANSPORT_REFUSED_H
#define TRANSPORT_REFUSED_H

#include <uv.h>

#include "daemon/trust/refusal.h"

/**
 * refused_note() - A handshake ended.
 * @list: counts
 * @refusal: why; TRUST_NOT_REFUSED is not noted
 * @what: "session" or "trunk"
 * @tcp: whose other end it was
 */
void refused_note(struct trust_refusals *list, enum trust_refusal refusal, const char *what,
		  const uv_tcp_t *tcp);
/** refused_note_fd() - The same, of a socket that libuv does not know; negative: of none. */
void refused_note_fd(struct trust_refusals *list, enum trust_refusal refusal, const char *what,
		     int fd);

#endif
