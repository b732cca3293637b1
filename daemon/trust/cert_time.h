/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: cert_time: dates of certificates
 *
 * RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime after,
 * always to the second and in Z.
 */
#ifndef TRUST_CERT_TIME_H
#define TRUST_CERT_TIME_H

#include "daemon/trust/der.h"

/** cert_time_read() - One time element as Unix time; a bad one fails @r. */
int64_t cert_time_read(struct der_reader *r);
/** cert_time_write() - One time element; a year outside 1950..9999 fails @w. */
void cert_time_write(struct der_writer *w, int64_t unix_s);

#endif
