/* How a daemon gives up what it does not need: at once what it never needs, then, when everything
 * is bound and open, the rest. What happens is logged here. */
#ifndef COMMON_PROCESS_H
#define COMMON_PROCESS_H

#include "common/privileges.h"
#include "common/sandbox.h"
#include "common/status.h"

/* The first thing in main(): no program that we start could ever have more rights than we
 * (no_new_privs), and nobody but root can look into our memory, nor does it end in a core file: it
 * holds keys and tokens. Builds with a sanitizer stay open to their own tools. */
void process_restrict(void);

struct process_seal {
    const struct privileges *privileges;
    enum sandbox_mode sandbox;
    enum sandbox_who who;
};

/* When everything is bound and open: the privileges go, the sandbox comes; all threads. Warns when
 * we stay root. DENIED: it was logged why, and the process must end. */
enum status process_seal(const struct process_seal *seal) MUST_CHECK;

/* Warns when `file` (may be NULL) cannot be read any more, so that SIGHUP will fail. */
void process_check_readable(const char *option, const char *file);

/* Tells the supervisor, if there is one that wants to know (NOTIFY_SOCKET): "READY=1", … */
void process_notify(const char *state);

#endif
