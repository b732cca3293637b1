/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: launch: messages between meshd and its launcher
 *
 * One packet of a SOCK_SEQPACKET pair is one message: version, kind, task,
 * body.  Documentation/runtime.rst has the layout.  Both sides check every
 * byte: meshd meets networks, the launcher may become any account it was
 * told of.  Pure; no I/O.
 */
#ifndef RUNTIME_LAUNCH_H
#define RUNTIME_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAUNCH_VERSION 1
#define LAUNCH_HEADER_LEN 12
#define LAUNCH_MESSAGE_MAX 16384 /* far below a Unix socket's buffer: sent whole or not at all */
#define LAUNCH_WORDS_MAX 64 /* of argv, and of the environment */
#define LAUNCH_NAME_MAX 63 /* a service's */
#define LAUNCH_USER_MAX 31
#define LAUNCH_PATH_MAX 255
#define LAUNCH_NOTE_MAX 255
#define LAUNCH_MEMORY_MAX_MIB (1u << 20)
#define LAUNCH_CPU_MAX_MILLI 1000000u
#define LAUNCH_PIDS_MAX 65536u
#define LAUNCH_FILES_MAX 65536u
#define LAUNCH_FDS 3 /* standard input, output, error, with START */

/** enum launch_kind - what a message says */
enum launch_kind {
	LAUNCH_START = 1, /* to the launcher: run a program; three descriptors come with it */
	LAUNCH_SIGNAL = 2, /* a signal to its process group */
	LAUNCH_KILL = 3, /* end all its processes, now */
	LAUNCH_HELLO = 64, /* to meshd: a launcher is there, and nothing of an earlier one */
	LAUNCH_STARTED = 65, /* the program is executed */
	LAUNCH_FAILED = 66, /* it could not be; ENDED follows */
	LAUNCH_ENDED = 67, /* none of its processes is left */
};

/** enum launch_stage - what of a start failed */
enum launch_stage {
	LAUNCH_STAGE_ACCOUNT = 1, /* not one of runtime.users */
	LAUNCH_STAGE_ROOM, /* too many tasks, or this one exists */
	LAUNCH_STAGE_PROCESS, /* clone, fork, pipe */
	LAUNCH_STAGE_CGROUP,
	LAUNCH_STAGE_MOUNT,
	LAUNCH_STAGE_LIMITS,
	LAUNCH_STAGE_PRIVILEGES,
	LAUNCH_STAGE_DIRECTORY,
	LAUNCH_STAGE_FILTER,
	LAUNCH_STAGE_EXECUTE,
	LAUNCH_STAGE_BUNDLE, /* not below runtime.bundles, or crun is not there */
	LAUNCH_STAGE_END
};

/**
 * struct launch_words - a list of strings, as execve() wants it
 * @n: entries of @list, which ends in NULL
 * @list: borrowed
 */
struct launch_words {
	size_t n;
	const char *list[LAUNCH_WORDS_MAX + 1];
};

/**
 * struct launch_spec - a program and what it may have
 * @name: of the service, for its cgroup
 * @user: account; "" is the first of runtime.users
 * @directory: to run in; of a bundle, the bundle
 * @argv: [0] is an absolute path; of a bundle, empty
 * @environment: NAME=VALUE, all there is
 * @memory_mib: of all its processes; 0 any
 * @cpu_milli: thousandths of a processor; 0 any
 * @pids: processes and threads; 0 any
 * @open_files: of each process; 0 leaves the default
 * @is_bundle: an OCI bundle, run by crun
 */
struct launch_spec {
	const char *name, *user, *directory;
	struct launch_words argv, environment;
	uint32_t memory_mib, cpu_milli, pids, open_files;
	bool is_bundle;
};

/**
 * struct launch_message - any message, decoded
 * @kind: enum launch_kind
 * @task: the number meshd gave it
 * @spec: of START; strings are in @text
 * @signal: of SIGNAL, and of ENDED: the one that ended it, 0 none
 * @status: of ENDED, the exit status
 * @is_out_of_memory: of ENDED
 * @has_cgroup: of HELLO: limits are of cgroup v2
 * @stage: of FAILED, enum launch_stage
 * @error: of FAILED, errno
 * @pid: of STARTED: first process, which ends with it; of HELLO: the launcher
 * @note: of HELLO, for a person; in @text
 * @text: all strings
 */
struct launch_message {
	uint8_t kind;
	uint32_t task;
	struct launch_spec spec;
	uint8_t signal, status;
	bool is_out_of_memory, has_cgroup;
	uint8_t stage;
	uint32_t error, pid;
	const char *note;
	char text[LAUNCH_MESSAGE_MAX];
};

/**
 * launch_encode() - Write a message.
 * @message: of any kind; strings may be anywhere
 * @buf: receives it
 * @size: its size
 *
 * Return: bytes; -EMSGSIZE more than @size; -EINVAL what launch_decode() would refuse.
 */
int launch_encode(const struct launch_message *message, uint8_t *buf, size_t size);
/**
 * launch_decode() - Read and check a message.
 * @bytes: one packet
 * @len: its length
 * @ret: filled on success
 *
 * Return: 0; -EPROTO another version; -EBADMSG malformed.
 */
int launch_decode(const uint8_t *bytes, size_t len, struct launch_message *ret);

/** launch_signal_is_valid() - One of those a service may be sent. */
bool launch_signal_is_valid(uint8_t number);
/** launch_stage_text() - "to become its account", ... */
const char *launch_stage_text(uint8_t stage);

#endif
