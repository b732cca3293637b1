/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: files of a certificate authority and of the identities it issues
 *
 * DIR/root.key (0600), DIR/root.crt, and for a hub STATEDIR/identity/{hub.key
 * 0600, hub.crt, roots/root.crt}.  Files are made with O_EXCL and synced;
 * nothing is ever overwritten, and a half-made set is taken back.  Private
 * keys live in locked memory and are printed nowhere.
 */
#ifndef MESHCTL_CA_STORE_H
#define MESHCTL_CA_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/hub_id.h"
#include "daemon/lib/zone_name.h"
#include "daemon/trust/cert.h"
#include "daemon/trust/spiffe.h"

#define CA_FILE_MAX 16384 /* bytes of a certificate or key file we read */
#define CA_TEXT_MAX 512

/**
 * struct ca_error - why it did not work
 * @text: what and where
 * @hint: what to do, static text, NULL for none
 */
struct ca_error {
	char text[CA_TEXT_MAX];
	const char *hint;
};

/**
 * struct ca_certificate - what a certificate says
 * @path: file it was read from or written to
 * @subject: common name
 * @uri: SPIFFE id, empty if there is not exactly one URI
 * @serial: hexadecimal
 * @is_root: a certificate authority
 * @hub: id of its key, when no root
 * @not_before_s: Unix time
 * @not_after_s: Unix time
 * @der_len: bytes of DER
 * @zones: zone list, "" none
 */
struct ca_certificate {
	char path[CA_TEXT_MAX];
	char subject[CERT_COMMON_NAME_MAX * 4 + 1];
	char uri[SPIFFE_URI_SIZE];
	char serial[41];
	bool is_root;
	struct hub_id hub;
	int64_t not_before_s, not_after_s;
	size_t der_len;
	char zones[ZONE_LIST_SIZE];
};

/*
 * All three: 0 or -errno with @error filled: -EEXIST a file is there already,
 * -EACCES or -EPERM not allowed, -EBADMSG content cannot be understood,
 * -EINVAL or -ERANGE a name or date that cannot be, others from the system.
 * @now_s is the Unix time.
 */

/** ca_create_root() - New key and root certificate in @dir, which is made if its parent is there. */
int ca_create_root(const char *dir, const char *mesh, unsigned int days, int64_t now_s,
		   struct ca_certificate *ret, struct ca_error *error);

/**
 * struct ca_request - an identity wanted
 * @dir: of the authority
 * @hub: name for people
 * @state_dir: where identity/ is made
 * @pubkey_path: PEM public key, or certificate to renew; NULL = make a key here
 * @zones: zones it may be in, commas between, in any order; NULL none
 * @service: name of a service, for ca_issue_service()
 * @days: validity
 */
struct ca_request {
	const char *dir, *hub, *state_dir, *pubkey_path, *zones, *service;
	unsigned int days;
};

/** ca_issue_hub() - New identity. */
int ca_issue_hub(const struct ca_request *request, int64_t now_s, struct ca_certificate *ret,
		 struct ca_error *error);

/** ca_issue_service() - @state_dir/identity/services/NAME.crt for the key in @pubkey_path. */
int ca_issue_service(const struct ca_request *request, int64_t now_s, struct ca_certificate *ret,
		     struct ca_error *error);

/**
 * struct ca_list - a root's list of revocations, as written
 * @path: of the file, PEM
 * @number: of the list
 * @n_entries: hubs and certificates on it
 * @is_new: false: what was asked for was on it already, and nothing was written
 */
struct ca_list {
	char path[CA_TEXT_MAX];
	uint64_t number;
	size_t n_entries;
	bool is_new;
};

/**
 * ca_revoke() - Add to the list in @dir, and number it anew.
 * @dir: of the authority; the list is root.crl there, the one file that is ever replaced
 * @what: id of a hub, or serial number of a certificate in hexadecimal
 * @reason: enum crl_reason
 * @now_s: Unix time
 * @ret: filled on success
 * @error: filled on failure
 *
 * Nothing is ever taken off a list.
 */
int ca_revoke(const char *dir, const char *what, unsigned int reason, int64_t now_s,
	      struct ca_list *ret, struct ca_error *error);

/** ca_read_certificate() - Look at a PEM or DER file. */
int ca_read_certificate(const char *path, struct ca_certificate *ret, struct ca_error *error);

#endif
