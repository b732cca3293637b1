// SPDX-License-Identifier: GPL-2.0
/* DOC: effects: see effects.h */
#include "daemon/hub/effects.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/routing/tree.h"
#include "daemon/wire/control.h"

struct effect *effects_add(struct effects *fx, enum effect_kind kind)
{
	struct effect *effect;

	assert(fx->n < EFFECTS_MAX);
	if (fx->n == fx->capacity) {
		fx->capacity = fx->capacity ? fx->capacity * 2 : 16;
		fx->list = xreallocarray(fx->list, fx->capacity, sizeof(*fx->list));
	}
	effect = &fx->list[fx->n++];
	memset(effect, 0, sizeof(*effect));
	effect->kind = kind;
	return effect;
}

void effects_log(struct effects *fx, enum log_class class, const char *fmt, ...)
{
	struct effect *effect = effects_add(fx, EFFECT_LOG);
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup("event=log-format-failed");
	va_end(ap);
	effect->log.class = class;
	effect->log.text = text;
}

void effects_clear(struct effects *fx)
{
	for (size_t i = 0; i < fx->n; i++) {
		struct effect *effect = &fx->list[i];

		switch (effect->kind) {
		case EFFECT_BEACON_SEND:
			free(effect->beacon_send.bytes);
			break;
		case EFFECT_SEND:
			if (effect->send.message == CONTROL_SENDER_KEY)
				secret_wipe(effect->send.body, effect->send.len);
			free(effect->send.body);
			break;
		case EFFECT_KEY_INSTALL:
			secret_free(effect->key.material);
			break;
		case EFFECT_ROUTES:
			free(effect->routes.routes);
			trees_fini(effect->routes.trees);
			free(effect->routes.trees);
			break;
		case EFFECT_BLOB_KEEP:
			free(effect->blob.bytes);
			break;
		case EFFECT_REVOCATIONS:
			free(effect->revocations.bytes);
			break;
		case EFFECT_POLICY:
			free(effect->policy.tables);
			break;
		case EFFECT_LOG:
			free(effect->log.text);
			break;
		default:
			break;
		}
	}
	fx->n = 0;
}

void effects_fini(struct effects *fx)
{
	effects_clear(fx);
	free(fx->list);
	*fx = (struct effects){0};
}
