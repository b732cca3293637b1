/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MESHCTL_CLIENT_H
#define MESHCTL_CLIENT_H

#include <jansson.h>

#include "tools/meshctl/meshctl.h"

#define CLIENT_ANSWER_MAX (64 << 20) /* bytes; a mesh of 16384 hubs needs about 8 MiB */
#define CLIENT_TIMEOUT_S 10
#define CLIENT_CONNECT_TIMEOUT_S 3
#define CLIENT_URL_MAX 2048

/**
 * client_get() - Ask the daemon.
 * @ctl: options and output
 * @ret: the answer's object, owned by the caller; untouched on failure
 * @fmt: path and query; escape values with client_escape()
 *
 * Trouble is reported with meshctl_fail() here, in one place for all commands.
 *
 * Return: MESHCTL_OK; MESHCTL_NO the daemon knows no such thing; MESHCTL_DATA the answer is not
 * what the API promises; MESHCTL_UNAVAILABLE; MESHCTL_NOPERM.
 */
int client_get(struct meshctl *ctl, json_t **ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** client_post() - As client_get(), with @body (JSON text). */
int client_post(struct meshctl *ctl, json_t **ret, const char *path, const char *body);
/** client_escape() - Percent-encode @text for a query; cut at @size. Return: @buf. */
const char *client_escape(const char *text, char *buf, size_t size);

/**
 * client_parse() - From bytes of an answer to its object.
 * @ctl: options and output
 * @bytes: body of the answer, borrowed
 * @len: its length
 * @ret: as client_get()
 * @status: HTTP status
 * Return: as client_get().
 */
int client_parse(struct meshctl *ctl, long status, const char *bytes, size_t len, json_t **ret);

#endif
