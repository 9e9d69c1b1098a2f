/* What a reload has changed, and what it refused: collected while the new is put in the place of
 * the old, told to the log and to splitrailctl. Keys are named by their ids only. */
#ifndef ROUTER_RELOAD_H
#define ROUTER_RELOAD_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/options.h"
#include "router/api_keys.h"
#include "router/jws_keys.h"
#include "router/policy_table.h"
#include "router/router_allowed.h"

#include <stddef.h>
#include <stdint.h>

enum { RELOAD_CHANGES_MAX = 10000 };

/* Empty `before` or `after`: it was, or is, not there. */
struct reload_change {
    const char *what;  /* option, namespace, token_key, api_key, edge_key, operator_key; static */
    char *name;        /* of the option, the namespace, the key */
    const char *field; /* static, "" when the name says all */
    char *before;
    char *after;
};

struct reload_report {
    struct reload_change *changes; /* the first RELOAD_CHANGES_MAX of `total` */
    size_t count;
    size_t capacity;
    uint64_t total;
    struct buf refused; /* lines: which file, where and why; what was there stays in force */
    struct buf ignored; /* lines: options that count from the next start on */
};

/* Does a reload; the report is ready for it. */
typedef void reload_now(void *owner, struct reload_report *report);

void reload_report_init(struct reload_report *report);
void reload_report_fini(struct reload_report *report);

/* One more line, without its end. */
void reload_add_line(struct buf *lines, struct bytes text);

/* The options that can change while the program runs, as text, for the comparison afterwards. */
struct reload_options {
    char **values; /* by row; NULL for others */
    size_t count;
};
struct reload_options reload_options_note(const struct option_program *program, const void *target);
void reload_options_fini(struct reload_options *noted);
void reload_compare_options(struct reload_report *report, const struct option_program *program,
                            const struct reload_options *before, const void *after);

/* A namespace that only one of the tables names is compared with the default of the other: what is
 * told is what changes for its rooms. */
void reload_compare_policies(struct reload_report *report, const struct policy_table *before,
                             const struct policy_table *after);

/* Each of these may be NULL, which is one without keys. */
void reload_compare_token_keys(struct reload_report *report, const struct jws_keys *before,
                               const struct jws_keys *after);
void reload_compare_api_keys(struct reload_report *report, const struct api_keys *before,
                             const struct api_keys *after);
void reload_compare_allowed(struct reload_report *report, const char *what,
                            const struct router_allowed *before,
                            const struct router_allowed *after);

#endif
