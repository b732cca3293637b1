// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl ca: files with the right modes, nothing overwritten, nothing half made
 */
#include "selftests/unit/samples.h"

#include <ftw.h>
#include <sys/stat.h>

#include "daemon/trust/pem.h"
#include "daemon/trust/trust.h"
#include "tools/meshctl/ca_store.h"

static char base[64];

static const char *in_base(const char *name)
{
	static char paths[4][256];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
	return path;
}

static int setup(void **state)
{
	struct ca_certificate root;
	struct ca_error error;

	strcpy(base, "/tmp/hubmesh-ca-XXXXXX");
	assert_non_null(mkdtemp(base));
	assert_int_equal(ca_create_root(in_base("ca"), "example", 10, SAMPLE_NOW_S, &root, &error),
			 0);
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(base, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void assert_mode(const char *name, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(in_base(name), &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static size_t read_whole(const char *name, uint8_t *buf, size_t size)
{
	FILE *f = fopen(in_base(name), "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, size, f);
	fclose(f);
	return n;
}

static int issue_zones(const char *out, const char *pubkey, const char *zones,
		       struct ca_certificate *ret)
{
	char dir[256], state_dir[256];
	struct ca_request request = {.dir = dir,
				     .hub = "hub-a",
				     .state_dir = state_dir,
				     .pubkey_path = pubkey,
				     .zones = zones,
				     .days = 5};
	struct ca_error error = {.text = ""};
	int r;

	strcpy(dir, in_base("ca"));
	strcpy(state_dir, in_base(out));
	r = ca_issue_hub(&request, SAMPLE_NOW_S, ret, &error);
	assert_int_equal(r < 0, error.text[0] != '\0');
	return r;
}

static int issue(const char *out, const char *pubkey, struct ca_certificate *ret)
{
	return issue_zones(out, pubkey, NULL, ret);
}

static void zones_are_written_and_shown_in_order(void **state)
{
	struct ca_certificate made, shown;
	struct ca_error error;

	assert_int_equal(issue_zones("a", NULL, "shop,office,shop", &made), 0);
	assert_string_equal(made.zones, "office,shop");
	assert_int_equal(ca_read_certificate(in_base("a/identity/hub.crt"), &shown, &error), 0);
	assert_string_equal(shown.zones, "office,shop");
	assert_int_equal(issue("b", NULL, &made), 0);
	assert_string_equal(made.zones, "");
	assert_int_equal(issue_zones("c", NULL, "shop, office", &made), -EINVAL);
	assert_int_equal(issue_zones("c", NULL, "none", &made), -EINVAL);
	assert_int_equal(access(in_base("c"), F_OK), -1);
}

static void issued_identity_verifies_and_is_private(void **state)
{
	uint8_t text[CA_FILE_MAX], der[CERT_MAX], seed[ED25519_SEED_LEN],
		pubkey[ED25519_PUBKEY_LEN];
	struct trust *trust = trust_new("example");
	struct trust_identity identity;
	struct ca_certificate made;
	size_t len;
	int n;

	assert_int_equal(issue("a", NULL, &made), 0);
	assert_mode("ca", 0700);
	assert_mode("ca/root.key", 0600);
	assert_mode("a/identity", 0700);
	assert_mode("a/identity/roots", 0700);
	assert_mode("a/identity/hub.key", 0600);
	len = read_whole("a/identity/roots/root.crt", text, sizeof(text));
	assert_int_equal(trust_add_root(trust, text, len), 0);
	len = read_whole("a/identity/hub.crt", text, sizeof(text));
	n = pem_decode(PEM_CERTIFICATE, text, len, der, sizeof(der));
	assert_true(n > 0);
	assert_int_equal(trust_verify_hub(trust, der, (size_t)n, SAMPLE_NOW_S, &identity), 0);
	assert_true(hub_id_equal(&identity.hub, &made.hub));
	len = read_whole("a/identity/hub.key", text, sizeof(text));
	assert_int_equal(pem_read_private_key(text, len, seed), 0);
	assert_int_equal(ed25519_public_key(seed, pubkey), 0);
	assert_memory_equal(pubkey, identity.pubkey, sizeof(pubkey));
	trust_free(trust);
}

static void nothing_is_overwritten(void **state)
{
	uint8_t before[CA_FILE_MAX], after[CA_FILE_MAX];
	struct ca_certificate made;
	struct ca_error error;
	size_t len = read_whole("ca/root.key", before, sizeof(before));

	assert_int_equal(ca_create_root(in_base("ca"), "example", 10, SAMPLE_NOW_S, &made, &error),
			 -EEXIST);
	assert_int_equal(read_whole("ca/root.key", after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
	assert_int_equal(issue("a", NULL, &made), 0);
	assert_int_equal(issue("a", NULL, &made), -EEXIST);
	/* Half of an identity is there: the new half is taken back. */
	assert_int_equal(unlink(in_base("a/identity/hub.key")), 0);
	assert_int_equal(issue("a", NULL, &made), -EEXIST);
	assert_int_equal(access(in_base("a/identity/hub.key"), F_OK), -1);
	/* The same for a root. */
	assert_int_equal(unlink(in_base("ca/root.key")), 0);
	assert_int_equal(ca_create_root(in_base("ca"), "example", 10, SAMPLE_NOW_S, &made, &error),
			 -EEXIST);
	assert_int_equal(access(in_base("ca/root.key"), F_OK), -1);
}

static void issue_for_public_key_makes_no_private_one(void **state)
{
	struct ca_certificate first, second;
	char path[256];

	assert_int_equal(issue("a", NULL, &first), 0);
	strcpy(path, in_base("a/identity/hub.crt"));
	assert_int_equal(issue("b", path, &second), 0);
	assert_true(hub_id_equal(&first.hub, &second.hub));
	assert_string_not_equal(first.serial, second.serial);
	assert_int_equal(access(in_base("b/identity/hub.key"), F_OK), -1);
	strcpy(path, in_base("a/identity/hub.key"));
	assert_int_equal(issue("c", path, &second), -EBADMSG);
}

static void issue_refuses_key_others_can_read(void **state)
{
	struct ca_certificate made;

	assert_int_equal(chmod(in_base("ca/root.key"), 0640), 0);
	assert_int_equal(issue("a", NULL, &made), -EPERM);
	assert_int_equal(chmod(in_base("ca/root.key"), 0600), 0);
	assert_int_equal(issue("a", NULL, &made), 0);
}

static void bad_requests_leave_no_files(void **state)
{
	struct ca_certificate made;
	struct ca_error error;

	assert_int_equal(ca_create_root(in_base("x"), "Bad Name", 10, SAMPLE_NOW_S, &made, &error),
			 -EINVAL);
	assert_int_equal(ca_create_root(in_base("x"), "shop.", 10, SAMPLE_NOW_S, &made, &error),
			 -EINVAL); /* meshd.yaml would refuse it */
	assert_int_equal(access(in_base("x"), F_OK), -1);
	assert_int_equal(ca_read_certificate(in_base("ca/root.key"), &made, &error), -EBADMSG);
	assert_int_equal(ca_read_certificate(in_base("none"), &made, &error), -ENOENT);
}

static void revocations_add_up_and_are_numbered(void **state)
{
	struct trust *trust = trust_new("example");
	const struct trust_list *in_force;
	uint8_t text[CRL_PEM_SIZE];
	struct ca_error error;
	struct ca_list list;
	size_t len;

	assert_int_equal(
		ca_revoke(in_base("ca"), "02:11:22:33:44:55", 1, SAMPLE_NOW_S, &list, &error), 0);
	assert_true(list.is_new && list.number == 1 && list.n_entries == 1);
	assert_int_equal(ca_revoke(in_base("ca"), "0a1b", 0, SAMPLE_NOW_S, &list, &error), 0);
	/* In the other notation, below the first. */
	assert_int_equal(
		ca_revoke(in_base("ca"), "02-00-00-00-00-01", 0, SAMPLE_NOW_S, &list, &error), 0);
	assert_true(list.is_new && list.number == 3 && list.n_entries == 3);
	assert_int_equal(ca_revoke(in_base("ca"), "0A1B", 0, SAMPLE_NOW_S, &list, &error), 0);
	assert_true(!list.is_new && list.number == 3 && list.n_entries == 3);
	assert_mode("ca/root.crl", 0644);
	len = read_whole("ca/root.crt", text, sizeof(text));
	assert_int_equal(trust_add_root(trust, text, len), 0);
	len = read_whole("ca/root.crl", text, sizeof(text));
	assert_int_equal(trust_add_revocations(trust, text, len, &in_force), 0);
	assert_int_equal(in_force->crl.n_entries, 3);
	trust_free(trust);
	for (const char *const *bad = (const char *const[]){"", "x", "0", "02:11:22:33:44", NULL};
	     *bad; bad++)
		assert_int_equal(ca_revoke(in_base("ca"), *bad, 0, SAMPLE_NOW_S, &list, &error),
				 -EINVAL);
	/* A list that is none of this root's is not written over. */
	text[len / 2] ^= 1;
	assert_int_equal(truncate(in_base("ca/root.crl"), 100), 0);
	assert_int_equal(ca_revoke(in_base("ca"), "02:11:22:33:44:56", 0, SAMPLE_NOW_S, &list,
				   &error),
			 -EBADMSG);
}

static void service_certificate_is_for_the_key_of_the_hub(void **state)
{
	struct ca_request request = {
		.dir = in_base("ca"), .hub = "a", .state_dir = in_base("a"), .days = 5};
	struct ca_certificate hub, service;
	struct ca_error error;
	char pubkey[256], wanted[2 * SPIFFE_URI_SIZE];

	assert_int_equal(ca_issue_hub(&request, SAMPLE_NOW_S, &hub, &error), 0);
	snprintf(pubkey, sizeof(pubkey), "%s", in_base("a/identity/hub.crt"));
	request.pubkey_path = pubkey;
	request.service = "till";
	assert_int_equal(ca_issue_service(&request, SAMPLE_NOW_S, &service, &error), 0);
	snprintf(wanted, sizeof(wanted), "%s/service/till", hub.uri);
	assert_string_equal(service.uri, wanted);
	assert_true(hub_id_equal(&service.hub, &hub.hub));
	assert_mode("a/identity/services/till.crt", 0644);
	assert_int_equal(ca_issue_service(&request, SAMPLE_NOW_S, &service, &error), -EEXIST);
	request.service = "No name";
	assert_int_equal(ca_issue_service(&request, SAMPLE_NOW_S, &service, &error), -EINVAL);
	request.service = "other";
	request.pubkey_path = "/nonexistent";
	assert_int_equal(ca_issue_service(&request, SAMPLE_NOW_S, &service, &error), -ENOENT);
}

#define WITH_CA(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CA(revocations_add_up_and_are_numbered),
		WITH_CA(service_certificate_is_for_the_key_of_the_hub),
		WITH_CA(issued_identity_verifies_and_is_private),
		WITH_CA(nothing_is_overwritten),
		WITH_CA(zones_are_written_and_shown_in_order),
		WITH_CA(issue_for_public_key_makes_no_private_one),
		WITH_CA(issue_refuses_key_others_can_read),
		WITH_CA(bad_requests_leave_no_files),
	};

	return cmocka_run_group_tests_name("ca", tests, NULL, NULL);
}
