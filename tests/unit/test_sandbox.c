/* Each row runs in a child of its own, because a sandbox is for good. */
#include "common/process.h"
#include "common/sandbox.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLED = -1 };

static int run_a_program(void)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    return execv("/bin/true", argv) == 0 ? 0 : errno;
}

static int result(bool good)
{
    return good ? 0 : errno;
}

static int fork_a_child(void)
{
    return (int)syscall(SYS_fork) >= 0 ? 0 : errno;
}

static int clone_a_process(void)
{
    return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0 ? 0 : errno;
}

static int trace(void)
{
    return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}

static int become_root(void)
{
    return result(syscall(SYS_setuid, 0) == 0);
}

static int memory_to_write_and_run(void)
{
    return result(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0) != MAP_FAILED);
}

static int memory_that_turns_to_run(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return result(page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
}

static int raw_socket(void)
{
    return result(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
}

static int open_a_door(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return result(fd >= 0 && listen(fd, 1) == 0);
}

static int kill_somebody(void)
{
    return result(kill(getppid(), 0) == 0);
}

static int raise_a_limit(void)
{
    const struct rlimit limit = {.rlim_cur = 10, .rlim_max = 10};
    return result(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static int write_to_a_place(void)
{
    return result(syscall(SYS_pwrite64, STDERR_FILENO, "", 0, -1) == 0);
}

static int an_unknown_call(void)
{
    return result(syscall(SYS_memfd_create, "x", 0) >= 0);
}

static void *nothing(void *owner)
{
    return owner;
}

/* What ZeroMQ's threads do first. */
static bool look_at_own_priority(void)
{
    int policy = 0;
    struct sched_param param;
    return pthread_getschedparam(pthread_self(), &policy, &param) == 0 &&
           pthread_setschedparam(pthread_self(), policy, &param) == 0;
}

static int what_serving_needs(void)
{
    pthread_t thread;
    unsigned char bytes[16];
    struct rlimit limit;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    void *memory = malloc(4 << 20); /* by mmap */
    if (fd < 0 || memory == NULL || write(fd, bytes, 0) != 0 ||
        getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes) || close(fd) != 0 ||
        getrlimit(RLIMIT_NOFILE, &limit) != 0 || socket(AF_INET6, SOCK_STREAM, 0) < 0 ||
        timerfd_create(CLOCK_MONOTONIC, 0) < 0 || !look_at_own_priority()) {
        return errno;
    }
    free(memory);
    return pthread_create(&thread, NULL, nothing, NULL) == 0 ? pthread_join(thread, NULL) : EAGAIN;
}

/* `expected`: what errno is, 0 for success, KILLED. */
static const struct {
    const char *what;
    int (*attempt)(void);
    int expected;
    enum sandbox_who who;
} rows[] = {
    {"serving goes on", what_serving_needs, 0, SANDBOX_EDGE},
    {"the router's too", what_serving_needs, 0, SANDBOX_ROUTER},
    {"no program is run", run_a_program, KILLED, SANDBOX_EDGE},
    {"by a router neither", run_a_program, KILLED, SANDBOX_ROUTER},
    {"no child", fork_a_child, KILLED, SANDBOX_EDGE},
    {"no child in another way", clone_a_process, ENOSYS, SANDBOX_EDGE},
    {"no debugging", trace, KILLED, SANDBOX_EDGE},
    {"no other user", become_root, KILLED, SANDBOX_ROUTER},
    {"no memory to write and run", memory_to_write_and_run, ENOSYS, SANDBOX_EDGE},
    {"no memory that turns to run", memory_that_turns_to_run, ENOSYS, SANDBOX_EDGE},
    {"no raw sockets", raw_socket, ENOSYS, SANDBOX_EDGE},
    {"no new door", open_a_door, ENOSYS, SANDBOX_EDGE},
    {"nobody is killed", kill_somebody, ENOSYS, SANDBOX_EDGE},
    {"no limit is changed", raise_a_limit, ENOSYS, SANDBOX_EDGE},
    {"an edge has no store", write_to_a_place, ENOSYS, SANDBOX_EDGE},
    {"what nobody thought of", an_unknown_call, ENOSYS, SANDBOX_ROUTER},
};

/* The child's exit code, or KILLED when the kernel ended it for a system call. */
static int outcome(int (*child)(int row), int row)
{
    int status = 0;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        process_restrict();
        _exit(child(row));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        ck_assert_int_eq(WTERMSIG(status), SIGSYS);
        return KILLED;
    }
    return WEXITSTATUS(status);
}

static int under_the_sandbox(int row)
{
    return sandbox_apply(SANDBOX_ON, rows[row].who) == STATUS_OK ? rows[row].attempt() : 255;
}

START_TEST(the_sandbox_refuses_what_serving_does_not_need)
{
    if (!sandbox_available()) {
        return; /* a sanitizer's build: it does nothing, see below */
    }
    int got = outcome(under_the_sandbox, _i);
    ck_assert_msg(got == rows[_i].expected, "%s: got %d", rows[_i].what, got);
}
END_TEST

static sem_t go;
static sem_t gone;
static int seen;

static void *older_thread(void *owner)
{
    (void)sem_wait(&go);
    seen = open_a_door();
    (void)sem_post(&gone);
    return owner;
}

static int with_an_older_thread(int row)
{
    (void)row;
    pthread_t thread;
    if (sem_init(&go, 0, 0) != 0 || sem_init(&gone, 0, 0) != 0 ||
        pthread_create(&thread, NULL, older_thread, NULL) != 0 ||
        sandbox_apply(SANDBOX_ON, SANDBOX_ROUTER) != STATUS_OK) {
        return 255;
    }
    (void)sem_post(&go);
    (void)sem_wait(&gone);
    return pthread_join(thread, NULL) == 0 ? seen : 255;
}

START_TEST(threads_that_were_there_before_are_in_it_too)
{
    ck_assert_int_eq(outcome(with_an_older_thread, 0), sandbox_available() ? ENOSYS : 0);
}
END_TEST

static int with_mode_off(int row)
{
    (void)row;
    return sandbox_apply(SANDBOX_OFF, SANDBOX_EDGE) == STATUS_OK ? run_a_program() : 255;
}

static int with_mode_log(int row)
{
    (void)row;
    return sandbox_apply(SANDBOX_LOG, SANDBOX_EDGE) == STATUS_OK ? run_a_program() : 255;
}

START_TEST(off_and_log_refuse_nothing)
{
    ck_assert_int_eq(outcome(with_mode_off, 0), 0);
    ck_assert_int_eq(outcome(with_mode_log, 0), 0);
}
END_TEST

static int abort_by_assert(int row)
{
    (void)row;
    if (sandbox_apply(SANDBOX_ON, SANDBOX_EDGE) != STATUS_OK) {
        return 255;
    }
    abort();
}

START_TEST(an_abort_is_still_an_abort)
{
    int status = 0;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        process_restrict();
        _exit(abort_by_assert(0));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, the_sandbox_refuses_what_serving_does_not_need, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, threads_that_were_there_before_are_in_it_too);
    tcase_add_test(tcase, off_and_log_refuse_nothing);
    tcase_add_test(tcase, an_abort_is_still_an_abort);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
