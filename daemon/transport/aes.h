/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: aes: AES-GCM of TLS by the CPU's own instructions
 *
 * Debian's wolfSSL is built without them (120 MB/s here, ChaCha20 265); libgcrypt
 * uses them (4600 MB/s), so wolfSSL hands it the records.
 */
#ifndef TRANSPORT_AES_H
#define TRANSPORT_AES_H

#include <stdbool.h>

/**
 * aes_init() - Offer it to wolfSSL; again and again is fine.
 *
 * Context: after wolfSSL_Init().
 * Return: this CPU has instructions for AES; without, ChaCha20 is several times faster.
 */
bool aes_init(void);

/** aes_device() - For wolfSSL_SetDevId(): what encrypts for a connection. */
int aes_device(void);

#endif
