#include "edge/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT_UNKNOWN = 1024 };

static uint64_t raise_limit(void)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return LIMIT_UNKNOWN;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur;
}

/* The table never shrinks, so one descriptor of the highest number is enough, for a moment. */
static void enlarge_table(uint64_t count)
{
    int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, (int)count - 1);
    if (high >= 0) {
        close(high);
    }
    if (low >= 0) {
        close(low);
    }
}

uint64_t descriptors_prepare(void)
{
    uint64_t limit = raise_limit();
    enlarge_table(limit < DESCRIPTORS_READY ? limit : DESCRIPTORS_READY);
    return limit;
}
