/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: pki_fixture: certificates good and bad
 *
 * They come from the openssl command, on purpose another implementation than
 * the one under test.
 */
#ifndef SELFTESTS_PKI_FIXTURE_H
#define SELFTESTS_PKI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/trust/trust.h"

#define MESH "test.mesh"

/**
 * struct file - a small file in memory
 */
struct file {
	uint8_t bytes[4096];
	size_t len;
};

static char pki[64];

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
	char command[1024];
	va_list args;
	int n = snprintf(command, sizeof(command), "cd %s && ", pki);

	va_start(args, format);
	vsnprintf(command + n, sizeof(command) - (size_t)n, format, args);
	va_end(args);
	return system(command);
}

static struct file read_file(const char *name)
{
	struct file file = {0};
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", pki, name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s is missing", path);
	file.len = fread(file.bytes, 1, sizeof(file.bytes), f);
	fclose(f);
	return file;
}

static void make_key(const char *name)
{
	assert_int_equal(shell("openssl genpkey -algorithm ed25519 -out %s.key && openssl pkey -in "
			       "%s.key -pubout -outform DER -out %s.pub",
			       name, name, name),
			 0);
}

/* The id that belongs to a key, from the last 32 bytes of its SubjectPublicKeyInfo. */
static struct hub_id id_of_key(const char *name)
{
	char path[80];
	struct file file;

	snprintf(path, sizeof(path), "%s.pub", name);
	file = read_file(path);
	return hub_id_from_pubkey(file.bytes + file.len - HUB_PUBKEY_LEN);
}

static void make_root(const char *name)
{
	make_key(name);
	assert_int_equal(shell("openssl req -x509 -new -key %s.key -subj /CN=%s -days 2 "
			       "-addext basicConstraints=critical,CA:TRUE "
			       "-addext keyUsage=critical,keyCertSign,cRLSign "
			       "-addext subjectAltName=URI:spiffe://" MESH " -out %s.crt",
			       name, name, name),
			 0);
}

/* @uris: subjectAltName text with one %s for the id of @key */
static void make_cert(const char *name, const char *root, const char *id_of, const char *uris,
		      int days)
{
	struct hub_id id;
	char text[32], names[256], path[160];
	FILE *f;

	make_key(name);
	id = id_of_key(id_of);
	snprintf(text, sizeof(text), "%02x-%02x-%02x-%02x-%02x-%02x", id.b[0], id.b[1], id.b[2],
		 id.b[3], id.b[4], id.b[5]);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(names, sizeof(names), uris, text, text);
#pragma GCC diagnostic pop
	snprintf(path, sizeof(path), "%s/%s.ext", pki, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
		"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
		"extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s\n",
		names);
	fclose(f);
	assert_int_equal(shell("openssl req -new -key %s.key -subj /CN=%s -out %s.csr && "
			       "openssl x509 -req -in %s.csr -CA %s.crt -CAkey %s.key -days %d "
			       "-extfile %s.ext -out %s.crt 2>/dev/null",
			       name, name, name, name, root, root, days, name, name),
			 0);
}

static int make_pki(void **state)
{
	strcpy(pki, "/tmp/test_transport.XXXXXX");
	if (!mkdtemp(pki))
		return -1;
	make_root("root");
	make_root("stranger");
	make_cert("alpha", "root", "alpha", "URI:spiffe://" MESH "/hub/%s", 1);
	make_cert("bravo", "root", "bravo", "URI:spiffe://" MESH "/hub/%s", 1);
	return 0;
}

static int remove_pki(void **state)
{
	return shell("rm -rf %s", pki);
}

#endif
