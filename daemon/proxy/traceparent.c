// SPDX-License-Identifier: GPL-2.0
/* DOC: traceparent: "00-" 32 hex "-" 16 hex "-" 2 hex, lower case, no id all zero */
#include "daemon/proxy/traceparent.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FIELD "\ntraceparent:"

static bool is_hex(const char *text, size_t n)
{
	return strspn(text, "0123456789abcdef") >= n;
}

static bool is_zero(const char *text, size_t n)
{
	return strspn(text, "0") >= n;
}

static bool is_well_formed(const char *text)
{
	return strncmp(text, "00-", 3) == 0 && is_hex(text + 3, 32) && !is_zero(text + 3, 32) &&
	       text[35] == '-' && is_hex(text + 36, 16) && !is_zero(text + 36, 16) &&
	       text[52] == '-' && is_hex(text + 53, 2);
}

bool traceparent_read(const char *value, size_t len, char ret[TRACEPARENT_LEN + 1])
{
	char text[TRACEPARENT_LEN + 1];

	if (len != TRACEPARENT_LEN)
		return false;
	snprintf(text, sizeof(text), "%.*s", TRACEPARENT_LEN, value);
	if (!is_well_formed(text))
		return false;
	memcpy(ret, text, sizeof(text));
	return true;
}

void traceparent_make(const uint64_t random[3], char ret[TRACEPARENT_LEN + 1])
{
	/* Ids of zero are not allowed. */
	snprintf(ret, TRACEPARENT_LEN + 1, "00-%016llx%016llx-%016llx-00",
		 (unsigned long long)random[0], (unsigned long long)random[1] | 1,
		 (unsigned long long)random[2] | 1);
}

bool traceparent_find(const uint8_t *bytes, size_t len, char ret[TRACEPARENT_LEN + 1])
{
	const char *at = (const char *)bytes, *end, *head_end;

	if (len > TRACEPARENT_SEARCH_MAX)
		len = TRACEPARENT_SEARCH_MAX;
	head_end = memmem(bytes, len, "\r\n\r\n", 4);
	end = head_end ? head_end : at + len;
	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		size_t left = (size_t)(end - at);

		if (left < strlen(FIELD) || strncasecmp(at, FIELD, strlen(FIELD)) != 0) {
			at++;
			continue;
		}
		at += strlen(FIELD);
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		return (size_t)(end - at) >= TRACEPARENT_LEN &&
		       traceparent_read(at, TRACEPARENT_LEN, ret);
	}
	return false;
}
