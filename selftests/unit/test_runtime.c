// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: runtime and launcher: real programs through a real launcher
 *
 * What a program may is looked at from inside it.  Needs root; skips without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/memory.h"
#include "daemon/runtime/launcher.h"
#include "daemon/runtime/runtime.h"

#define OUTPUT_MAX 65536
#define TURNS_MS 20000

/**
 * struct run - one program of a test
 * @output: what it wrote on both streams
 * @len: of it
 * @pid: of its shim
 * @has_ended: and how
 * @end: that is
 */
struct run {
	char output[OUTPUT_MAX + 1];
	size_t len;
	uint32_t pid;
	bool has_ended;
	struct runtime_end end;
};

struct world {
	uv_loop_t loop;
	uv_timer_t deadline;
	struct runtime *runtime;
};

static struct world world;

static void on_started(void *arg, uint32_t pid)
{
	((struct run *)arg)->pid = pid;
}

static void on_output(void *arg, enum runtime_stream stream, const char *bytes, size_t len)
{
	struct run *run = arg;

	if (len > OUTPUT_MAX - run->len)
		len = OUTPUT_MAX - run->len;
	memcpy(run->output + run->len, bytes, len);
	run->len += len;
	run->output[run->len] = '\0';
}

static void on_ended(void *arg, const struct runtime_end *end)
{
	struct run *run = arg;

	run->has_ended = true;
	run->end = *end;
}

static void on_deadline(uv_timer_t *timer)
{
	fail_msg("nothing happened in time");
}

/* Some conditions are of other processes: no event of ours tells of them. */
#define WAIT(condition)                                                    \
	do {                                                               \
		uv_update_time(&world.loop);                               \
		uv_timer_start(&world.deadline, on_deadline, TURNS_MS, 0); \
		while (!(condition)) {                                     \
			uv_run(&world.loop, UV_RUN_NOWAIT);                \
			usleep(5000);                                      \
		}                                                          \
		uv_timer_stop(&world.deadline);                            \
	} while (0)

static struct launch_spec spec_of(const char *const *argv)
{
	struct launch_spec spec = {.name = "test", .user = "nobody", .directory = "/"};

	for (; argv[spec.argv.n]; spec.argv.n++)
		spec.argv.list[spec.argv.n] = argv[spec.argv.n];
	spec.environment.list[spec.environment.n++] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	return spec;
}

static struct runtime_task *start(struct run *run, const struct launch_spec *spec,
				  const char *input)
{
	const struct runtime_events events = {on_started, on_output, on_ended, run};
	char error[RUNTIME_TEXT_MAX];

	memset(run, 0, sizeof(*run));
	return runtime_start(world.runtime, spec, input, input ? strlen(input) : 0, &events, error);
}

#define SHELL(text) ((const char *const[]){"/bin/sh", "-c", text, NULL})

/* Static, being large; one program at a time uses it. */
static struct run the_run;

static struct run *run_shell(const char *text)
{
	struct launch_spec spec = spec_of(SHELL(text));

	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(the_run.has_ended);
	return &the_run;
}

static int open_world(void **state)
{
	struct launcher_settings settings = {.accounts = {{"nobody", 65534, 65534}, {"root", 0, 0}},
					     .n_accounts = 2};
	const char *error_text;
	int fd;

	if (geteuid() != 0 || launcher_fork(&settings, &fd, &error_text))
		return 0;
	signal(SIGPIPE, SIG_IGN); /* as meshd does */
	uv_loop_init(&world.loop);
	uv_timer_init(&world.loop, &world.deadline);
	world.runtime = runtime_new(&world.loop, fd);
	WAIT(runtime_is_up(world.runtime));
	return 0;
}

static int close_world(void **state)
{
	if (!world.runtime)
		return 0;
	runtime_close(world.runtime);
	world.runtime = NULL;
	uv_close((uv_handle_t *)&world.deadline, NULL);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&world.loop);
}

#define NEEDS_ROOT()                \
	do {                        \
		if (!world.runtime) \
			skip();     \
	} while (0)

/* ---- what comes and goes ------------------------------------------------- */

static void output_status_and_signal_come_back(void **state)
{
	struct run *run;

	NEEDS_ROOT();
	run = run_shell("echo one; echo two >&2; exit 3");
	assert_non_null(strstr(run->output, "one\n"));
	assert_non_null(strstr(run->output, "two\n"));
	assert_true(run->end.has_run);
	assert_int_equal(run->end.status, 3);
	assert_int_equal(run->end.signal, 0);
	assert_string_equal(run->end.text, "exit status 3");
	run = run_shell("kill -USR1 $$");
	assert_int_equal(run->end.signal, SIGUSR1);
}

static void input_is_read_to_its_end(void **state)
{
	const char *const argv[] = {"/bin/cat", NULL};
	struct launch_spec spec = spec_of(argv);

	NEEDS_ROOT();
	assert_non_null(start(&the_run, &spec, "what goes in"));
	WAIT(the_run.has_ended);
	assert_string_equal(the_run.output, "what goes in");
}

static void program_that_never_reads_ends_all_the_same(void **state)
{
	const char *const argv[] = {"/bin/true", NULL};
	struct launch_spec spec = spec_of(argv);
	char *input = xmalloc(1 << 20); /* more than a pipe holds */

	NEEDS_ROOT();
	memset(input, 'x', 1 << 20);
	input[(1 << 20) - 1] = '\0';
	assert_non_null(start(&the_run, &spec, input));
	free(input);
	WAIT(the_run.has_ended);
	assert_int_equal(the_run.end.status, 0);
}

static void what_cannot_be_run_is_said(void **state)
{
	const char *const missing[] = {"/no/such/program", NULL};
	struct launch_spec spec = spec_of(missing);

	NEEDS_ROOT();
	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(the_run.has_ended);
	assert_false(the_run.end.has_run);
	assert_string_equal(the_run.end.text, "executing it: No such file or directory");
	spec = spec_of(SHELL("true"));
	spec.user = "daemon"; /* exists, is not one of the accounts */
	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(the_run.has_ended);
	assert_non_null(strstr(the_run.end.text, "runtime.users"));
	spec.user = "nobody";
	spec.directory = "/root";
	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(the_run.has_ended);
	assert_string_equal(the_run.end.text, "changing to its directory: Permission denied");
}

static void bundle_is_refused_where_none_is_allowed(void **state)
{
	struct launch_spec spec = {
		.name = "box", .user = "", .directory = "/tmp", .is_bundle = true};

	NEEDS_ROOT();
	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(the_run.has_ended);
	assert_non_null(strstr(the_run.end.text, "runtime.bundles"));
}

/* ---- what a program is left with ----------------------------------------- */

static void program_has_no_privilege(void **state)
{
	const char *output;

	NEEDS_ROOT();
	output = run_shell("cat /proc/self/status; umask; ls /proc/self/fd | wc -l; "
			   "cat /proc/self/stat | cut -d' ' -f7; env; echo pid $$")
			 ->output;
	assert_non_null(strstr(output, "Uid:\t65534\t65534\t65534\t65534\n"));
	assert_non_null(strstr(output, "Gid:\t65534\t65534\t65534\t65534\n"));
	assert_true(strstr(output, "Groups:\t \n") || strstr(output, "Groups:\t\n"));
	assert_non_null(strstr(output, "CapInh:\t0000000000000000\n"));
	assert_non_null(strstr(output, "CapPrm:\t0000000000000000\n"));
	assert_non_null(strstr(output, "CapEff:\t0000000000000000\n"));
	assert_non_null(strstr(output, "CapBnd:\t0000000000000000\n"));
	assert_non_null(strstr(output, "CapAmb:\t0000000000000000\n"));
	assert_non_null(strstr(output, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(output, "Seccomp:\t2\n"));
	assert_non_null(strstr(output, "\n0077\n4\n0\n")); /* umask; 0 1 2 and ls's own; no tty */
	assert_null(strstr(output, "HOME="));
	assert_non_null(strstr(output, "pid 2\n")); /* the shim is 1, nobody else is there */
}

/* The negative twin: the same looks at a process that nobody confined. */
static void unconfined_program_has_what_a_confined_one_lacks(void **state)
{
	NEEDS_ROOT();
	assert_int_equal(system("grep -q 'Seccomp:.0' /proc/self/status"), 0);
	assert_int_equal(system("unshare -m true"), 0);
	assert_int_equal(system("test $(ls /proc | grep -c '^[0-9]') -gt 4"), 0);
}

static void root_program_is_root_by_name_only(void **state)
{
	struct launch_spec spec =
		spec_of(SHELL("id -u; grep CapEff /proc/self/status; unshare -m true; echo $?; "
			      "mount -t tmpfs none /mnt; echo $?; chown 1 /etc/passwd; echo $?; "
			      "ls -d /proc/[0-9]* | wc -l"));

	NEEDS_ROOT();
	spec.user = "root";
	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(the_run.has_ended);
	assert_int_equal(strncmp(the_run.output, "0\nCapEff:\t0000000000000000\n", 26), 0);
	assert_non_null(strstr(the_run.output, "Operation not permitted"));
	assert_null(strstr(the_run.output, "\n0\n"));
}

static void filter_refuses_with_an_error_and_lets_work(void **state)
{
	NEEDS_ROOT();
	/* unshare(CLONE_NEWUSER) needs no privilege: what refuses it is the filter. */
	assert_non_null(strstr(run_shell("unshare -U true; echo status $?")->output, "status 1"));
	assert_int_equal(run_shell("echo ok | cat > /dev/null; sleep 0 & wait")->end.status, 0);
}

static void memory_hog_is_ended_and_others_are_not(void **state)
{
	struct launch_spec hog = spec_of(
		(const char *const[]){"/usr/bin/python3", "-c", "x = bytearray(1 << 30)", NULL});
	struct launch_spec spec = spec_of(SHELL("sleep 60"));
	static struct run other;
	struct runtime_task *task;

	NEEDS_ROOT();
	task = start(&other, &spec, NULL);
	assert_non_null(task);
	hog.memory_mib = 128;
	assert_non_null(start(&the_run, &hog, NULL));
	WAIT(the_run.has_ended);
	assert_true(the_run.end.signal || the_run.end.status);
	WAIT(other.pid);
	assert_false(other.has_ended);
	runtime_kill(task);
	WAIT(other.has_ended);
}

static void fork_bomb_is_bounded_and_leaves_nothing(void **state)
{
	struct launch_spec spec = spec_of(SHELL("f() { f | f & }; f; sleep 60"));
	struct runtime_task *task;

	NEEDS_ROOT();
	spec.pids = 40;
	task = start(&the_run, &spec, NULL);
	assert_non_null(task);
	WAIT(the_run.has_ended || strstr(the_run.output, "fork"));
	if (!the_run.has_ended)
		runtime_kill(task);
	WAIT(the_run.has_ended);
	assert_int_equal(run_shell("true")->end.status, 0); /* the account has room again */
}

/* ---- who dies takes what it started along -------------------------------- */

/* Marks its processes by an argument no other process has. */
static unsigned int count_marked(const char *mark)
{
	char command[128];
	FILE *out;
	unsigned int n = 0;

	snprintf(command, sizeof(command), "grep -slz '^%s$' /proc/[0-9]*/cmdline | wc -l", mark);
	out = popen(command, "r");
	assert_int_equal(fscanf(out, "%u", &n), 1);
	pclose(out);
	return n;
}

#define DAEMON_TEXT(mark)                                                              \
	"trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' " mark \
	" & setsid setsid sleep 1000 & echo ready; while :; do sleep 1; done"

static void program_that_ignores_sigterm_is_killed_with_all_it_started(void **state)
{
	struct launch_spec spec = spec_of(SHELL(DAEMON_TEXT("mark-kill-4711")));
	struct runtime_task *task;

	NEEDS_ROOT();
	task = start(&the_run, &spec, NULL);
	assert_non_null(task);
	WAIT(strstr(the_run.output, "ready"));
	WAIT(count_marked("mark-kill-4711") > 0);
	runtime_signal(task, SIGTERM);
	assert_false(the_run.has_ended);
	runtime_kill(task);
	WAIT(the_run.has_ended);
	assert_int_equal(the_run.end.signal, SIGKILL);
	assert_int_equal(count_marked("mark-kill-4711"), 0);
}

static void killed_launcher_takes_programs_along_and_is_replaced(void **state)
{
	struct launch_spec spec = spec_of(SHELL(DAEMON_TEXT("mark-launcher-4711")));
	uint32_t old;

	NEEDS_ROOT();
	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(strstr(the_run.output, "ready"));
	old = runtime_launcher_pid(world.runtime);
	kill((pid_t)old, SIGKILL);
	WAIT(the_run.has_ended);
	assert_string_equal(the_run.end.text, "the launcher died");
	WAIT(count_marked("mark-launcher-4711") == 0);
	WAIT(runtime_launcher_pid(world.runtime) != old);
	assert_int_equal(run_shell("true")->end.status, 0);
}

static void launcher_ends_everything_when_meshd_is_gone(void **state)
{
	struct launch_spec spec = spec_of(SHELL(DAEMON_TEXT("mark-meshd-4711")));

	NEEDS_ROOT();
	assert_non_null(start(&the_run, &spec, NULL));
	WAIT(strstr(the_run.output, "ready"));
	WAIT(count_marked("mark-meshd-4711") > 0);
	close_world(state); /* closes the socket, as a death does */
	for (int i = 0; i < TURNS_MS / 50 && count_marked("mark-meshd-4711"); i++)
		usleep(50000);
	assert_int_equal(count_marked("mark-meshd-4711"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_status_and_signal_come_back),
		cmocka_unit_test(input_is_read_to_its_end),
		cmocka_unit_test(program_that_never_reads_ends_all_the_same),
		cmocka_unit_test(what_cannot_be_run_is_said),
		cmocka_unit_test(bundle_is_refused_where_none_is_allowed),
		cmocka_unit_test(program_has_no_privilege),
		cmocka_unit_test(unconfined_program_has_what_a_confined_one_lacks),
		cmocka_unit_test(root_program_is_root_by_name_only),
		cmocka_unit_test(filter_refuses_with_an_error_and_lets_work),
		cmocka_unit_test(memory_hog_is_ended_and_others_are_not),
		cmocka_unit_test(fork_bomb_is_bounded_and_leaves_nothing),
		cmocka_unit_test(program_that_ignores_sigterm_is_killed_with_all_it_started),
		cmocka_unit_test(killed_launcher_takes_programs_along_and_is_replaced),
		cmocka_unit_test(launcher_ends_everything_when_meshd_is_gone),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
