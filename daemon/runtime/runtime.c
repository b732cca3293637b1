// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: runtime: see runtime.h
 *
 * A task lives until the launcher said ENDED (or is gone) and its pipes are
 * closed.  When ENDED comes every process of it is dead, so what its pipes
 * still hold is read at once and no end of file is waited for: a descriptor
 * may have been given away.
 */
#include "daemon/runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"

#define READ_MAX 16384 /* bytes at a time */
#define LAST_WORDS_MAX (1 << 20) /* a pipe's buffer is 64 KiB, or what the program asked for */
#define MESSAGES_PER_WAKE 64
#define STREAMS 3 /* input, output, error */

/**
 * struct runtime_task - a program
 * @runtime: it belongs to
 * @next: in the runtime's list
 * @number: on the wire
 * @events: whom to tell
 * @is_muted: nobody any more
 * @has_ended: no process is left
 * @end: how
 * @streams: our ends of its standard descriptors
 * @open: which of them are libuv's
 * @handles: of libuv, still open
 * @input: what it reads, owned
 * @write: request to libuv
 */
struct runtime_task {
	struct runtime *runtime;
	struct runtime_task *next;
	uint32_t number;
	struct runtime_events events;
	bool is_muted, has_ended;
	struct runtime_end end;
	uv_pipe_t streams[STREAMS];
	bool open[STREAMS];
	unsigned int handles;
	char *input;
	uv_write_t write;
};

struct runtime {
	uv_loop_t *loop;
	uv_poll_t poll;
	int fd;
	bool is_up, has_cgroups, is_closed;
	uint32_t last_number, launcher_pid;
	struct runtime_task *tasks;
	char buf[READ_MAX];
};

/* ---- a task's end -------------------------------------------------------- */

static void unlink_task(struct runtime_task *task)
{
	struct runtime_task **at = &task->runtime->tasks;

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
}

static void task_free(struct runtime_task *task)
{
	free(task->input);
	free(task);
}

static void on_stream_closed(uv_handle_t *handle)
{
	struct runtime_task *task = handle->data;

	if (--task->handles == 0 && task->has_ended)
		task_free(task);
}

static void close_stream(struct runtime_task *task, int i)
{
	if (!task->open[i])
		return;
	task->open[i] = false;
	uv_close((uv_handle_t *)&task->streams[i], on_stream_closed);
}

static void deliver(struct runtime_task *task, int i, const char *bytes, size_t len)
{
	if (!task->is_muted && task->events.output)
		task->events.output(task->events.arg,
				    i == STDERR_FILENO ? RUNTIME_ERROR_OUTPUT : RUNTIME_OUTPUT,
				    bytes, len);
}

static void read_last_words(struct runtime_task *task, int i)
{
	size_t total = 0;
	uv_os_fd_t fd;
	ssize_t n = 0;

	if (!task->open[i] || uv_fileno((uv_handle_t *)&task->streams[i], &fd))
		return;
	while (total < LAST_WORDS_MAX && !task->is_muted &&
	       (n = read(fd, task->runtime->buf, READ_MAX)) > 0) {
		deliver(task, i, task->runtime->buf, (size_t)n);
		total += (size_t)n;
	}
}

static void describe(struct runtime_end *end)
{
	if (end->is_out_of_memory)
		snprintf(end->text, sizeof(end->text), "out of memory");
	else if (end->signal)
		snprintf(end->text, sizeof(end->text), "signal %u", end->signal);
	else if (end->has_run)
		snprintf(end->text, sizeof(end->text), "exit status %u", end->status);
}

/* Tells its owner last, who may start or close anything. */
static void task_end(struct runtime_task *task)
{
	struct runtime_events events = task->events;
	struct runtime_end end;
	bool is_muted;

	for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
		read_last_words(task, i);
	is_muted = task->is_muted;
	if (!task->end.text[0])
		describe(&task->end);
	end = task->end;
	unlink_task(task);
	task->is_muted = task->has_ended = true;
	task->handles++; /* until all is closed */
	for (int i = 0; i < STREAMS; i++)
		close_stream(task, i);
	if (--task->handles == 0)
		task_free(task);
	if (!is_muted)
		events.ended(events.arg, &end);
}

static void end_all(struct runtime *runtime, const char *why)
{
	while (runtime->tasks) {
		struct runtime_task *task = runtime->tasks;

		task->end.signal = SIGKILL;
		snprintf(task->end.text, sizeof(task->end.text), "%s", why);
		task_end(task);
	}
}

/* ---- the launcher -------------------------------------------------------- */

static struct runtime_task *find_task(struct runtime *runtime, uint32_t number)
{
	struct runtime_task *task = runtime->tasks;

	while (task && task->number != number)
		task = task->next;
	return task;
}

static void on_hello(struct runtime *runtime, const struct launch_message *message)
{
	char quoted[LOG_LINE_MAX / 2];

	if (runtime->is_up) {
		log_error(LOG_LOCAL_CLASS, "event=launcher-lost effect=\"its programs have ended\" "
					   "action=\"another has started\"");
		end_all(runtime, "the launcher died");
	}
	runtime->is_up = true;
	runtime->has_cgroups = message->has_cgroup;
	runtime->launcher_pid = message->pid;
	log_info(LOG_INFO_CLASS, "event=launcher pid=%u cgroups=%d", message->pid,
		 message->has_cgroup);
	if (!message->has_cgroup)
		log_warning(LOG_LOCAL_CLASS,
			    "event=no-cgroups effect=\"limits are rlimits: memory of each process, "
			    "processes of the account, processor none\" why=%s",
			    log_quote(message->note, quoted, sizeof(quoted)));
}

static void on_message(struct runtime *runtime, const struct launch_message *message)
{
	struct runtime_task *task = find_task(runtime, message->task);

	if (message->kind == LAUNCH_HELLO) {
		on_hello(runtime, message);
		return;
	}
	if (!task)
		return;
	if (message->kind == LAUNCH_STARTED) {
		task->end.has_run = true;
		if (!task->is_muted && task->events.started)
			task->events.started(task->events.arg, message->pid);
	} else if (message->kind == LAUNCH_FAILED) {
		snprintf(task->end.text, sizeof(task->end.text), "%s: %s",
			 launch_stage_text(message->stage), strerror((int)message->error));
	} else if (message->kind == LAUNCH_ENDED) {
		task->end.signal = message->signal;
		task->end.status = message->status;
		task->end.is_out_of_memory = message->is_out_of_memory;
		task_end(task);
	}
}

static void lose_launcher(struct runtime *runtime, const char *why)
{
	uv_poll_stop(&runtime->poll);
	runtime->is_up = false;
	runtime->launcher_pid = 0;
	log_error(LOG_LOCAL_CLASS,
		  "event=launcher-gone why=\"%s\" effect=\"no program runs\" action=\"systemctl "
		  "restart meshd\"",
		  why);
	end_all(runtime, "the launcher is gone");
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct runtime *runtime = poll->data;
	_cleanup_free_ struct launch_message *message = xmalloc(sizeof(*message));
	_cleanup_free_ uint8_t *buf = xmalloc(LAUNCH_MESSAGE_MAX + 1);

	for (int i = 0; i < MESSAGES_PER_WAKE && !runtime->is_closed; i++) {
		ssize_t len = recv(runtime->fd, buf, LAUNCH_MESSAGE_MAX + 1, 0);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0 || launch_decode(buf, (size_t)len, message)) {
			lose_launcher(runtime, len > 0 ? "malformed message" : "it ended");
			return;
		}
		on_message(runtime, message);
	}
}

struct runtime *runtime_new(uv_loop_t *loop, int fd)
{
	struct runtime *runtime = xnew(struct runtime);

	runtime->loop = loop;
	runtime->fd = fd;
	uv_poll_init(loop, &runtime->poll, fd);
	runtime->poll.data = runtime;
	uv_poll_start(&runtime->poll, UV_READABLE, on_readable);
	on_readable(&runtime->poll, 0, 0); /* its HELLO may be there */
	return runtime;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct runtime *runtime = handle->data;

	close(runtime->fd);
	free(runtime);
}

void runtime_close(struct runtime *runtime)
{
	if (!runtime)
		return;
	runtime->is_closed = true;
	runtime->is_up = false; /* nobody starts anything for it */
	end_all(runtime, "meshd stops");
	uv_poll_stop(&runtime->poll);
	shutdown(runtime->fd, SHUT_RDWR); /* the launcher sees it now, not when we are gone */
	uv_close((uv_handle_t *)&runtime->poll, on_poll_closed);
}

bool runtime_is_up(const struct runtime *runtime)
{
	return runtime && runtime->is_up;
}

uint32_t runtime_launcher_pid(const struct runtime *runtime)
{
	return runtime ? runtime->launcher_pid : 0;
}

bool runtime_has_cgroups(const struct runtime *runtime)
{
	return runtime && runtime->has_cgroups;
}

/* ---- a task's beginning -------------------------------------------------- */

/* Return: 0; -errno. */
static int send_message(struct runtime *runtime, const struct launch_message *message,
			const int *fds)
{
	_cleanup_free_ uint8_t *buf = xmalloc(LAUNCH_MESSAGE_MAX);
	int len = launch_encode(message, buf, LAUNCH_MESSAGE_MAX);
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(LAUNCH_FDS * sizeof(int))];
	} control = {0};
	struct iovec iov = {buf, (size_t)len};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (len < 0)
		return len;
	if (fds) {
		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control);
		control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(LAUNCH_FDS * sizeof(int)),
						 .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.align), fds, LAUNCH_FDS * sizeof(int));
	}
	return sendmsg(runtime->fd, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void send_simple(struct runtime_task *task, uint8_t kind, uint8_t number)
{
	struct launch_message *message = xnew(struct launch_message);

	message->kind = kind;
	message->task = task->number;
	message->signal = number;
	if (send_message(task->runtime, message, NULL))
		log_error(LOG_LOCAL_CLASS, "event=launcher-busy effect=\"a signal is lost\"");
	free(message);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
	const struct runtime_task *task = handle->data;

	*ret = uv_buf_init(task->runtime->buf, READ_MAX);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct runtime_task *task = stream->data;
	int i = (int)((uv_pipe_t *)stream - task->streams);

	if (n > 0)
		deliver(task, i, buf->base, (size_t)n);
	else if (n < 0)
		close_stream(task, i);
}

/* All of it, or as much as the program read before it closed or ended. */
static void on_written(uv_write_t *write, int status)
{
	struct runtime_task *task = write->data;

	close_stream(task, STDIN_FILENO);
}

static void open_stream(struct runtime_task *task, int i, int fd)
{
	uv_pipe_init(task->runtime->loop, &task->streams[i], 0);
	task->streams[i].data = task;
	task->open[i] = true;
	task->handles++;
	uv_pipe_open(&task->streams[i], fd);
	if (i != STDIN_FILENO)
		uv_read_start((uv_stream_t *)&task->streams[i], on_alloc, on_read);
}

static void write_input(struct runtime_task *task, const void *input, size_t len)
{
	uv_buf_t buf;

	task->input = xmemdup(input, len);
	task->write.data = task;
	buf = uv_buf_init(task->input, (unsigned int)len);
	if (!len || uv_write(&task->write, (uv_stream_t *)&task->streams[STDIN_FILENO], &buf, 1,
			     on_written))
		close_stream(task, STDIN_FILENO);
}

static void close_pair(int *pair)
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

/* @pairs: [i][0] is the program's. */
static int open_pipes(int pairs[STREAMS][2], bool has_input)
{
	int ends[2];

	for (int i = 0; i < STREAMS; i++)
		pairs[i][0] = pairs[i][1] = -1;
	for (int i = has_input ? 0 : 1; i < STREAMS; i++) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		pairs[i][0] = i == STDIN_FILENO ? ends[0] : ends[1];
		pairs[i][1] = i == STDIN_FILENO ? ends[1] : ends[0];
	}
	if (!has_input)
		pairs[0][0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return pairs[0][0] < 0 ? -errno : 0;
}

static int send_start(struct runtime *runtime, const struct launch_spec *spec, uint32_t number,
		      int pairs[STREAMS][2])
{
	struct launch_message *message = xnew(struct launch_message);
	int fds[LAUNCH_FDS], error;

	for (int i = 0; i < LAUNCH_FDS; i++)
		fds[i] = pairs[i][0];
	message->kind = LAUNCH_START;
	message->task = number;
	message->spec = *spec;
	error = send_message(runtime, message, fds);
	free(message);
	return error;
}

struct runtime_task *runtime_start(struct runtime *runtime, const struct launch_spec *spec,
				   const void *input, size_t len,
				   const struct runtime_events *events, char *error)
{
	struct runtime_task *task;
	int pairs[STREAMS][2], r;

	if (!runtime_is_up(runtime)) {
		snprintf(error, RUNTIME_TEXT_MAX,
			 "no launcher; name accounts in runtime.users of meshd.yaml and restart "
			 "meshd");
		return NULL;
	}
	r = open_pipes(pairs, input != NULL);
	if (!r)
		r = send_start(runtime, spec, ++runtime->last_number, pairs);
	if (r) {
		for (int i = 0; i < STREAMS; i++)
			close_pair(pairs[i]);
		snprintf(error, RUNTIME_TEXT_MAX, "it cannot be started: %s",
			 r == -EMSGSIZE ? "arguments and environment are too long" : strerror(-r));
		return NULL;
	}
	task = xnew(struct runtime_task);
	task->runtime = runtime;
	task->number = runtime->last_number;
	task->events = *events;
	task->next = runtime->tasks;
	runtime->tasks = task;
	for (int i = 0; i < STREAMS; i++) {
		close(pairs[i][0]);
		if (pairs[i][1] >= 0)
			open_stream(task, i, pairs[i][1]);
	}
	if (input)
		write_input(task, input, len);
	return task;
}

void runtime_signal(struct runtime_task *task, uint8_t number)
{
	send_simple(task, LAUNCH_SIGNAL, number);
}

void runtime_kill(struct runtime_task *task)
{
	send_simple(task, LAUNCH_KILL, 0);
}

void runtime_forget(struct runtime_task *task)
{
	task->is_muted = true;
	runtime_kill(task);
}

void runtime_pause(struct runtime_task *task, bool is_paused)
{
	for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++) {
		if (!task->open[i])
			continue;
		if (is_paused)
			uv_read_stop((uv_stream_t *)&task->streams[i]);
		else
			uv_read_start((uv_stream_t *)&task->streams[i], on_alloc, on_read);
	}
}
