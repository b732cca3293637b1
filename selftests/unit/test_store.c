// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: state directory: numbers survive, keys others can read do not pass
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/store.h"

static char dir[64];
static const char *error_text;

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, mode_t mode, const char *text)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/test_store.XXXXXX");
	error_text = NULL;
	return mkdtemp(dir) ? 0 : -1;
}

static int make_identity(void **state)
{
	if (make_dir(state))
		return -1;
	mkdir(in_dir("identity"), 0700);
	mkdir(in_dir("identity/roots"), 0755);
	write_file("identity/hub.key", 0600, "KEY");
	write_file("identity/hub.crt", 0644, "CERT");
	write_file("identity/roots/a.crt", 0644, "ROOT A");
	write_file("identity/roots/b.crt", 0644, "ROOT B");
	write_file("identity/roots/README", 0644, "not a certificate");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int remove_dir(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct store *open_store(void)
{
	struct store *store = NULL;

	if (store_open(dir, &store, &error_text))
		fail_msg("%s", error_text);
	return store;
}

static void expect_open_refused(int error, const char *words)
{
	struct store *store = NULL;

	assert_int_equal(store_open(dir, &store, &error_text), error);
	assert_null(store);
	if (!strstr(error_text, words))
		fail_msg("expected \"%s\" in: %s", words, error_text);
}

static void expect_identity_refused(int error, const char *words)
{
	struct store *store = open_store();
	struct store_identity identity = {.n_roots = 77};

	assert_int_equal(store_load_identity(store, &identity, &error_text), error);
	if (!strstr(error_text, words))
		fail_msg("expected \"%s\" in: %s", words, error_text);
	assert_int_equal(identity.n_roots, 77);
	store_close(store);
}

struct services_seen {
	size_t n, n_refused;
	char text[64], why[256];
};

static void see_service(void *arg, const char *file, const uint8_t *bytes, size_t len,
			const char *why)
{
	struct services_seen *seen = arg;

	seen->n++;
	seen->n_refused += !bytes;
	if (bytes)
		snprintf(seen->text, sizeof(seen->text), "%s=%.*s", file, (int)len, bytes);
	else
		snprintf(seen->why, sizeof(seen->why), "%s", why);
}

static void certificates_of_services_are_read_as_often_as_is_asked(void **state)
{
	struct store *store = open_store();
	struct store_identity identity;
	struct services_seen seen = {0};

	assert_int_equal(store_read_services(store, see_service, &seen), 0);
	assert_int_equal(store_load_identity(store, &identity, &error_text), 0);
	store_identity_wipe(&identity);
	assert_int_equal(store_read_services(store, see_service, &seen), 0);
	assert_int_equal(seen.n, 0); /* the directory is there now */
	write_file("identity/services/till.crt", 0644, "TILL");
	write_file("identity/services/till.txt", 0644, "no certificate");
	assert_int_equal(store_read_services(store, see_service, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.text, "till.crt=TILL");
	write_file("identity/services/loose.crt", 0666, "LOOSE");
	write_file("identity/services/empty.crt", 0644, "");
	seen = (struct services_seen){0};
	assert_int_equal(store_read_services(store, see_service, &seen), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.n_refused, 2);
	assert_non_null(strstr(seen.why, "can be written by group or others"));
	assert_string_equal(seen.text, "till.crt=TILL");
	store_close(store);
}

static void directory_of_services_that_was_deleted_is_reported(void **state)
{
	struct store *store = open_store();
	struct store_identity identity;
	struct services_seen seen = {0};

	assert_int_equal(store_load_identity(store, &identity, &error_text), 0);
	store_identity_wipe(&identity);
	assert_int_equal(rmdir(in_dir("identity/services")), 0);
	assert_int_equal(store_read_services(store, see_service, &seen), -ESTALE);
	assert_int_equal(seen.n, 0);
	store_close(store);
}

static void store_number_survives_reopening(void **state)
{
	struct store *store = open_store();
	uint64_t value = 0;

	assert_int_equal(store_get(store, PERSIST_BOOT_EPOCH, 5, &value), 0);
	assert_int_equal(value, 5);
	assert_int_equal(store_put(store, PERSIST_BOOT_EPOCH, UINT64_MAX), 0);
	assert_int_equal(store_put(store, PERSIST_LSR_SEQ, 0), 0);
	store_close(store);
	store = open_store();
	assert_int_equal(store_get(store, PERSIST_BOOT_EPOCH, 5, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(store_get(store, PERSIST_LSR_SEQ, 5, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(store_get(store, PERSIST_IPV4, 7, &value), 0);
	assert_int_equal(value, 7);
	store_close(store);
}

static void store_reports_corrupt_number(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"12",
		"12 \n",
		"-1\n",
		"0x1\n",
		"18446744073709551616\n",
		"99999999999999999999999\n",
		"1\n2\n",
	};
	struct store *store = open_store();
	uint64_t value = 42;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file("numbers/ipv4", 0600, bad[i]);
		assert_int_equal(store_get(store, PERSIST_IPV4, 1, &value), -EIO);
		assert_int_equal(value, 42);
	}
	assert_int_equal(store_put(store, PERSIST_IPV4, 9), 0); /* and heals it */
	assert_int_equal(store_get(store, PERSIST_IPV4, 1, &value), 0);
	assert_int_equal(value, 9);
	store_close(store);
}

static void store_never_follows_planted_link(void **state)
{
	struct store *store = open_store();
	char text[8] = "";
	uint64_t value = 42;
	int fd;

	write_file("victim", 0600, "7\n");
	assert_int_equal(symlink("../victim", in_dir("numbers/lsr-seq")), 0);
	assert_int_equal(symlink("../victim", in_dir("numbers/lsr-seq.tmp")), 0);
	assert_int_equal(store_get(store, PERSIST_LSR_SEQ, 1, &value), -EIO);
	assert_int_equal(store_put(store, PERSIST_LSR_SEQ, 9), 0);
	fd = open(in_dir("victim"), O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 2);
	assert_string_equal(text, "7\n");
	close(fd);
	store_close(store);
}

static void store_removes_interrupted_write(void **state)
{
	struct store *store = open_store();
	uint64_t value = 0;

	store_put(store, PERSIST_LSR_SEQ, 3);
	write_file("numbers/lsr-seq.tmp", 0600, "99");
	store_close(store);
	store = open_store();
	assert_int_equal(access(in_dir("numbers/lsr-seq.tmp"), F_OK), -1);
	assert_int_equal(store_get(store, PERSIST_LSR_SEQ, 0, &value), 0);
	assert_int_equal(value, 3);
	store_close(store);
}

static int write_error_of(struct store *store)
{
	struct store_state now;

	store_state(store, &now);
	assert_true(now.free_bytes > 0);
	return now.write_error;
}

static void store_remembers_that_it_could_not_write_until_it_can(void **state)
{
	struct store *store = open_store();

	assert_int_equal(store_put(store, PERSIST_LSR_SEQ, 3), 0);
	assert_int_equal(write_error_of(store), 0);
	mkdir(in_dir("numbers/lsr-seq.tmp"), 0700);
	mkdir(in_dir("numbers/.probe"), 0700);
	assert_int_equal(store_put(store, PERSIST_LSR_SEQ, 4), -EEXIST);
	assert_int_equal(write_error_of(store), -EEXIST);
	store_retry(store);
	assert_int_equal(write_error_of(store), -EEXIST);
	rmdir(in_dir("numbers/.probe"));
	store_retry(store);
	assert_int_equal(write_error_of(store), 0);
	assert_int_equal(access(in_dir("numbers/.probe"), F_OK), -1);
	assert_int_equal(store_put(store, PERSIST_LSR_SEQ, 4), -EEXIST);
	assert_int_equal(store_put(store, PERSIST_IPV4, 4), 0); /* another write will do as well */
	assert_int_equal(write_error_of(store), 0);
	rmdir(in_dir("numbers/lsr-seq.tmp"));
	store_close(store);
}

static void store_refuses_second_opener(void **state)
{
	struct store *store = open_store();
	char pid[32];

	snprintf(pid, sizeof(pid), "(pid %d)", getpid());
	expect_open_refused(-EBUSY, "another meshd");
	assert_non_null(strstr(error_text, pid));
	store_close(store);
	store_close(open_store());
}

static void store_refuses_unsafe_directory(void **state)
{
	chmod(dir, 0770);
	expect_open_refused(-EPERM, "chmod go-w");
	chmod(dir, 0702);
	expect_open_refused(-EPERM, "chmod go-w");
	chmod(dir, 0755);
	store_close(open_store());
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(dir, 12345, 0), 0);
	expect_open_refused(-EPERM, "belongs to uid 12345");
}

static void store_makes_missing_directory_private(void **state)
{
	struct stat st;

	assert_int_equal(rmdir(dir), 0);
	store_close(open_store());
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void store_gives_numbers_away(void **state)
{
	struct store *store = open_store();
	struct stat st;

	if (geteuid() != 0)
		skip();
	store_put(store, PERSIST_LSR_SEQ, 3);
	assert_int_equal(store_give(store, 12345, 12346), 0);
	assert_int_equal(stat(in_dir("numbers/lsr-seq"), &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(seteuid(12345), 0);
	assert_int_equal(store_put(store, PERSIST_LSR_SEQ, 4), 0); /* through the open directory */
	assert_int_equal(open(in_dir("numbers/lsr-seq"), O_RDONLY), -1); /* not by path */
	assert_int_equal(seteuid(0), 0);
	store_close(store);
	store_close(open_store());
}

static void identity_loads(void **state)
{
	struct store *store = open_store();
	struct store_identity identity;

	if (store_load_identity(store, &identity, &error_text))
		fail_msg("%s", error_text);
	assert_string_equal((char *)identity.key_pem, "KEY");
	assert_int_equal(identity.key_pem_len, 3);
	assert_string_equal((char *)identity.cert_pem, "CERT");
	assert_int_equal(identity.n_roots, 2);
	assert_string_equal((char *)identity.roots_pem[0], "ROOT A");
	assert_string_equal((char *)identity.roots_pem[1], "ROOT B");
	store_identity_wipe(&identity);
	assert_null(identity.key_pem);
	store_identity_wipe(&identity);
	store_close(store);
}

static void identity_refuses_readable_key(void **state)
{
	static const mode_t bad[] = {0640, 0604, 0620, 0700, 0666};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		chmod(in_dir("identity/hub.key"), bad[i]);
		expect_identity_refused(-EPERM, "chmod 600");
	}
	chmod(in_dir("identity/hub.key"), 0400);
	identity_loads(state);
}

static void identity_refuses_what_others_can_write(void **state)
{
	chmod(in_dir("identity/roots/a.crt"), 0664);
	expect_identity_refused(-EPERM, "chmod go-w");
	chmod(in_dir("identity/roots/a.crt"), 0644);
	chmod(in_dir("identity/roots"), 0777);
	expect_identity_refused(-EPERM, "chmod go-w");
	chmod(in_dir("identity/roots"), 0755);
	chmod(in_dir("identity"), 0770);
	expect_identity_refused(-EPERM, "chmod go-w");
	if (geteuid() != 0)
		skip();
	chmod(in_dir("identity"), 0700);
	assert_int_equal(chown(in_dir("identity/hub.key"), 12345, 0), 0);
	expect_identity_refused(-EPERM, "belongs to uid 12345");
}

static void identity_refuses_odd_files(void **state)
{
	char name[64];

	write_file("identity/hub.crt", 0644, "");
	expect_identity_refused(-ENODATA, "is empty");
	unlink(in_dir("identity/hub.crt"));
	assert_int_equal(mkfifo(in_dir("identity/hub.crt"), 0600), 0);
	expect_identity_refused(-EPERM, "not a regular file");
	unlink(in_dir("identity/hub.crt"));
	expect_identity_refused(-ENOENT, "hub.crt: No such file");
	write_file("identity/hub.crt", 0644, "x");
	assert_int_equal(truncate(in_dir("identity/hub.crt"), STORE_FILE_MAX + 1), 0);
	expect_identity_refused(-EFBIG, "larger than");
	assert_int_equal(truncate(in_dir("identity/hub.crt"), STORE_FILE_MAX), 0);
	for (int i = 0; i < STORE_ROOTS_MAX - 1; i++) {
		snprintf(name, sizeof(name), "identity/roots/c%d.crt", i);
		write_file(name, 0644, "x");
	}
	expect_identity_refused(-ENOSPC, "at most 8");
}

static void identity_refuses_missing_roots(void **state)
{
	unlink(in_dir("identity/roots/a.crt"));
	unlink(in_dir("identity/roots/b.crt"));
	expect_identity_refused(-ENOENT, "holds no NAME.crt");
}

static void count_key(void *arg, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	int *n = arg;

	assert_int_equal(pubkey[0], ++*n);
}

static void store_keys_survive_reopening_but_for_a_torn_one(void **state)
{
	struct store *store = open_store();
	uint8_t key[HUB_PUBKEY_LEN] = {0};
	int n = 0;

	assert_int_equal(store_read_keys(store, count_key, &n), 0);
	assert_int_equal(n, 0);
	for (key[0] = 1; key[0] <= 3; key[0]++)
		assert_int_equal(store_add_key(store, key), 0);
	store_close(store);
	assert_int_equal(truncate(in_dir("numbers/keys"), 3 * HUB_PUBKEY_LEN - 1), 0);
	store = open_store();
	assert_int_equal(store_read_keys(store, count_key, &n), 0);
	assert_int_equal(n, 2);
	key[0] = 3; /* the next one lies behind what was whole */
	assert_int_equal(store_add_key(store, key), 0);
	n = 0;
	assert_int_equal(store_read_keys(store, count_key, &n), 0);
	assert_int_equal(n, 3);
	store_close(store);
}

static void count_list(void *arg, const char *name, const uint8_t *bytes, size_t len, int error)
{
	unsigned int *seen = arg;

	if (error)
		*seen |= error == -EFBIG ? 0x100 : 0x200;
	else
		*seen |= 1u << (len && bytes[0] == 'm' ? 0 : len);
}

static void store_list_of_a_root_replaces_its_last_one(void **state)
{
	struct store *store = open_store();
	const uint8_t root[HUB_PUBKEY_LEN] = {1}, other[HUB_PUBKEY_LEN] = {2};
	unsigned int seen = 0;

	assert_int_equal(store_put_list(store, root, (const uint8_t *)"1", 1), 0);
	assert_int_equal(store_put_list(store, root, (const uint8_t *)"22", 2), 0);
	assert_int_equal(store_put_list(store, other, (const uint8_t *)"333", 3), 0);
	write_file("revocations/mine.crl", 0600, "mine");
	write_file("revocations/mine.txt", 0600, "another");
	write_file("revocations/.hidden.crl", 0600, "another");
	store_close(store);
	store = open_store();
	assert_int_equal(store_read_lists(store, count_list, &seen), 0);
	assert_int_equal(seen, 1 | 1 << 2 | 1 << 3);
	assert_int_equal(truncate(in_dir("revocations/mine.crl"), STORE_FILE_MAX + 1), 0);
	seen = 0;
	assert_int_equal(store_read_lists(store, count_list, &seen), 0);
	assert_int_equal(seen, 0x100 | 1 << 2 | 1 << 3);
	store_close(store);
}

struct lists_seen {
	int n, n_refused;
	char first[SHA256_STRLEN + 8];
	int error;
};

static void note_list(void *arg, const char *name, const uint8_t *bytes, size_t len, int error)
{
	struct lists_seen *seen = arg;

	if (!seen->n++)
		snprintf(seen->first, sizeof(seen->first), "%.*s", (int)sizeof(seen->first) - 1,
			 name);
	seen->n_refused += error != 0;
	if (error)
		seen->error = error;
}

/* Files of an operator's, however many, must not make us forget who is revoked. */
static void store_lists_of_our_own_are_read_before_all_others(void **state)
{
	static const uint8_t issuer[HUB_PUBKEY_LEN] = {7};
	struct store *store = open_store();
	struct lists_seen seen = {0};
	char name[64], hex[SHA256_STRLEN];

	for (int i = 0; i < 10 * STORE_LISTS_MAX; i++) {
		snprintf(name, sizeof(name), "revocations/%d.crl", i);
		write_file(name, 0600, "somebody's");
	}
	assert_int_equal(store_put_list(store, issuer, (const uint8_t *)"ours", 4), 0);
	assert_int_equal(store_read_lists(store, note_list, &seen), 0);
	assert_int_equal(seen.n, STORE_LISTS_MAX + 1);
	assert_int_equal(seen.n_refused, 1);
	assert_int_equal(seen.error, -E2BIG);
	assert_memory_equal(seen.first, sha256_format(issuer, hex), SHA256_STRLEN - 1);
	store_close(store);
}

static void store_blob_that_cannot_be_written_leaves_nothing(void **state)
{
	static const uint8_t digest[SHA256_LEN] = {7}, bytes[100] = {7};
	struct store *store = open_store();
	struct rlimit before, none;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = sizeof(bytes) / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	r = store_put_blob(store, digest, bytes, sizeof(bytes));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(r < 0);
	assert_int_not_equal(access(in_dir("manifests/.incoming"), F_OK), 0);
	assert_int_equal(store_put_blob(store, digest, bytes, sizeof(bytes)), 0);
	store_close(store);
}

static void store_key_is_not_written_to_a_pipe_nobody_reads(void **state)
{
	static const uint8_t key[HUB_PUBKEY_LEN] = {7};
	struct store *store = open_store();

	assert_int_equal(mkfifo(in_dir("numbers/keys"), 0600), 0);
	assert_true(store_add_key(store, key) < 0);
	store_close(store);
}

#define dir_test(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
#define identity_test(f) cmocka_unit_test_setup_teardown(f, make_identity, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		dir_test(store_number_survives_reopening),
		dir_test(store_reports_corrupt_number),
		dir_test(store_never_follows_planted_link),
		dir_test(store_removes_interrupted_write),
		dir_test(store_remembers_that_it_could_not_write_until_it_can),
		dir_test(store_refuses_second_opener),
		dir_test(store_refuses_unsafe_directory),
		dir_test(store_makes_missing_directory_private),
		dir_test(store_gives_numbers_away),
		dir_test(store_keys_survive_reopening_but_for_a_torn_one),
		dir_test(store_list_of_a_root_replaces_its_last_one),
		dir_test(store_lists_of_our_own_are_read_before_all_others),
		dir_test(store_blob_that_cannot_be_written_leaves_nothing),
		dir_test(store_key_is_not_written_to_a_pipe_nobody_reads),
		identity_test(certificates_of_services_are_read_as_often_as_is_asked),
		identity_test(directory_of_services_that_was_deleted_is_reported),
		identity_test(identity_loads),
		identity_test(identity_refuses_readable_key),
		identity_test(identity_refuses_what_others_can_write),
		identity_test(identity_refuses_odd_files),
		identity_test(identity_refuses_missing_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
