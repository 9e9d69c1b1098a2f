/* What root does is tested as root only, in children: a drop is for good. */
#include "common/privileges.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char USER[] = "nobody";

static char folder[64];
static char dir[96];
static struct buf why;
static struct privileges user;

static bool is_ours(const char *name)
{
    return strcmp(name, "ours") == 0;
}

static void setup(void)
{
    buf_init(&why, 0);
    snprintf(folder, sizeof(folder), "/tmp/splitrail-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chmod(folder, 0755), 0); /* the user goes through it */
    snprintf(dir, sizeof(dir), "%s/data", folder);
}

static void in_dir(const char *name, char path[160])
{
    snprintf(path, 160, "%s/%s", dir, name);
}

static void teardown(void)
{
    static const char *const names[] = {"ours", "other"};
    char path[160];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        in_dir(names[i], path);
        (void)unlink(path); /* only some tests make it */
    }
    (void)rmdir(dir);
    snprintf(path, sizeof(path), "%s/secret", folder);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
    buf_fini(&why);
}

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static uid_t owner_of(const char *path)
{
    struct stat found;
    ck_assert_int_eq(lstat(path, &found), 0);
    return found.st_uid;
}

static bool find(void)
{
    if (geteuid() != 0) {
        return false; /* nothing to be tested */
    }
    ck_assert_int_eq(privileges_find(USER, &user, &why), STATUS_OK);
    return true;
}

START_TEST(nobody_named_is_nobody_to_become)
{
    ck_assert_int_eq(privileges_find(NULL, &user, &why), STATUS_OK);
    ck_assert(!user.change);
    ck_assert_int_eq(privileges_find("", &user, &why), STATUS_OK);
    ck_assert(!user.change);
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_OK);
    ck_assert_int_ne(access(dir, F_OK), 0);
    privileges_lower(&user);
    privileges_raise(&user);
}
END_TEST

START_TEST(a_user_that_is_not_there_or_is_root_is_refused)
{
    ck_assert_int_eq(privileges_find("no-such-user", &user, &why), STATUS_DENIED);
    ck_assert_uint_ne(why.len, 0);
    ck_assert_int_eq(privileges_find("root", &user, &why), STATUS_DENIED);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_made_for_the_user)
{
    struct stat found;
    if (!find()) {
        return;
    }
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_OK);
    ck_assert_int_eq(stat(dir, &found), 0);
    ck_assert_uint_eq(found.st_uid, user.uid);
    ck_assert_uint_eq(found.st_mode & 0777, 0700);
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_OK);
}
END_TEST

START_TEST(files_of_an_earlier_life_as_root_are_given_too)
{
    char path[160];
    if (!find()) {
        return;
    }
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    in_dir("ours", path);
    make_file(path);
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_OK);
    ck_assert_uint_eq(owner_of(path), user.uid);
    ck_assert_uint_eq(owner_of(dir), user.uid);
}
END_TEST

START_TEST(a_directory_of_roots_with_other_files_is_not_given_away)
{
    char path[160];
    if (!find()) {
        return;
    }
    ck_assert_int_eq(mkdir(dir, 0755), 0);
    in_dir("other", path);
    make_file(path);
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_DENIED);
    ck_assert_uint_eq(owner_of(dir), 0);
    ck_assert_uint_eq(owner_of(path), 0);
}
END_TEST

START_TEST(a_directory_of_another_user_is_refused)
{
    if (!find()) {
        return;
    }
    ck_assert_int_eq(mkdir(dir, 0755), 0);
    ck_assert_int_eq(chown(dir, 1, 1), 0);
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_DENIED);
    ck_assert_uint_eq(owner_of(dir), 1);
}
END_TEST

/* _i 0: a symbolic link; 1: a second name. Neither makes root give away what it leads to. */
START_TEST(a_link_that_the_user_left_gives_nothing_away)
{
    char path[160];
    char secret[96];
    if (!find()) {
        return;
    }
    snprintf(secret, sizeof(secret), "%s/secret", folder);
    make_file(secret);
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_OK);
    in_dir("ours", path);
    ck_assert_int_eq(_i == 0 ? symlink(secret, path) : link(secret, path), 0);
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_OK);
    ck_assert_uint_eq(owner_of(secret), 0);
}
END_TEST

START_TEST(what_is_made_while_lowered_is_the_users)
{
    char path[160];
    if (!find()) {
        return;
    }
    ck_assert_int_eq(privileges_hand_over(&user, dir, is_ours, &why), STATUS_OK);
    in_dir("ours", path);
    privileges_lower(&user);
    make_file(path);
    privileges_raise(&user);
    ck_assert_uint_eq(owner_of(path), user.uid);
    ck_assert_uint_eq(geteuid(), 0);
    ck_assert(privileges_are_root());
}
END_TEST

static int drop_and_look(void)
{
    if (privileges_drop(&user, &why) != STATUS_OK) {
        return 1;
    }
    if (privileges_are_root() || getuid() != user.uid || getgid() != user.gid) {
        return 2;
    }
    if (setuid(0) == 0 || setgid(0) == 0 || access("/etc/shadow", R_OK) == 0) {
        return 3;
    }
    return 0;
}

START_TEST(a_drop_is_for_good)
{
    int status = 0;
    if (!find()) {
        return;
    }
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        _exit(drop_and_look());
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("privileges");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nobody_named_is_nobody_to_become);
    tcase_add_test(tcase, a_user_that_is_not_there_or_is_root_is_refused);
    tcase_add_test(tcase, a_directory_that_is_not_there_is_made_for_the_user);
    tcase_add_test(tcase, files_of_an_earlier_life_as_root_are_given_too);
    tcase_add_test(tcase, a_directory_of_roots_with_other_files_is_not_given_away);
    tcase_add_test(tcase, a_directory_of_another_user_is_refused);
    tcase_add_loop_test(tcase, a_link_that_the_user_left_gives_nothing_away, 0, 2);
    tcase_add_test(tcase, what_is_made_while_lowered_is_the_users);
    tcase_add_test(tcase, a_drop_is_for_good);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
