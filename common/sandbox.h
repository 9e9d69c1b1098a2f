/* The list of system calls that a daemon may use once it serves (seccomp). What an intruder would
 * use first (another program, other rights, other processes' memory) ends the process; any other
 * call that is not on the list fails with ENOSYS, as on a kernel that lacks it, so that a library
 * falls back instead of taking the service down. */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include "common/status.h"

#include <stdbool.h>

/* LOG: nothing is refused; the kernel logs what would be. */
enum sandbox_mode { SANDBOX_OFF, SANDBOX_ON, SANDBOX_LOG };

enum sandbox_who { SANDBOX_EDGE = 1, SANDBOX_ROUTER = 2 };

/* False in builds with a sanitizer, whose run-time needs calls that have no place here. */
bool sandbox_available(void);

/* Applies it to all threads, for good. The process must have no_new_privs, or be root. OFF, or not
 * available: nothing happens. IO: the kernel refuses, and errno says why. */
enum status sandbox_apply(enum sandbox_mode mode, enum sandbox_who who) MUST_CHECK;

#endif
