// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: test_api: the local API, from its objects to hostile clients
 *
 * The first half calls api_answer() and the pure builders; the second runs a
 * real server on a Unix socket in a loop thread and talks HTTP to it by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/lib/memory.h"
#include "daemon/api/json.h"
#include "daemon/api/resource.h"
#include "daemon/api/socket.h"
#include "daemon/lib/ed25519.h"
#include "daemon/trust/trust.h"
#include "daemon/proxy/identity.h"
#include "selftests/unit/fake_hub.h"

#define DEADLINE_MS 5000

static struct hub hub;
static struct datapath datapath;
static struct transport transport;
static struct underlay underlay;
static struct config config;
static struct api_state api_state;
static const char *reload_error;

static uint64_t fake_now_ns(void *arg)
{
	return FAKE_NOW_NS;
}

static int fake_reload(void *arg, char *error, size_t error_size)
{
	if (!reload_error)
		return 0;
	snprintf(error, error_size, "%s", reload_error);
	return -EINVAL;
}

static struct api_context fake_context(void)
{
	return (struct api_context){
		.hub = &hub,
		.datapath = &datapath,
		.transport = &transport,
		.underlay = &underlay,
		.config = &config,
		.now_ns = fake_now_ns,
		.reload = fake_reload,
	};
}

/* One service of hub 2, as a catalogue of its own would bring it. */
static void fill_registry(void)
{
	struct catalogue catalogue = {.hub = fake_id(2), .n = 1};
	struct manifest manifest = {.hub = fake_id(2),
				    .name = "speech",
				    .version_text = "1.4.2",
				    .protocol = MANIFEST_GRPC,
				    .n_endpoints = 1,
				    .endpoints = {"127.0.0.1:8080"},
				    .n_capabilities = 1,
				    .capabilities = {"german"},
				    .slots = 16};
	uint8_t seed[ED25519_SEED_LEN] = {1}, pubkey[ED25519_PUBKEY_LEN], bytes[CATALOGUE_MAX];
	const struct registry_blob *blob;
	int len;

	hub.registry = registry_new();
	hub.versions = versions_new();
	hub.trust = trust_new("fake");
	hub.broker = broker_new(&(struct hub_id){{2}}, 1);
	assert_int_equal(ed25519_public_key(seed, pubkey), 0);
	len = manifest_encode(&manifest, seed, pubkey, bytes, sizeof(bytes));
	assert_true(len > 0);
	blob = registry_add_blob(hub.registry, 1, bytes, (size_t)len);
	memcpy(catalogue.entries[0].digest, blob->digest, SHA256_LEN);
	len = catalogue_encode(&catalogue, bytes, sizeof(bytes));
	blob = registry_add_blob(hub.registry, 1, bytes, (size_t)len);
	assert_int_equal(registry_set_catalogue(hub.registry, 1, 1800000000, &catalogue.hub,
						blob->digest, 0),
			 0);
	assert_int_equal(registry_count(hub.registry), 1);
}

static int set_up(void **state)
{
	fake_hub_init(&hub);
	fill_registry();
	fake_datapath_init(&datapath);
	config = (struct config){
		.mesh = (char *)"lab.example",
		.include = {(char *)"eth*"},
		.n_include = 1,
		.seeds = {fake_endpoint("198.51.100.9", 4878, 0)},
		.n_seeds = 1,
		.ipv4_pool = 0x0a4d0000,
		.ipv4_pool_prefix_len = 16,
		.cipher = HUBMESH_CIPHER_CHACHA20_POLY1305,
		.policy = policy_new(),
		.proxy = xnew(struct proxy_settings),
	};
	reload_error = NULL;
	api_state = (struct api_state){.context = fake_context(), .ring = log_ring_new()};
	return 0;
}

static int tear_down(void **state)
{
	log_ring_free(api_state.ring);
	registry_free(hub.registry);
	hub.registry = NULL;
	broker_free(hub.broker);
	trust_free(hub.trust);
	hub.broker = NULL;
	versions_free(hub.versions);
	hub.versions = NULL;
	free(config.policy);
	free(config.proxy);
	return 0;
}

static const char *argument_text;

static const char *one_argument(void *arg, const char *key)
{
	return arg && strcmp(arg, key) == 0 ? argument_text : NULL;
}

static json_t *ask(const char *method, const char *path, const char *key, const char *value,
		   const char *body, unsigned int expected_status)
{
	struct api_request request = {
		.method = method,
		.path = path,
		.argument = one_argument,
		.arg = (void *)key,
		.body = (const uint8_t *)body,
		.len = body ? strlen(body) : 0,
		.may_change = true,
	};
	struct api_reply reply;

	argument_text = value;
	api_answer(&api_state, &request, &reply);
	assert_int_equal(reply.status, expected_status);
	assert_int_equal(json_integer_value(json_object_get(reply.body, "api")), API_VERSION);
	return reply.body;
}

static json_t *get(const char *path)
{
	return ask("GET", path, NULL, NULL, NULL, 200);
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(none)";
}

static json_int_t number_of(json_t *object, const char *key)
{
	assert_true(json_is_integer(json_object_get(object, key)));
	return json_integer_value(json_object_get(object, key));
}

static const char *error_code(json_t *answer)
{
	json_t *error = json_object_get(answer, "error");

	assert_true(json_is_string(json_object_get(error, "message")));
	return text_of(error, "code");
}

static json_t *find_warning(json_t *status, const char *code)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(status, "warnings"), i,
			   entry) if (strcmp(text_of(entry, "code"), code) == 0) return entry;
	return NULL;
}

static void status_counts_what_the_hub_sees(void **state)
{
	json_t *answer = get("/v1/status");

	assert_int_equal(number_of(answer, "neighbours"), 2);
	assert_int_equal(number_of(json_object_get(answer, "links"), "up"), 2);
	assert_int_equal(number_of(json_object_get(answer, "links"), "known"), 3);
	assert_int_equal(number_of(json_object_get(answer, "hubs"), "known"), 4);
	assert_int_equal(number_of(json_object_get(answer, "hubs"), "reachable"), 3);
	assert_string_equal(text_of(json_object_get(answer, "hub"), "ipv4"), "10.77.0.1");
	assert_int_equal(number_of(answer, "uptime_s"), 5000);
	json_decref(answer);
}

static void status_warns_of_links_and_hubs_that_are_down(void **state)
{
	json_t *answer = get("/v1/status");

	assert_non_null(find_warning(answer, "links_down"));
	assert_non_null(find_warning(answer, "hubs_unreachable"));
	assert_null(find_warning(answer, "no_module"));
	assert_null(find_warning(answer, "no_neighbour"));
	assert_null(find_warning(answer, "certificate_expires"));
	json_decref(answer);
}

static void status_is_free_of_warnings_when_all_is_well(void **state)
{
	json_t *answer;

	hub.n_hubs = 4;
	hub.n_links = 2;
	answer = get("/v1/status");
	assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 0);
	json_decref(answer);
}

static void status_warns_of_a_twin_and_of_a_disk_that_is_full(void **state)
{
	struct hub_counters counters = {.twins_heard = 7};
	struct health health = {
		.has_datapath = true,
		.links = 1,
		.links_up = 1,
		.counters = &counters,
		.state = {.free_bytes = UINT64_MAX},
		.state_dir = "/var/lib/hubmesh",
	};
	static const struct {
		struct store_state state;
		const char *text;
	} bad[] = {
		{{.write_error = -ENOSPC, .free_bytes = 1 << 30}, "No space left on device"},
		{{.write_error = -EROFS, .free_bytes = 0}, "Read-only file system"},
		{{.free_bytes = 100 << 10}, "/var/lib/hubmesh is full: 100 KiB are left"},
	};
	json_t *status = json_object();

	json_object_set_new(status, "warnings", health_warnings(&health));
	assert_int_equal(json_array_size(json_object_get(status, "warnings")), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		health.state = bad[i].state;
		json_object_set_new(status, "warnings", health_warnings(&health));
		assert_int_equal(json_array_size(json_object_get(status, "warnings")), 1);
		assert_non_null(strstr(text_of(find_warning(status, "state_unwritable"), "message"),
				       bad[i].text));
	}
	health.state = (struct store_state){.free_bytes = 1 << 20};
	health.has_twin = true;
	health.twin_ago_ns = 3 * NSEC_PER_SEC;
	json_object_set_new(status, "warnings", health_warnings(&health));
	assert_int_equal(json_array_size(json_object_get(status, "warnings")), 1);
	assert_non_null(strstr(text_of(find_warning(status, "identity_used_twice"), "message"),
			       "heard 7 times, last 3 s ago"));
	json_decref(status);
	hub.has_twin = true;
	status = get("/v1/status");
	assert_non_null(find_warning(status, "identity_used_twice"));
	assert_null(find_warning(status, "state_unwritable"));
	json_decref(status);
}

static void status_without_module_says_why(void **state)
{
	json_t *answer;

	api_state.context.datapath = NULL;
	api_state.context.module_error = "no such module";
	answer = get("/v1/status");
	assert_non_null(
		strstr(text_of(find_warning(answer, "no_module"), "message"), "no such module"));
	assert_true(
		json_is_false(json_object_get(json_object_get(answer, "datapath"), "is_active")));
	json_decref(answer);
}

static void status_alone_names_the_ports_to_open(void **state)
{
	json_t *answer, *warning;

	hub.n_links = 0;
	answer = get("/v1/status");
	warning = find_warning(answer, "no_neighbour");
	assert_non_null(strstr(text_of(warning, "hint"), "4878"));
	assert_non_null(strstr(text_of(warning, "hint"), "4877"));
	json_decref(answer);
}

static void status_counts_the_days_of_the_certificate(void **state)
{
	struct api_certificate dates = {0};
	json_t *answer;

	api_state.context.certificate = &dates;
	dates.not_after_s = time(NULL) + 10 * 86400 + 60;
	answer = get("/v1/status");
	assert_non_null(strstr(text_of(find_warning(answer, "certificate_expires"), "message"),
			       "in 10 days"));
	json_decref(answer);

	dates.not_after_s = time(NULL) - 60;
	answer = get("/v1/status");
	assert_non_null(find_warning(answer, "certificate_expired"));
	json_decref(answer);

	dates.not_after_s = time(NULL) + API_CERTIFICATE_WARN_S + 60;
	answer = get("/v1/status");
	assert_null(find_warning(answer, "certificate_expires"));
	assert_null(find_warning(answer, "certificate_not_yet_valid"));
	json_decref(answer);
	api_state.context.certificate = NULL;
}

static void status_says_that_the_certificate_is_not_valid_yet(void **state)
{
	/* It would end soon as well, which is not what is wrong. */
	struct api_certificate dates = {.not_before_s = 4102444800, .not_after_s = 4102444860};
	json_t *answer, *certificate;

	api_state.context.certificate = &dates;
	answer = get("/v1/status");
	assert_non_null(
		strstr(text_of(find_warning(answer, "certificate_not_yet_valid"), "message"),
		       "not valid before 2100-01-01T00:00:00Z"));
	assert_null(find_warning(answer, "certificate_expires"));
	certificate = json_object_get(answer, "certificate");
	assert_true(json_integer_value(json_object_get(certificate, "valid_in_s")) > 0);
	assert_int_equal(json_integer_value(json_object_get(certificate, "not_before_unix_s")),
			 4102444800);
	json_decref(answer);
	dates.not_before_s = time(NULL);
	answer = get("/v1/status");
	assert_null(find_warning(answer, "certificate_not_yet_valid"));
	json_decref(answer);
	api_state.context.certificate = NULL;
}

static void status_says_the_same_of_certificates_of_services(void **state)
{
	struct proxy_identities identities = {
		.n = 2,
		.list = {{.name = "early", .not_before_s = 4102444800, .not_after_s = 4102444860},
			 {.name = "till", .not_after_s = time(NULL) + 3600}},
	};
	json_t *answer, *shown;

	api_state.context.identities = &identities;
	answer = get("/v1/status");
	assert_string_equal(text_of(find_warning(answer, "service_certificate_not_yet_valid"),
				    "message"),
			    "the certificate for service early is not valid before "
			    "2100-01-01T00:00:00Z, says this hub's clock");
	assert_non_null(
		strstr(text_of(find_warning(answer, "service_certificate_expires"), "message"),
		       "till expires in 0 days"));
	shown = json_array_get(json_object_get(answer, "service_certificates"), 0);
	assert_true(json_integer_value(json_object_get(shown, "valid_in_s")) > 0);
	json_decref(answer);
	api_state.context.identities = NULL;
}

static int take_list(void *arg, const uint8_t *bytes, size_t len, const char **error_text)
{
	static const struct {
		const char *text;
		int error;
	} answers[] = {{"new", 0}, {"again", -EALREADY}, {"old", -ESTALE}, {"bad", -EBADMSG}};

	*error_text = "for a reason";
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strlen(answers[i].text) == len && memcmp(answers[i].text, bytes, len) == 0)
			return answers[i].error;
	return -ENOSYS;
}

static void revocations_are_shown_and_taken(void **state)
{
	static const char *const path = "/v1/revocations/install";
	json_t *answer = get("/v1/revocations");

	assert_int_equal(json_array_size(json_object_get(answer, "lists")), 0);
	json_decref(answer);
	json_decref(ask("POST", path, NULL, NULL, "{\"list\": \"new\"}", 501));
	api_state.context.revoke = take_list;
	json_decref(ask("POST", path, NULL, NULL, "{\"list\": \"new\"}", 200));
	json_decref(ask("POST", path, NULL, NULL, "{\"list\": \"again\"}", 200));
	json_decref(ask("POST", path, NULL, NULL, "{\"list\": 7}", 400));
	json_decref(ask("GET", path, NULL, NULL, NULL, 405));
	answer = ask("POST", path, NULL, NULL, "{\"list\": \"old\"}", 409);
	assert_string_equal(text_of(json_object_get(answer, "error"), "message"), "for a reason");
	json_decref(answer);
	json_decref(ask("POST", path, NULL, NULL, "{\"list\": \"bad\"}", 422));
	hub.is_revoked = true;
	answer = get("/v1/status");
	assert_non_null(find_warning(answer, "certificate_revoked"));
	json_decref(answer);
	hub.is_revoked = false;
	answer = get("/v1/stats");
	assert_non_null(json_object_get(json_object_get(json_object_get(answer, "transport"),
							"refused_certificates"),
					"revoked"));
	json_decref(answer);
}

static void status_warns_when_drops_rise(void **state)
{
	json_t *answer;

	health_history_add(&api_state.history, FAKE_NOW_NS - 60000000000ULL, &datapath.device);
	datapath.device.drops[HUBMESH_DROP_RX_SEAL_AUTH] += 5000;
	datapath.device.stats.rx_frames += 100000;
	answer = get("/v1/status");
	assert_non_null(
		strstr(text_of(find_warning(answer, "drops_rising"), "message"), "rx-seal-auth"));
	json_decref(answer);
}

static void status_is_calm_about_old_or_few_drops(void **state)
{
	json_t *answer;

	datapath.device.drops[HUBMESH_DROP_RX_SEAL_AUTH] = 1000000;
	health_history_add(&api_state.history, FAKE_NOW_NS - 60000000000ULL, &datapath.device);
	datapath.device.drops[HUBMESH_DROP_RX_SEAL_AUTH] += 99;
	answer = get("/v1/status");
	assert_null(find_warning(answer, "drops_rising"));
	json_decref(answer);
}

static void history_keeps_the_newest_samples(void **state)
{
	for (unsigned int i = 0; i < HEALTH_SAMPLES + 3; i++)
		health_history_add(&api_state.history, i, &datapath.device);
	assert_int_equal(api_state.history.n, HEALTH_SAMPLES);
	assert_int_equal(api_state.history.at_ns[0], 3);
}

static void hubs_have_units_and_null_for_unknown(void **state)
{
	json_t *answer = get("/v1/hubs"), *hubs = json_object_get(answer, "hubs"), *entry;

	assert_int_equal(json_array_size(hubs), 5);
	entry = json_array_get(hubs, 1);
	assert_string_equal(text_of(entry, "name"), "bravo");
	assert_int_equal(number_of(entry, "cost_us"), 620);
	assert_int_equal(number_of(entry, "heard_ms"), 3000);
	entry = json_array_get(hubs, 4);
	assert_true(json_is_null(json_object_get(entry, "hops")));
	assert_true(json_is_false(json_object_get(entry, "is_reachable")));
	json_decref(answer);
}

static void hubs_with_hostile_names_stay_json(void **state)
{
	json_t *answer;
	char *text;

	hub.hubs[1].name = "\xff\xfe\"\x1b[2J\n";
	answer = get("/v1/hubs");
	assert_string_equal(text_of(json_array_get(json_object_get(answer, "hubs"), 1), "name"),
			    "??\"\x1b[2J\n");
	text = json_dumps(answer, JSON_COMPACT);
	assert_null(strchr(text, '\x1b'));
	free(text);
	json_decref(answer);
}

static void links_join_the_kernel_to_the_hub(void **state)
{
	json_t *answer = get("/v1/links"), *links = json_object_get(answer, "links"), *entry;

	entry = json_array_get(links, 0);
	assert_string_equal(text_of(entry, "peer_name"), "bravo");
	assert_string_equal(text_of(entry, "interface"), "eth0");
	assert_string_equal(text_of(entry, "state"), "up");
	assert_int_equal(number_of(entry, "rtt_us"), 1240);
	assert_int_equal(json_array_size(json_object_get(entry, "rx_phases")), 2);
	entry = json_array_get(links, 2);
	assert_string_equal(text_of(entry, "state"), "down");
	assert_true(json_is_null(json_object_get(entry, "tx_phase")));
	assert_null(json_object_get(entry, "rx_frames"));
	json_decref(answer);
}

static void links_survive_a_datapath_that_fails(void **state)
{
	json_t *answer, *entry;

	datapath.error = -EIO;
	answer = get("/v1/links");
	entry = json_array_get(json_object_get(answer, "links"), 0);
	assert_int_equal(number_of(entry, "rtt_us"), 1238);
	json_decref(answer);
	answer = get("/v1/stats");
	assert_true(json_is_null(json_object_get(answer, "datapath")));
	json_decref(answer);
}

static void routes_name_neighbours_and_backup(void **state)
{
	json_t *answer = get("/v1/routes"), *routes = json_object_get(answer, "routes"), *via;
	json_t *backup;

	assert_int_equal(number_of(answer, "generation"), 17);
	via = json_object_get(json_array_get(routes, 1), "via");
	assert_int_equal(json_array_size(via), 2);
	assert_string_equal(text_of(json_array_get(via, 1), "peer_name"), "charlie");
	assert_int_equal(number_of(json_array_get(via, 0), "weight"), 3);
	assert_int_equal(number_of(json_object_get(json_array_get(routes, 0), "backup"), "link"),
			 2);
	assert_true(json_is_null(json_object_get(json_array_get(routes, 1), "backup")));
	backup = json_object_get(json_array_get(routes, 0), "backup");
	assert_true(json_is_null(json_object_get(backup, "tunnel")));
	backup = json_object_get(json_array_get(routes, 2), "backup");
	assert_int_equal(number_of(backup, "link"), 1);
	assert_string_equal(text_of(backup, "tunnel_name"), "delta");
	json_decref(answer);
}

static void path_lists_hops_with_their_cost(void **state)
{
	json_t *answer = ask("GET", "/v1/path", "to", "delta", NULL, 200);
	json_t *last = json_array_get(json_object_get(answer, "path"), 2);

	assert_string_equal(text_of(last, "name"), "delta");
	assert_int_equal(number_of(last, "cost_us"), 1210);
	assert_int_equal(number_of(last, "step_us"), 590);
	json_decref(answer);
}

static void path_to_an_unreachable_hub_is_an_answer(void **state)
{
	json_t *answer = ask("GET", "/v1/path", "to", "echo", NULL, 200);

	assert_true(json_is_false(json_object_get(answer, "is_reachable")));
	assert_int_equal(json_array_size(json_object_get(answer, "path")), 0);
	json_decref(answer);
}

static void path_refuses_unknown_ambiguous_and_missing_names(void **state)
{
	json_t *answer = ask("GET", "/v1/path", "to", "nobody", NULL, 404);

	assert_string_equal(error_code(answer), "unknown_hub");
	json_decref(answer);
	answer = ask("GET", "/v1/path", "to", "twin", NULL, 409);
	assert_string_equal(error_code(answer), "ambiguous_name");
	json_decref(answer);
	answer = ask("GET", "/v1/path", NULL, NULL, NULL, 400);
	assert_string_equal(error_code(answer), "missing_argument");
	json_decref(answer);
}

static void sessions_have_ages(void **state)
{
	json_t *answer = get("/v1/sessions");
	json_t *entry = json_array_get(json_object_get(answer, "sessions"), 0);

	assert_int_equal(number_of(entry, "age_ms"), 3800000);
	assert_int_equal(number_of(entry, "rekey_in_ms"), 90000);
	assert_string_equal(text_of(entry, "role"), "client");
	json_decref(answer);
}

static void stats_list_every_drop_reason_with_its_meaning(void **state)
{
	json_t *answer = get("/v1/stats"), *drops, *entry;
	size_t i;

	drops = json_object_get(json_object_get(answer, "datapath"), "drops");
	assert_int_equal(json_array_size(drops), HUBMESH_DROP_MAX);
	json_array_foreach(drops, i, entry) assert_true(strlen(text_of(entry, "explanation")) > 8);
	assert_int_equal(number_of(json_array_get(drops, HUBMESH_DROP_RX_HOP_TAG - 1), "frames"),
			 12);
	assert_int_equal(number_of(json_object_get(answer, "hub"), "beacons_heard"), 1234);
	json_decref(answer);
}

/* Each member's number is its place in the structure: none is missing, none is shown twice. */
static void each_counter_of_the_hub_is_shown_once(void **state)
{
	struct hub_counters counters;
	uint64_t *numbers = (uint64_t *)&counters;
	size_t n = sizeof(counters) / sizeof(*numbers), sum = 0;
	json_t *object, *value;
	const char *key;

	for (size_t i = 0; i < n; i++)
		numbers[i] = i + 1;
	object = api_json_hub_counters(&counters);
	assert_int_equal(json_object_size(object), n);
	json_object_foreach(object, key, value) sum += (size_t)json_integer_value(value);
	assert_int_equal(sum, n * (n + 1) / 2);
	assert_int_equal(number_of(object, "pulls_limited"), counters.pulls_limited);
	assert_int_equal(number_of(object, "broker_limited"), counters.broker_limited);
	json_decref(object);
}

static void stats_have_the_counters_of_services(void **state)
{
	json_t *answer = get("/v1/stats");

	assert_true(json_is_integer(json_object_get(json_object_get(answer, "broker"), "late")));
	assert_true(json_is_integer(
		json_object_get(json_object_get(answer, "registry"), "blobs_refused")));
	json_decref(answer);
}

static void numbers_beyond_json_are_clamped(void **state)
{
	json_t *object = json_object();

	api_set_number(object, "n", UINT64_MAX);
	assert_int_equal(number_of(object, "n"), INT64_MAX);
	json_decref(object);
}

static void config_shows_the_proxy_in_words_of_its_file(void **state)
{
	static const char text[] = "mesh: a\n"
				   "proxy:\n"
				   "  entries: [{service: speech, service_port: 80, shared: "
				   "\"192.0.2.1:80\", protocol: http1, capabilities: [gpu]}]\n"
				   "  allow: [{service: tills, zones: [shop], methods: [GET]}]\n"
				   "  proxy_protocol: [tills]\n";
	struct config parsed = {0};
	json_t *object, *entry;
	char error[512];

	assert_int_equal(config_parse("f", (const uint8_t *)text, strlen(text), &parsed, error,
				      sizeof(error)),
			 0);
	object = api_json_proxy_settings(parsed.proxy);
	entry = json_array_get(json_object_get(object, "entries"), 0);
	assert_int_equal(json_integer_value(json_object_get(object, "port")), 4879);
	assert_string_equal(json_string_value(json_object_get(entry, "shared")), "192.0.2.1:80");
	assert_string_equal(json_string_value(json_object_get(entry, "protocol")), "http1");
	assert_null(json_object_get(entry, "listen"));
	assert_int_equal(json_array_size(json_object_get(entry, "capabilities")), 1);
	assert_int_equal(json_array_size(json_object_get(object, "allow")), 1);
	assert_int_equal(json_array_size(json_object_get(object, "proxy_protocol")), 1);
	json_decref(object);
	config_fini(&parsed);
}

static void config_shows_what_is_in_force(void **state)
{
	json_t *answer = get("/v1/config"), *object = json_object_get(answer, "config");

	assert_string_equal(text_of(json_object_get(object, "ipv4"), "pool"), "10.77.0.0/16");
	assert_string_equal(text_of(json_object_get(object, "crypto"), "cipher"),
			    "chacha20-poly1305");
	object = json_object_get(json_object_get(object, "underlay"), "include");
	assert_string_equal(json_string_value(json_array_get(object, 0)), "eth*");
	json_decref(answer);
}

static void add_shop(struct policy *policy)
{
	strcpy(policy->zones[0].name, "shop");
	policy->zones[0].number = policy_zone_number("shop");
	policy->n_zones = 1;
}

static void qos_shows_each_class_of_each_link(void **state)
{
	json_t *answer = get("/v1/qos"), *links = json_object_get(answer, "links"), *class;

	assert_int_equal(json_array_size(links), 2);
	assert_int_equal(number_of(json_array_get(links, 0), "rate_bytes_per_s"), 2500000);
	assert_true(json_is_null(json_object_get(json_array_get(links, 1), "rate_bytes_per_s")));
	class = json_array_get(json_object_get(json_array_get(links, 0), "classes"), 5);
	assert_int_equal(number_of(class, "sent_frames"), 77);
	assert_int_equal(number_of(class, "dropped_codel_frames"), 3);
	assert_int_equal(number_of(class, "delay_us"), 1500);
	json_decref(answer);
	datapath.error = -EIO;
	answer = get("/v1/qos");
	assert_int_equal(json_array_size(json_object_get(answer, "links")), 0);
	json_decref(answer);
}

static void filter_names_zones_it_knows_and_numbers_the_others(void **state)
{
	json_t *answer, *entry;

	add_shop(config.policy);
	answer = get("/v1/filter");
	assert_int_equal(number_of(answer, "max_hops"), 4);
	entry = json_array_get(json_object_get(answer, "members"), 0);
	assert_string_equal(text_of(entry, "zone"), "shop");
	assert_string_equal(text_of(entry, "member"), "eth1");
	entry = json_array_get(json_object_get(answer, "allow"), 0);
	assert_string_equal(text_of(entry, "from"), "shop");
	assert_string_equal(text_of(entry, "to"), "#99");
	entry = json_array_get(json_object_get(answer, "acl"), 0);
	assert_string_equal(text_of(entry, "action"), "deny");
	assert_string_equal(text_of(entry, "ports"), "22-23");
	assert_int_equal(number_of(entry, "hits_frames"), 41);
	entry = json_array_get(json_object_get(answer, "guards"), 0);
	assert_int_equal(json_array_size(json_object_get(entry, "zones")), 2);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(entry, "addresses"), 0)),
		"10.77.0.2/32");
	assert_true(json_is_null(json_object_get(entry, "within")));
	json_decref(answer);
	api_state.context.datapath = NULL;
	answer = get("/v1/filter");
	assert_int_equal(json_array_size(json_object_get(answer, "acl")), 0);
	json_decref(answer);
}

static void fill_ring(unsigned int lines)
{
	char text[32];

	for (unsigned int i = 1; i <= lines; i++) {
		snprintf(text, sizeof(text), "line=%u", i);
		log_ring_add(api_state.ring, 1700000000000 + i, 2, "info", text);
	}
}

static void log_gives_the_newest_lines_without_a_place(void **state)
{
	json_t *answer, *lines;

	fill_ring(50);
	answer = ask("GET", "/v1/log", "max", "10", NULL, 200);
	lines = json_object_get(answer, "lines");
	assert_int_equal(json_array_size(lines), 10);
	assert_string_equal(text_of(json_array_get(lines, 9), "text"), "line=50");
	assert_int_equal(number_of(answer, "next_after"), 50);
	json_decref(answer);
}

static void log_continues_after_a_place_and_counts_the_missed(void **state)
{
	json_t *answer, *lines;

	fill_ring(API_LOG_LINES_MAX + 30);
	answer = ask("GET", "/v1/log", "after", "10", NULL, 200);
	lines = json_object_get(answer, "lines");
	assert_int_equal(json_array_size(lines), API_LOG_LINES_MAX);
	assert_string_equal(text_of(json_array_get(lines, 0), "text"), "line=31");
	assert_int_equal(number_of(answer, "missed"), 20);
	json_decref(answer);
	answer = ask("GET", "/v1/log", "after", "1054", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(answer, "lines")), 0);
	assert_int_equal(number_of(answer, "next_after"), API_LOG_LINES_MAX + 30);
	json_decref(answer);
}

static void log_of_a_restarted_daemon_begins_anew(void **state)
{
	json_t *answer;

	fill_ring(3);
	answer = ask("GET", "/v1/log", "after", "9000", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(answer, "lines")), 3);
	json_decref(answer);
}

static void log_is_empty_before_the_first_line(void **state)
{
	json_t *answer = get("/v1/log");

	assert_int_equal(json_array_size(json_object_get(answer, "lines")), 0);
	assert_int_equal(number_of(answer, "next_after"), 0);
	json_decref(answer);
}

static void log_refuses_arguments_that_are_no_numbers(void **state)
{
	static const char *const bad[] = {"x", "-1", "1x", "", "99999999999999999999999"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *answer = ask("GET", "/v1/log", "after", bad[i], NULL, 400);

		assert_string_equal(error_code(answer), "bad_argument");
		json_decref(answer);
	}
}

static void reload_reports_what_is_wrong_with_the_file(void **state)
{
	json_t *answer = ask("POST", "/v1/reload", NULL, NULL, NULL, 200);

	json_decref(answer);
	reload_error = "meshd.yaml:3: mtu is too small; write 1280 or more\n";
	answer = ask("POST", "/v1/reload", NULL, NULL, NULL, 422);
	assert_string_equal(text_of(json_object_get(answer, "error"), "message"),
			    "meshd.yaml:3: mtu is too small; write 1280 or more");
	json_decref(answer);
}

static void log_level_takes_names_only(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "{\"level\": 3}", "{\"level\": \"loud\"}", "{\"level\"", "\xff"};
	int before = log_get_level();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *answer = ask("POST", "/v1/log-level", NULL, NULL, bad[i], 400);

		assert_string_equal(error_code(answer), "bad_body");
		json_decref(answer);
	}
	assert_int_equal(log_get_level(), before);
	json_decref(ask("POST", "/v1/log-level", NULL, NULL, "{\"level\":\"error\"}", 200));
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	log_set_level(before);
}

static void wrong_methods_and_paths_are_refused(void **state)
{
	json_t *answer = ask("DELETE", "/v1/hubs", NULL, NULL, NULL, 405);

	assert_string_equal(error_code(answer), "wrong_method");
	json_decref(answer);
	json_decref(ask("GET", "/v1/reload", NULL, NULL, NULL, 405));
	answer = ask("GET", "/v1/hubs/", NULL, NULL, NULL, 404);
	assert_string_equal(error_code(answer), "unknown_resource");
	json_decref(answer);
	assert_int_equal(api_state.counters.refused, 3);
}

static void post_needs_the_right_to_change(void **state)
{
	struct api_request request = {.method = "POST", .path = "/v1/reload"};
	struct api_reply reply;

	reload_error = "must not be called";
	api_answer(&api_state, &request, &reply);
	assert_int_equal(reply.status, 403);
	json_decref(reply.body);
}

static void services_show_manifest_and_live_numbers(void **state)
{
	json_t *answer = get("/v1/services"), *service;

	assert_int_equal(json_array_size(json_object_get(answer, "services")), 1);
	service = json_array_get(json_object_get(answer, "services"), 0);
	assert_string_equal(json_string_value(json_object_get(service, "name")), "speech");
	assert_string_equal(json_string_value(json_object_get(service, "state")), "available");
	assert_string_equal(json_string_value(json_object_get(service, "protocol")), "grpc");
	assert_true(json_is_false(json_object_get(service, "is_own")));
	assert_true(json_is_null(json_object_get(service, "digest")));
	service = json_object_get(service, "live");
	assert_int_equal(json_integer_value(json_object_get(service, "free_slots")), 16);
	assert_true(json_is_null(json_object_get(service, "latency_us")));
	json_decref(answer);
	answer = ask("GET", "/v1/services", "name", "other", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(answer, "services")), 0);
	json_decref(answer);
}

static void service_history_lists_versions(void **state)
{
	json_t *answer = get("/v1/service-history"), *version;

	version = json_array_get(json_object_get(answer, "versions"), 0);
	assert_string_equal(json_string_value(json_object_get(version, "version")), "1.4.2");
	assert_true(json_is_true(json_object_get(version, "is_current")));
	json_decref(answer);
}

static void services_cannot_change_without_a_directory(void **state)
{
	json_decref(ask("POST", "/v1/service-add", NULL, NULL, "{\"yaml\":\"\"}", 501));
	json_decref(ask("POST", "/v1/service-remove", NULL, NULL, "{\"name\":\"a\"}", 501));
}

static struct versions_ruling sample_ruling(void)
{
	return (struct versions_ruling){
		.id = {.service = "speech", .version_text = "1.4.2"},
		.kind = VERSIONS_ROLLED_BACK,
		.reason = VERSIONS_BY_ERRORS,
		.against = "1.4.1",
		.old = {1000, 10},
		.new = {60, 20},
		.evidence_centi = 1234,
		.unix_s = 1800000000,
	};
}

static void versions_show_what_is_ruled_and_why(void **state)
{
	struct versions_ruling ruling = sample_ruling();
	json_t *answer = get("/v1/versions"), *version;

	version = json_array_get(json_object_get(answer, "versions"), 0);
	assert_string_equal(json_string_value(json_object_get(version, "state")), "untried");
	assert_int_equal(json_integer_value(json_object_get(version, "providers")), 1);
	assert_int_equal(json_integer_value(json_object_get(version, "share_permille")), 1000);
	assert_true(json_is_null(json_object_get(version, "ruling")));
	assert_true(json_is_null(json_object_get(version, "median_us")));
	json_decref(answer);
	versions_rule(hub.versions, &ruling);
	strcpy(ruling.id.version_text, "1.4.10"); /* nobody offers it any more */
	versions_rule(hub.versions, &ruling);
	answer = ask("GET", "/v1/versions", "name", "speech", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(answer, "versions")), 2);
	assert_int_equal(json_array_size(json_object_get(answer, "history")), 1);
	version = json_array_get(json_object_get(answer, "versions"), 0);
	assert_string_equal(json_string_value(json_object_get(version, "version")), "1.4.2");
	assert_string_equal(json_string_value(json_object_get(version, "state")), "rolled back");
	assert_int_equal(json_integer_value(json_object_get(version, "share_permille")), 0);
	version = json_object_get(version, "ruling");
	assert_string_equal(json_string_value(json_object_get(version, "reason")), "errors");
	assert_int_equal(json_integer_value(json_object_get(version, "bad")), 20);
	assert_string_equal(json_string_value(json_object_get(version, "text")),
			    "20 of 60 samples failed, of 1.4.1 10 of 1000; evidence 10^12.34");
	json_decref(answer);
	answer = ask("GET", "/v1/versions", "name", "other", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(answer, "versions")), 0);
	json_decref(answer);
}

static struct hub_version_order last_order;
static char last_version[VERSIONS_PIN_MAX + 1];
static int order_error;

static int fake_order_version(void *arg, const struct hub_version_order *order)
{
	last_order = *order;
	snprintf(last_version, sizeof(last_version), "%s", order->version);
	return order_error;
}

static void orders_reach_the_hub_and_answer_with_the_versions(void **state)
{
	static const char *const verbs[] = {"rollback", "canary", "promote", "pin", "clear"};
	json_t *answer;
	char path[64];

	api_state.context.order_version = fake_order_version;
	order_error = 0;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		snprintf(path, sizeof(path), "/v1/versions/%s", verbs[i]);
		answer = ask("POST", path, NULL, NULL,
			     "{\"name\":\"speech\",\"version\":\"1.4.2\",\"permille\":50}", 200);
		assert_int_equal(json_array_size(json_object_get(answer, "versions")), 1);
		json_decref(answer);
		assert_int_equal(last_order.verb, i);
		assert_string_equal(last_version, "1.4.2");
		assert_int_equal(last_order.permille, 50);
	}
	json_decref(ask("POST", "/v1/versions/pin", NULL, NULL,
			"{\"name\":\"speech\",\"version\":null}", 200));
	assert_string_equal(last_version, "");
}

static void expect_pin(const char *pin, json_int_t providers)
{
	struct versions_wish wish = {.service = "speech"};
	json_t *answer, *shown;

	strcpy(wish.pin, pin);
	assert_int_equal(versions_wish_set(hub.versions, &wish), 0);
	answer = ask("GET", "/v1/versions", "name", "speech", NULL, 200);
	shown = json_array_get(json_object_get(answer, "wishes"), 0);
	assert_string_equal(text_of(shown, "pin"), pin);
	assert_int_equal(json_integer_value(json_object_get(shown, "pin_providers")), providers);
	shown = json_array_get(json_object_get(answer, "versions"), 0);
	assert_int_equal(json_integer_value(json_object_get(shown, "share_permille")),
			 providers ? VERSIONS_PERMILLE : 0);
	json_decref(answer);
}

static void pin_says_how_many_offer_it(void **state)
{
	char digest[SHA256_STRLEN];
	const struct registry_instance *instance =
		registry_at(hub.registry, registry_first(hub.registry, "speech"));

	expect_pin(instance->manifest.version_text, 1);
	expect_pin("99.0.0", 0);
	expect_pin(sha256_format(instance->digest, digest), 1);
	digest[0] ^= 1;
	expect_pin(digest, 0);
}

static void expect_canary(const char *canary, json_int_t providers)
{
	struct versions_wish wish = {.service = "speech", .permille = 50};
	json_t *answer, *shown;

	strcpy(wish.canary, canary);
	assert_int_equal(versions_wish_set(hub.versions, &wish), 0);
	answer = ask("GET", "/v1/versions", "name", "speech", NULL, 200);
	shown = json_array_get(json_object_get(answer, "wishes"), 0);
	assert_string_equal(text_of(shown, "canary"), canary);
	assert_int_equal(json_integer_value(json_object_get(shown, "canary_permille")), 50);
	assert_int_equal(json_integer_value(json_object_get(shown, "canary_providers")), providers);
	json_decref(answer);
}

static void canary_says_how_many_offer_it(void **state)
{
	const struct registry_instance *instance =
		registry_at(hub.registry, registry_first(hub.registry, "speech"));

	expect_canary(instance->manifest.version_text, 1);
	expect_canary("99.0.0", 0);
}

static void versions_say_whether_they_are_on_disk(void **state)
{
	json_t *answer = get("/v1/versions");

	assert_true(json_is_null(json_object_get(answer, "is_kept"))); /* who could know */
	json_decref(answer);
	api_state.context.versions_error = "";
	answer = get("/v1/versions");
	assert_true(json_is_true(json_object_get(answer, "is_kept")));
	assert_true(json_is_null(json_object_get(answer, "kept_error")));
	json_decref(answer);
	api_state.context.versions_error = "the disk is full";
	api_state.context.order_version = fake_order_version;
	order_error = 0;
	answer = ask("POST", "/v1/versions/pin", NULL, NULL,
		     "{\"name\":\"speech\",\"version\":\"1.4.2\"}", 200);
	assert_true(json_is_false(json_object_get(answer, "is_kept")));
	assert_string_equal(text_of(answer, "kept_error"), "the disk is full");
	json_decref(answer);
}

static void bad_orders_are_refused_with_what_is_wrong(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"name\":7}",
					  "{\"name\":\"speech\",\"version\":7}"};
	static const char *const shares[] = {"-1", "1001", "\"5\"", "null"};
	static const struct {
		int error;
		unsigned int status;
	} errors[] = {{-EINVAL, 400}, {-ENOENT, 404}, {-ENOSPC, 503}, {-ENOSYS, 501}};
	char body[128];

	json_decref(ask("POST", "/v1/versions/clear", NULL, NULL, "{\"name\":\"speech\"}", 501));
	api_state.context.order_version = fake_order_version;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		json_decref(ask("POST", "/v1/versions/rollback", NULL, NULL, bad[i], 400));
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		snprintf(body, sizeof(body),
			 "{\"name\":\"speech\",\"version\":\"1.4.2\",\"permille\":%s}", shares[i]);
		json_decref(ask("POST", "/v1/versions/canary", NULL, NULL, body, 400));
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		order_error = errors[i].error;
		json_decref(ask("POST", "/v1/versions/clear", NULL, NULL, "{\"name\":\"speech\"}",
				errors[i].status));
	}
	json_decref(ask("GET", "/v1/versions/clear", NULL, NULL, NULL, 405));
}

static uint32_t fake_cost_us(void *arg, const struct hub_id *id)
{
	return 700;
}

static uint64_t fake_epoch(void *arg, const struct hub_id *id)
{
	return 1;
}

static uint64_t fake_resolve(void *arg, const struct broker_query *query)
{
	struct broker_world world = {hub.registry, fake_cost_us, fake_epoch, NULL};
	struct broker_output out = {0};
	uint64_t id = broker_resolve(hub.broker, FAKE_NOW_NS, &world, query, &out);

	free(out.messages);
	return id;
}

static void fake_release(void *arg, uint64_t request)
{
	struct broker_output out = {0};

	broker_release(hub.broker, FAKE_NOW_NS, request, &out);
	free(out.messages);
}

static void resolve_shows_candidates_and_release_forgets_them(void **state)
{
	json_t *answer, *candidate;

	api_state.context.resolve = fake_resolve;
	api_state.context.release = fake_release;
	answer = ask("POST", "/v1/resolve", NULL, NULL,
		     "{\"name\":\"speech\",\"range\":\"^1\",\"slots\":2}", 200);
	assert_string_equal(json_string_value(json_object_get(answer, "state")), "gathering");
	candidate = json_array_get(json_object_get(answer, "candidates"), 0);
	assert_string_equal(json_string_value(json_object_get(candidate, "version")), "1.4.2");
	assert_int_equal(json_integer_value(json_object_get(candidate, "route_us")), 700);
	assert_true(json_is_null(json_object_get(candidate, "score")));
	json_decref(answer);
	answer = ask("GET", "/v1/requests", "id", "1", NULL, 200);
	assert_int_equal(json_integer_value(json_object_get(answer, "request")), 1);
	json_decref(answer);
	json_decref(ask("POST", "/v1/result", NULL, NULL,
			"{\"request\":1,\"is_ok\":true,\"latency_us\":5}", 404));
	json_decref(ask("POST", "/v1/result", NULL, NULL, "{\"request\":1}", 400));
	json_decref(ask("POST", "/v1/release", NULL, NULL, "{\"request\":1}", 200));
	json_decref(ask("POST", "/v1/release", NULL, NULL, "{\"request\":1}", 404));
	json_decref(ask("GET", "/v1/requests", "id", "1", NULL, 404));
	json_decref(get("/v1/requests"));
	json_decref(get("/v1/leases"));
}

static void bad_queries_are_refused_with_what_is_wrong(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"name\":5}",
		"{\"name\":\"A\"}",
		"{\"name\":\"a\",\"bogus\":1}",
		"{\"name\":\"a\",\"range\":\"x y\"}",
		"{\"name\":\"a\",\"slots\":-1}",
		"{\"name\":\"a\",\"protocol\":\"smoke\"}",
		"{\"name\":\"a\",\"protocol\":5}",
		"{\"name\":\"a\",\"keep\":1}",
		"{\"name\":\"a\",\"capabilities\":[1]}",
		"{\"name\":\"a\",\"slots\":65536}",
		"{\"name\":\"a\",\"min_slots\":2}",
		"{\"name\":\"a\",\"slots\":2,\"min_slots\":3}",
		"{\"name\":\"a\",\"lease_ms\":3600001}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		json_decref(ask("POST", "/v1/resolve", NULL, NULL, bad[i], 400));
}

/* ---- over a socket ---- */

struct server {
	char dir[64], path[96];
	uv_loop_t loop;
	uv_async_t stop;
	uv_thread_t thread;
	struct api *api;
};

static void on_stop(uv_async_t *async)
{
	struct server *server = async->data;

	api_close(server->api);
	uv_close((uv_handle_t *)async, NULL);
}

static void serve(void *arg)
{
	struct server *server = arg;

	uv_run(&server->loop, UV_RUN_DEFAULT);
}

static int server_start(void **state)
{
	struct server *server = calloc(1, sizeof(*server));
	struct api_context context;
	const char *error;

	set_up(NULL);
	context = fake_context();
	strcpy(server->dir, "/tmp/hubmesh-api-XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	snprintf(server->path, sizeof(server->path), "%s/api.sock", server->dir);
	uv_loop_init(&server->loop);
	uv_async_init(&server->loop, &server->stop, on_stop);
	server->stop.data = server;
	assert_int_equal(api_open(&server->loop, server->path, &context, &server->api, &error), 0);
	uv_thread_create(&server->thread, serve, server);
	*state = server;
	return 0;
}

static int server_stop(void **state)
{
	struct server *server = *state;

	uv_async_send(&server->stop);
	uv_thread_join(&server->thread);
	assert_int_equal(uv_loop_close(&server->loop), 0);
	assert_int_equal(access(server->path, F_OK), -1);
	assert_int_equal(rmdir(server->dir), 0);
	free(server);
	return tear_down(NULL);
}

static int dial(const struct server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, server->path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void say(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Everything until the server closes; says whether it did so in time. */
static bool hear(int fd, char *buf, size_t size)
{
	size_t len = 0;

	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&pfd, 1, DEADLINE_MS) != 1)
			return false;
		n = recv(fd, buf + len, size - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len == size - 1)
			len = 0;
	}
	buf[len] = '\0';
	close(fd);
	return true;
}

static void expect_answer(const struct server *server, const char *request, const char *expected)
{
	char answer[65536];
	int fd = dial(server);

	say(fd, request);
	assert_true(hear(fd, answer, sizeof(answer)));
	if (!strstr(answer, expected))
		fail_msg("asked \"%.60s\", expected \"%s\" in: %.400s", request, expected, answer);
}

#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static void server_answers_http(void **state)
{
	expect_answer(*state, "GET /v1/status" CLOSE "\r\n", "\"neighbours\":2");
	expect_answer(*state, "GET /v1/status" CLOSE "\r\n", "Content-Type: application/json");
	expect_answer(*state, "GET /v1/path?to=delta" CLOSE "\r\n", "\"step_us\":590");
	expect_answer(*state, "GET /v1/nothing" CLOSE "\r\n", "404 Not Found");
	expect_answer(*state, "DELETE /v1/hubs" CLOSE "\r\n", "Allow: GET, HEAD");
	expect_answer(*state, "POST /v1/reload" CLOSE "Content-Length: 0\r\n\r\n", "200 OK");
}

static void server_refuses_large_bodies(void **state)
{
	char chunk[4096 + 16], answer[4096];
	int fd;

	expect_answer(*state, "POST /v1/log-level" CLOSE "Content-Length: 65537\r\n\r\n", " 413 ");
	expect_answer(*state,
		      "POST /v1/log-level" CLOSE "Content-Length: 99999999999999999999999\r\n\r\n",
		      "HTTP/1.1 4");
	fd = dial(*state);
	say(fd, "POST /v1/log-level" CLOSE "Transfer-Encoding: chunked\r\n\r\n");
	memset(chunk, 'x', sizeof(chunk));
	memcpy(chunk, "1000\r\n", 6);
	memcpy(chunk + 6 + 4096, "\r\n", 3);
	for (int i = 0; i < 20; i++)
		say(fd, chunk);
	say(fd, "0\r\n\r\n");
	assert_true(hear(fd, answer, sizeof(answer)));
	assert_non_null(strstr(answer, " 413 "));
}

static void server_cuts_endless_bodies(void **state)
{
	char chunk[4096 + 16], answer[4096];
	int fd = dial(*state);

	say(fd, "POST /v1/log-level" CLOSE "Transfer-Encoding: chunked\r\n\r\n");
	memset(chunk, 'x', sizeof(chunk));
	memcpy(chunk, "1000\r\n", 6);
	memcpy(chunk + 6 + 4096, "\r\n", 3);
	for (int i = 0; i < 1000; i++)
		say(fd, chunk);
	assert_true(hear(fd, answer, sizeof(answer)));
	expect_answer(*state, "GET /v1/version" CLOSE "\r\n", "200 OK");
}

static void server_outlives_header_floods(void **state)
{
	static char flood[200000];
	char answer[4096];
	int fd = dial(*state);

	memset(flood, 'a', sizeof(flood) - 1);
	say(fd, "GET /v1/");
	say(fd, flood);
	assert_true(hear(fd, answer, sizeof(answer)));
	assert_null(strstr(answer, "200 OK"));

	fd = dial(*state);
	say(fd, "GET /v1/version HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 20000; i++)
		say(fd, "X-Flood: aaaaaaaaaaaa\r\n");
	assert_true(hear(fd, answer, sizeof(answer)));
	assert_null(strstr(answer, "200 OK"));
	expect_answer(*state, "GET /v1/version" CLOSE "\r\n", "200 OK");
}

static void server_outlives_garbage(void **state)
{
	static const char *const garbage[] = {"\r\n\r\n\r\n\r\n", "\x16\x03\x01\x02", "GET\r\n\r\n",
					      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
					      "GET /v1/path?to=%ff%00&&&=&to HTTP/1.0\r\n\r\n"};

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		int fd = dial(*state);

		say(fd, garbage[i]);
		expect_answer(*state, "GET /v1/version" CLOSE "\r\n", "200 OK");
		close(fd);
	}
	expect_answer(*state, "GET /v1/version" CLOSE "\r\n", "200 OK");
}

static void server_limits_connections_and_recovers(void **state)
{
	int fds[API_CONNECTIONS_MAX + 4];
	char answer[4096];
	int extra;

	for (size_t i = 0; i < API_CONNECTIONS_MAX; i++) {
		fds[i] = dial(*state);
		say(fds[i], "GET /v1/version HT"); /* half open */
	}
	extra = dial(*state);
	assert_true(hear(extra, answer, sizeof(answer)));
	assert_non_null(strstr(answer, "\"busy\""));
	for (size_t i = 0; i < API_CONNECTIONS_MAX; i++)
		close(fds[i]);
	for (int tries = 0;; tries++) { /* until the server has seen them close */
		extra = dial(*state);
		say(extra, "GET /v1/version" CLOSE "\r\n");
		assert_true(hear(extra, answer, sizeof(answer)));
		if (strstr(answer, "200 OK"))
			break;
		assert_true(tries < 1000);
		usleep(1000);
	}
}

static void server_sends_large_answers_whole(void **state)
{
	struct server *server = *state;
	static char answer[4 << 20];
	int fd;

	/* The loop is idle: nothing reads the hub until the request below. */
	hub.n_hubs = 1;
	for (unsigned int i = 1; i < FAKE_HUBS_MAX; i++)
		fake_add_hub(&hub, (uint8_t)i, "a-hub-with-a-rather-long-name", 2, i);
	fd = dial(server);
	say(fd, "GET /v1/hubs" CLOSE "\r\n");
	assert_true(hear(fd, answer, sizeof(answer)));
	assert_non_null(strstr(answer, "200 OK"));
	assert_true(strlen(answer) > 400000);
	assert_string_equal(answer + strlen(answer) - 3, "}]}");
}

static void socket_refuses_a_live_one_and_replaces_a_stale_one(void **state)
{
	struct server *server = *state;
	struct api_socket sock = {0};
	const char *error = NULL;
	char path[128];

	assert_int_equal(api_socket_open(server->path, &sock, &error), -EADDRINUSE);
	assert_null(sock.path);

	snprintf(path, sizeof(path), "%s/stale.sock", server->dir);
	assert_int_equal(api_socket_open(path, &sock, &error), 0);
	close(sock.fd); /* as a crash does */
	free(sock.path);
	assert_int_equal(api_socket_open(path, &sock, &error), 0);
	api_socket_close(&sock);
	assert_int_equal(access(path, F_OK), -1);
}

static void socket_leaves_other_files_alone(void **state)
{
	struct server *server = *state;
	struct api_socket sock = {0};
	const char *error = NULL;
	char path[128], long_path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/file", server->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(api_socket_open(path, &sock, &error), -EEXIST);
	assert_int_equal(unlink(path), 0);

	snprintf(path, sizeof(path), "%s/nowhere/api.sock", server->dir);
	assert_int_equal(api_socket_open(path, &sock, &error), -ENOENT);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(api_socket_open(long_path, &sock, &error), -ENAMETOOLONG);
}

static void socket_is_for_its_user_and_group(void **state)
{
	struct server *server = *state;
	struct stat st;

	assert_int_equal(stat(server->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, API_SOCKET_MODE);
}

int main(void)
{
#define ON_STATE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, server_start, server_stop)
	const struct CMUnitTest tests[] = {
		ON_STATE(status_counts_what_the_hub_sees),
		ON_STATE(status_warns_of_links_and_hubs_that_are_down),
		ON_STATE(status_is_free_of_warnings_when_all_is_well),
		ON_STATE(status_without_module_says_why),
		ON_STATE(status_alone_names_the_ports_to_open),
		ON_STATE(status_counts_the_days_of_the_certificate),
		ON_STATE(status_says_that_the_certificate_is_not_valid_yet),
		ON_STATE(status_says_the_same_of_certificates_of_services),
		ON_STATE(status_warns_of_a_twin_and_of_a_disk_that_is_full),
		ON_STATE(revocations_are_shown_and_taken),
		ON_STATE(status_warns_when_drops_rise),
		ON_STATE(status_is_calm_about_old_or_few_drops),
		ON_STATE(history_keeps_the_newest_samples),
		ON_STATE(hubs_have_units_and_null_for_unknown),
		ON_STATE(hubs_with_hostile_names_stay_json),
		ON_STATE(links_join_the_kernel_to_the_hub),
		ON_STATE(links_survive_a_datapath_that_fails),
		ON_STATE(routes_name_neighbours_and_backup),
		ON_STATE(path_lists_hops_with_their_cost),
		ON_STATE(path_to_an_unreachable_hub_is_an_answer),
		ON_STATE(path_refuses_unknown_ambiguous_and_missing_names),
		ON_STATE(sessions_have_ages),
		ON_STATE(stats_list_every_drop_reason_with_its_meaning),
		ON_STATE(each_counter_of_the_hub_is_shown_once),
		ON_STATE(stats_have_the_counters_of_services),
		ON_STATE(numbers_beyond_json_are_clamped),
		ON_STATE(services_show_manifest_and_live_numbers),
		ON_STATE(service_history_lists_versions),
		ON_STATE(services_cannot_change_without_a_directory),
		ON_STATE(versions_show_what_is_ruled_and_why),
		ON_STATE(orders_reach_the_hub_and_answer_with_the_versions),
		ON_STATE(pin_says_how_many_offer_it),
		ON_STATE(canary_says_how_many_offer_it),
		ON_STATE(versions_say_whether_they_are_on_disk),
		ON_STATE(bad_orders_are_refused_with_what_is_wrong),
		ON_STATE(resolve_shows_candidates_and_release_forgets_them),
		ON_STATE(bad_queries_are_refused_with_what_is_wrong),
		cmocka_unit_test(config_shows_the_proxy_in_words_of_its_file),
		ON_STATE(config_shows_what_is_in_force),
		ON_STATE(qos_shows_each_class_of_each_link),
		ON_STATE(filter_names_zones_it_knows_and_numbers_the_others),
		ON_STATE(log_gives_the_newest_lines_without_a_place),
		ON_STATE(log_continues_after_a_place_and_counts_the_missed),
		ON_STATE(log_of_a_restarted_daemon_begins_anew),
		ON_STATE(log_is_empty_before_the_first_line),
		ON_STATE(log_refuses_arguments_that_are_no_numbers),
		ON_STATE(reload_reports_what_is_wrong_with_the_file),
		ON_STATE(log_level_takes_names_only),
		ON_STATE(wrong_methods_and_paths_are_refused),
		ON_STATE(post_needs_the_right_to_change),
		ON_SERVER(server_answers_http),
		ON_SERVER(server_refuses_large_bodies),
		ON_SERVER(server_cuts_endless_bodies),
		ON_SERVER(server_outlives_header_floods),
		ON_SERVER(server_outlives_garbage),
		ON_SERVER(server_limits_connections_and_recovers),
		ON_SERVER(server_sends_large_answers_whole),
		ON_SERVER(socket_refuses_a_live_one_and_replaces_a_stale_one),
		ON_SERVER(socket_leaves_other_files_alone),
		ON_SERVER(socket_is_for_its_user_and_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
