// SPDX-License-Identifier: GPL-2.0
/* DOC: refused: see refused.h */
#include "daemon/transport/refused.h"

#include <stdio.h>
#include <sys/socket.h>

#include "daemon/lib/endpoint.h"
#include "daemon/lib/log.h"
#include "daemon/transport/address.h"

void refused_note_fd(struct trust_refusals *list, enum trust_refusal refusal, const char *what,
		     int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	char text[ENDPOINT_STRLEN] = "?";
	struct endpoint remote;

	if (!refusal || !trust_refusals_note(list, uv_hrtime(), refusal))
		return;
	if (getpeername(fd, (struct sockaddr *)&address, &len) == 0 &&
	    address_from_sockaddr(&address, &remote) == 0)
		endpoint_format(&remote, text);
	log_warning(LOG_PEER_CLASS,
		    "event=certificate-refused for=%s remote=%s refusal=%s reason=\"%s\"", what,
		    text, trust_refusal_name(refusal), trust_refusal_text(refusal));
}

void refused_note(struct trust_refusals *list, enum trust_refusal refusal, const char *what,
		  const uv_tcp_t *tcp)
{
	uv_os_fd_t fd = -1;

	uv_fileno((const uv_handle_t *)tcp, &fd);
	refused_note_fd(list, refusal, what, fd);
}
