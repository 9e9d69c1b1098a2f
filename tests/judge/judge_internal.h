/* Shared by the files behind judge_trace.h only. */
#ifndef TESTS_JUDGE_INTERNAL_H
#define TESTS_JUDGE_INTERNAL_H

#include "common/u32map.h"
#include "tests/judge/judge_book.h"
#include "tests/judge/judge_seats.h"
#include "tests/judge/judge_trace.h"

enum {
    CLIENTS_MAX = 1 << 20,
    ROOMS_MAX = 1 << 16,
    SEATS_MAX = 1 << 26, /* users × rooms */
    EDGES_MAX = 64,
    PUBLISHERS_MAX = 1 << 16,
    CODES_MAX = 16
};

#define NONE UINT64_MAX

/* What a member was told of another. */
enum judge_known { KNOWN_NOT = 0, KNOWN_PRESENT = 1, KNOWN_ABSENT = 2 };

/* Ways to be closed. */
struct judge_codes {
    uint64_t codes[CODES_MAX];
    size_t count;
};

/* What a client has of one room, over all its connections. */
struct judge_member {
    uint32_t room;
    bool asked; /* on this connection */
    bool joined;
    bool ever;
    uint64_t epoch;
    uint64_t last_offset;
    uint64_t missing; /* left out by gaps and not asked for yet */
    uint64_t heard_us;
    uint64_t pause_us;   /* longest silence in the fault's window so far */
    struct u32map known; /* user to judge_known */
    struct u32map heard_left;
    struct u32map heard_joined;
    struct u32map gap; /* offsets that are missing */
};

struct judge_client {
    bool declared;
    bool open;
    bool done;   /* closed by its own will */
    bool stands; /* counts for presence: open, and its edge is there */
    uint32_t user;
    uint32_t edge;
    bool slow;                  /* its times are its own doing */
    struct judge_codes excused; /* that it may be closed with */
    struct judge_member *members;
    size_t member_count;
};

struct judge_message {
    uint64_t sent_us;
    uint32_t room;
    uint32_t waiting;   /* sent and not answered */
    uint64_t ok_offset; /* 0: not told */
    uint64_t log_offset;
    bool in_fault;
    bool refused;
    bool abandoned;
};

struct judge_edge {
    bool away;                /* paused or cut off */
    struct judge_codes codes; /* that may be seen now */
};

struct judge_log {
    uint64_t epoch;
    uint64_t top;
};

struct judge_samples {
    uint64_t *values;
    size_t count;
    size_t capacity;
};

struct judge {
    uint64_t line;
    uint64_t now_us;
    bool sized;
    bool ended;
    bool measuring; /* silence */
    bool in_fault;  /* because of a fault, and not for comparison */
    uint32_t client_count;
    uint32_t user_count;
    uint32_t room_count;
    uint32_t publisher_count;
    uint32_t edge_count;
    uint64_t grace_us;
    uint64_t dead_us;       /* silence after which the router gives an edge up */
    uint64_t median_max_us; /* 0: any */
    uint64_t worst_max_us;
    struct judge_client *clients;
    struct judge_edge edges[EDGES_MAX];
    struct judge_log *logs; /* by room */
    uint64_t *online;       /* by user: connections that the router says there are */
    bool *there;            /* by user × rooms + room: the router says so */
    uint64_t *last_numbers; /* by room × publishers + publisher: in the log */
    struct judge_message *messages;
    size_t message_capacity;
    struct judge_book *book;
    struct judge_seats *seats;
    struct judge_samples pauses;
    struct judge_samples controls;
    struct judge_samples latencies;
    struct judge_samples fault_latencies;
    struct judge_counts counts;
    struct judge_complaint complaints[JUDGE_COMPLAINTS_MAX];
    size_t complaint_count;
};

/* Complains unless `rule` is JUDGE_HOLDS. */
void judge_complain(struct judge *judge, enum judge_rule rule, uint64_t client, uint64_t room,
                    uint64_t detail);
void judge_sample(struct judge_samples *samples, uint64_t value);
/* The message's record; NULL when it cannot be one. */
struct judge_message *judge_message_of(struct judge *judge, uint64_t message);
/* NULL when it never asked to come in. */
struct judge_member *judge_member_of(struct judge *judge, uint64_t client, uint64_t room);

/* ---- words of the trace. `n` are its numbers, within the limits that its row names. ---- */

/* judge_clients.c: sockets and rooms */
void judge_user(struct judge *judge, const uint64_t *n);
void judge_open(struct judge *judge, const uint64_t *n);
void judge_close(struct judge *judge, const uint64_t *n);
void judge_bye(struct judge *judge, const uint64_t *n);
void judge_done(struct judge *judge, const uint64_t *n);
void judge_ask(struct judge *judge, const uint64_t *n);
void judge_join(struct judge *judge, const uint64_t *n);
void judge_listed(struct judge *judge, const uint64_t *n);
void judge_joined(struct judge *judge, const uint64_t *n);
void judge_left(struct judge *judge, const uint64_t *n);

/* judge_messages.c */
void judge_send(struct judge *judge, const uint64_t *n);
void judge_ok(struct judge *judge, const uint64_t *n);
void judge_error(struct judge *judge, const uint64_t *n);
void judge_abandon(struct judge *judge, const uint64_t *n);
void judge_heard(struct judge *judge, const uint64_t *n);
void judge_gap_told(struct judge *judge, const uint64_t *n);
void judge_fill(struct judge *judge, const uint64_t *n);
void judge_new_epoch(struct judge *judge, const uint64_t *n);

/* judge_faults.c */
void judge_control(struct judge *judge, const uint64_t *n);
void judge_fault(struct judge *judge, const uint64_t *n);
void judge_calm(struct judge *judge, const uint64_t *n);
void judge_router_died(struct judge *judge, const uint64_t *n);
void judge_pause(struct judge *judge, const uint64_t *n);
void judge_resume(struct judge *judge, const uint64_t *n);
void judge_may_close(struct judge *judge, const uint64_t *n);
void judge_excuse(struct judge *judge, const uint64_t *n);
void judge_slow(struct judge *judge, const uint64_t *n);
void judge_quick(struct judge *judge, const uint64_t *n);
void judge_must_stay(struct judge *judge, const uint64_t *n);
/* How a connection ends for presence. */
struct judge_leave {
    bool goodbye;
    uint64_t noticed_us; /* the router cannot know earlier */
};
/* The client's connection counts for presence from now on, or does not any more. */
void judge_stand(struct judge *judge, struct judge_client *client, bool stands,
                 struct judge_leave how);

/* judge_end.c: the log, presence, what must be true when all is quiet */
void judge_logged(struct judge *judge, const uint64_t *n);
void judge_there(struct judge *judge, const uint64_t *n);
void judge_online(struct judge *judge, const uint64_t *n);
void judge_end(struct judge *judge, const uint64_t *n);

#endif
