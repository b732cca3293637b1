// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: bodies as programs may send them; the first byte says in which format
 *
 * What can be said in another format comes back from it as the same.  Without its first byte
 * the input is a header too.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/translate/translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_way(uint8_t from, uint8_t over, const uint8_t *data, size_t size,
		      const uint8_t *same, size_t same_len)
{
	struct translate_refusal refusal;
	uint8_t *there, *back;
	size_t there_len, back_len;

	if (!translate_body(from, over, data, size, &there, &there_len, &refusal)) {
		assert(refusal.reason[0] && strlen(refusal.reason) <= TRANSLATE_REASON_MAX);
		return;
	}
	assert(there_len <= TRANSLATE_BODY_MAX);
	assert(translate_body(over, from, there, there_len, &back, &back_len, &refusal));
	assert(back_len == same_len && memcmp(back, same, same_len) == 0);
	free(there);
	free(back);
}

static void check_header(const char *text, size_t len)
{
	struct translate_wish wishes[__MANIFEST_BODY_END] = {0};
	bool is_odd;

	assert(translate_parse_media_type(text, len, &is_odd) < __MANIFEST_BODY_END);
	translate_read_accept(text, len, wishes);
	for (uint8_t i = 0; i < __MANIFEST_BODY_END; i++)
		assert(wishes[i].weight <= 1000 && wishes[i].precision <= 3);
	assert(translate_choose(wishes, MANIFEST_BODY_JSON, MANIFEST_BODY_CBOR) <
	       __MANIFEST_BODY_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct translate_refusal refusal;
	uint8_t *same, from;
	size_t same_len;

	if (!size)
		return 0;
	from = MANIFEST_BODY_JSON + *data++ % (__MANIFEST_BODY_END - MANIFEST_BODY_JSON);
	size--;
	check_header((const char *)data, size);
	if (!translate_body(from, from, data, size, &same, &same_len, &refusal))
		same = NULL;
	for (uint8_t over = MANIFEST_BODY_JSON; over < __MANIFEST_BODY_END; over++)
		if (same || from != over)
			check_way(from, over, data, size, same, same_len);
	free(same);
	return 0;
}
