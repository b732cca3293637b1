// SPDX-License-Identifier: GPL-2.0
/* DOC: what keys resilience: of an entry of the proxy may hold */
#include "daemon/config/proxy_file.h"
#include "daemon/config/schema.h"

typedef struct file_outlier file_outlier;
typedef struct file_concurrency file_concurrency;
typedef struct file_hedge file_hedge;
typedef struct file_share file_share;
typedef struct file_resilience file_resilience;
typedef __typeof__(((struct file_resilience *)0)->fault) file_fault;
typedef __typeof__(((struct file_resilience *)0)->sticky) file_sticky;

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, type, key, 0, CONFIG_TEXT_MAX)
#define NUMBER(type, key) CYAML_FIELD_INT_PTR(#key, OPTIONAL, type, key)
#define SECTION(key, fields) CYAML_FIELD_MAPPING(#key, OPTIONAL, file_resilience, key, fields)
/* That it is there, if empty, turns it on. */
#define SWITCH(key, fields) CYAML_FIELD_MAPPING_PTR(#key, OPTIONAL, file_resilience, key, fields)

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CONFIG_TEXT_MAX),
};

static const cyaml_schema_field_t outlier_fields[] = {
	NUMBER(file_outlier, in_row),	    NUMBER(file_outlier, window_s),
	NUMBER(file_outlier, min_requests), NUMBER(file_outlier, eject_s),
	NUMBER(file_outlier, max_percent),  CYAML_FIELD_END,
};

static const cyaml_schema_field_t concurrency_fields[] = {
	NUMBER(file_concurrency, max),
	NUMBER(file_concurrency, queue),
	NUMBER(file_concurrency, queue_ms),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t hedge_fields[] = {
	NUMBER(file_hedge, after_ms),
	CYAML_FIELD_SEQUENCE("grpc_methods", OPTIONAL | CYAML_FLAG_POINTER, file_hedge,
			     grpc_methods, &text_entry, 0, HEDGE_METHODS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t fault_fields[] = {
	NUMBER(file_fault, abort_percent),     NUMBER(file_fault, abort_status),
	NUMBER(file_fault, abort_grpc_status), NUMBER(file_fault, delay_percent),
	NUMBER(file_fault, delay_ms),	       CYAML_FIELD_END,
};

static const cyaml_schema_field_t sticky_fields[] = {
	TEXT(file_sticky, header),
	TEXT(file_sticky, cookie),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t share_fields[] = {
	NUMBER(file_share, percent),
	TEXT(file_share, service),
	TEXT(file_share, versions),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t share_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, file_share, share_fields),
};

const cyaml_schema_field_t config_resilience_fields[] = {
	SWITCH(outlier, outlier_fields),
	SWITCH(concurrency, concurrency_fields),
	SWITCH(hedge, hedge_fields),
	SECTION(fault, fault_fields),
	CYAML_FIELD_SEQUENCE("split", OPTIONAL | CYAML_FLAG_POINTER, file_resilience, split,
			     &share_entry, 0, SPLIT_MAX),
	SECTION(sticky, sticky_fields),
	SWITCH(mirror, share_fields),
	NUMBER(file_resilience, drain_ms),
	CYAML_FIELD_END,
};
