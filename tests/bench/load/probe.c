#include "tests/bench/load/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PAGE_TEXT = 16384, ANSWER_US = 200000 };

/* The file's text, NUL-terminated; empty when it cannot be read. */
static void read_text(const char *path, char text[PAGE_TEXT])
{
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    while (fd >= 0 && len < PAGE_TEXT - 1 &&
           (got = read(fd, text + len, PAGE_TEXT - 1 - len)) > 0) {
        len += (size_t)got;
    }
    if (fd >= 0) {
        close(fd);
    }
    text[len] = 0;
}

/* The number behind a name, 0 without one. */
static uint64_t number_after(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found == NULL ? 0 : strtoull(found + strlen(name), NULL, 10);
}

/* Of the threads that there are, in nanoseconds, where the kernel says it (schedstat). */
static uint64_t cpu_us_of_threads(long pid)
{
    char text[PAGE_TEXT];
    char path[sizeof(((struct dirent *)NULL)->d_name) + 64];
    uint64_t ns = 0;
    snprintf(path, sizeof(path), "/proc/%ld/task", pid);
    DIR *threads = opendir(path);
    const struct dirent *thread = NULL;
    while (threads != NULL && (thread = readdir(threads)) != NULL) {
        if (thread->d_name[0] != '.') {
            snprintf(path, sizeof(path), "/proc/%ld/task/%s/schedstat", pid, thread->d_name);
            read_text(path, text);
            ns += strtoull(text, NULL, 10);
        }
    }
    if (threads != NULL) {
        closedir(threads);
    }
    return ns / 1000;
}

/* In steps of a hundredth of a second. */
static uint64_t cpu_us_of_stat(const char *stat)
{
    /* Fields are counted from behind the name, which may hold anything; utime is the 14th of all.
     */
    enum { FIELDS_TO_UTIME = 12 };
    const char *at = strrchr(stat, ')');
    for (int i = 0; at != NULL && i < FIELDS_TO_UTIME; i++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return 0;
    }
    char *rest = NULL;
    uint64_t ticks = strtoull(at, &rest, 10);
    ticks += strtoull(rest, NULL, 10);
    return ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

struct probe_process probe_process(long pid)
{
    char text[PAGE_TEXT];
    char path[64];
    struct probe_process process = {0};
    snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", pid);
    read_text(path, text);
    process.private_bytes =
        (number_after(text, "Private_Clean:") + number_after(text, "Private_Dirty:")) * 1024;
    process.rss_bytes = number_after(text, "Rss:") * 1024;
    process.cpu_us = cpu_us_of_threads(pid);
    if (process.cpu_us == 0) {
        snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
        read_text(path, text);
        process.cpu_us = cpu_us_of_stat(text);
    }
    return process;
}

uint64_t probe_tcp_bytes(void)
{
    char text[PAGE_TEXT];
    read_text("/proc/net/sockstat", text);
    const char *tcp = strstr(text, "TCP:");
    return tcp == NULL ? 0 : number_after(tcp, " mem ") * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t probe_slab_bytes(void)
{
    char text[PAGE_TEXT];
    read_text("/proc/meminfo", text);
    return (number_after(text, "Slab:") + number_after(text, "Percpu:")) * 1024;
}

static bool ask(int fd, const struct sockaddr_in *address, const char *path)
{
    char text[512];
    const struct timeval patience = {.tv_usec = ANSWER_US};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        return false;
    }
    int len = snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", path);
    if (len <= 0 || send(fd, text, (size_t)len, MSG_NOSIGNAL) != len) {
        return false;
    }
    ssize_t got = recv(fd, text, sizeof(text) - 1, MSG_WAITALL);
    text[got > 0 ? got : 0] = 0;
    return strncmp(text, "HTTP/1.", 7) == 0 && strncmp(text + 8, " 200", 4) == 0;
}

bool probe_http(const struct sockaddr_in *address, const char *path)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && ask(fd, address, path);
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

double probe_load(void)
{
    char text[PAGE_TEXT];
    read_text("/proc/loadavg", text);
    return strtod(text, NULL);
}
