// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl ca: a mesh's certificate authority, without the daemon
 *
 *   ca init --mesh NAME --dir DIR [--days N]
 *   ca issue --dir DIR --hub NAME --out STATEDIR [--zone NAME,...] [--days N] [--pubkey FILE]
 *   ca issue-service --dir DIR --service NAME --pubkey FILE --out STATEDIR [--days N]
 *   ca show FILE
 *   ca revoke --dir DIR [--reason REASON] HUB|SERIAL
 *   ca revocations [install FILE]
 *
 * The files are ca_store.c's and ca_crl.c's; here are options and output.  The last
 * one asks the daemon: ca_revocations.c.
 */
#include "tools/meshctl/meshctl.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/trust/crl.h"
#include "daemon/trust/issue.h"
#include "tools/meshctl/ca_revocations.h"
#include "tools/meshctl/ca_store.h"
#include "tools/lib/format.h"

enum ca_option {
	OPTION_MESH = 1024,
	OPTION_DIR,
	OPTION_DAYS,
	OPTION_HUB,
	OPTION_OUT,
	OPTION_PUBKEY,
	OPTION_ZONE,
	OPTION_REASON,
	OPTION_SERVICE,
};

/**
 * struct ca_options - all that was given; NULL or 0 = not given
 * @mesh: trust domain of a root to be made
 * @dir: of the authority
 * @hub: name for people
 * @out: state directory that gets identity/
 * @pubkey: file with the public key of a hub that keeps its private one
 * @zone: zones the hub may be in
 * @reason: of a revocation
 * @service: a hub's key may speak for
 * @days: validity; init and issue put their default there first
 */
struct ca_options {
	const char *mesh, *dir, *hub, *out, *pubkey, *zone, *reason, *service;
	unsigned int days;
};

static int fail(struct meshctl *ctl, int code, const struct ca_error *error)
{
	int exit_code = MESHCTL_IO;

	if (code == -EEXIST)
		exit_code = MESHCTL_CANTCREAT;
	else if (code == -EACCES || code == -EPERM)
		exit_code = MESHCTL_NOPERM;
	else if (code == -EINVAL || code == -ERANGE)
		exit_code = MESHCTL_USAGE;
	else if (code == -EBADMSG || code == -EFBIG)
		exit_code = MESHCTL_DATA;
	return meshctl_fail(ctl, exit_code, error->hint, "%s", error->text);
}

static const char *format_date(int64_t unix_s, char buf[FORMAT_MAX])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(buf, FORMAT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		buf[0] = '\0';
	return buf;
}

static const char *kind_of(const struct ca_certificate *c)
{
	return c->is_root ? "root" : strstr(c->uri, "/service/") ? "service" : "hub";
}

static void print_text(struct meshctl *ctl, const struct ca_certificate *c)
{
	char id[HUB_ID_STRLEN], from[FORMAT_MAX], until[FORMAT_MAX];
	char subject[sizeof(c->subject)], uri[sizeof(c->uri)];

	fprintf(ctl->out, "File         %s\n", c->path);
	fprintf(ctl->out, "Kind         %s\n", kind_of(c));
	if (!c->is_root)
		fprintf(ctl->out, "Hub          %s\n", hub_id_format(&c->hub, id));
	fprintf(ctl->out, "Name         %s\n", format_safe(c->subject, subject, sizeof(subject)));
	fprintf(ctl->out, "SPIFFE id    %s\n", format_safe(c->uri, uri, sizeof(uri)));
	if (!c->is_root)
		fprintf(ctl->out, "Zones        %s\n", c->zones[0] ? c->zones : "none");
	fprintf(ctl->out, "Serial       %s\n", c->serial);
	fprintf(ctl->out, "Valid        %s to %s\n", format_date(c->not_before_s, from),
		format_date(c->not_after_s, until));
}

/* Text of a certificate is not always UTF-8; JSON is. */
static json_t *json_text(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_null();
}

static json_t *json_zones(const char *list)
{
	json_t *array = json_array();
	const char *name;
	size_t len;

	while ((name = zone_list_next(&list, &len)))
		json_array_append_new(array, json_stringn(name, len));
	return array;
}

static void print_json(struct meshctl *ctl, const struct ca_certificate *c)
{
	char id[HUB_ID_STRLEN];
	json_t *object = json_object();

	json_object_set_new(object, "file", json_text(c->path));
	json_object_set_new(object, "kind", json_string(kind_of(c)));
	if (!c->is_root)
		json_object_set_new(object, "hub", json_string(hub_id_format(&c->hub, id)));
	json_object_set_new(object, "name", json_text(c->subject));
	json_object_set_new(object, "spiffe_id", json_text(c->uri));
	json_object_set_new(object, "zones", json_zones(c->zones));
	json_object_set_new(object, "serial", json_string(c->serial));
	json_object_set_new(object, "not_before_s", json_integer(c->not_before_s));
	json_object_set_new(object, "not_after_s", json_integer(c->not_after_s));
	json_object_set_new(object, "bytes", json_integer((json_int_t)c->der_len));
	json_dumpf(object, ctl->out, JSON_INDENT(2));
	fputc('\n', ctl->out);
	json_decref(object);
}

static int print(struct meshctl *ctl, const struct ca_certificate *c)
{
	if (ctl->output == MESHCTL_JSON)
		print_json(ctl, c);
	else
		print_text(ctl, c);
	return MESHCTL_OK;
}

static int parse_days(struct meshctl *ctl, const char *text, unsigned int *ret)
{
	char *end;
	unsigned long days;

	errno = 0;
	days = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || days < 1 || days > ISSUE_DAYS_MAX)
		return meshctl_fail(ctl, MESHCTL_USAGE, "give whole days, 1 to 36500",
				    "bad --days '%s'", text);
	*ret = (unsigned int)days;
	return MESHCTL_OK;
}

/*
 * Options and operands of one subcommand, of which @argv[0] is the name.
 * Returns true to go on; else the exit code is in @ret.
 */
static bool parse(struct meshctl *ctl, int argc, char **argv, int n_operands,
		  struct ca_options *options, int *ret)
{
	static const struct option longopts[] = {
		{"mesh", required_argument, NULL, OPTION_MESH},
		{"dir", required_argument, NULL, OPTION_DIR},
		{"days", required_argument, NULL, OPTION_DAYS},
		{"hub", required_argument, NULL, OPTION_HUB},
		{"out", required_argument, NULL, OPTION_OUT},
		{"pubkey", required_argument, NULL, OPTION_PUBKEY},
		{"zone", required_argument, NULL, OPTION_ZONE},
		{"reason", required_argument, NULL, OPTION_REASON},
		{"service", required_argument, NULL, OPTION_SERVICE},
		{0},
	};
	int opt;

	*ret = MESHCTL_OK;
	optind = 0;
	while ((opt = meshctl_getopt(ctl, argc, argv, "", longopts)) != -1) {
		switch (opt) {
		case OPTION_MESH:
			options->mesh = optarg;
			break;
		case OPTION_DIR:
			options->dir = optarg;
			break;
		case OPTION_DAYS:
			*ret = parse_days(ctl, optarg, &options->days);
			break;
		case OPTION_HUB:
			options->hub = optarg;
			break;
		case OPTION_OUT:
			options->out = optarg;
			break;
		case OPTION_PUBKEY:
			options->pubkey = optarg;
			break;
		case OPTION_ZONE:
			options->zone = optarg;
			break;
		case OPTION_REASON:
			options->reason = optarg;
			break;
		case OPTION_SERVICE:
			options->service = optarg;
			break;
		default:
			*ret = meshctl_getopt_end(ctl, opt);
			return false;
		}
		if (*ret != MESHCTL_OK)
			return false;
	}
	if (argc - optind == n_operands)
		return true;
	*ret = meshctl_fail(ctl, MESHCTL_USAGE, "see meshctl ca --help",
			    argc - optind > n_operands ? "too many arguments for ca %s"
						       : "ca %s wants an argument",
			    argv[0]);
	return false;
}

static int init(struct meshctl *ctl, int argc, char **argv)
{
	struct ca_options options = {.days = ISSUE_ROOT_DAYS};
	struct ca_certificate certificate;
	struct ca_error error;
	int r;

	if (!parse(ctl, argc, argv, 0, &options, &r))
		return r;
	if (!options.mesh || !options.dir || options.hub || options.out || options.pubkey ||
	    options.zone || options.reason)
		return meshctl_fail(ctl, MESHCTL_USAGE,
				    "meshctl ca init --mesh NAME --dir DIR [--days N]",
				    "ca init needs --mesh and --dir");
	r = ca_create_root(options.dir, options.mesh, options.days, (int64_t)time(NULL),
			   &certificate, &error);
	return r < 0 ? fail(ctl, r, &error) : print(ctl, &certificate);
}

static int issue(struct meshctl *ctl, int argc, char **argv)
{
	struct ca_options options = {.days = ISSUE_HUB_DAYS};
	struct ca_certificate certificate;
	struct ca_request request;
	struct ca_error error;
	int r;

	if (!parse(ctl, argc, argv, 0, &options, &r))
		return r;
	if (!options.dir || !options.hub || !options.out || options.mesh || options.reason)
		return meshctl_fail(ctl, MESHCTL_USAGE,
				    "meshctl ca issue --dir DIR --hub NAME --out STATEDIR "
				    "[--zone NAME,...] [--days N] [--pubkey FILE]",
				    options.mesh ? "ca issue takes the mesh from the authority"
						 : "ca issue needs --dir, --hub and --out");
	request = (struct ca_request){
		.dir = options.dir,
		.hub = options.hub,
		.state_dir = options.out,
		.pubkey_path = options.pubkey,
		.zones = options.zone,
		.days = options.days,
	};
	r = ca_issue_hub(&request, (int64_t)time(NULL), &certificate, &error);
	return r < 0 ? fail(ctl, r, &error) : print(ctl, &certificate);
}

static int issue_service(struct meshctl *ctl, int argc, char **argv)
{
	struct ca_options options = {.days = ISSUE_HUB_DAYS};
	struct ca_certificate certificate;
	struct ca_request request;
	struct ca_error error;
	int r;

	if (!parse(ctl, argc, argv, 0, &options, &r))
		return r;
	if (!options.dir || !options.service || !options.out || !options.pubkey)
		return meshctl_fail(ctl, MESHCTL_USAGE,
				    "meshctl ca issue-service --dir DIR --service NAME "
				    "--pubkey HUB.CRT --out STATEDIR [--days N]",
				    "ca issue-service needs --dir, --service, --pubkey and --out");
	request = (struct ca_request){
		.dir = options.dir,
		.state_dir = options.out,
		.pubkey_path = options.pubkey,
		.service = options.service,
		.days = options.days,
	};
	r = ca_issue_service(&request, (int64_t)time(NULL), &certificate, &error);
	return r < 0 ? fail(ctl, r, &error) : print(ctl, &certificate);
}

static int show(struct meshctl *ctl, int argc, char **argv)
{
	struct ca_options options = {0};
	struct ca_certificate certificate;
	struct ca_error error;
	int r;

	if (!parse(ctl, argc, argv, 1, &options, &r))
		return r;
	r = ca_read_certificate(argv[optind], &certificate, &error);
	return r < 0 ? fail(ctl, r, &error) : print(ctl, &certificate);
}

static int print_list(struct meshctl *ctl, const struct ca_list *list)
{
	if (ctl->output == MESHCTL_JSON) {
		json_t *object = json_pack("{s:o, s:I, s:I, s:b}", "file", json_text(list->path),
					   "number", (json_int_t)list->number, "revoked",
					   (json_int_t)list->n_entries, "is_new", list->is_new);

		json_dumpf(object, ctl->out, JSON_INDENT(2));
		fputc('\n', ctl->out);
		json_decref(object);
		return MESHCTL_OK;
	}
	if (!list->is_new)
		fputs("It was revoked already.\n", ctl->out);
	fprintf(ctl->out,
		"File         %s\nNumber       %llu\nRevoked      %zu\n"
		"Now put it on any one hub: meshctl ca revocations install %s\n",
		list->path, (unsigned long long)list->number, list->n_entries, list->path);
	return MESHCTL_OK;
}

static int revoke(struct meshctl *ctl, int argc, char **argv)
{
	struct ca_options options = {.reason = "unspecified"};
	struct ca_error error;
	struct ca_list list;
	int r, reason;

	if (!parse(ctl, argc, argv, 1, &options, &r))
		return r;
	reason = crl_reason_parse(options.reason);
	if (reason < 0)
		return meshctl_fail(ctl, MESHCTL_USAGE,
				    "key-compromise, affiliation-changed, superseded, cessation, "
				    "privilege-withdrawn, unspecified",
				    "bad --reason '%s'", options.reason);
	if (!options.dir)
		return meshctl_fail(ctl, MESHCTL_USAGE,
				    "meshctl ca revoke --dir DIR [--reason REASON] HUB|SERIAL",
				    "ca revoke needs --dir");
	r = ca_revoke(options.dir, argv[optind], (unsigned int)reason, (int64_t)time(NULL), &list,
		      &error);
	return r < 0 ? fail(ctl, r, &error) : print_list(ctl, &list);
}

int cmd_ca(struct meshctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct meshctl *ctl, int argc, char **argv);
	} verbs[] = {{"init", init}, {"issue", issue},	 {"issue-service", issue_service},
		     {"show", show}, {"revoke", revoke}, {"revocations", ca_revocations}};
	int opt;

	optind = 0;
	opt = meshctl_getopt(ctl, argc, argv, "+", NULL);
	if (opt != -1)
		return meshctl_getopt_end(ctl, opt);
	argc -= optind;
	argv += optind;
	for (size_t i = 0; argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[0], verbs[i].name) == 0)
			return verbs[i].run(ctl, argc, argv);
	return meshctl_fail(ctl, MESHCTL_USAGE,
			    "use init, issue, issue-service, show, revoke or revocations; see "
			    "meshctl ca --help",
			    argc > 0 ? "unknown command 'ca %s'" : "ca needs a command",
			    argc > 0 ? argv[0] : "");
}
