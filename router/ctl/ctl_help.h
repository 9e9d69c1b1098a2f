/* Texts about splitrailctl itself, and its guesses at what somebody meant. */
#ifndef ROUTER_CTL_CTL_HELP_H
#define ROUTER_CTL_CTL_HELP_H

#include "common/buf.h"
#include "common/options.h"

#include <stddef.h>

enum {
    CTL_TAKES_PREFIX = 1,
    CTL_TAKES_SORT = 2,
    CTL_TAKES_LIMIT = 4,
    CTL_TAKES_USER = 8,
    CTL_TAKES_EDGE = 16,
    CTL_TAKES_IP = 32,
    CTL_TAKES_ROOM = 64,
    CTL_TAKES_REASON = 128,
    CTL_TAKES_FROM = 256,
    CTL_TAKES_KEY = 512,
    CTL_TAKES_BAN = 1024,
    CTL_TAKES_FOR = 2048,
    CTL_TAKES_SCOPE = 4096,
    CTL_TAKES_SINCE = 8192,
    CTL_TAKES_INTERVAL = 16384,
    CTL_TAKES_PLAN = 32768
};

struct ctl_command_spec {
    const char *words;
    const char *operands;
    size_t operands_min;
    size_t operands_max;
    unsigned takes;
    const char *help;
};

/* By enum ctl_command. */
extern const struct ctl_command_spec ctl_command_specs[];
extern const struct option_program ctl_program;

/* --help: a line for each command and flag, and the exit codes. */
void ctl_help(struct buf *out);

/* --help-markdown: the same for docs/. */
void ctl_help_markdown(struct buf *out);

/* --help-man: the manual page. */
void ctl_man(struct buf *out);

/* The known command or flag (without --) nearest to `word`, NULL when none is near. */
const char *ctl_nearest_command(const char *word);
const char *ctl_nearest_flag(const char *word);

/* Appends "; did you mean X?", X being `before` and `nearest`, or "; see splitrailctl --help" when
 * `nearest` is NULL. */
void ctl_suggest(const char *before, const char *nearest, struct buf *out);

#endif
