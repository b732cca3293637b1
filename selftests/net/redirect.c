// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: redirect: daemon/redirect/ driven by lines on standard input
 *
 * usage: redirect [CGROUP]
 *
 * Answers every line with one: "ok", "ok NUMBER" or "error ERRNO".
 *
 *	set PROTOCOL SHARED ENTRY	del PROTOCOL SHARED	count PROTOCOL SHARED
 *	churn N			N times set and del of other addresses
 *	filter			drop capabilities, load meshd's system call filter
 *	fill			how many entries fit
 *	connect tcp ADDRESS	from this process; ok NUMBER, the body of the HTTP answer
 *
 * Ends when its input does.  Says "ready", or why not and ends with status 69.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/lib/log.h"
#include "daemon/privilege/privilege.h"
#include "daemon/redirect/redirect.h"

struct words {
	char verb[16], protocol[8], shared[ENDPOINT_STRLEN], entry[ENDPOINT_STRLEN];
};

static int protocol_of(const char *name)
{
	return strcmp(name, "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP;
}

static int churn(struct redirect *redirect, unsigned int n)
{
	struct endpoint shared = {.family = AF_INET, .port = 9}, entry = {.family = AF_INET};
	int error = 0;

	for (unsigned int i = 0; i < n && !error; i++) {
		shared.addr4.s_addr = htonl(0xc6120001 + i % 512); /* 198.18.0.0/15 */
		entry.addr4.s_addr = htonl(0x7f4d0101 + i % 256);
		entry.port = (uint16_t)(1 + i % 60000);
		error = redirect_set(redirect, IPPROTO_TCP, &shared, &entry);
		if (!error && i % 3)
			error = redirect_del(redirect, IPPROTO_TCP, &shared);
	}
	for (unsigned int i = 0; i < 512; i++) {
		shared.addr4.s_addr = htonl(0xc6120001 + i);
		redirect_del(redirect, IPPROTO_TCP, &shared);
	}
	return error;
}

/* How many entries fit; all are taken out again. */
static unsigned int fill(struct redirect *redirect)
{
	struct endpoint shared = {.family = AF_INET, .port = 9}, entry = {.family = AF_INET};
	unsigned int n = 0;

	entry.addr4.s_addr = htonl(INADDR_LOOPBACK);
	entry.port = 1;
	for (;; n++) {
		shared.addr4.s_addr = htonl(0xc6120001 + n);
		if (redirect_set(redirect, IPPROTO_TCP, &shared, &entry) < 0)
			break;
	}
	for (unsigned int i = 0; i < n; i++) {
		shared.addr4.s_addr = htonl(0xc6120001 + i);
		redirect_del(redirect, IPPROTO_TCP, &shared);
	}
	return n;
}

static int connect_to(const struct endpoint *to)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(to->port), .sin_addr = to->addr4};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	char answer[1024] = "", *body = NULL;
	size_t len = 0;
	ssize_t n = 0;

	if (!error && write(fd, request, sizeof(request) - 1) < 0)
		error = -errno;
	while (!error && (n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
		len += (size_t)n;
	body = strstr(answer, "\r\n\r\n");
	if (!error && !body)
		error = -EIO;
	close(fd);
	return error ? error : atoi(body);
}

static int filter(void)
{
	const char *error_text = "";
	int error = privilege_drop(NULL, false, &error_text);

	return error ? error : privilege_filter_syscalls();
}

static int obey(struct redirect *redirect, const struct words *words)
{
	struct endpoint shared = {0}, entry = {0};
	int protocol = protocol_of(words->protocol);
	uint64_t count = 0;
	int result;

	endpoint_parse(words->shared, &shared);
	endpoint_parse(words->entry, &entry);
	if (strcmp(words->verb, "set") == 0)
		return redirect_set(redirect, protocol, &shared, &entry);
	if (strcmp(words->verb, "del") == 0)
		return redirect_del(redirect, protocol, &shared);
	if (strcmp(words->verb, "count") == 0) {
		result = redirect_get_count(redirect, protocol, &shared, &count);
		return result ? result : (int)count;
	}
	if (strcmp(words->verb, "churn") == 0)
		return churn(redirect, (unsigned int)atoi(words->protocol));
	if (strcmp(words->verb, "fill") == 0)
		return (int)fill(redirect);
	if (strcmp(words->verb, "filter") == 0)
		return filter();
	if (strcmp(words->verb, "connect") == 0)
		return connect_to(&shared);
	return -ENOSYS;
}

int main(int argc, char **argv)
{
	char line[256], error[REDIRECT_ERROR_MAX] = "";
	struct redirect *redirect = NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	if (redirect_open(argc > 1 ? argv[1] : NULL, &redirect, error) < 0) {
		puts(error);
		return EX_UNAVAILABLE;
	}
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		struct words words = {0};
		int result;

		sscanf(line, "%15s %7s %79s %79s", words.verb, words.protocol, words.shared,
		       words.entry);
		result = obey(redirect, &words);
		if (result < 0)
			printf("error %d\n", -result);
		else
			printf("ok %d\n", result);
	}
	redirect_close(redirect);
	return 0;
}
