/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: descriptor: the file that says what the messages of a gRPC service are
 *
 * A FileDescriptorSet as protoc writes it, in the services' directory or
 * anywhere on this hub.  Its bytes are foreign: bounded, and refused with file
 * and reason.  The schema in it is shared with who translates by it.
 */
#ifndef SERVICES_DESCRIPTOR_H
#define SERVICES_DESCRIPTOR_H

#include <sys/stat.h>
#include <sys/types.h>

#include "daemon/translate/schema.h"

#define DESCRIPTOR_PATH_MAX 255

/**
 * struct descriptor_stamp - whether a file is the one that was read
 * @error: -errno it could not be looked at, 0 it could
 * @device: where it is
 * @inode: which it is there
 * @size: bytes
 * @modified: its content
 * @changed: anything of it
 */
struct descriptor_stamp {
	int error;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

/** descriptor_path_is_valid() - The name of a file in the directory, or an absolute path? */
bool descriptor_path_is_valid(const char *path);
/** descriptor_get_stamp() - Of the file now; @dir is the services' directory. */
struct descriptor_stamp descriptor_get_stamp(int dir, const char *path);
/** descriptor_stamp_equal() - Nothing has happened to it in between. */
bool descriptor_stamp_equal(const struct descriptor_stamp *a, const struct descriptor_stamp *b);
/**
 * descriptor_read() - Read and check one.
 * @dir: the services' directory
 * @path: valid
 * @file: the definition that names it; stands in the error
 * @error: receives a line
 * @error_size: bytes available in @error
 *
 * Return: with one reference; NULL refused.
 */
struct schema *descriptor_read(int dir, const char *path, const char *file, char *error,
			       size_t error_size);

/**
 * services_read_file() - All of a regular file, that is no link.
 * @dir: where @name is looked for
 * @name: of it
 * @buf: filled
 * @size: of @buf; of a longer file so much is read
 *
 * Return: bytes read; -errno.
 */
ssize_t services_read_file(int dir, const char *name, uint8_t *buf, size_t size);

#endif
