/* Whose rights a daemon has: root's, to bind and to read keys, and then for good those of one user
 * (--user). Between the two it can lower itself for a while, so that what it makes belongs to that
 * user. */
#ifndef COMMON_PRIVILEGES_H
#define COMMON_PRIVILEGES_H

#include "common/buf.h"
#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PRIVILEGES_GROUPS_MAX = 64 };

/* Zeroed: the process stays who it is. */
struct privileges {
    bool change;
    uid_t uid;
    gid_t gid;
    size_t group_count;
    gid_t groups[PRIVILEGES_GROUPS_MAX];
};

/* True while the process is root: real, effective or saved. */
bool privileges_are_root(void);

/* Who `user` is (NULL or "": nobody to become). DENIED with one line in `why`: there is no such
 * user, it is root itself, or we are neither root nor it. Call it while there is one thread: names
 * may come from services that load code. It also gives up what no program started by us may have
 * (the bounding set). */
enum status privileges_find(const char *user, struct privileges *ret_found,
                            struct buf *why) MUST_CHECK;

/* Makes `dir` (mode 0700) the user's, with those of its files that `is_ours` knows by name, as far
 * as they are root's. Creates it if need be. Nothing to do (OK) when nobody is to become. DENIED
 * with one line in `why`: it is another user's, or it is root's and has files that are not ours, so
 * that the path may be a mistake. IO: `why` has the system's reason. */
enum status privileges_hand_over(const struct privileges *user, const char *dir,
                                 bool (*is_ours)(const char *name), struct buf *why) MUST_CHECK;

/* All threads act as the user, and as root again. Nothing happens when nobody is to become. Aborts
 * when the kernel refuses: to go on with other rights than thought is worse. */
void privileges_lower(const struct privileges *user);
void privileges_raise(const struct privileges *user);

/* For good, all threads: groups, group, user, capabilities; then tries to get them back, which must
 * fail. When nobody is to become and we are not root, capabilities of the calling thread go.
 * DENIED with one line in `why`: the process must end. */
enum status privileges_drop(const struct privileges *user, struct buf *why) MUST_CHECK;

#endif
