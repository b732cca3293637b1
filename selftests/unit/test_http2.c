// SPDX-License-Identifier: GPL-2.0
/* DOC: HTTP/2 in the proxy: header blocks, gRPC, and the pump between peers in memory */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/proxy/grpc_status.h"
#include "selftests/unit/http2_fixture.h"

/* ---- header blocks ------------------------------------------------------- */

static struct http1_text text_of(const char *text)
{
	return (struct http1_text){text, strlen(text)};
}

static void add(struct http2_fields *fields, const char *name, const char *value)
{
	const struct http1_text name_text = text_of(name), value_text = text_of(value);

	http2_fields_add(fields, &name_text, &value_text, false, false);
}

static struct http2_fields *get(const char *path, const char *name, const char *value)
{
	struct http2_fields *fields = http2_fields_new();

	add(fields, ":method", "GET");
	add(fields, ":scheme", "http");
	add(fields, ":authority", "a");
	add(fields, ":path", path);
	if (name)
		add(fields, name, value);
	return fields;
}

/* Return: 0 it passes; else the status. */
static unsigned int status_of(const char *path, const char *name, const char *value)
{
	struct http2_fields *fields = get(path, name, value);
	struct http1_refusal refusal = {0};
	struct http2_request request;
	bool is_good = http2_read_request(fields, &request, &refusal);

	http2_fields_free(fields);
	assert_true(is_good || refusal.reason);
	return is_good ? 0 : refusal.status;
}

static void requests_with_two_meanings_are_refused(void **state)
{
	char path[HTTP1_LINE_MAX + 2];

	assert_int_equal(status_of("/", NULL, NULL), 0);
	assert_int_equal(status_of("/?a=b", "host", "a"), 0);
	assert_int_equal(status_of("/", "host", "b"), 400);
	assert_int_equal(status_of("/", "content_length", "1"), 400);
	assert_int_equal(status_of("/", "transfer_encoding", "chunked"), 400);
	assert_int_equal(status_of("/", "x_y", "1"), 0);
	assert_int_equal(status_of("", NULL, NULL), 400);
	assert_int_equal(status_of("*", NULL, NULL), 400);
	assert_int_equal(status_of("http://b/", NULL, NULL), 400);
	assert_int_equal(status_of("/a b", NULL, NULL), 400);
	assert_int_equal(status_of("/a#b", NULL, NULL), 400);
	assert_int_equal(status_of("/\x80", NULL, NULL), 400);
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(status_of(path, NULL, NULL), 414);
}

static void methods_are_words_of_bounded_length(void **state)
{
	static const struct {
		const char *method;
		unsigned int status;
	} methods[] = {
		{"POST", 0}, {"", 400}, {"A B", 400}, {"CONNECT", 501}, {"ABCDEFGHIJKLMNOP", 501}};
	struct http1_refusal refusal;
	struct http2_request request;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct http2_fields *fields = http2_fields_new();
		bool is_good;

		add(fields, ":method", methods[i].method);
		add(fields, ":path", "/");
		is_good = http2_read_request(fields, &request, &refusal);
		assert_int_equal(is_good ? 0 : refusal.status, methods[i].status);
		http2_fields_free(fields);
	}
}

static void header_blocks_are_bounded_in_bytes_and_number(void **state)
{
	struct http2_fields *many = http2_fields_new(), *large = http2_fields_new();
	struct http1_text name = text_of("x"), value = {NULL, 0};
	char bytes[HTTP2_HEAD_MAX] = {0};

	for (int i = 0; i < HTTP2_FIELDS_MAX; i++)
		add(many, "a", "b");
	assert_false(many->is_too_large);
	add(many, "a", "b");
	assert_true(many->is_too_large);
	assert_int_equal(many->n, HTTP2_FIELDS_MAX);
	value = (struct http1_text){bytes, HTTP2_HEAD_MAX - HTTP2_FIELD_COST - 1};
	http2_fields_add(large, &name, &value, false, false);
	assert_false(large->is_too_large);
	http2_fields_add(large, &name, &name, false, true); /* a hub has some more */
	assert_false(large->is_too_large);
	http2_fields_add(large, &name, &name, false, false);
	assert_true(large->is_too_large);
	http2_fields_free(many);
	http2_fields_free(large);
}

static void copy_of_a_header_block_has_bytes_of_its_own(void **state)
{
	struct http2_fields *fields = get("/a", "x", "1"), *none = http2_fields_new();
	struct http2_fields *copy = http2_fields_copy(fields), *empty = http2_fields_copy(none);
	struct http1_text value;

	http2_fields_free(fields);
	http2_fields_free(none);
	http2_fields_put(copy, "y", "2");
	assert_true(http2_fields_find(copy, "x", &value));
	assert_int_equal(value.len, 1);
	assert_memory_equal(value.at, "1", 1);
	assert_int_equal(copy->n, 6);
	http2_fields_put(empty, "y", "2");
	assert_int_equal(empty->n, 1);
	http2_fields_free(copy);
	http2_fields_free(empty);
}

static void ours_have_room_however_many_a_hub_has_sent(void **state)
{
	struct http2_fields *fields = http2_fields_new();
	const struct http1_text x = text_of("x");
	struct http1_text value;

	for (int i = 0; i < 2 * HTTP2_FIELDS_MAX; i++)
		http2_fields_add(fields, &x, &x, false, true);
	assert_true(fields->is_too_large);
	for (int i = 0; i < HTTP2_FIELDS_ADDED + HTTP2_FIELDS_TRANSLATED; i++)
		http2_fields_put(fields, "ours", "y");
	assert_true(http2_fields_find(fields, "ours", &value));
	assert_int_equal(fields->n, HTTP2_FIELDS_ROOM);
	http2_fields_free(fields);
}

static void headers_are_left_out_in_every_spelling(void **state)
{
	struct http2_fields *fields = get("/", "x-forwarded-client-cert", "a");
	struct http1_text value;

	add(fields, "x_forwarded_client_cert", "b");
	add(fields, "x-forwarded-client_cert", "c");
	add(fields, "x-kept", "d");
	http2_fields_leave_out(fields, "x-forwarded-client-cert");
	assert_int_equal(fields->n, 5);
	assert_true(http2_fields_find(fields, "x-kept", &value));
	assert_memory_equal(value.at, "d", 1);
	http2_fields_free(fields);
}

static void trace_is_taken_if_there_is_one_good_one(void **state)
{
	static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	struct http2_fields *fields = get("/", "traceparent", good);
	struct http1_refusal refusal;
	struct http2_request request;

	assert_true(http2_read_request(fields, &request, &refusal));
	assert_string_equal(request.traceparent, good);
	add(fields, "traceparent", good);
	assert_true(http2_read_request(fields, &request, &refusal));
	assert_string_equal(request.traceparent, "");
	http2_fields_free(fields);
}

/* ---- gRPC ---------------------------------------------------------------- */

static uint64_t timeout_of(const char *text)
{
	const struct http1_text value = text_of(text);
	uint64_t ns = 0;

	return grpc_parse_timeout(&value, &ns) ? ns : 0;
}

static int grpc_status_of(const char *text)
{
	const struct http1_text value = text_of(text);

	return grpc_parse_status(&value);
}

static bool is_grpc(const char *text)
{
	const struct http1_text value = text_of(text);

	return grpc_is_content_type(&value);
}

static void grpc_headers_are_read(void **state)
{
	assert_int_equal(timeout_of("1S"), NSEC_PER_SEC);
	assert_int_equal(timeout_of("99999999H"), UINT64_MAX);
	assert_int_equal(timeout_of("250m"), 250 * NSEC_PER_MSEC);
	assert_int_equal(timeout_of("7u"), 7000);
	assert_int_equal(timeout_of("7n"), 7);
	assert_int_equal(timeout_of("2M"), 120 * NSEC_PER_SEC);
	assert_int_equal(timeout_of("S") + timeout_of("1") + timeout_of("123456789S") +
				 timeout_of("-1S") + timeout_of("1s") + timeout_of(""),
			 0);
	assert_int_equal(grpc_status_of("0"), 0);
	assert_int_equal(grpc_status_of("16"), 16);
	assert_int_equal(grpc_status_of("17"), 2);
	assert_int_equal(grpc_status_of("x"), 2);
	assert_int_equal(grpc_status_of(""), 2);
	assert_true(is_grpc("application/grpc") && is_grpc("application/grpc+proto") &&
		    is_grpc("Application/gRPC; x"));
	assert_false(is_grpc("application/grpc-web") || is_grpc("application/grp") || is_grpc(""));
}

static void grpc_statuses_have_their_http_meaning(void **state)
{
	static const unsigned int codes[] = {403, 431, 501, 502, 503, 504, 400};
	static const int statuses[] = {7, 8, 12, 14, 14, 4, 13};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		assert_int_equal(grpc_of_http(codes[i]), statuses[i]);
	assert_int_equal(grpc_to_http(0), 200);
	assert_int_equal(grpc_to_http(14), 503);
	assert_int_equal(grpc_to_http(16), 401);
	assert_int_equal(grpc_to_http(GRPC_STATUS_NONE), 500);
	for (int status = GRPC_STATUS_NONE; status <= GRPC_STATUS_MAX; status++)
		assert_int_equal(grpc_is_provider_fault(status),
				 status == -1 || status == 2 || status == 4 || status == 13 ||
					 status == 14 || status == 15);
}

/* ---- the pump ------------------------------------------------------------ */

static int32_t ask(struct world *world, const char *method, const char *path, const char *name,
		   const char *value, bool has_body)
{
	const nghttp2_nv headers[] = {PEER_NV(":method", method), PEER_NV(":scheme", "http"),
				      PEER_NV(":authority", "a"), PEER_NV(":path", path),
				      PEER_NV(name ? name : "x", value ? value : "y")};
	const nghttp2_data_provider body = {.read_callback = peer_on_read};
	int32_t stream = nghttp2_submit_request(world->client.session, NULL, headers, 5,
						has_body ? &body : NULL, NULL);

	world_run(world);
	return stream;
}

static struct world *begun(struct world *world)
{
	peer_begin(&world->client, false);
	peer_begin(&world->service, true);
	world_run(world);
	return world;
}

static void request_passes_with_who_calls_and_comes_back(void **state)
{
	struct world *worlds[] = {world_provider(), world_entry()};

	for (size_t i = 0; i < 2; i++) {
		struct world *world = begun(worlds[i]);
		struct seen *heard, *got;

		got = seen_at(&world->client, ask(world, "POST", "/a", NULL, NULL, true));
		heard = seen_at(&world->service, 1);
		assert_non_null(strstr(heard->text, ":path=/a;"));
		assert_non_null(strstr(heard->text, "x-forwarded-client-cert=URI=spiffe://"));
		assert_non_null(strstr(heard->text, "traceparent=00-"));
		assert_int_equal(heard->n_body, strlen("answer"));
		assert_non_null(strstr(got->text, "x-from=service;"));
		assert_int_equal(got->n_body, strlen("answer"));
		assert_true(got->has_ended);
		assert_int_equal(world->counted.counts.http.statuses[2], 1);
		world_free(world);
	}
}

static void rules_are_answered_as_http_and_as_grpc(void **state)
{
	struct world *world = begun(world_provider());
	const struct seen *got;

	world->settings->n_rules = 1;
	world->settings->rules[0] = (struct allow_rule){
		.service = "speech", .n_paths = 1, .paths = {"/test.Words/Echo"}};
	got = seen_at(&world->client, ask(world, "GET", "/other", NULL, NULL, false));
	assert_non_null(strstr(got->text, ":status=403;"));
	assert_true(got->n_body > 0);
	got = seen_at(&world->client, ask(world, "POST", "/test.Words/Other", "content-type",
					  "application/grpc", false));
	assert_non_null(strstr(got->text, ":status=200;"));
	assert_non_null(strstr(got->text, "grpc-status=7;"));
	assert_int_equal(got->n_body, 0);
	assert_true(got->has_ended);
	ask(world, "POST", "/test.Words/Echo", "content-type", "application/grpc", false);
	assert_int_equal(world->service.n_requests, 1);
	assert_int_equal(world->counted.counts.http.refused, 2);
	world_free(world);
}

static void bytes_of_another_kind_pass_where_rules_let_bytes_pass(void **state)
{
	struct world *world = world_provider();
	const char text[] = "GET / HTTP/1.1\r\n\r\n";

	peer_say(&world->client, text, 2);
	peer_say(&world->client, text + 2, strlen(text) - 2);
	assert_int_equal(buffer_len(&world->service.got), strlen(text));
	assert_false(world->client.is_closed);
	world_free(world);
	world = world_provider();
	world->settings->n_rules = 1;
	world->settings->rules[0] =
		(struct allow_rule){.service = "speech", .n_methods = 1, .methods = {"GET"}};
	peer_say(&world->client, text, strlen(text));
	assert_int_equal(buffer_len(&world->service.got), 0);
	assert_true(world->client.is_closed);
	assert_int_equal(world->counted.counts.ends[PROXY_END_POLICY], 1);
	world_free(world);
}

/* The service hears requests but says nothing, and then its connection is gone. */
static struct world *lost_under(const char *method, int32_t *stream)
{
	struct world *world = begun(world_entry());
	struct flow *far = world->far;

	world->service.answers = false;
	*stream = ask(world, method, "/", NULL, NULL, true);
	assert_int_equal(world->service.n_requests, 1);
	flow_close(far, PROXY_END_SERVICE_RESET);
	world_run(world);
	return world;
}

static void idempotent_request_waits_for_another_provider(void **state)
{
	int32_t stream;
	struct world *world = lost_under("PUT", &stream);

	assert_int_equal(world->proxy.n_exchanges, 1);
	assert_int_equal(seen_at(&world->client, stream)->text[0], '\0');
	assert_int_equal(world->counted.counts.retries, 1);
	/* The one it waits for has been made, and opens. */
	assert_int_equal(world->entry.n_http2, 1);
	world->far = world->entry.http2[0]->flow;
	nghttp2_session_del(world->service.session);
	world->service.end = (struct end){.ops = &peer_ops};
	peer_begin(&world->service, true);
	world->service.answers = true;
	world->service.seen[0] = (struct seen){.reset = -1};
	world->far->via = FLOW_SHARED;
	flow_join(world->far, NULL, &world->service.end);
	world->service.is_closed = false;
	flow_opened(world->far);
	world_run(world);
	assert_int_equal(seen_at(&world->service, 1)->n_body, strlen("answer"));
	assert_true(seen_at(&world->client, stream)->has_ended);
	world_free(world);
}

static void pool_of_connections_elsewhere_keeps_none_out(void **state)
{
	struct world *world = begun(world_entry());
	struct entry *entry = &world->entry;
	struct http2 *got;

	while (entry->n_http2 < ENTRY_HTTP2_MAX)
		world_open_upstream(world);
	for (size_t i = 0; i < ENTRY_HTTP2_MAX; i++) {
		entry->http2[i]->flow->via = FLOW_MESH;
		entry->http2[i]->up.n_exchanges = HTTP2_STREAMS_FEW + i;
	}
	got = entry->http2[0];
	assert_ptr_equal(http2_pool_get(entry, 0), got); /* all lead there: the least busy */
	assert_int_equal(entry->n_http2, ENTRY_HTTP2_MAX);
	entry->settings.has_shared = true;
	assert_non_null(http2_pool_get(entry, 1)); /* who failed there asks the shared provider */
	assert_int_equal(entry->n_http2, ENTRY_HTTP2_MAX);
	assert_false(got->is_pooled);
	for (struct flow *flow = world->proxy.flows; flow; flow = flow->next)
		flow->http2->up.n_exchanges = 0;
	world_free(world);
}

static void other_request_that_was_sent_is_not_made_again(void **state)
{
	int32_t stream;
	struct world *world = lost_under("POST", &stream);

	assert_non_null(strstr(seen_at(&world->client, stream)->text, ":status=502;"));
	assert_int_equal(world->counted.counts.retries, 0);
	world_free(world);
}

static void refused_and_drained_requests_are_made_again_whatever_their_method(void **state)
{
	struct world *world = begun(world_entry());

	world->service.answers = false;
	ask(world, "POST", "/", NULL, NULL, true);
	nghttp2_submit_rst_stream(world->service.session, 0, 1, NGHTTP2_REFUSED_STREAM);
	world_run(world);
	assert_int_equal(world->service.n_requests, 2);
	nghttp2_submit_goaway(world->service.session, 0, 1, NGHTTP2_NO_ERROR, NULL, 0);
	world_run(world);
	assert_int_equal(world->proxy.n_exchanges, 1);
	assert_int_equal(world->counted.counts.retries, 2);
	flow_tick(world->near, uv_hrtime() + NSEC_PER_SEC); /* the second is not at once */
	assert_int_equal(world->entry.n_http2, 1);
	assert_int_equal(world->entry.http2[0]->up.n_exchanges, 1);
	world_free(world);
}

/* Return: errors the broker hears of for one request that a service of the mesh answers so. */
static unsigned int errors_for(bool is_grpc_call, const char *status, const char *grpc_status)
{
	struct world *world = begun(world_entry());
	const nghttp2_nv headers[] = {PEER_NV(":status", status)};
	const nghttp2_nv trailers[] = {PEER_NV("grpc-status", grpc_status)};
	const nghttp2_nv both[] = {headers[0], trailers[0]};
	unsigned int n_errors;

	world->service.answers = false;
	ask(world, "POST", "/a", "content-type", is_grpc_call ? "application/grpc" : "text/plain",
	    false);
	world->near->http2->down.exchanges->via = FLOW_MESH;
	if (grpc_status[0] == '+') { /* at once, in the headers */
		nghttp2_submit_headers(
			world->service.session, NGHTTP2_FLAG_END_STREAM, 1, NULL,
			(const nghttp2_nv[]){both[0], PEER_NV("grpc-status", grpc_status + 1)}, 2,
			NULL);
	} else {
		nghttp2_submit_headers(world->service.session, 0, 1, NULL, headers, 1, NULL);
		nghttp2_submit_headers(world->service.session, NGHTTP2_FLAG_END_STREAM, 1, NULL,
				       trailers, 1, NULL);
	}
	world_run(world);
	assert_int_equal(world->n_results, 1);
	assert_true(seen_at(&world->client, 1)->has_ended);
	n_errors = world->n_errors;
	world_free(world);
	return n_errors;
}

static void broker_hears_of_each_request_how_it_went(void **state)
{
	assert_int_equal(errors_for(false, "200", "0"), 0);
	assert_int_equal(errors_for(false, "404", "0"), 0);
	assert_int_equal(errors_for(false, "500", "0"), 1);
	assert_int_equal(errors_for(false, "200", "14"), 0); /* is no gRPC */
	assert_int_equal(errors_for(true, "200", "0"), 0);
	assert_int_equal(errors_for(true, "200", "5"), 0);
	assert_int_equal(errors_for(true, "200", "8"), 0);
	assert_int_equal(errors_for(true, "200", "12"), 0);
	assert_int_equal(errors_for(true, "200", "14"), 1);
	assert_int_equal(errors_for(true, "200", "+14"), 1);
	assert_int_equal(errors_for(true, "200", "+3"), 0);
	assert_int_equal(errors_for(true, "503", "0"), 1);
}

static void deadline_of_grpc_is_kept(void **state)
{
	struct world *world = begun(world_entry());
	const nghttp2_nv headers[] = {PEER_NV(":method", "POST"),
				      PEER_NV(":scheme", "http"),
				      PEER_NV(":authority", "a"),
				      PEER_NV(":path", "/a.B/C"),
				      PEER_NV("content-type", "application/grpc"),
				      PEER_NV("grpc-timeout", "1S")};
	int32_t stream;

	world->service.answers = false;
	stream = nghttp2_submit_request(world->client.session, NULL, headers, 6, NULL, NULL);
	world_run(world);
	flow_tick(world->near, uv_hrtime() + NSEC_PER_SEC / 2);
	world_run(world);
	assert_false(seen_at(&world->client, stream)->has_ended);
	flow_tick(world->near, uv_hrtime() + 2 * NSEC_PER_SEC);
	world_run(world);
	assert_non_null(strstr(seen_at(&world->client, stream)->text, "grpc-status=4;"));
	assert_int_equal(seen_at(&world->service, 1)->reset, NGHTTP2_CANCEL);
	assert_int_equal(world->counted.counts.http.statuses[5], 1);
	world_free(world);
}

static ssize_t read_endless(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t max,
			    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	memset(buf, 'x', max);
	return (ssize_t)max;
}

static void endless_answer_is_held_no_further_than_its_window(void **state)
{
	const nghttp2_data_provider body = {.read_callback = read_endless};
	const nghttp2_nv headers[] = {PEER_NV(":status", "200")};
	struct world *world = begun(world_entry());
	int32_t other;

	world->service.answers = false;
	nghttp2_session_set_local_window_size(world->client.session, 0, 0, 1 << 30);
	ask(world, "GET", "/", NULL, NULL, false);
	nghttp2_submit_response(world->service.session, 1, headers, 1, &body);
	world->client.room = 200000; /* then it does not read */
	for (int i = 0; i < 100; i++) {
		http2_flush(&world->proxy);
		peer_run(world, &world->service);
	}
	assert_in_range(world->proxy.totals.buffered, 1, HTTP2_WINDOW + HTTP2_OUT_MAX + 8192);
	world->client.room = SIZE_MAX;
	world->service.answers = true;
	http2_mark_dirty(&world->near->http2->down);
	other = nghttp2_submit_request(
		world->client.session, NULL,
		(const nghttp2_nv[]){PEER_NV(":method", "GET"), PEER_NV(":scheme", "http"),
				     PEER_NV(":authority", "a"), PEER_NV(":path", "/")},
		4, NULL, NULL);
	for (int i = 0; i < 100; i++) {
		http2_flush(&world->proxy);
		peer_run(world, &world->client);
		peer_run(world, &world->service);
	}
	assert_true(seen_at(&world->client, other)->has_ended);
	world_free(world);
}

static void pressure_cuts_the_one_that_holds_most(void **state)
{
	struct world *world = begun(world_entry());
	int32_t stream;

	world->service.answers = false;
	stream = ask(world, "GET", "/", NULL, NULL, false);
	assert_true(http2_relieve_pressure(&world->proxy));
	world_run(world);
	assert_non_null(strstr(seen_at(&world->client, stream)->text, ":status=503;"));
	assert_false(http2_relieve_pressure(&world->proxy));
	world_free(world);
}

static void service_that_ends_is_told_request_by_request_and_then_all(void **state)
{
	struct world *world = begun(world_provider());
	int32_t stream;

	world->service.answers = false;
	stream = ask(world, "GET", "/", NULL, NULL, false);
	world->service.end.has_ended = true;
	world->service.end.other->ops->pull(world->service.end.other);
	world_run(world);
	assert_int_equal(seen_at(&world->client, stream)->reset, NGHTTP2_CONNECT_ERROR);
	assert_true(world->client.is_goodbye);
	assert_true(world->client.is_closed && !world->client.is_reset);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_with_two_meanings_are_refused),
		cmocka_unit_test(methods_are_words_of_bounded_length),
		cmocka_unit_test(header_blocks_are_bounded_in_bytes_and_number),
		cmocka_unit_test(ours_have_room_however_many_a_hub_has_sent),
		cmocka_unit_test(headers_are_left_out_in_every_spelling),
		cmocka_unit_test(trace_is_taken_if_there_is_one_good_one),
		cmocka_unit_test(grpc_headers_are_read),
		cmocka_unit_test(grpc_statuses_have_their_http_meaning),
		cmocka_unit_test(request_passes_with_who_calls_and_comes_back),
		cmocka_unit_test(rules_are_answered_as_http_and_as_grpc),
		cmocka_unit_test(bytes_of_another_kind_pass_where_rules_let_bytes_pass),
		cmocka_unit_test(idempotent_request_waits_for_another_provider),
		cmocka_unit_test(pool_of_connections_elsewhere_keeps_none_out),
		cmocka_unit_test(other_request_that_was_sent_is_not_made_again),
		cmocka_unit_test(refused_and_drained_requests_are_made_again_whatever_their_method),
		cmocka_unit_test(copy_of_a_header_block_has_bytes_of_its_own),
		cmocka_unit_test(broker_hears_of_each_request_how_it_went),
		cmocka_unit_test(deadline_of_grpc_is_kept),
		cmocka_unit_test(endless_answer_is_held_no_further_than_its_window),
		cmocka_unit_test(pressure_cuts_the_one_that_holds_most),
		cmocka_unit_test(service_that_ends_is_told_request_by_request_and_then_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
