// SPDX-License-Identifier: GPL-2.0
/* DOC: http1: see http1.h */
#include "daemon/proxy/http1.h"

#include <string.h>
#include <strings.h>

#include "daemon/lib/memory.h"

#define TOKEN_MARKS "!#$%&'*+-.^_`|~"

/* Words of Connection that are not names of headers to leave out. */
static const char *const hop_words[] = {"close", "keep-alive", "upgrade"};

/* ---- characters and words ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token_char(char c)
{
	return is_digit(c) || is_letter(c) || (c && strchr(TOKEN_MARKS, c));
}

static bool is_visible(char c)
{
	return c > ' ' && c < 0x7f;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* obs-text is what names in Latin-1 and UTF-8 are made of. */
static bool is_value_char(char c)
{
	return is_visible(c) || is_blank(c) || (unsigned char)c >= 0x80;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool all_of(const struct http1_text *text, bool (*is_good)(char c))
{
	for (size_t i = 0; i < text->len; i++)
		if (!is_good(text->at[i]))
			return false;
	return true;
}

bool http1_is_token(const struct http1_text *text)
{
	return text->len && all_of(text, is_token_char);
}

bool http1_is_value(const struct http1_text *text)
{
	return all_of(text, is_value_char) &&
	       (!text->len || (!is_blank(text->at[0]) && !is_blank(text->at[text->len - 1])));
}

static struct http1_text trim(struct http1_text text)
{
	while (text.len && is_blank(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len && is_blank(text.at[text.len - 1]))
		text.len--;
	return text;
}

bool http1_is(const struct http1_text *text, const char *word)
{
	return text->len == strlen(word) && strncasecmp(text->at, word, text->len) == 0;
}

const struct http1_text *http1_find_one(const struct http1_head *head, const char *name)
{
	const struct http1_text *found = NULL;

	for (size_t i = 0; i < head->n_fields; i++) {
		if (!http1_is(&head->fields[i].name, name))
			continue;
		if (found)
			return NULL;
		found = &head->fields[i].value;
	}
	return found;
}

bool http1_is_header(const struct http1_text *name, const char *word)
{
	if (name->len != strlen(word))
		return false;
	for (size_t i = 0; i < name->len; i++) {
		char c = name->at[i] == '_' ? '-' : name->at[i];

		if (strncasecmp(&c, &word[i], 1) != 0)
			return false;
	}
	return true;
}

/* The next word of a list; false at its end. */
static bool next_word(struct http1_text *list, struct http1_text *ret)
{
	const char *comma;

	if (!list->at)
		return false;
	comma = list->len ? memchr(list->at, ',', list->len) : NULL;
	ret->at = list->at;
	ret->len = comma ? (size_t)(comma - list->at) : list->len;
	*ret = trim(*ret);
	if (!comma) {
		list->at = NULL;
		return true;
	}
	list->len -= (size_t)(comma + 1 - list->at);
	list->at = comma + 1;
	return true;
}

bool http1_list_has(const struct http1_text *list, const struct http1_text *word)
{
	struct http1_text rest = *list, at;

	while (next_word(&rest, &at))
		if (at.len == word->len && strncasecmp(at.at, word->at, at.len) == 0)
			return true;
	return false;
}

static bool list_has_word(const struct http1_text *list, const char *word)
{
	const struct http1_text text = {word, strlen(word)};

	return http1_list_has(list, &text);
}

bool http1_connection_names(const struct http1_head *head, const struct http1_text *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(hop_words); i++)
		if (http1_is(name, hop_words[i]))
			return false;
	for (size_t i = 0; i < head->n_fields; i++)
		if (http1_is(&head->fields[i].name, "connection") &&
		    http1_list_has(&head->fields[i].value, name))
			return true;
	return false;
}

bool http1_takes_trailers(const struct http1_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++)
		if (head->minor == 1 && http1_is(&head->fields[i].name, "te") &&
		    list_has_word(&head->fields[i].value, "trailers"))
			return true;
	return false;
}

bool http1_is_idempotent(const struct http1_text *method)
{
	static const char *const names[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (method->len == strlen(names[i]) &&
		    memcmp(method->at, names[i], method->len) == 0)
			return true;
	return false;
}

const char *http1_status_text(unsigned int status)
{
	static const struct {
		unsigned int status;
		const char *text;
	} texts[] = {
		{100, "Continue"},
		{102, "Processing"},
		{103, "Early Hints"},
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{203, "Non-Authoritative Information"},
		{204, "No Content"},
		{205, "Reset Content"},
		{206, "Partial Content"},
		{300, "Multiple Choices"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{410, "Gone"},
		{411, "Length Required"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{416, "Range Not Satisfiable"},
		{417, "Expectation Failed"},
		{421, "Misdirected Request"},
		{422, "Unprocessable Content"},
		{425, "Too Early"},
		{426, "Upgrade Required"},
		{428, "Precondition Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return status < 400 ? "Other" : "Error";
}

/* ---- paths ---- */

/* RFC 3986 3.1; what else is before "://" could be a path, to who reads the target otherwise. */
static bool is_scheme(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_letter(at[i]) && (i == 0 || (!is_digit(at[i]) && !strchr("+-.", at[i]))))
			return false;
	return len > 0;
}

struct http1_text http1_path_of(const struct http1_text *target)
{
	static const char scheme_end[] = "://";
	const struct http1_text none = {"", 0}, root = {"/", 1};
	const char *at, *end = target->at + target->len;

	if (target->len && target->at[0] == '/')
		return *target;
	at = memmem(target->at, target->len, scheme_end, strlen(scheme_end));
	if (!at || !is_scheme(target->at, (size_t)(at - target->at)))
		return none;
	/* Of "http://host?/path" the path is "/": an authority ends where any of these is. */
	for (at += strlen(scheme_end); at < end; at++)
		if (strchr("/?#", *at))
			break;
	return at < end && *at == '/' ? (struct http1_text){at, (size_t)(end - at)} : root;
}

/* "." and "..", also with what some servers take for parameters behind them. */
static bool is_dot_segment(const char *at, size_t len)
{
	size_t dots = 0;

	while (dots < len && at[dots] == '.')
		dots++;
	return (dots == 1 || dots == 2) && (dots == len || at[dots] == ';');
}

static bool is_hidden(const char *at, size_t left)
{
	static const char *const hidden[] = {"%2e", "%2f", "%5c", "%00"};

	if (*at == '\\')
		return true;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (left >= 3 && strncasecmp(at, hidden[i], 3) == 0)
			return true;
	return false;
}

bool http1_path_is_plain(const struct http1_text *path)
{
	const char *query = memchr(path->at, '?', path->len);
	size_t len = query ? (size_t)(query - path->at) : path->len, from = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && is_hidden(path->at + i, len - i))
			return false;
		if (i < len && path->at[i] != '/')
			continue;
		if (is_dot_segment(path->at + from, i - from))
			return false;
		from = i + 1;
	}
	return true;
}

/* ---- heads ---- */

static bool refuse(struct http1_refusal *refusal, unsigned int status, const char *reason)
{
	*refusal = (struct http1_refusal){status, reason};
	return false;
}

size_t http1_find_end(const uint8_t *bytes, size_t len, size_t *seen)
{
	size_t from = *seen > 3 ? *seen - 3 : 0;
	const uint8_t *end = len > from ? memmem(bytes + from, len - from, "\r\n\r\n", 4) : NULL;

	*seen = len;
	return end ? (size_t)(end - bytes) + 4 : 0;
}

bool http1_check_size(const uint8_t *bytes, size_t len, struct http1_refusal *refusal)
{
	const uint8_t *line_end = memchr(bytes, '\n', len);

	if (line_end ? line_end - bytes > HTTP1_LINE_MAX : len > HTTP1_LINE_MAX)
		return refuse(refusal, 414, "the request line is longer than 8192 bytes");
	if (len >= HTTP1_HEAD_MAX)
		return refuse(refusal, 431, "the headers are longer than 16384 bytes");
	return true;
}

/* A line without its CRLF; false: its end is not CRLF, or has a CR inside. */
static bool next_line(const char **at, const char *end, struct http1_text *ret)
{
	const char *lf = memchr(*at, '\n', (size_t)(end - *at));

	if (!lf || lf == *at || lf[-1] != '\r' || memchr(*at, '\r', (size_t)(lf - 1 - *at)))
		return false;
	*ret = (struct http1_text){*at, (size_t)(lf - 1 - *at)};
	*at = lf + 1;
	return true;
}

static bool parse_field(const struct http1_text *line, struct http1_field *ret)
{
	const char *colon = memchr(line->at, ':', line->len);

	if (!colon || colon == line->at)
		return false;
	ret->name = (struct http1_text){line->at, (size_t)(colon - line->at)};
	ret->value = (struct http1_text){colon + 1, line->len - ret->name.len - 1};
	ret->value = trim(ret->value);
	return all_of(&ret->name, is_token_char) && all_of(&ret->value, is_value_char);
}

static bool parse_fields(const char *at, const char *end, struct http1_head *ret,
			 struct http1_refusal *refusal)
{
	struct http1_text line;

	while (at < end) {
		if (!next_line(&at, end, &line))
			return refuse(refusal, 400, "a line does not end with CR LF");
		if (line.len == 0)
			return true;
		if (is_blank(line.at[0]))
			return refuse(refusal, 400, "a header is folded over two lines");
		if (ret->n_fields == HTTP1_FIELDS_MAX)
			return refuse(refusal, 431, "there are more than 100 headers");
		if (!parse_field(&line, &ret->fields[ret->n_fields++]))
			return refuse(refusal, 400, "a header is malformed");
	}
	return refuse(refusal, 400, "the head has no end");
}

bool http1_parse_trailers(const uint8_t *bytes, size_t len, struct http1_head *ret,
			  struct http1_refusal *refusal)
{
	ret->n_fields = 0;
	return parse_fields((const char *)bytes, (const char *)bytes + len, ret, refusal);
}

static bool parse_length(const struct http1_text *text, uint64_t *ret)
{
	*ret = 0;
	if (text->len == 0 || text->len > HTTP1_LENGTH_DIGITS_MAX || !all_of(text, is_digit))
		return false;
	for (size_t i = 0; i < text->len; i++)
		*ret = *ret * 10 + (uint64_t)(text->at[i] - '0');
	return true;
}

static void read_connection(const struct http1_field *field, struct http1_head *ret)
{
	if (list_has_word(&field->value, "close"))
		ret->is_persistent = false;
	else if (ret->minor == 0 && list_has_word(&field->value, "keep-alive"))
		ret->is_persistent = true;
	if (list_has_word(&field->value, "upgrade"))
		ret->is_upgrade = true;
}

/* Framing and connection; what is said twice or in another way than ours is refused. */
static bool read_meaning(struct http1_head *ret, struct http1_refusal *refusal)
{
	bool has_length = false, has_coding = false, has_upgrade = false, wants_close = false;

	ret->is_persistent = ret->minor == 1;
	for (size_t i = 0; i < ret->n_fields; i++) {
		const struct http1_field *field = &ret->fields[i];

		if (http1_is_header(&field->name, "content-length")) {
			if (has_length || !http1_is(&field->name, "content-length") ||
			    !parse_length(&field->value, &ret->length))
				return refuse(refusal, 400, "Content-Length is not one number");
			has_length = true;
		} else if (http1_is_header(&field->name, "transfer-encoding")) {
			if (has_coding || !http1_is(&field->name, "transfer-encoding") ||
			    ret->minor == 0)
				return refuse(refusal, 400,
					      "Transfer-Encoding is there twice, or in HTTP/1.0");
			if (!http1_is(&field->value, "chunked"))
				return refuse(refusal, 501, "only chunked is understood");
			has_coding = true;
		} else if (http1_is(&field->name, "connection")) {
			read_connection(field, ret);
			wants_close |= list_has_word(&field->value, "close");
		} else if (http1_is(&field->name, "upgrade")) {
			has_upgrade = true;
		} else if (http1_is(&field->name, "expect")) {
			if (!http1_is(&field->value, "100-continue"))
				return refuse(refusal, 417, "only 100-continue is understood");
			ret->expects_continue = true;
		}
	}
	if (has_length && has_coding)
		return refuse(refusal, 400, "both Content-Length and Transfer-Encoding are there");
	ret->framing = has_coding ? HTTP1_CHUNKED : has_length ? HTTP1_LENGTH : HTTP1_NO_BODY;
	ret->is_upgrade &= has_upgrade;
	ret->is_persistent &= !wants_close;
	return true;
}

static bool parse_version(const struct http1_text *text, unsigned int *minor)
{
	if (text->len != 8 || memcmp(text->at, "HTTP/1.", 7) != 0 ||
	    (text->at[7] != '0' && text->at[7] != '1'))
		return false;
	*minor = (unsigned int)(text->at[7] - '0');
	return true;
}

/* METHOD SP TARGET SP VERSION */
static bool parse_request_line(const struct http1_text *line, struct http1_head *ret,
			       struct http1_refusal *refusal)
{
	const char *end = line->at + line->len, *space = memchr(line->at, ' ', line->len);
	struct http1_text version;

	if (line->len > HTTP1_LINE_MAX)
		return refuse(refusal, 414, "the request line is longer than 8192 bytes");
	if (!space || space == line->at)
		return refuse(refusal, 400, "the request line is malformed");
	ret->method = (struct http1_text){line->at, (size_t)(space - line->at)};
	ret->target.at = space + 1;
	space = memchr(space + 1, ' ', (size_t)(end - space - 1));
	if (!space || space == ret->target.at)
		return refuse(refusal, 400, "the request line is malformed");
	ret->target.len = (size_t)(space - ret->target.at);
	version = (struct http1_text){space + 1, (size_t)(end - space - 1)};
	if (!all_of(&ret->method, is_token_char) || !all_of(&ret->target, is_visible))
		return refuse(refusal, 400, "the request line is malformed");
	if (ret->method.len > HTTP1_METHOD_MAX)
		return refuse(refusal, 501, "no method has so long a name");
	if (!parse_version(&version, &ret->minor))
		return refuse(refusal, 505, "only HTTP/1.0 and HTTP/1.1 are understood here");
	return true;
}

/* One Host, as two could be two services behind one address. */
static bool check_host(const struct http1_head *head, struct http1_refusal *refusal)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields; i++)
		n += http1_is(&head->fields[i].name, "host");
	if (n > 1 || (n == 0 && head->minor == 1))
		return refuse(refusal, 400, "there must be one Host");
	return true;
}

static bool check_target(const struct http1_head *head, struct http1_refusal *refusal)
{
	if (http1_is(&head->method, "CONNECT"))
		return refuse(refusal, 501, "CONNECT is not carried: this is one service");
	/* Services end the path there: "/v1/..#" is "/". */
	if (memchr(head->target.at, '#', head->target.len))
		return refuse(refusal, 400, "the target has a fragment");
	if (http1_path_of(&head->target).len || http1_is(&head->target, "*"))
		return true;
	return refuse(refusal, 400, "the target is no path");
}

bool http1_parse_request(const uint8_t *bytes, size_t len, struct http1_head *ret,
			 struct http1_refusal *refusal)
{
	const char *at = (const char *)bytes, *end = at + len;
	struct http1_text line;

	ret->n_fields = 0;
	ret->status = 0;
	ret->length = 0;
	ret->is_upgrade = ret->expects_continue = false;
	if (!next_line(&at, end, &line))
		return refuse(refusal, 400, "a line does not end with CR LF");
	return parse_request_line(&line, ret, refusal) && parse_fields(at, end, ret, refusal) &&
	       read_meaning(ret, refusal) && check_host(ret, refusal) && check_target(ret, refusal);
}

/* VERSION SP STATUS SP REASON; the last space may be missing when there is no reason */
static bool parse_status_line(const struct http1_text *line, struct http1_head *ret)
{
	const struct http1_text version = {line->at, line->len < 8 ? line->len : 8};
	const struct http1_text rest = {line->at + version.len, line->len - version.len};
	const struct http1_text digits = {rest.at + 1, 3};

	if (!parse_version(&version, &ret->minor) || rest.len < 4 || rest.at[0] != ' ' ||
	    !all_of(&digits, is_digit) || (rest.len > 4 && rest.at[4] != ' ') ||
	    !all_of(&rest, is_value_char))
		return false;
	ret->status = (unsigned int)((digits.at[0] - '0') * 100 + (digits.at[1] - '0') * 10 +
				     digits.at[2] - '0');
	return ret->status >= 100 && ret->status <= 599;
}

bool http1_parse_response(const uint8_t *bytes, size_t len, bool is_head, struct http1_head *ret,
			  struct http1_refusal *refusal)
{
	const char *at = (const char *)bytes, *end = at + len;
	struct http1_text line;
	bool has_body;

	ret->n_fields = 0;
	ret->method = ret->target = (struct http1_text){"", 0};
	ret->length = 0;
	ret->is_upgrade = ret->expects_continue = false;
	if (!next_line(&at, end, &line) || !parse_status_line(&line, ret))
		return refuse(refusal, 502, "the service's status line is malformed");
	if (!parse_fields(at, end, ret, refusal) || !read_meaning(ret, refusal)) {
		refusal->status = 502;
		return false;
	}
	has_body = !is_head && ret->status >= 200 && ret->status != 204 && ret->status != 304;
	if (!has_body)
		ret->framing = HTTP1_NO_BODY;
	else if (ret->framing == HTTP1_NO_BODY)
		ret->framing = HTTP1_UNTIL_CLOSE;
	ret->is_persistent &= ret->framing != HTTP1_UNTIL_CLOSE;
	return true;
}

/* ---- bodies ---- */

enum chunk_state {
	CHUNK_SIZE_DIGITS,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* at the beginning of, or in, a line */
	CHUNK_TRAILER_LF,
	CHUNK_END_LF,
};

void http1_body_begin(struct http1_body *body, const struct http1_head *head, bool takes_trailers)
{
	*body = (struct http1_body){
		.framing = head->framing, .left = head->length, .takes_trailers = takes_trailers};
	if (head->framing == HTTP1_CHUNKED)
		body->left = 0;
	body->is_done = head->framing == HTTP1_NO_BODY ||
			(head->framing == HTTP1_LENGTH && head->length == 0);
}

static void begin_size(struct http1_body *body)
{
	body->state = CHUNK_SIZE_DIGITS;
	body->line = body->digits = 0;
	body->left = 0;
}

static bool take_digit(struct http1_body *body, char c)
{
	int value = hex_value(c);

	if (value >= 0) {
		body->left = body->left * 16 + (uint64_t)value;
		return ++body->digits <= HTTP1_CHUNK_DIGITS_MAX;
	}
	if (!body->digits)
		return false;
	body->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
	return c == '\r' || c == ';';
}

static bool take_size_end(struct http1_body *body, char c)
{
	body->is_last = body->left == 0;
	body->state = body->is_last ? CHUNK_TRAILER : CHUNK_DATA;
	body->line = 0;
	return c == '\n';
}

static bool take_trailer(struct http1_body *body, char c)
{
	bool is_empty = body->line == 0;

	if (c == '\r') {
		body->state = is_empty ? CHUNK_END_LF : CHUNK_TRAILER_LF;
		return true;
	}
	if (++body->trailers > HTTP1_TRAILERS_MAX || !body->takes_trailers)
		return false;
	body->line++;
	return is_empty ? is_token_char(c) : is_value_char(c);
}

/* One byte of what is not data. */
static bool take_byte(struct http1_body *body, char c)
{
	switch (body->state) {
	case CHUNK_SIZE_DIGITS:
		return take_digit(body, c);
	case CHUNK_EXTENSION:
		if (c == '\r')
			body->state = CHUNK_SIZE_LF;
		return ++body->line < HTTP1_CHUNK_LINE_MAX && (c == '\r' || is_value_char(c));
	case CHUNK_SIZE_LF:
		return take_size_end(body, c);
	case CHUNK_DATA_CR:
		body->state = CHUNK_DATA_LF;
		return c == '\r';
	case CHUNK_DATA_LF:
		begin_size(body);
		return c == '\n';
	case CHUNK_TRAILER:
		return take_trailer(body, c);
	case CHUNK_TRAILER_LF:
		body->state = CHUNK_TRAILER;
		body->line = 0;
		return c == '\n';
	default:
		body->is_done = true;
		return c == '\n';
	}
}

static size_t take_data(struct http1_body *body, size_t len)
{
	size_t n = len < body->left ? len : (size_t)body->left;

	body->left -= n;
	return n;
}

static long take_chunked(struct http1_body *body, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && !body->is_done) {
		if (body->state != CHUNK_DATA) {
			if (!take_byte(body, (char)bytes[at++]))
				return -1;
			continue;
		}
		at += take_data(body, len - at);
		if (body->left == 0)
			body->state = CHUNK_DATA_CR;
	}
	return (long)at;
}

long http1_body_take(struct http1_body *body, const uint8_t *bytes, size_t len)
{
	size_t n;

	if (body->is_done)
		return 0;
	if (body->framing == HTTP1_CHUNKED)
		return take_chunked(body, bytes, len);
	if (body->framing == HTTP1_UNTIL_CLOSE)
		return (long)len;
	n = take_data(body, len);
	body->is_done = body->left == 0;
	return (long)n;
}

static bool is_framing(const struct http1_body *body)
{
	return !body->is_done && !body->is_last && body->state != CHUNK_DATA;
}

long http1_body_unwrap(struct http1_body *body, const uint8_t *bytes, size_t len,
		       struct http1_piece *ret)
{
	size_t at = 0, from;
	long n;

	while (body->framing == HTTP1_CHUNKED && at < len && is_framing(body))
		if (!take_byte(body, (char)bytes[at++]))
			return -1;
	from = at;
	ret->is_trailer = body->framing == HTTP1_CHUNKED && body->is_last;
	if (body->framing == HTTP1_CHUNKED && !body->is_last) {
		at += take_data(body, len - at);
		if (at > from && body->left == 0)
			body->state = CHUNK_DATA_CR;
	} else {
		n = http1_body_take(body, bytes + at, len - at);
		if (n < 0)
			return -1;
		at += (size_t)n;
	}
	ret->bytes = (struct http1_text){(const char *)bytes + from, at - from};
	return (long)at;
}
