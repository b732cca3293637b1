/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MESHCTL_ECHO_H
#define MESHCTL_ECHO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct echo - a socket for echo requests to one address
 * @fd: datagram ("ping") or raw socket, connected
 * @family: AF_INET or AF_INET6
 * @is_raw: needs filtering: a raw socket hears everybody's replies
 * @id: identifier of our requests when raw; the kernel chooses otherwise
 */
struct echo {
	int fd;
	sa_family_t family;
	bool is_raw;
	uint16_t id;
};

/**
 * echo_open() - Prepare for one address, given as text.
 * @address: IPv4 or IPv6 text
 * @ret: filled on success; end it with echo_close()
 * Return: 0; -EINVAL no address; -EACCES neither kind of socket is allowed; other -errno.
 */
int echo_open(const char *address, struct echo *ret);
void echo_close(struct echo *echo);
/** echo_send() - One request. @now_ns goes along and comes back. Return: 0 or -errno. */
int echo_send(struct echo *echo, uint16_t seq, uint64_t now_ns);
/**
 * echo_receive() - Take one packet if there is one.
 * @echo: socket
 * @seq: set on success: of the request
 * @sent_ns: set on success: @now_ns of the request
 * Return: 0 a reply to us, @seq and @sent_ns are set; -EAGAIN nothing or not for us;
 * other -errno: the network answered with an error (EHOSTUNREACH ...).
 */
int echo_receive(struct echo *echo, uint16_t *seq, uint64_t *sent_ns);
/** echo_parse() - The same from the bytes of a packet. */
int echo_parse(const struct echo *echo, const uint8_t *bytes, size_t len, uint16_t *seq,
	       uint64_t *sent_ns);

#endif
