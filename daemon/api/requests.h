/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: requests for services in the local API: resolve, explain, release
 */
#ifndef API_REQUESTS_H
#define API_REQUESTS_H

#include "daemon/api/names.h"
#include "daemon/api/resource.h"

/**
 * api_parse_query() - What a user wants, from a JSON body.
 * @body: object
 * @ret: filled on success
 * @error: receives what is wrong with it
 * @error_size: bytes available in @error
 *
 * Return: 0; -EINVAL with @error.
 */
int api_parse_query(const json_t *body, struct broker_query *ret, char *error, size_t error_size);

/* Resources, see the table of resource.c. */
void post_resolve(struct api_state *state, const struct api_request *request,
		  struct api_reply *ret);
void post_release(struct api_state *state, const struct api_request *request,
		  struct api_reply *ret);
void post_result(struct api_state *state, const struct api_request *request, struct api_reply *ret);
void get_requests(struct api_state *state, const struct api_request *request,
		  struct api_reply *ret);
void get_leases(struct api_state *state, const struct api_request *request, struct api_reply *ret);

#endif
