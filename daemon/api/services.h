/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: services in the local API: what is offered, here and in the mesh
 */
#ifndef API_SERVICES_H
#define API_SERVICES_H

#include "daemon/api/names.h"
#include "daemon/api/resource.h"

/** api_json_instance() - A service at a hub: manifest and live numbers. */
json_t *api_json_instance(const struct registry_instance *instance, const struct api_names *names,
			  const struct hub_id *self, uint64_t now_ns);
/** api_json_version() - A line of history. */
json_t *api_json_version(const struct registry_version *version, const struct api_names *names,
			 uint64_t now_ns);

/* Resources, see the table of resource.c. */
void get_services(struct api_state *state, const struct api_request *request,
		  struct api_reply *ret);
void get_service_history(struct api_state *state, const struct api_request *request,
			 struct api_reply *ret);
void post_service_add(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret);
void post_service_start(struct api_state *state, const struct api_request *request,
			struct api_reply *ret);
void post_service_stop(struct api_state *state, const struct api_request *request,
		       struct api_reply *ret);
void post_service_restart(struct api_state *state, const struct api_request *request,
			  struct api_reply *ret);
void get_service_logs(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret);
void post_service_remove(struct api_state *state, const struct api_request *request,
			 struct api_reply *ret);

#endif
