// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fake_meshd: the real API in front of a mesh made of constants
 *
 * For test_meshctl.sh and for looking at meshctl without a mesh.
 *
 * Usage: fake_meshd SOCKET [bare|hostile]
 *	bare: no data path; hostile: names that attack terminal and shell
 *
 * Ends on SIGTERM or when its standard input closes.
 */
#include <stdio.h>
#include <unistd.h>

#include "daemon/lib/log.h"
#include "selftests/unit/fake_hub.h"

static struct api *api;

static uint64_t now_ns(void *arg)
{
	return FAKE_NOW_NS + uv_hrtime() - *(const uint64_t *)arg;
}

static int reload(void *arg, char *error, size_t error_size)
{
	snprintf(error, error_size, "meshd.yaml:3: mtu is 12; write 1280 to 9000");
	return -EINVAL;
}

static void to_ring(void *arg, int64_t unix_ms, int level, const char *class, const char *text)
{
	api_log_line(api, unix_ms, level, class, text);
}

static void on_end(uv_signal_t *handle, int signal_number)
{
	uv_stop(handle->loop);
}

static void on_input(uv_poll_t *handle, int status, int events)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) <= 0)
		uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
	static struct hub hub;
	static struct datapath datapath;
	static struct transport transport = {.counters = {.accepted = 3, .dialled = 5}};
	static struct underlay underlay;
	static struct proxy_settings proxy;
	static struct config config = {
		.proxy = &proxy, .mesh = (char *)"lab.example", .control_port = 4878};
	struct api_certificate certificate = {
		.not_after_s = time(NULL) + 12 * 86400 + 3600,
	};
	uint64_t start_ns = uv_hrtime();
	const char *mode = argc > 2 ? argv[2] : "", *error = NULL;
	struct api_context context = {
		.hub = &hub,
		.transport = &transport,
		.underlay = &underlay,
		.config = &config,
		.datapath = strcmp(mode, "bare") ? &datapath : NULL,
		.module_error = "hubmesh.ko is not installed",
		.certificate = &certificate,
		.now_ns = now_ns,
		.reload = reload,
		.arg = &start_ns,
	};
	uv_loop_t *loop = uv_default_loop();
	uv_signal_t term;
	uv_poll_t input;

	if (argc < 2)
		return 64;
	config.policy = policy_new();
	fake_hub_init(&hub);
	hub.registry = registry_new();
	hub.broker = broker_new(&hub.settings.id, 1);
	fake_datapath_init(&datapath);
	datapath.grow = 1000;
	if (strcmp(mode, "hostile") == 0) {
		hub.hubs[1].name = "\033[2J\033]0;owned\007\xff\xc2\x9b"
				   "31mbravo";
		hub.hubs[2].name = "$(kill${IFS}$$)`kill${IFS}$$`";
	}
	if (api_open(loop, argv[1], &context, &api, &error) < 0) {
		fprintf(stderr, "fake_meshd: %s\n", error);
		return 69;
	}
	log_set_sink(to_ring, NULL);
	log_info(LOG_INFO_CLASS, "event=start name=alpha");
	log_warning(LOG_PEER_CLASS, "event=record-refused hub=02:aa:bb:cc:dd:05");
	uv_signal_init(loop, &term);
	uv_signal_start(&term, on_end, SIGTERM);
	if (uv_poll_init(loop, &input, STDIN_FILENO) == 0)
		uv_poll_start(&input, UV_READABLE, on_input);
	uv_run(loop, UV_RUN_DEFAULT);
	log_set_sink(NULL, NULL);
	api_close(api);
	registry_free(hub.registry);
	broker_free(hub.broker);
	free(config.policy);
	return 0;
}
