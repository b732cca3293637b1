// SPDX-License-Identifier: GPL-2.0
/* DOC: authorization: see allow.h */
#include "daemon/proxy/allow.h"

#include <string.h>

#define ZONE_CREDENTIAL "zone:"
#define SERVICE_CREDENTIAL "service:"

static bool matches_caller(const struct allow_rule *rule, const struct allow_caller *caller)
{
	if (!rule->n_hubs && !rule->n_zones && !rule->n_services)
		return true;
	for (size_t i = 0; i < rule->n_hubs; i++)
		if (hub_id_equal(&rule->hubs[i], &caller->hub))
			return true;
	for (size_t i = 0; i < rule->n_zones; i++)
		if (zone_list_has(caller->zones, rule->zones[i]))
			return true;
	for (size_t i = 0; i < rule->n_services; i++)
		if (caller->service && strcmp(rule->services[i], caller->service) == 0)
			return true;
	return false;
}

static bool matches_method(const struct allow_rule *rule, const char *method)
{
	for (size_t i = 0; i < rule->n_methods; i++)
		if (method && strcmp(rule->methods[i], method) == 0)
			return true;
	return !rule->n_methods;
}

bool allow_is_prefix(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	return text[0] == '/' && len <= ALLOW_PATH_LEN;
}

bool allow_has_prefix(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(path, prefix, len) != 0)
		return false;
	return prefix[len - 1] == '/' || path[len] == '\0' || path[len] == '/' || path[len] == '?';
}

static bool matches_path(const struct allow_rule *rule, const char *path)
{
	for (size_t i = 0; i < rule->n_paths; i++)
		if (path && rule->paths[i][0] && allow_has_prefix(path, rule->paths[i]))
			return true;
	return !rule->n_paths;
}

bool allow_check(const struct allow_rule *rules, size_t n, const char *service,
		 const struct allow_caller *caller)
{
	bool is_named = false;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(rules[i].service, service) != 0)
			continue;
		is_named = true;
		if (matches_caller(&rules[i], caller) &&
		    (caller->is_any_request || (matches_method(&rules[i], caller->method) &&
						matches_path(&rules[i], caller->path))))
			return true;
	}
	return !is_named;
}

bool allow_has_paths(const struct allow_rule *rules, size_t n, const char *service)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].n_paths && strcmp(rules[i].service, service) == 0)
			return true;
	return false;
}

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static bool proves(const struct allow_caller *caller, const char *credential)
{
	const char *zone = after(credential, ZONE_CREDENTIAL);
	const char *service = after(credential, SERVICE_CREDENTIAL);

	if (zone)
		return zone_list_has(caller->zones, zone);
	return service && caller->service && strcmp(service, caller->service) == 0;
}

bool allow_has_credentials(const struct manifest *manifest, const struct allow_caller *caller)
{
	for (size_t i = 0; i < manifest->n_credentials; i++)
		if (!proves(caller, manifest->credentials[i]))
			return false;
	return true;
}
