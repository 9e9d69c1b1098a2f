/* Order of a drop: groups while we may still choose them, then the group, then the user, which
 * takes the right to do the others. glibc does each in all threads, or ends the process.
 *
 * A directory that belongs to the user can be a trap for root: whatever is found there by name may
 * be a link to something else. So files are changed through descriptors that follow no link, only
 * if they are root's, and only if they have no second name. */
#include "common/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITY_MAX = 63 };

static enum status refuse(struct buf *why, enum status status, const char *what, const char *text)
{
    buf_clear(why);
    buf_append_str(why, what);
    buf_append_str(why, text);
    return status;
}

static enum status refuse_errno(struct buf *why, const char *what, const char *path)
{
    int code = errno;
    refuse(why, STATUS_IO, what, path);
    buf_append_str(why, ": ");
    buf_append_str(why, strerror(code));
    return STATUS_IO;
}

bool privileges_are_root(void)
{
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    return getresuid(&real, &effective, &saved) != 0 || real == 0 || effective == 0 || saved == 0;
}

/* finding */

static enum status find_groups(const char *user, struct privileges *found, struct buf *why)
{
    int count = PRIVILEGES_GROUPS_MAX;
    if (getgrouplist(user, found->gid, found->groups, &count) < 0) {
        return refuse(why, STATUS_DENIED, "--user: too many groups: ", user);
    }
    found->group_count = (size_t)count;
    return STATUS_OK;
}

/* What no child could have anyway under no_new_privs. Without the right to do so there is nothing
 * to give up. */
static void give_up_bounding_set(void)
{
    for (unsigned long capability = 0; capability <= CAPABILITY_MAX; capability++) {
        (void)prctl(PR_CAPBSET_DROP, capability, 0UL, 0UL, 0UL);
    }
}

enum status privileges_find(const char *user, struct privileges *ret_found, struct buf *why)
{
    struct privileges found = {.change = true};
    if (user == NULL || user[0] == 0) {
        *ret_found = (struct privileges){0};
        return STATUS_OK;
    }
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL) {
        return refuse(why, STATUS_DENIED, "--user: there is no user ", user);
    }
    if (entry->pw_uid == 0 || entry->pw_gid == 0) {
        return refuse(why, STATUS_DENIED, "--user: has the rights of root: ", user);
    }
    found.uid = entry->pw_uid;
    found.gid = entry->pw_gid;
    if (geteuid() != 0) {
        found.change = false;
        *ret_found = found;
        return geteuid() == found.uid
                   ? STATUS_OK
                   : refuse(why, STATUS_DENIED, "--user: only root can become ", user);
    }
    enum status status = find_groups(user, &found, why);
    if (status == STATUS_OK) {
        give_up_bounding_set();
        *ret_found = found;
    }
    return status;
}

/* handing over */

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Changes one file, or leaves it: what is not root's alone is not ours to give. */
static bool give_file(int dir_fd, const char *name, const struct privileges *user)
{
    struct stat found;
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ELOOP || errno == ENXIO;
    }
    bool done =
        fstat(fd, &found) == 0 && (!S_ISREG(found.st_mode) || found.st_uid != 0 ||
                                   found.st_nlink != 1 || fchown(fd, user->uid, user->gid) == 0);
    close(fd);
    return done;
}

/* The directory itself last: until then nobody but root can change what is in it. */
static enum status give_dir(DIR *dir, const char *path, const struct privileges *user,
                            bool (*is_ours)(const char *name), struct buf *why)
{
    struct stat found;
    int fd = dirfd(dir);
    if (fstat(fd, &found) != 0) {
        return refuse_errno(why, "cannot read ", path);
    }
    if (found.st_uid != 0 && found.st_uid != user->uid) {
        return refuse(why, STATUS_DENIED, "it belongs to another user: ", path);
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        bool ours = !is_dot(entry->d_name) && is_ours(entry->d_name);
        if (!ours && !is_dot(entry->d_name) && found.st_uid == 0) {
            return refuse(why, STATUS_DENIED,
                          "it is root's and has files that are not ours, so give it to the user "
                          "yourself: ",
                          path);
        }
        if (ours && !give_file(fd, entry->d_name, user)) {
            return refuse_errno(why, "cannot give to the user: ", entry->d_name);
        }
    }
    if (found.st_uid == 0 && fchown(fd, user->uid, user->gid) != 0) {
        return refuse_errno(why, "cannot give to the user: ", path);
    }
    return STATUS_OK;
}

enum status privileges_hand_over(const struct privileges *user, const char *dir,
                                 bool (*is_ours)(const char *name), struct buf *why)
{
    if (!user->change) {
        return STATUS_OK;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return refuse_errno(why, "cannot create ", dir);
    }
    DIR *open_dir = opendir(dir);
    if (open_dir == NULL) {
        return refuse_errno(why, "cannot open ", dir);
    }
    enum status status = give_dir(open_dir, dir, user, is_ours, why);
    closedir(open_dir);
    return status;
}

/* for a while */

void privileges_lower(const struct privileges *user)
{
    if (user->change && (setegid(user->gid) != 0 || seteuid(user->uid) != 0)) {
        abort();
    }
}

void privileges_raise(const struct privileges *user)
{
    if (user->change && (seteuid(0) != 0 || setegid(0) != 0)) {
        abort();
    }
}

/* for good */

static bool capabilities(struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3], long call)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(call, &header, data) == 0;
}

static bool has_capabilities(void)
{
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return !capabilities(data, SYS_capget) ||
           (data[0].permitted | data[0].effective | data[0].inheritable | data[1].permitted |
            data[1].effective | data[1].inheritable) != 0;
}

/* Asks first: a supervisor that gave us none may also have taken the call. */
static bool capabilities_gone(void)
{
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return !has_capabilities() || (capabilities(none, SYS_capset) && !has_capabilities());
}

/* True when this is who we are, and nothing brings root back. */
static bool has_become(const struct privileges *user)
{
    uid_t uids[3] = {0};
    gid_t gids[3] = {0};
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) != 0) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        if (uids[i] != user->uid || gids[i] != user->gid) {
            return false;
        }
    }
    return setresuid(0, 0, 0) != 0 && seteuid(0) != 0 && setresgid(0, 0, 0) != 0 &&
           setegid(0) != 0 && setgroups(0, NULL) != 0;
}

enum status privileges_drop(const struct privileges *user, struct buf *why)
{
    if (!user->change) {
        return privileges_are_root() || capabilities_gone()
                   ? STATUS_OK
                   : refuse(why, STATUS_DENIED, "capabilities stay", "");
    }
    if (setgroups(user->group_count, user->groups) != 0 ||
        setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0) {
        refuse_errno(why, "cannot become the user of --user", "");
        return STATUS_DENIED;
    }
    if (!capabilities_gone() || !has_become(user)) {
        return refuse(why, STATUS_DENIED, "the rights of root can be had back", "");
    }
    return STATUS_OK;
}
