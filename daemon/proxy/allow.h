/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: allow: may this caller use this service of ours
 *
 * Rules are the provider's own (meshd.yaml, proxy.allow).  A service that no
 * rule names is open to every hub of the mesh; as soon as one names it, only
 * what a rule allows passes.  The caller is who its certificate says.  Pure.
 */
#ifndef PROXY_ALLOW_H
#define PROXY_ALLOW_H

#include "daemon/lib/hub_id.h"
#include "daemon/lib/zone_name.h"
#include "daemon/wire/manifest.h"

#define ALLOW_RULES_MAX 256
#define ALLOW_HUBS_MAX 64 /* of one rule */
#define ALLOW_ZONES_MAX ZONE_LIST_NAMES_MAX /* of one rule */
#define ALLOW_SERVICES_MAX 64 /* of one rule */
#define ALLOW_METHODS_MAX 8 /* of one rule */
#define ALLOW_PATHS_MAX 8 /* of one rule */
#define ALLOW_METHOD_LEN 15
#define ALLOW_PATH_LEN 127

/**
 * struct allow_rule - who may do what with a service; an empty list asks for nothing
 * @service: its name
 * @n_hubs: entries of @hubs
 * @hubs: the caller is one of these
 * @n_zones: entries of @zones
 * @zones: or its certificate is in one of these
 * @n_services: entries of @services
 * @services: or it has proved to speak for one of these
 * @n_methods: entries of @methods
 * @methods: of HTTP
 * @n_paths: entries of @paths
 * @paths: prefixes of the HTTP path
 */
struct allow_rule {
	char service[MANIFEST_NAME_MAX + 1];
	size_t n_hubs, n_zones, n_services, n_methods, n_paths;
	struct hub_id hubs[ALLOW_HUBS_MAX];
	char zones[ALLOW_ZONES_MAX][ZONE_NAME_MAX + 1];
	char services[ALLOW_SERVICES_MAX][MANIFEST_NAME_MAX + 1];
	char methods[ALLOW_METHODS_MAX][ALLOW_METHOD_LEN + 1];
	char paths[ALLOW_PATHS_MAX][ALLOW_PATH_LEN + 1];
};

/**
 * struct allow_caller - who asks, by its certificate, and for what
 * @hub: id
 * @zones: zone list
 * @service: it speaks for, by a certificate of that; "" or NULL none
 * @method: of an HTTP request; NULL: a stream of bytes
 * @path: of an HTTP request
 * @is_any_request: there will be requests, which are judged by themselves
 */
struct allow_caller {
	struct hub_id hub;
	const char *zones, *service;
	const char *method, *path;
	bool is_any_request;
};

/**
 * allow_check() - Does a rule let the caller pass?
 * @rules: in any order
 * @n: their number
 * @service: what it wants to use
 * @caller: who it is
 *
 * Rules with methods or paths say nothing of a stream of bytes, so they do not let one pass.
 */
bool allow_check(const struct allow_rule *rules, size_t n, const char *service,
		 const struct allow_caller *caller);

/** allow_is_prefix() - Can it stand for paths: printable, from a slash, not too long? */
bool allow_is_prefix(const char *text);
/** allow_has_prefix() - "/v1" is a prefix of "/v1" and "/v1/x", not of "/v10". */
bool allow_has_prefix(const char *path, const char *prefix);
/** allow_has_paths() - Does a rule for the service look at paths? */
bool allow_has_paths(const struct allow_rule *rules, size_t n, const char *service);

/**
 * allow_has_credentials() - Do the caller's certificates prove what a manifest asks for?
 * @manifest: its credentials are looked at
 * @caller: hub's zones and service are looked at
 *
 * A hub's certificate proves "zone:NAME", a service's "service:NAME", nothing else is proved: a
 * service that asks for another credential is closed to every other hub.
 */
bool allow_has_credentials(const struct manifest *manifest, const struct allow_caller *caller);

#endif
