/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: definition: one service as a person wrote it
 *
 * The YAML of Documentation/manifest.rst, checked by the same three steps as
 * meshd.yaml: form, types, meaning; every error with file, line and what to
 * write instead.
 */
#ifndef SERVICES_DEFINITION_H
#define SERVICES_DEFINITION_H

#include "daemon/services/descriptor.h"
#include "daemon/services/run.h"
#include "daemon/wire/manifest.h"

#define DEFINITION_FILE_MAX 16384
#define DEFINITION_ERROR_MAX 2048
#define DEFINITION_TARGET_MAX 255

/**
 * struct service_definition - what the file says, defaults filled in
 * @manifest: what other hubs get to see, but for its hub
 * @health_target: what the check asks for, see manifest.rst; "" = the kind's default
 * @descriptor: file that says what its messages are, "" none: for this hub alone
 * @run: how its program is run
 * @health_timeout_ms: of one check
 * @health_failures: in a row until the service is failing
 */
struct service_definition {
	struct manifest manifest;
	char health_target[DEFINITION_TARGET_MAX + 1];
	char descriptor[DESCRIPTOR_PATH_MAX + 1];
	struct run_definition run;
	uint32_t health_timeout_ms, health_failures;
};

/**
 * definition_parse() - Read and check.
 * @file: stands in the errors
 * @bytes: the YAML
 * @len: its length
 * @ret: filled on success, untouched on failure
 * @error: receives a line per problem
 * @error_size: bytes available in @error
 *
 * Context: Pure.
 * Return: 0; -EINVAL with @error.
 */
int definition_parse(const char *file, const uint8_t *bytes, size_t len,
		     struct service_definition *ret, char *error, size_t error_size);

#endif
