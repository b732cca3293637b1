/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: runtime: programs, as meshd sees them
 *
 * A shell: asks the launcher (launcher.h) to start programs, feeds their
 * standard input, hands out what they write, says how they ended.  Decides
 * nothing.  When the launcher dies every program has ended with it; its
 * guard makes another, whose HELLO ends the tasks here.
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include <uv.h>

#include "daemon/runtime/launch.h"

#define RUNTIME_TEXT_MAX 256

struct runtime;
struct runtime_task;

/** enum runtime_stream - where output came from */
enum runtime_stream { RUNTIME_OUTPUT, RUNTIME_ERROR_OUTPUT };

/**
 * struct runtime_end - how a program ended
 * @has_run: it was executed
 * @status: exit status
 * @signal: that ended it, 0 none
 * @is_out_of_memory: the kernel ended it for its limit
 * @text: for a person: "exit status 3", "signal 9", ...
 */
struct runtime_end {
	bool has_run;
	uint8_t status, signal;
	bool is_out_of_memory;
	char text[RUNTIME_TEXT_MAX];
};

/**
 * struct runtime_events - whom to tell of a program
 * @started: it is executed; @pid of its first process.  May be NULL
 * @output: it wrote; not after runtime_forget()
 * @ended: none of its processes is left; the task is gone after this
 * @arg: handed to the functions
 */
struct runtime_events {
	void (*started)(void *arg, uint32_t pid);
	void (*output)(void *arg, enum runtime_stream stream, const char *bytes, size_t len);
	void (*ended)(void *arg, const struct runtime_end *end);
	void *arg;
};

/**
 * runtime_new() - Talk to a launcher.
 * @loop: drives it
 * @fd: of launcher_fork(), owned
 */
struct runtime *runtime_new(uv_loop_t *loop, int fd);
/** runtime_close() - The launcher ends every program; each ended() comes now.  NULL is allowed. */
void runtime_close(struct runtime *runtime);
/** runtime_is_up() - A launcher is there. */
bool runtime_is_up(const struct runtime *runtime);
/** runtime_launcher_pid() - For whoever asks; 0 when there is none. */
uint32_t runtime_launcher_pid(const struct runtime *runtime);
/** runtime_has_cgroups() - Limits are of cgroup v2. */
bool runtime_has_cgroups(const struct runtime *runtime);

/**
 * runtime_start() - Start a program.
 * @runtime: has a launcher
 * @spec: borrowed for this call
 * @input: its standard input, copied; NULL: /dev/null
 * @len: bytes of @input
 * @events: copied; never called from within this call
 * @error: on failure, a sentence (RUNTIME_TEXT_MAX)
 *
 * Return: the task, until its ended(); NULL with @error.
 */
struct runtime_task *runtime_start(struct runtime *runtime, const struct launch_spec *spec,
				   const void *input, size_t len,
				   const struct runtime_events *events, char *error);
/** runtime_signal() - To its process group. */
void runtime_signal(struct runtime_task *task, uint8_t number);
/** runtime_kill() - All its processes; ended() follows. */
void runtime_kill(struct runtime_task *task);
/** runtime_forget() - Kill it and tell nobody: @task must not be used any more. */
void runtime_forget(struct runtime_task *task);
/** runtime_pause() - Read its output, or let it wait. */
void runtime_pause(struct runtime_task *task, bool is_paused);

#endif
