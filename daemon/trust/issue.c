// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: issue: the two certificates a mesh needs
 *
 * The mesh a hub certificate belongs to is read from the root's SPIFFE id,
 * so it cannot be issued for a mesh the root is not for.
 */
#include "daemon/trust/issue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/zone_name.h"
#include "daemon/trust/spiffe.h"

int issue_root(const struct issue_root *root, uint8_t *buf, size_t size)
{
	char name[SPIFFE_MESH_MAX + sizeof(" root")], uri[SPIFFE_URI_SIZE];
	struct cert_content content = {
		.common_name = name,
		.uri = uri,
		.not_before_s = root->not_before_s,
		.not_after_s = root->not_after_s,
		.is_ca = true,
	};

	if (!spiffe_mesh_is_valid(root->mesh))
		return -EINVAL;
	if (ed25519_public_key(root->seed, content.pubkey) < 0)
		return -EIO;
	snprintf(name, sizeof(name), "%s root", root->mesh);
	spiffe_format_mesh(root->mesh, uri);
	memcpy(content.serial, root->serial, sizeof(content.serial));
	memcpy(content.issuer_pubkey, content.pubkey, sizeof(content.pubkey));
	return cert_write(&content, root->seed, buf, size);
}

/* A root that can issue, the mesh it is for, and its public key if @seed is its. */
static int read_root(const struct issue_hub *hub, struct cert *cert, char mesh[SPIFFE_MESH_MAX + 1])
{
	uint8_t pubkey[ED25519_PUBKEY_LEN];

	if (cert_parse(hub->root_der, hub->root_der_len, cert) < 0)
		return -EBADMSG;
	if (!cert->is_ca || cert->n_uris != 1 ||
	    spiffe_parse_mesh(cert->uri.bytes, cert->uri.len, mesh) < 0)
		return -EKEYREJECTED;
	if (ed25519_public_key(hub->root_seed, pubkey) < 0)
		return -EIO;
	return memcmp(pubkey, cert->pubkey, sizeof(pubkey)) == 0 ? 0 : -EKEYREJECTED;
}

int issue_hub(const struct issue_hub *hub, uint8_t *buf, size_t size)
{
	char mesh[SPIFFE_MESH_MAX + 1], uri[SPIFFE_URI_SIZE];
	struct hub_id id = hub_id_from_pubkey(hub->pubkey);
	size_t name_len = strlen(hub->name);
	struct cert root;
	struct cert_content content = {
		.common_name = hub->name,
		.uri = uri,
		.zones = hub->zones,
		.not_before_s = hub->not_before_s,
		.not_after_s = hub->not_after_s,
	};
	int r;

	if (name_len < 1 || name_len > CERT_COMMON_NAME_MAX)
		return -EINVAL;
	if (hub->zones && hub->zones[0] && !zone_list_is_valid(hub->zones, strlen(hub->zones)))
		return -EINVAL;
	r = read_root(hub, &root, mesh);
	if (r < 0)
		return r;
	if (content.not_after_s > root.not_after_s)
		content.not_after_s = root.not_after_s;
	if (hub->service)
		spiffe_format_service(mesh, &id, hub->service, uri);
	else
		spiffe_format_hub(mesh, &id, uri);
	memcpy(content.serial, hub->serial, sizeof(content.serial));
	memcpy(content.pubkey, hub->pubkey, sizeof(content.pubkey));
	content.issuer = root.subject;
	memcpy(content.issuer_pubkey, root.pubkey, sizeof(root.pubkey));
	return cert_write(&content, hub->root_seed, buf, size);
}
