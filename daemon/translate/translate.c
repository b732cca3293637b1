// SPDX-License-Identifier: GPL-2.0
/* DOC: translate: see translate.h */
#include "daemon/translate/translate.h"

#include <assert.h>

#include "daemon/lib/memory.h"
#include "daemon/translate/tree.h"

static const struct {
	struct tree_value *(*read)(struct tree *tree, const uint8_t *bytes, size_t len);
	bool (*write)(struct tree *tree, const struct tree_value *value, struct tree_output *out);
} formats[] = {
	[MANIFEST_BODY_JSON] = {json_read, json_write},
	[MANIFEST_BODY_CBOR] = {cbor_read, cbor_write},
	[MANIFEST_BODY_MSGPACK] = {msgpack_read, msgpack_write},
};

_Static_assert(ARRAY_SIZE(formats) == __MANIFEST_BODY_END, "every format is read and written");

static bool translate(struct tree *tree, uint8_t from, uint8_t to, const uint8_t *bytes, size_t len,
		      struct tree_output *out)
{
	const struct tree_value *value;

	if (len > TRANSLATE_BODY_MAX)
		return tree_refuse(tree, TRANSLATE_TOO_LARGE,
				   "a body of more than %d bytes is not translated",
				   TRANSLATE_BODY_MAX);
	value = formats[from].read(tree, bytes, len);
	if (!value || !formats[to].write(tree, value, out))
		return false;
	if (out->is_full)
		return tree_refuse(tree, TRANSLATE_TOO_LARGE,
				   "the body would be more than %d bytes in %s", TRANSLATE_BODY_MAX,
				   translate_media_type(to));
	return true;
}

bool translate_body(uint8_t from, uint8_t to, const uint8_t *bytes, size_t len, uint8_t **ret,
		    size_t *ret_len, struct translate_refusal *refusal)
{
	struct tree tree = {.refusal = refusal};
	struct tree_output out = {0};
	bool is_done;

	assert(from && from < __MANIFEST_BODY_END && to && to < __MANIFEST_BODY_END);
	is_done = translate(&tree, from, to, bytes, len, &out);
	tree_free(&tree);
	if (!is_done) {
		free(out.bytes);
		return false;
	}
	*ret = out.bytes;
	*ret_len = out.len;
	return true;
}
