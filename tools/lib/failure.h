/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: how a tool says what went wrong and what to do about it
 */
#ifndef TOOLS_FAILURE_H
#define TOOLS_FAILURE_H

#include <stdio.h>

/**
 * failure_print() - "PROGRAM: MESSAGE" and "  HINT" for people, an object for programs.
 * @err: for people
 * @json: {"error": {"code", "message", "hint"}} goes there as well; NULL for none
 * @program: name of the tool
 * @code: its exit code
 * @message: what is wrong, where; control characters in it become '?'
 * @hint: what to do, a sentence without a full stop; NULL for none
 */
void failure_print(FILE *err, FILE *json, const char *program, int code, char *message,
		   const char *hint);

#endif
