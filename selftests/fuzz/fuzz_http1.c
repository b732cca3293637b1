// SPDX-License-Identifier: GPL-2.0
/* DOC: HTTP/1.1 messages as clients and services may send them; the first byte says which */
#include <assert.h>
#include <string.h>

#include "daemon/proxy/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(const struct http1_text *text, const uint8_t *data, size_t len)
{
	const uint8_t *at = (const uint8_t *)text->at;

	return !text->len || (at >= data && at + text->len <= data + len);
}

static const struct split_settings by_header = {.header = "x"}, by_cookie = {.cookie = "id"};

static void check_head(const struct http1_head *head, const uint8_t *data, size_t len)
{
	struct http1_text path = http1_path_of(&head->target);

	assert(head->n_fields <= HTTP1_FIELDS_MAX);
	for (size_t i = 0; i < head->n_fields; i++) {
		assert(is_inside(&head->fields[i].name, data, len) && head->fields[i].name.len);
		assert(is_inside(&head->fields[i].value, data, len));
		assert(!head->fields[i].value.len ||
		       !memchr(head->fields[i].value.at, '\n', head->fields[i].value.len));
	}
	http1_path_is_plain(&path);
	assert(split_draw(&by_header, head->fields, head->n_fields, UINT64_MAX) < SPLIT_DRAWS);
	assert(split_draw(&by_cookie, head->fields, head->n_fields, UINT64_MAX) < SPLIT_DRAWS);
}

/* However the bytes are cut, the body is the same. */
static void check_body(const struct http1_head *head, const uint8_t *data, size_t size)
{
	struct http1_body whole, bytewise;
	size_t n = 0;
	long taken;

	http1_body_begin(&whole, head, size & 1);
	bytewise = whole;
	taken = http1_body_take(&whole, data, size);
	assert(taken <= (long)size);
	while (n < size && !bytewise.is_done) {
		if (http1_body_take(&bytewise, data + n, 1) < 0) {
			assert(taken < 0);
			return;
		}
		n++;
	}
	assert(taken == (long)n && whole.is_done == bytewise.is_done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1_refusal refusal;
	struct http1_head head;
	size_t seen = 0, len;
	bool is_good;
	uint8_t kind;

	if (!size)
		return 0;
	kind = *data++;
	size--;
	len = http1_find_end(data, size, &seen);
	if (!len) {
		http1_check_size(data, size, &refusal);
		return 0;
	}
	is_good = kind & 1 ? http1_parse_response(data, len, kind & 2, &head, &refusal)
			   : http1_parse_request(data, len, &head, &refusal);
	if (!is_good) {
		assert(refusal.status >= 400 && refusal.reason);
		return 0;
	}
	check_head(&head, data, len);
	check_body(&head, data + len, size - len);
	return 0;
}
