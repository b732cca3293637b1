// SPDX-License-Identifier: GPL-2.0
#include "daemon/shell/resident.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/lib/cleanup.h"

#define MAPS_LINE_MAX 512

void resident_drop_startup(void)
{
	_cleanup_fclose_ FILE *maps = fopen("/proc/self/maps", "re");
	char line[MAPS_LINE_MAX], mode[5];
	unsigned long start, end, inode;

	malloc_trim(0);
	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &start, &end, mode, &inode) != 4)
			continue;
		/* Executable and never written: every page is as in the file. */
		if (inode && strcmp(mode, "r-xp") == 0)
			madvise((void *)(uintptr_t)start, end - start, MADV_DONTNEED);
	}
}
