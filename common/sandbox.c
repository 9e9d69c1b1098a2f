/* The rules are made by libseccomp for the machine that we were built for; a call in the manner of
 * another one (32 bit, x32) ends the process. */
#include "common/sandbox.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SANDBOX_BOTH = SANDBOX_EDGE | SANDBOX_ROUTER, OPTIMIZE_AS_TREE = 2 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(undefined_behavior_sanitizer)
#define SANDBOX_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZER 1
#endif
#ifndef SANDBOX_SANITIZER
#define SANDBOX_SANITIZER 0
#endif

static const struct {
    int call;
    unsigned who;
} allowed[] = {
#define SANDBOX_CALL(name, who) {SCMP_SYS(name), SANDBOX_##who},
#include "common/sandbox_calls.def"
};

static const int attacks[] = {
#define SANDBOX_ATTACK(name) SCMP_SYS(name),
#include "common/sandbox_calls.def"
};

/* A call that is allowed when one argument, as far as `mask` sees it, has one value. */
struct argument_rule {
    int call;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
};

enum { PROT_WX = PROT_WRITE | PROT_EXEC };

static const uint64_t WHOLE = UINT64_MAX;
static const uint64_t WORD = UINT32_MAX; /* an int's upper half is not looked at by the kernel */

static const struct argument_rule argument_rules[] = {
    /* Memory is for writing or for running, never both, and does not turn from one to the other. */
    {SCMP_SYS(mmap), 2, PROT_WX, 0},
    {SCMP_SYS(mmap), 2, PROT_WX, PROT_WRITE},
    {SCMP_SYS(mmap), 2, PROT_WX, PROT_EXEC}, /* name services are loaded when asked first */
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
    /* Threads, no processes. clone3 hides its flags behind a pointer: glibc does without it. */
    {SCMP_SYS(clone), 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD},
    {SCMP_SYS(prctl), 0, WORD, PR_SET_NAME},
    {SCMP_SYS(prctl), 0, WORD, PR_GET_NAME},
    /* To read limits, not to set them. */
    {SCMP_SYS(prlimit64), 2, WHOLE, 0},
    {SCMP_SYS(socket), 0, WORD, AF_UNIX},
    {SCMP_SYS(socket), 0, WORD, AF_INET},
    {SCMP_SYS(socket), 0, WORD, AF_INET6},
    {SCMP_SYS(socket), 0, WORD, AF_NETLINK}, /* which addresses there are, for name look-ups */
    {SCMP_SYS(socketpair), 0, WORD, AF_UNIX},
    {SCMP_SYS(ioctl), 1, WORD, FIONREAD},
    {SCMP_SYS(ioctl), 1, WORD, FIONBIO},
    {SCMP_SYS(ioctl), 1, WORD, TCGETS}, /* stdio: is it a terminal */
    {SCMP_SYS(ioctl), 1, WORD, SIOCOUTQ},
};

bool sandbox_available(void)
{
    return SANDBOX_SANITIZER == 0;
}

/* 0, or a negative errno. A call that this machine does not know needs no rule. */
static int allow_argument(scmp_filter_ctx filter, const struct argument_rule *rule)
{
    const struct scmp_arg_cmp match = {.arg = rule->argument,
                                       .op = SCMP_CMP_MASKED_EQ,
                                       .datum_a = rule->mask,
                                       .datum_b = rule->value};
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call, 1, &match);
    return result == -EDOM ? 0 : result;
}

static int allow_calls(scmp_filter_ctx filter, enum sandbox_who who)
{
    int result = 0;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && result == 0; i++) {
        if ((allowed[i].who & (unsigned)who) != 0) {
            result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i].call, 0, NULL);
            result = result == -EDOM ? 0 : result;
        }
    }
    for (size_t i = 0; i < sizeof(argument_rules) / sizeof(argument_rules[0]) && result == 0; i++) {
        result = allow_argument(filter, &argument_rules[i]);
    }
    /* abort() ends us, and nobody else. */
    const struct argument_rule ourselves = {SCMP_SYS(tgkill), 0, WORD, (uint64_t)getpid()};
    return result == 0 ? allow_argument(filter, &ourselves) : result;
}

static int forbid_attacks(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]) && result == 0; i++) {
        result = seccomp_rule_add_array(filter, SCMP_ACT_KILL_PROCESS, attacks[i], 0, NULL);
        result = result == -EDOM ? 0 : result;
    }
    return result;
}

/* What is refused is told to the kernel's log. The calls that matter are found fast (a tree), and
 * the processor keeps its speculation: we run nobody's code but our own. */
static int set_attributes(scmp_filter_ctx filter)
{
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0) {
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    }
    if (result == 0) {
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_AS_TREE);
    }
    if (result == 0) {
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    }
    if (result == 0) {
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    }
    return result;
}

enum status sandbox_apply(enum sandbox_mode mode, enum sandbox_who who)
{
    if (mode == SANDBOX_OFF || !sandbox_available()) {
        return STATUS_OK;
    }
    scmp_filter_ctx filter =
        seccomp_init(mode == SANDBOX_LOG ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL) {
        errno = ENOMEM;
        return STATUS_IO;
    }
    int result = set_attributes(filter);
    result = result == 0 ? allow_calls(filter, who) : result;
    result = result == 0 && mode == SANDBOX_ON ? forbid_attacks(filter) : result;
    result = result == 0 ? seccomp_load(filter) : result;
    seccomp_release(filter);
    errno = -result;
    return result == 0 ? STATUS_OK : STATUS_IO;
}
