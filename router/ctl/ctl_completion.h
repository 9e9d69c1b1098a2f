/* Completion for shells, made from the tables of commands and flags. Pure. */
#ifndef ROUTER_CTL_CTL_COMPLETION_H
#define ROUTER_CTL_CTL_COMPLETION_H

#include "common/buf.h"

#include <stdbool.h>

/* Appends the script for "bash" or "zsh"; false for another shell. */
bool ctl_completion(const char *shell, struct buf *out);

#endif
