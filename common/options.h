/* Options from flags, environment and file, described by one table per program (an X-macro .def
 * file that makes the struct and the table). Flags beat SPLITRAIL_* beats --config FILE beats the
 * default. From the same table come --help and docs/OPTIONS.md.
 *
 * Row: OPTION(field, "flag-name", TYPE, "default", min, max, "choices", FLAGS, "help")
 *   TYPE     BOOL   bool                  on/off, true/false, yes/no, 1/0; a bare flag means on
 *            INT    int64_t
 *            TIME   int64_t milliseconds  500ms 10s 2m 1h; a bare number is refused, except 0, and
 *                                         "off" is 0 where min is 0
 *            SIZE   int64_t bytes         64KiB 1MiB 2GiB 100B; a bare number is bytes
 *            STRING char *                NULL when the default is ""
 *            LIST   struct option_list    repeatable; commas separate items, in flags too
 *            CHOICE int64_t               index into the space-separated "choices"
 *   INT, SIZE and TIME are checked against [min, max]. Defaults are values like any other.
 *   FLAGS    0 or OPTION_LIVE | OPTION_SECRET (SECRET: never as a flag, only environment/file) */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include "common/buf.h"
#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_BOOL,
    OPTION_INT,
    OPTION_TIME,
    OPTION_SIZE,
    OPTION_STRING,
    OPTION_LIST,
    OPTION_CHOICE
};

enum { OPTION_LIVE = 1, OPTION_SECRET = 2 };

struct option_list {
    char **items;
    size_t count;
};

/* C types of the fields, for the X-macro that declares a program's struct. */
#define OPTION_CTYPE_BOOL bool
#define OPTION_CTYPE_INT int64_t
#define OPTION_CTYPE_TIME int64_t
#define OPTION_CTYPE_SIZE int64_t
#define OPTION_CTYPE_STRING char *
#define OPTION_CTYPE_LIST struct option_list
#define OPTION_CTYPE_CHOICE int64_t

struct option_spec {
    const char *name;
    enum option_type type;
    size_t offset; /* of the field in the program's struct */
    const char *fallback;
    int64_t min;
    int64_t max;
    const char *choices;
    unsigned flags;
    const char *help;
};

/* What a program is, for --help, --version and the reference. */
struct option_program {
    const char *name;
    const char *summary;
    const struct option_spec *specs;
    size_t spec_count;
    /* What rows cannot say by themselves, of a whole struct: option_reload() asks it before it
     * takes anything. NULL = nothing. */
    enum status (*check)(const void *options, struct buf *text);
};

enum option_outcome {
    OPTION_RUN,       /* the struct is filled */
    OPTION_EXIT_OK,   /* --help or --version was asked for: `text` has what to print */
    OPTION_EXIT_USAGE /* `text` is one line: which option, why, what is allowed */
};

/* --config, --help and --version are built in; SPLITRAIL_CONFIG names the file too. An environment
 * variable that is empty counts as not set, one of an unknown name is ignored, an unknown name in
 * the file is a mistake. A flag's value follows after a blank or `=`.
 * Fills `target` (the program's struct, zeroed by the caller). `env` is environ. `text` receives
 * the message for EXIT_*, newline included; on EXIT_* `target` owns nothing. `ret_used` (may be
 * NULL) receives how many of argv were taken when the program accepts operands (first non-option
 * stops parsing); with NULL an operand is an error. */
enum option_outcome option_parse(const struct option_program *program, int argc, char **argv,
                                 char **env, void *target, int *ret_used, struct buf *text);

/* Re-reads environment and file and applies only LIVE rows; others that differ are named in `text`
 * (one line each) and left. STATUS_MALFORMED (of program->check too) leaves
 * everything as it was and says why in `text`. */
enum status option_reload(const struct option_program *program, int argc, char **argv, char **env,
                          void *target, struct buf *text) MUST_CHECK;

/* Frees strings and lists of `target`. */
void option_fini(const struct option_program *program, void *target);

/* Markdown reference of one program (the generated part of docs/OPTIONS.md). */
void option_reference(const struct option_program *program, struct buf *out);

#endif
