// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: commands: the table of commands with their help
 */
#include "tools/meshctl/commands.h"

#include <string.h>

#define DISTANCE_NAME_MAX 32 /* longer names are near to nothing */

static const struct meshctl_command commands[] = {
	{"status", "", "Show this hub, its mesh and what wants attention",
	 "Example:\n  meshctl status\n", false, cmd_status},
	{"hubs", "", "List every hub this one knows",
	 "* marks this hub. SEAL says that both hubs share keys.\n\n"
	 "Example:\n  meshctl hubs --watch\n",
	 false, cmd_hubs},
	{"links", "", "List links to neighbours with round trip, loss and keys",
	 "Example:\n  meshctl links --watch=1\n", false, cmd_links},
	{"routes", "", "List next hops and backups towards every hub",
	 "Example:\n  meshctl -o json routes | jq '.routes[].hub_name'\n", false, cmd_routes},
	{"path", "HUB", "Show the way to a hub, hop by hop",
	 "HUB is a name, an id or a mesh address. Exits with 1 when it cannot be reached.\n\n"
	 "Example:\n  meshctl path delta\n",
	 false, cmd_path},
	{"sessions", "", "List TLS sessions with other hubs", "Example:\n  meshctl sessions\n",
	 false, cmd_sessions},
	{"qos", "", "Show how the links queue: rate, weight, backlog, drops, delay",
	 "Links without a rate have no queue.\n\nExample:\n  meshctl qos --watch=1\n", false,
	 cmd_qos},
	{"filter", "", "Show zones, who may send to whom, ACL hits, guards, storm limits",
	 "As the kernel has them. meshctl config shows what was asked for.\n\n"
	 "Example:\n  meshctl filter\n",
	 false, cmd_filter},
	{"stats", "[--drops | link NUMBER | hub HUB]", "Show counters and why frames were dropped",
	 "Options:\n  -d, --drops   only the reasons of dropped frames\n\n"
	 "Example:\n  meshctl stats link 3\n",
	 false, cmd_stats},
	{"ping", "[-c COUNT] [-i SECONDS] [-4] HUB", "Send echo requests to a hub over the mesh",
	 "HUB is a name, an id or a mesh address. Exits with 1 when no reply came.\n\n"
	 "Options:\n"
	 "  -c, --count COUNT        stop after so many (default: until interrupted)\n"
	 "  -i, --interval SECONDS   between requests (default 1)\n"
	 "  -4                       its IPv4 mesh address instead of IPv6\n\n"
	 "Example:\n  meshctl ping -c 3 delta\n",
	 true, cmd_ping},
	{"top", "[-d SECONDS] [-n COUNT]", "Watch the rates of links and hubs",
	 "q quits. Without a terminal one view over one interval is printed.\n\n"
	 "Options:\n"
	 "  -d, --delay SECONDS   between views (default 2)\n"
	 "  -n, --count COUNT     stop after so many views\n\n"
	 "Example:\n  meshctl top -d 1\n",
	 true, cmd_top},
	{"log", "[-f] [-n LINES]", "Show recent log lines of the daemon",
	 "Options:\n"
	 "  -f, --follow        keep printing new lines\n"
	 "  -n, --lines LINES   begin with so many (default 20)\n\n"
	 "Example:\n  meshctl log -f\n",
	 true, cmd_log},
	{"log-level", "LEVEL", "Make the daemon say more or less: error, warning, info, debug",
	 "Needs root. Lasts until meshd restarts or reloads.\n\n"
	 "Example:\n  meshctl log-level debug\n",
	 false, cmd_log_level},
	{"config", "", "Show the settings in force", "Example:\n  meshctl config\n", false,
	 cmd_config},
	{"reload", "", "Make the daemon read its configuration again",
	 "Needs root. A file with errors changes nothing and is explained.\n\n"
	 "Example:\n  meshctl reload\n",
	 false, cmd_reload},
	{"service",
	 "[list | add FILE | remove | show | history [NAME] | start | stop | restart | logs NAME]",
	 "List the services of the mesh; offer, withdraw and run this hub's",
	 "Commands:\n"
	 "  list             every service of every hub (default)\n"
	 "  add FILE         check a definition and offer the service; needs root\n"
	 "  remove NAME      offer it no more; needs root\n"
	 "  show NAME        all that is known of a service\n"
	 "  history [NAME]   every version seen, with its results\n"
	 "  start NAME       start its program (run:); needs root\n"
	 "  stop NAME        drain it, then end its program; needs root\n"
	 "  restart NAME     both; needs root\n"
	 "  logs NAME        the last lines its program wrote\n\n"
	 "Example:\n  meshctl service add speech.yaml\n",
	 false, cmd_service},
	{"resolve", "[OPTIONS] NAME", "Ask who would serve a user of a service now, and why",
	 "The lease is given back at once. Exits with 1 when no hub would serve. Needs root.\n\n"
	 "Options:\n"
	 "  -e, --explain              every candidate with its numbers and verdict\n"
	 "  -r, --range RANGE          versions, like ^1.2 or \">=1 <3\"\n"
	 "      --interface NAME       it must implement\n"
	 "      --zone ZONE            it must serve\n"
	 "      --protocol NAME        spoken; stream: any but udp\n"
	 "      --capability WORD      it must have; may be repeated\n"
	 "      --credential WORD      the user has; may be repeated\n"
	 "      --max-latency MS       of route and service together\n"
	 "      --max-price MICRO      of a slot for a second\n"
	 "      --slots N              wanted (default 1)\n"
	 "      --shared ENDPOINT      the shared provider to fall back to\n\n"
	 "Example:\n  meshctl resolve speech --explain\n",
	 false, cmd_resolve},
	{"versions", "[SERVICE]",
	 "List versions of services: taken, on trial or rolled back, and why",
	 "Of one service its history at every hub, too.\n\n"
	 "Example:\n  meshctl versions speech\n",
	 false, cmd_versions},
	{"rollback", "SERVICE [VERSION]", "Take a version no more until it is cleared",
	 "Without VERSION the highest that is offered. Users move to another version, if any is\n"
	 "offered; what is in flight ends in peace. Needs root.\n\n"
	 "Example:\n  meshctl rollback speech 1.5.0\n",
	 false, cmd_rollback},
	{"canary", "SERVICE VERSION WEIGHT", "Give a version so many permille of new leases",
	 "The other versions get the rest; 0 ends the canary. Needs root.\n\n"
	 "Example:\n  meshctl canary speech 1.5.0 50\n",
	 false, cmd_canary},
	{"promote", "SERVICE [VERSION]", "Give a version all new leases and end its trial",
	 "Without VERSION the canary. Needs root.\n\n"
	 "Example:\n  meshctl promote speech\n",
	 false, cmd_promote},
	{"pin", "SERVICE VERSION|DIGEST|none", "Use one version of a service only",
	 "DIGEST is of a manifest or of the code. A pin is stronger than a rollback. Needs "
	 "root.\n\n"
	 "Example:\n  meshctl pin speech 1.4.2\n",
	 false, cmd_pin},
	{"clear", "SERVICE [VERSION]", "Forget what was ruled about a version: it is tried anew",
	 "Without VERSION of all versions, with pin and canary. Needs root.\n\n"
	 "Example:\n  meshctl clear speech 1.5.0\n",
	 false, cmd_clear},
	{"proxy", "", "List the services programs of this hub reach, and those others call",
	 "With their providers, connections, bytes and times. -o json has every counter and the\n"
	 "connections now open.\n\nExample:\n  meshctl proxy --watch=1\n",
	 false, cmd_proxy},
	{"ca", "COMMAND ...", "Make a mesh's root, issue and revoke certificates of hubs",
	 "Works on files; only revocations asks the daemon.\n\n"
	 "Commands:\n"
	 "  init --mesh NAME --dir DIR [--days N]\n"
	 "                        make the root certificate and key of a new mesh in DIR\n"
	 "  issue --dir DIR --hub NAME --out STATEDIR [--zone NAME,...] [--days N] [--pubkey "
	 "FILE]\n"
	 "                        make the identity of one hub, ready for its meshd\n"
	 "  issue-service --dir DIR --service NAME --pubkey HUB.CRT --out STATEDIR [--days N]\n"
	 "                        certify that the hub's key speaks for a service\n"
	 "  show FILE             say what a certificate contains\n"
	 "  revoke --dir DIR [--reason REASON] HUB|SERIAL\n"
	 "                        add a hub, or one certificate, to the root's list of "
	 "revocations;\n"
	 "                        REASON: key-compromise, affiliation-changed, superseded, "
	 "cessation,\n"
	 "                        privilege-withdrawn or unspecified\n"
	 "  revocations           show the lists in force\n"
	 "  revocations install FILE\n"
	 "                        put a list into force here; the mesh spreads it; needs root\n\n"
	 "Example:\n"
	 "  meshctl ca init --mesh lab.example --dir /root/mesh-ca\n"
	 "  meshctl ca issue --dir /root/mesh-ca --hub delta --out /tmp/delta\n",
	 true, cmd_ca},
	{"version", "", "Show the versions of meshctl, meshd and the module",
	 "Example:\n  meshctl version\n", false, cmd_version},
};

const struct meshctl_command *meshctl_commands(size_t *n)
{
	*n = sizeof(commands) / sizeof(commands[0]);
	return commands;
}

const struct meshctl_command *meshctl_command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits from one word to the other (Levenshtein), two rows at a time. */
static size_t distance(const char *a, const char *b)
{
	size_t row[DISTANCE_NAME_MAX + 1], n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];

			row[j] = smaller(smaller(above, row[j - 1]) + 1,
					 diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

const char *meshctl_command_nearest(const char *name)
{
	const char *best = NULL;
	size_t best_distance = 3; /* further is a guess, not a typing error */

	if (strlen(name) > DISTANCE_NAME_MAX || strlen(name) < 2)
		return NULL;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		size_t d = distance(name, commands[i].name);

		if (strncmp(name, commands[i].name, strlen(name)) == 0)
			d = 1; /* a beginning of it */
		if (d < best_distance && d < strlen(commands[i].name)) {
			best_distance = d;
			best = commands[i].name;
		}
	}
	return best;
}

void meshctl_print_help(FILE *out)
{
	fputs("Usage: meshctl [OPTIONS] COMMAND [ARGUMENTS]\n\nCommands:\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("  help       Show this, or the help of one command\n\n"
	      "Options:\n"
	      "  -s, --socket PATH        the daemon's socket (default " MESHCTL_SOCKET_DEFAULT
	      ")\n"
	      "  -o, --output FORM        table (default) or json\n"
	      "      --watch[=SECONDS]    show it again and again (default every 2 s)\n"
	      "      --no-color           no colours; so does NO_COLOR in the environment\n"
	      "  -h, --help               help of meshctl or of a command\n",
	      out);
}
