/* What the kernel alone takes for a fan-out: one process sends the same bytes to many sockets, one
 * send() each, and does nothing else; another reads, asleep in epoll_wait between messages. No
 * server that answers each recipient with a call of its own can need less. See compare.py.
 *
 *   bare_send CONNECTIONS ROUNDS BYTES    prints the sender's processor time per send in
 * microseconds */
#include "common/mem.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BYTES_MAX = 65536, BACKLOG = 4096, READY_MAX = 256, WARM_UP_ROUNDS = 20 };

static void expect(bool fine, const char *what)
{
    if (!fine) {
        perror(what);
        exit(1);
    }
}

static int listen_anywhere(struct sockaddr_in *ret_address)
{
    const int on = 1;
    socklen_t len = sizeof(*ret_address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    expect(fd >= 0 && bind(fd, (struct sockaddr *)ret_address, len) == 0 &&
               listen(fd, BACKLOG) == 0 &&
               getsockname(fd, (struct sockaddr *)ret_address, &len) == 0 &&
               setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0,
           "listen");
    return fd;
}

static int connect_all(const struct sockaddr_in *address, size_t count)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        expect(fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
                   fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
                   epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0,
               "connect");
    }
    return epoll_fd;
}

/* Says on `done_fd` when a round has come whole. Ends with the sender. */
static void receive(const struct sockaddr_in *address, size_t connections, size_t bytes,
                    int done_fd)
{
    static uint8_t input[BYTES_MAX];
    struct epoll_event ready[READY_MAX];
    int epoll_fd = connect_all(address, connections);
    size_t got = 0;
    while (true) {
        int count = epoll_wait(epoll_fd, ready, READY_MAX, -1);
        for (int i = 0; i < count; i++) {
            ssize_t len = read(ready[i].data.fd, input, sizeof(input));
            expect(len > 0, "read");
            got += (size_t)len;
        }
        if (got >= connections * bytes) {
            got -= connections * bytes;
            expect(write(done_fd, "", 1) == 1, "write");
        }
    }
}

static double used_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void send_round(const int *fds, size_t count, size_t bytes, int done_fd)
{
    static const uint8_t OUTPUT[BYTES_MAX];
    char done;
    for (size_t i = 0; i < count; i++) {
        expect(send(fds[i], OUTPUT, bytes, MSG_NOSIGNAL) == (ssize_t)bytes, "send");
    }
    expect(read(done_fd, &done, 1) == 1, "the receiver");
}

static size_t number(const char *text, size_t most)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value == 0 || value > most) {
        fprintf(stderr, "bare_send: '%s' is not a number from 1 to %zu\n", text, most);
        exit(2);
    }
    return (size_t)value;
}

static double measure(int listener, size_t connections, size_t rounds, size_t bytes, int done_fd)
{
    int *fds = mem_new(connections, sizeof(fds[0]));
    for (size_t i = 0; i < connections; i++) {
        fds[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        expect(fds[i] >= 0, "accept");
    }
    for (size_t i = 0; i < WARM_UP_ROUNDS; i++) {
        send_round(fds, connections, bytes, done_fd);
    }
    double from_us = used_us();
    for (size_t i = 0; i < rounds; i++) {
        send_round(fds, connections, bytes, done_fd);
    }
    double spent_us = used_us() - from_us;
    mem_free(fds);
    return spent_us / (double)rounds / (double)connections;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    int done[2];
    if (argc != 4) {
        fputs("usage: bare_send CONNECTIONS ROUNDS BYTES\n", stderr);
        return 2;
    }
    size_t connections = number(argv[1], 1000000);
    size_t rounds = number(argv[2], 1000000);
    size_t bytes = number(argv[3], BYTES_MAX);
    int listener = listen_anywhere(&address);
    expect(pipe(done) == 0, "pipe");
    pid_t receiver = fork();
    expect(receiver >= 0, "fork");
    if (receiver == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(done[0]);
        receive(&address, connections, bytes, done[1]);
    }
    close(done[1]);
    printf("%.3f\n", measure(listener, connections, rounds, bytes, done[0]));
    (void)kill(receiver, SIGKILL);
    (void)waitpid(receiver, NULL, 0);
    return 0;
}
