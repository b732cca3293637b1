// SPDX-License-Identifier: GPL-2.0
/* DOC: messages to and from the launcher: there and back, and what is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon/runtime/launch.h"

static uint8_t buf[LAUNCH_MESSAGE_MAX];
static struct launch_message decoded;

static struct launch_message start_message(void)
{
	struct launch_message message = {.kind = LAUNCH_START, .task = 7};

	message.spec = (struct launch_spec){.name = "speech",
					    .user = "nobody",
					    .directory = "/",
					    .argv = {2, {"/bin/sh", ""}},
					    .environment = {1, {"A=b"}},
					    .memory_mib = 64,
					    .open_files = LAUNCH_FILES_MAX};
	return message;
}

static void every_kind_comes_back(void **state)
{
	struct launch_message message = start_message();
	int len = launch_encode(&message, buf, sizeof(buf));

	assert_true(len > 0);
	assert_int_equal(launch_decode(buf, (size_t)len, &decoded), 0);
	assert_int_equal(decoded.task, 7);
	assert_string_equal(decoded.spec.user, "nobody");
	assert_string_equal(decoded.spec.argv.list[0], "/bin/sh");
	assert_string_equal(decoded.spec.argv.list[1], "");
	assert_null(decoded.spec.argv.list[2]);
	assert_string_equal(decoded.spec.environment.list[0], "A=b");
	assert_int_equal(decoded.spec.memory_mib, 64);
	message = (struct launch_message){
		.kind = LAUNCH_ENDED, .task = 7, .signal = SIGKILL, .is_out_of_memory = true};
	len = launch_encode(&message, buf, sizeof(buf));
	assert_int_equal(launch_decode(buf, (size_t)len, &decoded), 0);
	assert_int_equal(decoded.signal, SIGKILL);
	assert_true(decoded.is_out_of_memory);
	message = (struct launch_message){.kind = LAUNCH_HELLO, .pid = 99, .note = "none"};
	len = launch_encode(&message, buf, sizeof(buf));
	assert_int_equal(launch_decode(buf, (size_t)len, &decoded), 0);
	assert_string_equal(decoded.note, "none");
}

/* Wherever it is cut, it is refused; longer by a byte, too. */
static void every_length_but_its_own_is_refused(void **state)
{
	struct launch_message message = start_message();
	int len = launch_encode(&message, buf, sizeof(buf));

	for (int i = 0; i < len; i++)
		assert_int_equal(launch_decode(buf, (size_t)i, &decoded), -EBADMSG);
	buf[len] = 0;
	assert_int_equal(launch_decode(buf, (size_t)len + 1, &decoded), -EBADMSG);
	buf[0] = LAUNCH_VERSION + 1;
	assert_int_equal(launch_decode(buf, (size_t)len, &decoded), -EPROTO);
}

static int encode_with(void (*change)(struct launch_spec *spec))
{
	struct launch_message message = start_message();

	change(&message.spec);
	return launch_encode(&message, buf, sizeof(buf));
}

static void relative_program(struct launch_spec *spec)
{
	spec->argv.list[0] = "sh";
}

static void no_program(struct launch_spec *spec)
{
	spec->argv.n = 0;
}

static void name_with_slash(struct launch_spec *spec)
{
	spec->name = "../x";
}

static void nameless_variable(struct launch_spec *spec)
{
	spec->environment.list[0] = "=b";
}

static void relative_directory(struct launch_spec *spec)
{
	spec->directory = "tmp";
}

static void bundle_with_program(struct launch_spec *spec)
{
	spec->is_bundle = true;
}

static void too_much_memory(struct launch_spec *spec)
{
	spec->memory_mib = LAUNCH_MEMORY_MAX_MIB + 1;
}

static void what_makes_no_sense_is_neither_written_nor_read(void **state)
{
	struct launch_message message = {.kind = LAUNCH_SIGNAL, .signal = SIGSTOP};

	assert_int_equal(encode_with(relative_program), -EINVAL);
	assert_int_equal(encode_with(no_program), -EINVAL);
	assert_int_equal(encode_with(name_with_slash), -EINVAL);
	assert_int_equal(encode_with(nameless_variable), -EINVAL);
	assert_int_equal(encode_with(relative_directory), -EINVAL);
	assert_int_equal(encode_with(bundle_with_program), -EINVAL);
	assert_int_equal(encode_with(too_much_memory), -EINVAL);
	assert_int_equal(launch_encode(&message, buf, sizeof(buf)), -EINVAL);
	message.signal = SIGTERM;
	assert_int_equal(launch_encode(&message, buf, sizeof(buf)), LAUNCH_HEADER_LEN + 1);
	buf[LAUNCH_HEADER_LEN] = SIGSTOP;
	assert_int_equal(launch_decode(buf, LAUNCH_HEADER_LEN + 1, &decoded), -EBADMSG);
}

static void what_is_too_long_is_said(void **state)
{
	static char big[LAUNCH_MESSAGE_MAX];
	struct launch_message message = start_message();

	memset(big, 'x', sizeof(big) - 1);
	message.spec.argv.list[1] = big;
	assert_int_equal(launch_encode(&message, buf, sizeof(buf)), -EMSGSIZE);
	message.spec.argv.list[1] = "";
	message.spec.user = "an-account-name-longer-than-31-bytes";
	assert_int_equal(launch_encode(&message, buf, sizeof(buf)), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back),
		cmocka_unit_test(every_length_but_its_own_is_refused),
		cmocka_unit_test(what_makes_no_sense_is_neither_written_nor_read),
		cmocka_unit_test(what_is_too_long_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
