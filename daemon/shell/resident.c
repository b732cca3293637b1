// SPDX-License-Identifier: GPL-2.0
#include "daemon/shell/resident.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/lib/cleanup.h"

#define SMAPS_LINE_MAX 512

/**
 * struct mapping - of /proc/self/smaps
 * @start: address
 * @end: address behind it
 * @is_file: of a file, and cannot be written
 */
struct mapping {
	unsigned long start, end;
	bool is_file;
};

/* Return: false the line does not begin a mapping, and @mapping stays. */
static bool begin_mapping(const char *line, struct mapping *mapping)
{
	unsigned long start, end, inode; /* "Anonymous:" begins like a number */
	char mode[5];

	if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &start, &end, mode, &inode) != 4)
		return false;
	mapping->start = start;
	mapping->end = end;
	mapping->is_file = inode && (strcmp(mode, "r-xp") == 0 || strcmp(mode, "r--p") == 0);
	return true;
}

void resident_drop_startup(void)
{
	_cleanup_fclose_ FILE *maps = fopen("/proc/self/smaps", "re");
	struct mapping mapping = {0};
	char line[SMAPS_LINE_MAX];
	unsigned long anonymous_kib;

	malloc_trim(0);
	while (maps && fgets(line, sizeof(line), maps)) {
		if (begin_mapping(line, &mapping) || !mapping.is_file)
			continue;
		/* No page of its own: nobody ever wrote here (as to relocate), all is as in the file. */
		if (sscanf(line, "Anonymous: %lu kB", &anonymous_kib) == 1 && anonymous_kib == 0)
			madvise((void *)(uintptr_t)mapping.start, mapping.end - mapping.start,
				MADV_DONTNEED);
	}
}
