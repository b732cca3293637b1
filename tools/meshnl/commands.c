// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: commands: the table of commands, and what each does
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include <net/if.h>

#include "tools/meshnl/kernel.h"
#include "tools/meshnl/meshnl.h"
#include "tools/meshnl/tables.h"
#include "tools/meshnl/views.h"

typedef void (*draw_fn)(const struct meshnl *nl, const json_t *answer);

static int write_json(const struct meshnl *nl, const json_t *answer)
{
	json_dumpf(answer, nl->out, JSON_COMPACT);
	fputc('\n', nl->out);
	return fflush(nl->out) == 0 ? EX_OK : EX_IOERR;
}

static json_t *answer_new(const char *device)
{
	return json_pack("{s:i, s:s*}", "version", MESHNL_JSON_VERSION, "device", device);
}

/* Read and show; the answer is drawn when it is whole, never in part. */
static int show(struct meshnl *nl, const char *device, tables_read_fn read, draw_fn draw)
{
	struct kernel *kernel = NULL;
	json_t *answer = answer_new(device);
	char why[KERNEL_WHY_MAX] = "";
	int code = EX_OK, err = kernel_open(&kernel, NULL, why);

	if (!err)
		err = read(kernel, device, answer, why);
	if (err)
		code = meshnl_fail_errno(nl, err, device, why);
	else if (nl->is_json)
		code = write_json(nl, answer);
	else
		draw(nl, answer);
	json_decref(answer);
	kernel_close(kernel);
	return code;
}

static int cmd_show(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_devices, nl_draw_devices);
}

static int cmd_links(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_links, nl_draw_links);
}

static int cmd_hubs(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_hubs, nl_draw_hubs);
}

static int cmd_routes(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_routes, nl_draw_routes);
}

static int cmd_trees(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_trees, nl_draw_trees);
}

static int cmd_fdb(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_fdb, nl_draw_fdb);
}

static int cmd_keys(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_keys, nl_draw_keys);
}

static int cmd_qos(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_qos, nl_draw_qos);
}

static int cmd_filter(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_filter, nl_draw_filter);
}

static int cmd_stats(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_stats, nl_draw_stats);
}

static int cmd_drops(struct meshnl *nl, char **operands)
{
	return show(nl, operands[0], tables_read_drops, nl_draw_drops);
}

/* What monitor listens for. */
struct watcher {
	struct meshnl *nl;
	const char *device;
};

static int on_event(void *arg, uint8_t cmd, json_t *message)
{
	const struct watcher *watcher = arg;
	const char *device = json_string_value(json_object_get(message, "ifname"));
	json_t *event;

	if (message && watcher->device && (!device || strcmp(device, watcher->device) != 0))
		return 0;
	event = answer_new(device);
	if (message) {
		json_object_update(event, message);
		json_object_del(event, "ifname");
	} else {
		json_object_set_new(event, "event", json_string("lost"));
	}
	if (watcher->nl->is_json)
		write_json(watcher->nl, event);
	else
		nl_draw_event(watcher->nl, event);
	json_decref(event);
	return fflush(watcher->nl->out) == 0 ? 0 : -EPIPE;
}

static int cmd_monitor(struct meshnl *nl, char **operands)
{
	struct watcher watcher = {nl, operands[0]};
	struct kernel *kernel = NULL;
	char why[KERNEL_WHY_MAX] = "";
	int err = kernel_open(&kernel, NULL, why);

	if (!err)
		err = kernel_listen(kernel, on_event, &watcher, why);
	kernel_close(kernel);
	return err == -EPIPE ? EX_IOERR : meshnl_fail_errno(nl, err, operands[0], why);
}

static int cmd_dev(struct meshnl *nl, char **operands)
{
	char why[KERNEL_WHY_MAX] = "";
	bool is_add = strcmp(operands[0], "add") == 0;
	int err;

	if (!is_add && strcmp(operands[0], "del") != 0)
		return meshnl_fail(nl, EX_USAGE, "meshnl dev add NAME, or meshnl dev del NAME",
				   "dev takes add or del, not \"%s\"", operands[0]);
	err = is_add ? kernel_device_add(operands[1], why) : kernel_device_del(operands[1], why);
	return err ? meshnl_fail_errno(nl, err, operands[1], why) : EX_OK;
}

static const struct meshnl_command commands[] = {
	{"show", "[DEV]", "Everything of an interface, or of all", 0, 1, false, cmd_show},
	{"links", "DEV", "Links to neighbours: state, carrier, round trip, phases", 1, 1, false,
	 cmd_links},
	{"hubs", "DEV", "Hubs that frames are accepted from, with their phases", 1, 1, false,
	 cmd_hubs},
	{"routes", "DEV", "Next hops and backups of the route set in force", 1, 1, false,
	 cmd_routes},
	{"trees", "DEV", "Multicast trees, and the groups wanted here", 1, 1, false, cmd_trees},
	{"fdb", "DEV", "Which hub an address is behind", 1, 1, false, cmd_fdb},
	{"keys", "DEV", "Key phases of links and hubs; never a key", 1, 1, false, cmd_keys},
	{"qos", "DEV", "Queues of the links, classification rules", 1, 1, false, cmd_qos},
	{"filter", "DEV", "Zones, zone pairs, ACL with hits, guards", 1, 1, false, cmd_filter},
	{"stats", "DEV", "Counters of the interface, its links and hubs", 1, 1, false, cmd_stats},
	{"drops", "DEV", "Why frames were dropped, reasons seen first", 1, 1, false, cmd_drops},
	{"monitor", "[DEV]", "Events as they come, until interrupted", 0, 1, true, cmd_monitor},
	{"dev", "add|del NAME", "Make or remove an interface of kind hubmesh", 2, 2, true, cmd_dev},
};

const struct meshnl_command *meshnl_commands(size_t *n)
{
	*n = sizeof(commands) / sizeof(commands[0]);
	return commands;
}

const struct meshnl_command *meshnl_command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void meshnl_print_help(FILE *out)
{
	fputs("Usage: meshnl [OPTIONS] COMMAND [ARGUMENTS]\n\n"
	      "Asks hubmesh.ko itself; no daemon is needed.\n\nCommands:\n",
	      out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-8s %-13s %s\n", commands[i].name, commands[i].arguments,
			commands[i].summary);
	fputs("\nOptions, before or after the command:\n"
	      "  -n, --netns NAME         in that network namespace (of ip netns, or a path)\n"
	      "  -o, --output FORM        table (default) or json\n"
	      "      --watch[=SECONDS]    show it again and again (default every 2 s)\n"
	      "      --no-color           no colours; so does NO_COLOR in the environment\n"
	      "  -h, --help               this\n\n"
	      "Example:\n  meshnl drops mesh0 --watch=1\n",
	      out);
}
