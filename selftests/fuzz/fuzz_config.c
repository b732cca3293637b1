// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for meshd.yaml: any bytes end in settings or in a sentence
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config = {0};
	char error[2048];
	int result = config_parse("f", data, size, &config, error, sizeof(error));

	if (result == 0) {
		if (!config.mesh || !config.name || !config.state_dir || !config.control_port ||
		    !config.data_port || config.n_seeds > CONFIG_SEEDS_MAX)
			abort();
		config_fini(&config);
	} else if (result != -EINVAL || error[0] == '\0' || config.mesh) {
		abort(); /* refused without a word, or half filled */
	}
	return 0;
}
