// SPDX-License-Identifier: GPL-2.0
/* DOC: resilience of entries in the local API: what is set, what was done */
#include "daemon/api/json.h"

#include "daemon/proxy/proxy.h"

static json_t *json_share(uint32_t percent, const char *service, const char *range_text)
{
	json_t *object = json_object();

	api_set_number(object, "percent", percent);
	if (service[0])
		api_set_text(object, "service", service);
	if (range_text[0])
		api_set_text(object, "versions", range_text);
	return object;
}

static json_t *json_outlier(const struct outlier_settings *settings)
{
	json_t *object = json_object();

	api_set_number(object, "in_row", settings->in_row);
	api_set_number(object, "window_s", settings->window_s);
	api_set_number(object, "min_requests", settings->min_requests);
	api_set_number(object, "eject_s", settings->eject_s);
	api_set_number(object, "max_percent", settings->max_percent);
	return object;
}

static json_t *json_concurrency(const struct concurrency_settings *settings)
{
	json_t *object = json_object();

	api_set_number(object, "max", settings->max);
	api_set_number(object, "queue", settings->queue);
	api_set_number(object, "queue_ms", settings->queue_ms);
	return object;
}

static json_t *json_fault(const struct fault_settings *settings)
{
	json_t *object = json_object();

	api_set_number(object, "abort_percent", settings->abort_percent);
	api_set_number(object, "abort_status", settings->abort_status);
	if (settings->abort_grpc_status)
		api_set_number(object, "abort_grpc_status", settings->abort_grpc_status);
	api_set_number(object, "delay_percent", settings->delay_percent);
	if (settings->delay_ms)
		api_set_number(object, "delay_ms", settings->delay_ms);
	return object;
}

static json_t *json_hedge(const struct hedge_settings *settings)
{
	json_t *object = json_object(), *methods = json_array();

	if (settings->after_ms)
		api_set_number(object, "after_ms", settings->after_ms);
	for (size_t i = 0; i < settings->n_grpc_methods; i++)
		json_array_append_new(methods, json_string(settings->grpc_methods[i]));
	json_object_set_new(object, "grpc_methods", methods);
	return object;
}

static void set_split(json_t *object, const struct split_settings *settings)
{
	json_t *shares = json_array(), *sticky = json_object();

	for (size_t i = 0; i < settings->n; i++)
		json_array_append_new(shares, json_share(settings->shares[i].percent,
							 settings->shares[i].service,
							 settings->shares[i].range_text));
	json_object_set_new(object, "split", shares);
	if (settings->header[0])
		api_set_text(sticky, "header", settings->header);
	if (settings->cookie[0])
		api_set_text(sticky, "cookie", settings->cookie);
	json_object_set_new(object, "sticky", sticky);
}

json_t *api_json_resilience_settings(const struct resilience_settings *settings)
{
	json_t *object = json_object();

	if (settings->outlier.is_on)
		json_object_set_new(object, "outlier", json_outlier(&settings->outlier));
	if (settings->concurrency.is_on)
		json_object_set_new(object, "concurrency",
				    json_concurrency(&settings->concurrency));
	if (fault_is_on(&settings->fault))
		json_object_set_new(object, "fault", json_fault(&settings->fault));
	if (settings->hedge.is_on)
		json_object_set_new(object, "hedge", json_hedge(&settings->hedge));
	if (settings->split.n)
		set_split(object, &settings->split);
	if (settings->mirror.percent)
		json_object_set_new(object, "mirror",
				    json_share(settings->mirror.percent, settings->mirror.service,
					       settings->mirror.range_text));
	api_set_number(object, "drain_ms", settings->drain_ms);
	return object;
}

json_t *api_json_resilience_counts(const struct resilience_counts *counts)
{
	json_t *object = json_object(), *split = json_array();

	api_set_number(object, "ejections", counts->ejections);
	api_set_number(object, "ejections_spared", counts->ejections_spared);
	api_set_number(object, "queued", counts->queued);
	api_set_number(object, "overflowed", counts->overflowed);
	api_set_number(object, "rejected", counts->rejected);
	api_set_number(object, "faults_delayed", counts->faults_delayed);
	api_set_number(object, "faults_aborted", counts->faults_aborted);
	for (size_t i = 0; i < SPLIT_MAX; i++)
		json_array_append_new(split, json_integer((json_int_t)counts->split[i]));
	json_object_set_new(object, "split", split);
	api_set_number(object, "hedged", counts->hedged);
	api_set_number(object, "hedges_won", counts->hedges_won);
	api_set_number(object, "mirrored", counts->mirrored);
	api_set_number(object, "mirrors_dropped", counts->mirrors_dropped);
	api_set_number(object, "drained", counts->drained);
	api_set_number(object, "drain_cut", counts->drain_cut);
	api_set_number(object, "resumed", counts->resumed);
	return object;
}
