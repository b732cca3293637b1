// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: loading meshd.yaml
 *
 * Three steps, each refusing with file and line: form (lines.c over libyaml),
 * types (libcyaml by schema.c), meaning (check.c).  Nothing of a refused
 * file reaches the caller.
 */
#include "daemon/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/check.h"
#include "daemon/config/lines.h"
#include "daemon/config/schema.h"
#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

/**
 * struct cyaml_complaint - what libcyaml said when it refused
 * @text: first error line, without its "Load: " and newline
 * @line: first line number of its backtrace, 0 = none
 */
struct cyaml_complaint {
	char text[160];
	unsigned int line;
};

__attribute__((format(printf, 3, 0))) static void note_complaint(cyaml_log_t level, void *ctx,
								 const char *fmt, va_list args)
{
	struct cyaml_complaint *complaint = ctx;
	const char *text, *line;
	char buf[256];

	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(buf, sizeof(buf), fmt, args);
	line = strstr(buf, "(line: ");
	if (line && !complaint->line)
		complaint->line = (unsigned int)strtoul(line + strlen("(line: "), NULL, 10);
	if (complaint->text[0])
		return;
	text = strncmp(buf, "Load: ", 6) == 0 ? buf + 6 : buf;
	snprintf(complaint->text, sizeof(complaint->text), "%.*s", (int)strcspn(text, "\n"), text);
}

static int load_types(const uint8_t *bytes, size_t len, cyaml_config_t *cyaml,
		      struct config_file **ret, struct config_errors *errors)
{
	struct cyaml_complaint complaint = {0};
	cyaml_err_t error;

	cyaml->log_ctx = &complaint;
	error = cyaml_load_data(bytes, len, cyaml, &config_schema, (cyaml_data_t **)ret, NULL);
	cyaml->log_ctx = NULL;
	if (error == CYAML_OK)
		return 0;
	config_error(errors, complaint.line, "%s; write a value as in man meshd.yaml",
		     complaint.text[0] ? complaint.text : cyaml_strerror(error));
	return -EINVAL;
}

static const struct config_form form = {&config_schema, "man meshd.yaml", "mesh: NAME"};

int config_parse(const char *name, const uint8_t *bytes, size_t len, struct config *ret,
		 char *error, size_t error_size)
{
	struct config_errors errors = {.file = name, .text = error, .size = error_size};
	cyaml_config_t cyaml = {
		.log_fn = note_complaint,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	_cleanup_free_ struct config_lines *lines = xnew(struct config_lines);
	struct config_file *file = NULL;
	struct config config = {0};
	int result;

	if (error_size)
		error[0] = '\0';
	result = config_lines_scan(bytes, len, &form, lines, &errors);
	if (result == 0)
		result = load_types(bytes, len, &cyaml, &file, &errors);
	if (result == 0)
		result = config_check(file, lines, &config, &errors);
	cyaml.log_fn = NULL;
	cyaml_free(&cyaml, &config_schema, file, 0);
	if (result) {
		config_fini(&config);
		return result;
	}
	*ret = config;
	return 0;
}

static int read_file(int fd, uint8_t *buf, size_t size, size_t *ret)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret = len;
	return 0;
}

int config_load(const char *path, struct config *ret, char *error, size_t error_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t len = 0;
	int result = fd < 0 ? -errno : 0;

	if (!result) {
		bytes = xmalloc(CONFIG_FILE_MAX + 1);
		result = read_file(fd, bytes, CONFIG_FILE_MAX + 1, &len);
	}
	if (result) {
		snprintf(error, error_size, "%s: %s; %s\n", path, strerror(-result),
			 result == -EACCES
				 ? "the account meshd runs as (user:) must be able to read it"
				 : "write the file (/etc/hubmesh/meshd.yaml.example shows one) or "
				   "name another with -c");
		return result;
	}
	if (len > CONFIG_FILE_MAX) {
		snprintf(error, error_size, "%s: larger than %d bytes; write less\n", path,
			 CONFIG_FILE_MAX);
		return -EINVAL;
	}
	return config_parse(path, bytes, len, ret, error, error_size);
}

void config_fini(struct config *config)
{
	free(config->mesh);
	free(config->name);
	free(config->state_dir);
	free(config->socket_path);
	free(config->services_dir);
	free(config->ifname);
	free(config->user);
	free(config->redirect_cgroup);
	free(config->policy);
	free(config->proxy);
	free(config->runtime_bundles);
	for (size_t i = 0; i < CONFIG_RUNTIME_USERS_MAX; i++)
		free(config->runtime_users[i]);
	for (size_t i = 0; i < CONFIG_INTERFACES_MAX; i++) {
		free(config->include[i]);
		free(config->exclude[i]);
	}
	*config = (struct config){0};
}
