// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: log: levels, the second reader, and lines a peer cannot forge
 */
#include "selftests/unit/samples.h"

#include "daemon/lib/log.h"
#include "daemon/lib/secret.h"

/** struct last - what the sink received */
struct last {
	int n, level;
	char class[16], text[LOG_LINE_MAX];
};

static void remember(void *arg, int64_t unix_ms, int level, const char *class, const char *text)
{
	struct last *last = arg;

	last->n++;
	last->level = level;
	snprintf(last->class, sizeof(last->class), "%s", class);
	snprintf(last->text, sizeof(last->text), "%s", text);
	assert_true(unix_ms > 0);
}

static void sink_receives_lines_up_to_the_level(void **state)
{
	struct last last = {0};

	log_set_sink(remember, &last);
	log_set_level(LOG_LEVEL_WARNING);
	log_info(LOG_INFO_CLASS, "event=dropped");
	assert_int_equal(last.n, 0);
	log_warning(LOG_PEER_CLASS, "event=test number=%d", 7);
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(NULL, NULL);
	log_error(LOG_BUG_CLASS, "event=no-sink");
	assert_int_equal(last.n, 1);
	assert_int_equal(last.level, LOG_LEVEL_WARNING);
	assert_string_equal(last.class, "peer");
	assert_string_equal(last.text, "event=test number=7");
}

static void lines_are_one_line_and_bounded(void **state)
{
	char text[2 * LOG_LINE_MAX];
	struct last last = {0};

	log_set_sink(remember, &last);
	log_info(LOG_PEER_CLASS, "name=%s", "a\n<0>forged\x1b[2J");
	assert_string_equal(last.text, "name=a?<0>forged?[2J");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info(LOG_PEER_CLASS, "%s", text);
	assert_int_equal(strlen(last.text), LOG_LINE_MAX - 1);
	assert_string_equal(last.text + LOG_LINE_MAX - 4, "...");
	log_set_sink(NULL, NULL);
}

static void quote_only_what_needs_it(void **state)
{
	char buf[16];

	assert_string_equal(log_quote("hub-a", buf, sizeof(buf)), "hub-a");
	assert_string_equal(log_quote("", buf, sizeof(buf)), "\"\"");
	assert_string_equal(log_quote("a b", buf, sizeof(buf)), "\"a b\"");
	assert_string_equal(log_quote("a\"\\\n", buf, sizeof(buf)), "\"a\\\"\\\\?\"");
	assert_string_equal(log_quote("a b c d e f g h i", buf, 8), "\"a b \"");
	assert_string_equal(log_quote("\"\"\"\"\"\"\"\"\"", buf, 8), "\"\\\"\\\"\"");
	assert_string_equal(log_quote("a b", buf, 2), "");
}

static void secret_is_zeroed_and_writable(void **state)
{
	for (size_t size = 0; size < 10000; size = 3 * size + 1) {
		uint8_t *secret = secret_new(size);

		for (size_t i = 0; i < size; i++)
			assert_int_equal(secret[i], 0);
		memset(secret, 0xff, size);
		secret_free(secret);
	}
	secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sink_receives_lines_up_to_the_level),
		cmocka_unit_test(lines_are_one_line_and_bounded),
		cmocka_unit_test(quote_only_what_needs_it),
		cmocka_unit_test(secret_is_zeroed_and_writable),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
