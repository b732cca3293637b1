/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: log: one line per thing a person should read
 *
 * Lines are "key=value ..." text with a level and a class that says whose
 * fault it is.  For the edges only (shells, main.c, the EFFECT_LOG runner):
 * rooms and hub.c log through effects.  Lines go to stderr, with journal
 * "<N>" prefixes unless stderr is a terminal, and to one optional sink (the
 * API's ring of recent lines).
 *
 * The level and the sink are the only process-wide state of the daemon: set
 * them from the main thread before others start.  log_write() itself may be
 * called from any thread; a sink that keeps lines must lock them.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 1024 /* bytes with the NUL; longer lines are cut and end in "..." */

/** enum log_level - as log_level in meshd.yaml */
enum log_level {
	LOG_LEVEL_ERROR, /* something is broken and stays so until someone acts */
	LOG_LEVEL_WARNING, /* refused or degraded, the mesh goes on */
	LOG_LEVEL_INFO, /* changes worth knowing */
	LOG_LEVEL_DEBUG, /* every step */
};

/* Classes, same words as the values of enum log_class in hub/effects.h. */
#define LOG_INFO_CLASS "info" /* news */
#define LOG_PEER_CLASS "peer" /* a peer misbehaved */
#define LOG_LOCAL_CLASS "local" /* configuration or machine */
#define LOG_BUG_CLASS "bug" /* ours */

/**
 * typedef log_sink_fn - receives every line that passes the level
 * @arg: as given to log_set_sink()
 * @unix_ms: wall clock, milliseconds since 1970
 * @level: enum log_level
 * @class: static text, one of the LOG_*_CLASS words
 * @text: the line without level, class or newline; borrowed for the call
 */
typedef void (*log_sink_fn)(void *arg, int64_t unix_ms, int level, const char *class,
			    const char *text);

/** log_set_level() - Lines above @level (enum log_level) are dropped; default INFO. */
void log_set_level(int level);
int log_get_level(void);
/** log_set_sink() - A second reader besides stderr; NULL removes it. */
void log_set_sink(log_sink_fn sink, void *arg);

/**
 * log_write() - Write one line, printf style: "event=session-up hub=%s rtt_us=%u".
 * @level: enum log_level
 * @class: one of the LOG_*_CLASS words
 * @fmt: printf format without a newline
 *
 * Control characters in the result are written as '?', so a peer's text can
 * not forge a line; quote values that may hold spaces with log_quote().
 */
void log_write(int level, const char *class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(class, ...) log_write(LOG_LEVEL_ERROR, class, __VA_ARGS__)
#define log_warning(class, ...) log_write(LOG_LEVEL_WARNING, class, __VA_ARGS__)
#define log_info(class, ...) log_write(LOG_LEVEL_INFO, class, __VA_ARGS__)
#define log_debug(class, ...) log_write(LOG_LEVEL_DEBUG, class, __VA_ARGS__)

/**
 * log_quote() - Write text as a value: bare if it needs no quotes, else "..."
 * with \" and \\ escaped and control characters as '?'.
 * @text: any text
 * @buf: receives it, cut to fit
 * @size: bytes of @buf
 *
 * Return: @buf.
 */
const char *log_quote(const char *text, char *buf, size_t size);

#endif
