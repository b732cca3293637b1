// SPDX-License-Identifier: GPL-2.0
/* DOC: launch: see launch.h */
#include "daemon/runtime/launch.h"

#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "daemon/lib/memory.h"

bool launch_signal_is_valid(uint8_t number)
{
	static const uint8_t valid[] = {SIGHUP,	 SIGINT,  SIGQUIT, SIGKILL, SIGUSR1,
					SIGUSR2, SIGTERM, SIGCONT, SIGWINCH};

	return memchr(valid, number, sizeof(valid)) != NULL;
}

const char *launch_stage_text(uint8_t stage)
{
	static const char *const texts[LAUNCH_STAGE_END] = {
		[LAUNCH_STAGE_ACCOUNT] = "account is not one of runtime.users in meshd.yaml",
		[LAUNCH_STAGE_ROOM] = "too many programs run",
		[LAUNCH_STAGE_PROCESS] = "making its processes",
		[LAUNCH_STAGE_CGROUP] = "entering its cgroup",
		[LAUNCH_STAGE_MOUNT] = "giving it a /proc of its own",
		[LAUNCH_STAGE_LIMITS] = "setting its limits",
		[LAUNCH_STAGE_PRIVILEGES] = "dropping privileges",
		[LAUNCH_STAGE_DIRECTORY] = "changing to its directory",
		[LAUNCH_STAGE_FILTER] = "loading its system call filter",
		[LAUNCH_STAGE_EXECUTE] = "executing it",
		[LAUNCH_STAGE_BUNDLE] = "bundle cannot be run; runtime.bundles of meshd.yaml must "
					"hold it, and crun be installed: apt install crun",
	};

	return stage < LAUNCH_STAGE_END && texts[stage] ? texts[stage] : "starting it";
}

/* ---- what is valid, for both directions ---------------------------------- */

static bool spec_is_valid(const struct launch_spec *spec)
{
	if (!spec->name[0] || strchr(spec->name, '/') || spec->name[0] == '.' ||
	    spec->directory[0] != '/')
		return false;
	if (spec->is_bundle ? spec->argv.n != 0 : spec->argv.n == 0 || spec->argv.list[0][0] != '/')
		return false;
	for (size_t i = 0; i < spec->environment.n; i++) {
		const char *text = spec->environment.list[i];

		if (!strchr(text, '=') || text[0] == '=')
			return false;
	}
	return spec->memory_mib <= LAUNCH_MEMORY_MAX_MIB &&
	       spec->cpu_milli <= LAUNCH_CPU_MAX_MILLI && spec->pids <= LAUNCH_PIDS_MAX &&
	       spec->open_files <= LAUNCH_FILES_MAX;
}

static bool message_is_valid(const struct launch_message *message)
{
	switch (message->kind) {
	case LAUNCH_START:
		return spec_is_valid(&message->spec);
	case LAUNCH_SIGNAL:
		return launch_signal_is_valid(message->signal);
	case LAUNCH_FAILED:
		return message->stage > 0 && message->stage < LAUNCH_STAGE_END;
	case LAUNCH_KILL:
	case LAUNCH_HELLO:
	case LAUNCH_STARTED:
	case LAUNCH_ENDED:
		return true;
	default:
		return false;
	}
}

/* ---- out ----------------------------------------------------------------- */

struct writer {
	uint8_t *at;
	size_t left;
	bool is_full;
};

static void put(struct writer *writer, const void *bytes, size_t len)
{
	if (len > writer->left) {
		writer->is_full = true;
		return;
	}
	memcpy(writer->at, bytes, len);
	writer->at += len;
	writer->left -= len;
}

static void put_u8(struct writer *writer, uint8_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_u32(struct writer *writer, uint32_t value)
{
	uint32_t be = htobe32(value);

	put(writer, &be, sizeof(be));
}

static void put_text(struct writer *writer, const char *text, size_t max)
{
	size_t len = strlen(text);
	uint16_t be = htobe16((uint16_t)len);

	if (len > max)
		writer->is_full = true;
	put(writer, &be, sizeof(be));
	put(writer, text, len);
}

static void put_words(struct writer *writer, const struct launch_words *words)
{
	put_u8(writer, (uint8_t)words->n);
	for (size_t i = 0; i < words->n; i++)
		put_text(writer, words->list[i], LAUNCH_MESSAGE_MAX);
}

static void put_spec(struct writer *writer, const struct launch_spec *spec)
{
	put_u8(writer, spec->is_bundle);
	put_u32(writer, spec->memory_mib);
	put_u32(writer, spec->cpu_milli);
	put_u32(writer, spec->pids);
	put_u32(writer, spec->open_files);
	put_text(writer, spec->name, LAUNCH_NAME_MAX);
	put_text(writer, spec->user, LAUNCH_USER_MAX);
	put_text(writer, spec->directory, LAUNCH_PATH_MAX);
	put_words(writer, &spec->argv);
	put_words(writer, &spec->environment);
}

static void put_body(struct writer *writer, const struct launch_message *message)
{
	switch (message->kind) {
	case LAUNCH_START:
		put_spec(writer, &message->spec);
		break;
	case LAUNCH_SIGNAL:
		put_u8(writer, message->signal);
		break;
	case LAUNCH_HELLO:
		put_u32(writer, message->pid);
		put_u8(writer, message->has_cgroup);
		put_text(writer, message->note, LAUNCH_NOTE_MAX);
		break;
	case LAUNCH_STARTED:
		put_u32(writer, message->pid);
		break;
	case LAUNCH_FAILED:
		put_u8(writer, message->stage);
		put_u32(writer, message->error);
		break;
	case LAUNCH_ENDED:
		put_u8(writer, message->signal);
		put_u8(writer, message->status);
		put_u8(writer, message->is_out_of_memory);
		break;
	default: /* KILL has none */
		break;
	}
}

int launch_encode(const struct launch_message *message, uint8_t *buf, size_t size)
{
	struct writer writer = {.at = buf, .left = size};
	uint32_t len;

	if (!message_is_valid(message))
		return -EINVAL;
	put_u8(&writer, LAUNCH_VERSION);
	put_u8(&writer, message->kind);
	put(&writer, "\0", 2);
	put_u32(&writer, message->task);
	put_u32(&writer, 0);
	put_body(&writer, message);
	if (writer.is_full || size - writer.left > LAUNCH_MESSAGE_MAX)
		return -EMSGSIZE;
	len = htobe32((uint32_t)(size - writer.left - LAUNCH_HEADER_LEN));
	memcpy(buf + LAUNCH_HEADER_LEN - sizeof(len), &len, sizeof(len));
	return (int)(size - writer.left);
}

/* ---- in ------------------------------------------------------------------ */

struct reader {
	const uint8_t *at;
	size_t left;
	char *text; /* room for strings: each is two bytes shorter than on the wire */
	bool is_bad;
};

static void get(struct reader *reader, void *ret, size_t len)
{
	memset(ret, 0, len);
	if (len > reader->left) {
		reader->is_bad = true;
		return;
	}
	memcpy(ret, reader->at, len);
	reader->at += len;
	reader->left -= len;
}

static uint8_t get_u8(struct reader *reader)
{
	uint8_t value;

	get(reader, &value, sizeof(value));
	return value;
}

static bool get_flag(struct reader *reader)
{
	uint8_t value = get_u8(reader);

	reader->is_bad |= value > 1;
	return value == 1;
}

static uint32_t get_u32(struct reader *reader)
{
	uint32_t be;

	get(reader, &be, sizeof(be));
	return be32toh(be);
}

static const char *get_text(struct reader *reader, size_t max)
{
	char *text = reader->text;
	uint16_t be;
	size_t len;

	get(reader, &be, sizeof(be));
	len = be16toh(be);
	if (reader->is_bad || len > max || len > reader->left || memchr(reader->at, '\0', len)) {
		reader->is_bad = true;
		return "";
	}
	get(reader, text, len);
	text[len] = '\0';
	reader->text += len + 1;
	return text;
}

static void get_words(struct reader *reader, struct launch_words *ret)
{
	size_t n = get_u8(reader);

	if (n > LAUNCH_WORDS_MAX)
		reader->is_bad = true;
	for (size_t i = 0; i < n && !reader->is_bad; i++)
		ret->list[ret->n++] = get_text(reader, LAUNCH_MESSAGE_MAX);
}

static void get_spec(struct reader *reader, struct launch_spec *ret)
{
	ret->is_bundle = get_flag(reader);
	ret->memory_mib = get_u32(reader);
	ret->cpu_milli = get_u32(reader);
	ret->pids = get_u32(reader);
	ret->open_files = get_u32(reader);
	ret->name = get_text(reader, LAUNCH_NAME_MAX);
	ret->user = get_text(reader, LAUNCH_USER_MAX);
	ret->directory = get_text(reader, LAUNCH_PATH_MAX);
	get_words(reader, &ret->argv);
	get_words(reader, &ret->environment);
}

static void get_body(struct reader *reader, struct launch_message *ret)
{
	switch (ret->kind) {
	case LAUNCH_START:
		get_spec(reader, &ret->spec);
		break;
	case LAUNCH_SIGNAL:
		ret->signal = get_u8(reader);
		break;
	case LAUNCH_HELLO:
		ret->pid = get_u32(reader);
		ret->has_cgroup = get_flag(reader);
		ret->note = get_text(reader, LAUNCH_NOTE_MAX);
		break;
	case LAUNCH_STARTED:
		ret->pid = get_u32(reader);
		break;
	case LAUNCH_FAILED:
		ret->stage = get_u8(reader);
		ret->error = get_u32(reader);
		break;
	case LAUNCH_ENDED:
		ret->signal = get_u8(reader);
		ret->status = get_u8(reader);
		ret->is_out_of_memory = get_flag(reader);
		break;
	default:
		break;
	}
}

int launch_decode(const uint8_t *bytes, size_t len, struct launch_message *ret)
{
	struct reader reader = {.at = bytes, .left = len, .text = ret->text};
	uint8_t version, zeros[2];
	uint32_t body_len;

	if (len < LAUNCH_HEADER_LEN || len > LAUNCH_MESSAGE_MAX)
		return -EBADMSG;
	memset(ret, 0, offsetof(struct launch_message, text));
	version = get_u8(&reader);
	ret->kind = get_u8(&reader);
	get(&reader, zeros, sizeof(zeros));
	ret->task = get_u32(&reader);
	body_len = get_u32(&reader);
	if (version != LAUNCH_VERSION)
		return -EPROTO;
	if (body_len != reader.left || zeros[0] || zeros[1])
		return -EBADMSG;
	get_body(&reader, ret);
	return reader.is_bad || reader.left || !message_is_valid(ret) ? -EBADMSG : 0;
}
