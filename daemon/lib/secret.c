// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: secret: locked, undumped, wiped pages
 *
 * Each secret has its own mapping: munlock() and MADV_DONTDUMP work on whole
 * pages and must not touch a neighbour's.  The first bytes hold the length
 * of the mapping.
 */
#include "daemon/lib/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECRET_MAX (1 << 20) /* bytes; keys are small */

struct secret_header {
	size_t mapped;
	uint8_t bytes[] __attribute__((aligned(16)));
};

void *secret_new(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), mapped;
	struct secret_header *header;

	assert(size <= SECRET_MAX);
	mapped = (sizeof(*header) + size + page - 1) / page * page;
	header = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (header == MAP_FAILED)
		abort();
	(void)mlock(header, mapped);
	(void)madvise(header, mapped, MADV_DONTDUMP);
	header->mapped = mapped;
	return header->bytes;
}

void secret_free(void *secret)
{
	struct secret_header *header;
	size_t mapped;

	if (!secret)
		return;
	header =
		(struct secret_header *)((uint8_t *)secret - offsetof(struct secret_header, bytes));
	mapped = header->mapped;
	secret_wipe(header, mapped);
	munmap(header, mapped);
}
