// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl status: one screen for a person
 *
 * Who this hub is, whether it does its work, and what wants attention
 * together with what to do about it.  What to warn of is the daemon's
 * decision (daemon/api/health.c).
 */
#include <inttypes.h>
#include <string.h>

#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void label(struct meshctl *ctl, const char *name)
{
	fprintf(ctl->out, "%s%-12s%s", output_color(ctl, "dim"), name, output_color(ctl, "reset"));
}

static void draw_identity(struct meshctl *ctl, const json_t *answer)
{
	const json_t *hub = json_object_get(answer, "hub");
	char a[CELL_MAX], b[CELL_MAX], age[FORMAT_MAX];

	label(ctl, "Hub");
	fprintf(ctl->out, "%s%s%s  %s\n", output_color(ctl, "bold"),
		field_text(hub, "name", "?", a), output_color(ctl, "reset"),
		field_text(hub, "id", "?", b));
	label(ctl, "Mesh");
	fprintf(ctl->out, "%s\n", field_text(hub, "mesh", "?", a));
	label(ctl, "Addresses");
	fprintf(ctl->out, "%s  %s\n", field_text(hub, "ula", "no IPv6", a),
		field_text(hub, "ipv4", "no IPv4", b));
	label(ctl, "Daemon");
	fprintf(ctl->out, "meshd %s, up %s\n", field_text(answer, "version", "?", a),
		format_age_s(field_number(answer, "uptime_s"), age));
}

static void draw_data_path(struct meshctl *ctl, const json_t *answer)
{
	const json_t *dp = json_object_get(answer, "datapath");
	char a[CELL_MAX], b[CELL_MAX];

	label(ctl, "Data path");
	if (!field_is_true(dp, "is_active")) {
		fprintf(ctl->out, "%soff%s: control plane only\n", output_color(ctl, "yellow"),
			output_color(ctl, "reset"));
		return;
	}
	fprintf(ctl->out, "%son%s, interface %s, module %s, routes of generation %" PRIu64 "\n",
		output_color(ctl, "green"), output_color(ctl, "reset"),
		field_text(dp, "interface", "?", a), field_text(dp, "module", "without version", b),
		field_number(dp, "generation"));
}

static void draw_share(struct meshctl *ctl, const json_t *answer, const char *field,
		       const char *good, const char *noun)
{
	const json_t *pair = json_object_get(answer, field);
	uint64_t n = field_number(pair, good), known = field_number(pair, "known");

	fprintf(ctl->out, "%s%" PRIu64 "%s of %" PRIu64 " %s\n",
		output_color(ctl, n < known ? "yellow" : "green"), n, output_color(ctl, "reset"),
		known, noun);
}

static void draw_end(struct meshctl *ctl, const json_t *certificate)
{
	json_int_t left_s = json_integer_value(json_object_get(certificate, "expires_in_s"));
	json_int_t wait_s = json_integer_value(json_object_get(certificate, "valid_in_s"));
	char age[FORMAT_MAX];

	if (wait_s > 0)
		fprintf(ctl->out, "%snot valid for another %s%s\n", output_color(ctl, "red"),
			format_age_s((uint64_t)wait_s, age), output_color(ctl, "reset"));
	else if (left_s > 0)
		fprintf(ctl->out, "expires in %s\n", format_age_s((uint64_t)left_s, age));
	else
		fprintf(ctl->out, "%sexpired%s\n", output_color(ctl, "red"),
			output_color(ctl, "reset"));
}

static void draw_certificates(struct meshctl *ctl, const json_t *answer)
{
	const json_t *certificate = json_object_get(answer, "certificate"), *service;
	char name[CELL_MAX];
	size_t i;

	if (json_is_object(certificate)) {
		label(ctl, "Certificate");
		draw_end(ctl, certificate);
	}
	json_array_foreach(json_object_get(answer, "service_certificates"), i, service)
	{
		label(ctl, i ? "" : "Services");
		fprintf(ctl->out, "%s: ", field_text(service, "service", "?", name));
		draw_end(ctl, service);
	}
}

static void draw_warnings(struct meshctl *ctl, const json_t *warnings)
{
	char text[CELL_MAX * 4];
	json_t *entry;
	size_t i;

	if (json_array_size(warnings) == 0) {
		fprintf(ctl->out, "\n%sAll is well.%s\n", output_color(ctl, "green"),
			output_color(ctl, "reset"));
		return;
	}
	json_array_foreach(warnings, i, entry)
	{
		const char *severity = json_string_value(json_object_get(entry, "severity"));
		bool is_error = severity && strcmp(severity, "error") == 0;
		const char *message = json_string_value(json_object_get(entry, "message"));
		const char *hint = json_string_value(json_object_get(entry, "hint"));

		fprintf(ctl->out, "\n%s%s%s: %s\n", output_color(ctl, is_error ? "red" : "yellow"),
			is_error ? "Error" : "Warning", output_color(ctl, "reset"),
			format_safe(message ? message : "?", text, sizeof(text)));
		if (hint)
			fprintf(ctl->out, "  %s\n", format_safe(hint, text, sizeof(text)));
	}
}

void draw_status(struct meshctl *ctl, const json_t *answer)
{
	draw_identity(ctl, answer);
	draw_data_path(ctl, answer);
	label(ctl, "Neighbours");
	fprintf(ctl->out, "%" PRIu64 "\n", field_number(answer, "neighbours"));
	label(ctl, "Links");
	draw_share(ctl, answer, "links", "up", "up");
	label(ctl, "Hubs");
	draw_share(ctl, answer, "hubs", "reachable", "reachable");
	label(ctl, "Sessions");
	draw_share(ctl, answer, "sessions", "up", "up");
	draw_certificates(ctl, answer);
	draw_warnings(ctl, json_object_get(answer, "warnings"));
}

int cmd_status(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/status", draw_status);
}
