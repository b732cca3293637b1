// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: client: asking the daemon over its Unix socket
 *
 * libcurl speaks HTTP; this file decides what each way of failing means for
 * a person and which exit code it becomes.  An answer must be an object with
 * "api": 1; anything else is refused before a command sees it.
 */
#include "tools/meshctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define API_VERSION_SPOKEN 1

struct answer {
	char *bytes;
	size_t len, capacity;
	bool is_too_large;
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct answer *answer = arg;
	size_t len = size * n;

	if (answer->len + len > CLIENT_ANSWER_MAX) {
		answer->is_too_large = true;
		return 0;
	}
	if (answer->len + len > answer->capacity) {
		size_t capacity = (answer->len + len) * 2;
		char *larger = realloc(answer->bytes, capacity);

		if (!larger)
			return 0;
		answer->bytes = larger;
		answer->capacity = capacity;
	}
	memcpy(answer->bytes + answer->len, bytes, len);
	answer->len += len;
	return len;
}

const char *client_escape(const char *text, char *buf, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~:";
	size_t len = 0;

	for (; *text && len + 4 <= size; text++) {
		if (strchr(plain, *text))
			buf[len++] = *text;
		else
			len += (size_t)snprintf(buf + len, 4, "%%%02X", (unsigned char)*text);
	}
	buf[len] = '\0';
	return buf;
}

static int fail_connect(struct meshctl *ctl, long error)
{
	struct stat st;

	/* curl does not always keep errno: the path tells the same. */
	if (error == 0 && stat(ctl->socket_path, &st) < 0)
		error = errno;
	switch (error) {
	case EACCES:
	case EPERM:
		return meshctl_fail(ctl, MESHCTL_NOPERM,
				    "run it as root (sudo), or join the group that owns the socket",
				    "you may not open %s", ctl->socket_path);
	case ENOENT:
		return meshctl_fail(ctl, MESHCTL_UNAVAILABLE,
				    "is meshd running? systemctl status meshd; "
				    "if its socket is elsewhere: meshctl -s PATH",
				    "there is no %s", ctl->socket_path);
	case ECONNREFUSED:
	default:
		return meshctl_fail(ctl, MESHCTL_UNAVAILABLE,
				    "is meshd running? systemctl status meshd",
				    "nobody answers on %s", ctl->socket_path);
	}
}

static int fail_transfer(struct meshctl *ctl, CURLcode result, const struct answer *answer,
			 long error)
{
	if (answer->is_too_large)
		return meshctl_fail(ctl, MESHCTL_DATA, NULL,
				    "the answer of the daemon is larger than %d MiB",
				    CLIENT_ANSWER_MAX >> 20);
	switch (result) {
	case CURLE_COULDNT_CONNECT:
		return fail_connect(ctl, error);
	case CURLE_OPERATION_TIMEDOUT:
		return meshctl_fail(ctl, MESHCTL_UNAVAILABLE,
				    "it may be busy or stopped: systemctl status meshd",
				    "the daemon did not answer within %d s", CLIENT_TIMEOUT_S);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return meshctl_fail(ctl, MESHCTL_DATA, "is that meshd's socket?",
				    "what answers on %s does not speak HTTP", ctl->socket_path);
	default:
		return meshctl_fail(ctl, MESHCTL_UNAVAILABLE,
				    "it may be stopping or have too many clients: try again",
				    "the daemon ended the connection (%s)",
				    curl_easy_strerror(result));
	}
}

static int exit_code(long status)
{
	switch (status) {
	case 403:
		return MESHCTL_NOPERM;
	case 404:
	case 409:
	case 422:
		return MESHCTL_NO;
	case 503:
		return MESHCTL_UNAVAILABLE;
	default:
		return MESHCTL_DATA;
	}
}

int client_parse(struct meshctl *ctl, long status, const char *bytes, size_t len, json_t **ret)
{
	json_error_t where;
	json_t *object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &where), *error;
	const char *message, *hint;
	int code;

	if (!json_is_object(object) ||
	    json_integer_value(json_object_get(object, "api")) != API_VERSION_SPOKEN) {
		json_decref(object);
		return meshctl_fail(ctl, MESHCTL_DATA,
				    "is that meshd's socket, and is meshctl of the same version?",
				    "the answer (HTTP %ld) is not one of this API", status);
	}
	error = json_object_get(object, "error");
	if (status == 200 && !error) {
		*ret = object;
		return MESHCTL_OK;
	}
	message = json_string_value(json_object_get(error, "message"));
	hint = json_string_value(json_object_get(error, "hint"));
	code = meshctl_fail(ctl, exit_code(status), hint, "%s",
			    message ? message : "the daemon refused and did not say why");
	json_decref(object);
	return code;
}

static int transfer(struct meshctl *ctl, const char *path, const char *body, json_t **ret)
{
	CURL *curl = curl_easy_init();
	struct answer answer = {0};
	char url[CLIENT_URL_MAX];
	long status = 0, error = 0;
	CURLcode result;
	int code;

	if (!curl || snprintf(url, sizeof(url), "http://meshd%s", path) >= (int)sizeof(url)) {
		curl_easy_cleanup(curl);
		return meshctl_fail(ctl, MESHCTL_USAGE, NULL, "the name is too long");
	}
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, ctl->socket_path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CLIENT_CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CLIENT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	curl_easy_cleanup(curl);
	if (result != CURLE_OK)
		code = fail_transfer(ctl, result, &answer, error);
	else
		code = client_parse(ctl, status, answer.bytes ? answer.bytes : "", answer.len, ret);
	free(answer.bytes);
	return code;
}

int client_get(struct meshctl *ctl, json_t **ret, const char *fmt, ...)
{
	char path[CLIENT_URL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	return transfer(ctl, path, NULL, ret);
}

int client_post(struct meshctl *ctl, json_t **ret, const char *path, const char *body)
{
	return transfer(ctl, path, body, ret);
}
