// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: keys: whose a hub id is, over restarts
 *
 * numbers/keys holds the 32 bytes of each hub's key behind one another, in the
 * order they were first seen.  It only grows: forgetting one would let a
 * second key take its id.  Of two with one id the first counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/store/internal.h"

static int add_key(struct store *store, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	_cleanup_close_ int fd =
		openat(store->numbers_fd, STORE_KEYS_NAME,
		       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	errno = ENOSPC; /* a short write sets none */
	if (write(fd, pubkey, HUB_PUBKEY_LEN) != HUB_PUBKEY_LEN) {
		int error = -errno;

		/* Half a key would shift all that come after it. */
		return ftruncate(fd, st.st_size) < 0 ? -errno : error;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int store_add_key(struct store *store, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	return store_note(store, add_key(store, pubkey));
}

int store_read_keys(struct store *store, store_key_fn fn, void *arg)
{
	_cleanup_close_ int fd =
		openat(store->numbers_fd, STORE_KEYS_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	uint8_t pubkey[HUB_PUBKEY_LEN];
	off_t at = 0;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	while ((n = pread(fd, pubkey, sizeof(pubkey), at)) == sizeof(pubkey)) {
		fn(arg, pubkey);
		at += n;
	}
	if (n < 0)
		return -errno;
	return n && ftruncate(fd, at) < 0 ? -errno : 0;
}
