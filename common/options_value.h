/* One option's value: parse, compare, move, free and describe it. The flow (which source beats
 * which) is options.c. The files of the options module include this, and readers of
 * other files whose values mean the same. */
#ifndef COMMON_OPTIONS_VALUE_H
#define COMMON_OPTIONS_VALUE_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/options.h"

#include <stdbool.h>
#include <stddef.h>

/* Sets the field of `target`. A LIST appends, other types replace. On failure the field is as
 * before, false, and `why` receives `"10XB" is not a size` (the text is not shown when the row is
 * SECRET). */
bool option_value_parse(const struct option_spec *spec, void *target, struct bytes text,
                        struct buf *why);

/* Frees what the field holds and zeroes it. */
void option_value_clear(const struct option_spec *spec, void *target);

bool option_value_equal(const struct option_spec *spec, const void *a, const void *b);

/* Exchanges the fields of two structs. */
void option_value_swap(const struct option_spec *spec, void *a, void *b);

/* Appends what may be given, for people: `1B to 16MiB`. */
void option_value_allowed(const struct option_spec *spec, struct buf *out);

/* Appends the value as it could be given; "off" for a time of 0, "unset" for a choice that is none
 * of the choices. */
void option_value_show(const struct option_spec *spec, const void *target, struct buf *out);

/* Bytes that the type takes in a program's struct. */
size_t option_value_size(enum option_type type);

/* Appends SPLITRAIL_MAX_MESSAGE for max-message. */
void option_env_name(const char *name, struct buf *out);

/* Appends `text` in quotes, cut to a readable length and without control characters. */
void option_quote(struct bytes text, struct buf *out);

/* The page for --help. */
void option_help(const struct option_program *program, bool with_operands, struct buf *out);

#endif
