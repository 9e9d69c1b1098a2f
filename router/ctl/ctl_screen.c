/* A look is four questions, one after the other; then it is drawn. A terminal that can move its
 * cursor gets a screen of its own, which is given back at the end; anything else gets screens one
 * after the other. */
#include "router/ctl/ctl_screen.h"

#include "proto/admin.pb-c.h"
#include "proto/arena.h"
#include "proto/pb_bytes.h"
#include "router/ctl/ctl_client.h"
#include "router/ctl/ctl_colour.h"
#include "router/ctl/ctl_link.h"
#include "router/ctl/ctl_top.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { ADMIN_VERSION = 1, REPLY_MEMORY = 64 * 1024 * 1024, SIGNAL_COUNT = 2, HOT_ROWS = 10 };

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

/* In this order; the id of each question is its place plus one. */
enum question { ASK_INFO, ASK_STATS, ASK_EDGES, ASK_HOT, QUESTIONS };

struct screen {
    const struct ctl_args *args;
    const char *endpoint;
    struct event_base *base;
    struct ctl_link *link;
    struct event *next;    /* look */
    struct event *silence; /* no answer for --timeout */
    struct event *over;    /* --for */
    struct event *keys;
    struct event *resized;
    struct event *signals[SIGNAL_COUNT];
    struct arena arenas[QUESTIONS];
    const Splitrail__Admin__Reply *replies[QUESTIONS];
    enum question asked;
    struct ctl_top top;
    struct termios before;
    bool drawn; /* there is a look to draw */
    bool full;  /* a terminal's screen of its own */
    bool ended;
    uint64_t looks;
    enum ctl_exit code;
};

static void end(struct screen *screen, enum ctl_exit code)
{
    screen->ended = true;
    screen->code = code;
    event_base_loopbreak(screen->base);
}

/* ---- drawing ---- */

static bool write_out(const struct buf *text)
{
    return fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0;
}

/* From the top left corner; the rest of each line, and what is below, is cleared. */
static void place(const struct buf *text, struct buf *out)
{
    buf_append_str(out, "\033[H");
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '\n') {
            buf_append_str(out, "\033[K\r\n");
        } else {
            buf_append_byte(out, text->data[i]);
        }
    }
    buf_append_str(out, "\033[Kq ends, space looks now\033[K\033[J");
}

static struct ctl_top_size size_of_terminal(const struct screen *screen)
{
    struct winsize window = {0};
    struct ctl_top_size size = {.colour = ctl_colour_on(STDOUT_FILENO)};
    if (screen->full && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 1) {
        size.rows = window.ws_row - 1u;
        size.columns = window.ws_col;
    }
    return size;
}

static bool draw(struct screen *screen)
{
    const struct ctl_top_sample sample = {screen->replies[ASK_INFO], screen->replies[ASK_STATS],
                                          screen->replies[ASK_EDGES], screen->replies[ASK_HOT]};
    const struct ctl_top_size size = size_of_terminal(screen);
    struct buf text;
    struct buf placed;
    buf_init(&text, 0);
    buf_init(&placed, 0);
    if (screen->args->json) {
        ctl_top_json(&screen->top, &sample, &text);
    } else {
        ctl_top_draw(&screen->top, &sample, &size, &text);
    }
    if (screen->full) {
        place(&text, &placed);
    }
    bool good = write_out(screen->full ? &placed : &text);
    buf_fini(&placed);
    buf_fini(&text);
    return good;
}

/* ---- looking ---- */

static void ask(struct screen *screen, enum question question)
{
    Splitrail__Admin__Request request = SPLITRAIL__ADMIN__REQUEST__INIT;
    Splitrail__Admin__Empty empty = SPLITRAIL__ADMIN__EMPTY__INIT;
    Splitrail__Admin__Top hot = SPLITRAIL__ADMIN__TOP__INIT;
    static const Splitrail__Admin__Request__AskCase cases[QUESTIONS] = {
        SPLITRAIL__ADMIN__REQUEST__ASK_INFO, SPLITRAIL__ADMIN__REQUEST__ASK_STATS,
        SPLITRAIL__ADMIN__REQUEST__ASK_EDGES, SPLITRAIL__ADMIN__REQUEST__ASK_TOP};
    struct buf bytes;
    hot.limit = HOT_ROWS;
    request.version = ADMIN_VERSION;
    request.id = (uint64_t)question + 1;
    request.ask_case = cases[question];
    request.info = &empty;
    if (question == ASK_HOT) {
        request.top = &hot;
    }
    buf_init(&bytes, 0);
    pb_append(&request.base, &bytes);
    screen->asked = question;
    ctl_link_send(screen->link, buf_bytes(&bytes));
    buf_fini(&bytes);
}

static void look_again(struct screen *screen)
{
    const struct timeval wait = ctl_timeval((uint64_t)screen->args->interval);
    event_add(screen->next, &wait);
}

static void show_look(struct screen *screen)
{
    const struct ctl_top_sample sample = {screen->replies[ASK_INFO], screen->replies[ASK_STATS],
                                          screen->replies[ASK_EDGES], screen->replies[ASK_HOT]};
    uint64_t limit = (uint64_t)screen->args->limit;
    ctl_top_take(&screen->top, &sample);
    screen->drawn = true;
    screen->looks++;
    if (!draw(screen) || (limit != 0 && screen->looks >= limit)) {
        end(screen, CTL_EXIT_DONE);
        return;
    }
    look_again(screen);
}

static void fail(struct screen *screen, const Splitrail__Admin__Reply *reply)
{
    struct buf text;
    buf_init(&text, 0);
    enum ctl_exit code = ctl_reply_exit(screen->args, reply);
    ctl_failure(screen->args, reply, code, &text);
    (void)fwrite(text.data, 1, text.len, stderr);
    buf_fini(&text);
    end(screen, code);
}

static bool answers(enum question question, const Splitrail__Admin__Reply *reply)
{
    return (question != ASK_INFO || reply->info != NULL) &&
           (question != ASK_HOT || reply->hot != NULL);
}

/* A late answer to a look that was given up is not taken. */
static void on_reply(void *owner, struct bytes bytes)
{
    struct screen *screen = owner;
    enum question question = screen->asked;
    const struct timeval wait =
        ctl_timeval((uint64_t)(screen->args->timeout + screen->args->interval));
    if (screen->ended || question == QUESTIONS) {
        return;
    }
    screen->drawn = false;
    arena_reset(&screen->arenas[question]);
    const Splitrail__Admin__Reply *reply = ctl_reply_read(bytes, &screen->arenas[question]);
    if (reply == NULL) {
        end(screen, ctl_client_failed(screen->endpoint, CTL_NO_ANSWER, ""));
        return;
    }
    if (reply->status != SPLITRAIL__ADMIN__REPLY__STATUS__OK) {
        fail(screen, reply);
        return;
    }
    if (reply->id != (uint64_t)question + 1 || !answers(question, reply)) {
        return;
    }
    event_add(screen->silence, &wait);
    screen->replies[question] = reply;
    if (question + 1 < QUESTIONS) {
        ask(screen, question + 1);
        return;
    }
    screen->asked = QUESTIONS;
    show_look(screen);
}

static void on_next(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    ask(owner, ASK_INFO);
}

static void on_silence(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct screen *screen = owner;
    const char *why = ctl_link_failure(screen->link);
    if (why != NULL || screen->looks == 0) {
        end(screen, why != NULL ? CTL_EXIT_REFUSED : CTL_EXIT_NO_ANSWER);
        return;
    }
    const char *text =
        screen->full ? "\033[HNO ANSWER FROM THE ROUTER\033[K" : "no answer from the router\n";
    (void)fputs(text, screen->full ? stdout : stderr);
    (void)fflush(stdout);
    ask(screen, ASK_INFO);
    const struct timeval wait = ctl_timeval((uint64_t)screen->args->timeout);
    event_add(screen->silence, &wait);
}

/* ---- keys, signals, size ---- */

static void on_keys(evutil_socket_t fd, short what, void *owner)
{
    (void)what;
    struct screen *screen = owner;
    char key = 0;
    ssize_t got = read(fd, &key, 1);
    if (got <= 0) {
        event_del(screen->keys); /* nobody types any more */
    } else if (key == 'q' || key == 'Q' || key == 3 || key == 4) {
        end(screen, CTL_EXIT_DONE);
    } else if (screen->asked == QUESTIONS) {
        event_del(screen->next);
        ask(screen, ASK_INFO);
    }
}

static void on_resized(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    struct screen *screen = owner;
    if (screen->drawn) {
        (void)draw(screen);
    }
}

static void on_over(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    end(owner, CTL_EXIT_DONE);
}

static bool terminal_moves(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && kind != NULL && kind[0] != 0 &&
           strcmp(kind, "dumb") != 0;
}

static void enter(struct screen *screen)
{
    struct termios raw;
    if (screen->args->json || !terminal_moves() || tcgetattr(STDIN_FILENO, &screen->before) != 0) {
        return;
    }
    raw = screen->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    screen->full = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    if (screen->full) {
        (void)fputs(ENTER, stdout);
        event_add(screen->keys, NULL);
        event_add(screen->resized, NULL);
    }
}

static void leave(struct screen *screen)
{
    if (screen->full) {
        (void)fputs(LEAVE, stdout);
        (void)fflush(stdout);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
    }
}

static void make_events(struct screen *screen)
{
    static const int numbers[SIGNAL_COUNT] = {SIGINT, SIGTERM};
    const struct timeval first = ctl_timeval((uint64_t)screen->args->timeout);
    const struct timeval over = ctl_timeval((uint64_t)screen->args->ban_for);
    screen->next = evtimer_new(screen->base, on_next, screen);
    screen->silence = evtimer_new(screen->base, on_silence, screen);
    screen->over = evtimer_new(screen->base, on_over, screen);
    screen->keys = event_new(screen->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_keys, screen);
    screen->resized = evsignal_new(screen->base, SIGWINCH, on_resized, screen);
    event_add(screen->silence, &first);
    if (screen->args->ban_for != 0) {
        event_add(screen->over, &over);
    }
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        screen->signals[i] = evsignal_new(screen->base, numbers[i], on_over, screen);
        event_add(screen->signals[i], NULL);
    }
}

static void free_events(struct screen *screen)
{
    event_free(screen->next);
    event_free(screen->silence);
    event_free(screen->over);
    event_free(screen->keys);
    event_free(screen->resized);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        event_free(screen->signals[i]);
    }
}

static void run(struct screen *screen)
{
    make_events(screen);
    enter(screen);
    ask(screen, ASK_INFO);
    while (!screen->ended) {
        event_base_loop(screen->base, EVLOOP_ONCE);
    }
    leave(screen);
    free_events(screen);
    const char *why = ctl_link_failure(screen->link);
    if (screen->looks == 0 && screen->code == CTL_EXIT_NO_ANSWER) {
        (void)ctl_client_failed(screen->endpoint, CTL_NO_ANSWER, "");
    } else if (screen->code == CTL_EXIT_REFUSED && why != NULL) {
        (void)ctl_client_failed(screen->endpoint, CTL_TURNED_AWAY, why);
    }
    ctl_link_free(&screen->link);
}

enum ctl_exit ctl_screen(const struct ctl_args *args, const char *endpoint,
                         const struct ctl_keys *keys)
{
    struct screen screen = {.args = args, .endpoint = endpoint, .base = event_base_new()};
    assert(screen.base != NULL && "libevent cannot start");
    for (size_t i = 0; i < QUESTIONS; i++) {
        arena_init(&screen.arenas[i], REPLY_MEMORY);
    }
    screen.link = ctl_link_new(screen.base, endpoint, keys, on_reply, &screen);
    if (screen.link == NULL) {
        screen.code = ctl_client_failed(endpoint, CTL_BAD_ENDPOINT, "");
    } else {
        run(&screen);
    }
    for (size_t i = 0; i < QUESTIONS; i++) {
        arena_fini(&screen.arenas[i]);
    }
    event_base_free(screen.base);
    return screen.code;
}
