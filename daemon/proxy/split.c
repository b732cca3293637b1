// SPDX-License-Identifier: GPL-2.0
/* DOC: split: see split.h */
#include "daemon/proxy/split.h"

#include <string.h>

#include "daemon/lib/prng.h"

static const struct http1_text nothing = {"", 0};

static struct http1_text find_header(const struct http1_field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (http1_is(&fields[i].name, name))
			return fields[i].value;
	return nothing;
}

/* "a=1; b=2": the value of one; RFC 6265 4.2.1 */
static struct http1_text find_in_cookies(struct http1_text all, const char *name)
{
	size_t name_len = strlen(name);

	while (all.len) {
		const char *end = memchr(all.at, ';', all.len);
		size_t len = end ? (size_t)(end - all.at) : all.len;

		if (len > name_len && memcmp(all.at, name, name_len) == 0 &&
		    all.at[name_len] == '=')
			return (struct http1_text){all.at + name_len + 1, len - name_len - 1};
		len += end != NULL;
		all = (struct http1_text){all.at + len, all.len - len};
		while (all.len && *all.at == ' ')
			all = (struct http1_text){all.at + 1, all.len - 1};
	}
	return nothing;
}

/* HTTP/2 may have each in a header of its own; RFC 9113 8.2.3 */
static struct http1_text find_cookie(const struct http1_field *fields, size_t n, const char *name)
{
	struct http1_text value = nothing;

	for (size_t i = 0; i < n && !value.len; i++)
		if (http1_is(&fields[i].name, "cookie"))
			value = find_in_cookies(fields[i].value, name);
	return value;
}

/* FNV-1a; its low bits are mixed once more, as short values differ little. */
static uint64_t hash(const struct http1_text *text)
{
	struct prng prng = {14695981039346656037ull};

	for (size_t i = 0; i < text->len; i++)
		prng.state = (prng.state ^ (uint8_t)text->at[i]) * 1099511628211ull;
	return prng_next(&prng);
}

uint32_t split_draw(const struct split_settings *settings, const struct http1_field *fields,
		    size_t n, uint64_t chance)
{
	struct http1_text key = nothing;

	if (settings->header[0])
		key = find_header(fields, n, settings->header);
	else if (settings->cookie[0])
		key = find_cookie(fields, n, settings->cookie);
	return (uint32_t)((key.len ? hash(&key) : chance) % SPLIT_DRAWS);
}

size_t split_pick(const struct split_settings *settings, uint32_t draw)
{
	uint32_t below = 0;

	for (size_t i = 0; i < settings->n; i++) {
		below += settings->shares[i].percent * (SPLIT_DRAWS / 100);
		if (draw < below)
			return i;
	}
	return settings->n;
}
