/* The session between one edge and one router above the transport, the same machine at both ends,
 * pure: sequence numbers in both directions, acknowledgement, byte credit, heartbeats, liveness,
 * taking up again without loss.
 *
 * The transport may lose, delay or break; it does not alter. What is pushed stays here until the
 * other side has finished it. A hole in what is received is never filled by guessing: the owner
 * says hello again and the link either resumes (both sides kept their half: what is missing is sent
 * again) or starts fresh (one side is new: the edge announces everything).
 *
 * An acknowledgement never overtakes what it stands for: the answers to what is finished lie in
 * frames pushed before, so a frame acknowledges what was finished when it was pushed, and a control
 * frame says how far its data frames went; who lacks one of them takes neither. That is for the end
 * that answers. The other one acknowledges at once: if both waited for credit to send what their
 * acknowledgements stand for, each would wait for the other for ever.
 *
 * The owner encodes frames and moves them; this decides what may go and what came. Times are
 * monotonic milliseconds. */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include "common/bytes.h"
#include "common/spares.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bodies waiting for acknowledgement or for credit, in order. */
struct link_entry {
    uint8_t *body; /* owned, from spares_take() with its length */
    size_t len;
    uint64_t tag; /* the owner's mark: 0, or growing; survives renumbering */
    uint64_t ack; /* what was finished when it was pushed: it carries the answers to just that */
};

struct link_queue {
    struct link_entry *entries; /* ring */
    size_t capacity;
    size_t first;
    size_t count;
};

enum link_phase {
    LINK_DOWN, /* nothing may be sent but a hello */
    LINK_UP,
    LINK_SUSPECT, /* up, but silent for longer than suspect_ms */
    LINK_DEAD     /* silent for longer than dead_ms, or broken by its owner */
};

struct link_timing {
    uint32_t heartbeat_ms;
    uint32_t suspect_ms;
    uint32_t dead_ms;
};

struct link {
    enum link_phase phase;
    bool answers; /* acknowledgements wait for what was pushed before them */
    struct link_timing timing;
    struct link_queue queue;
    struct spares spares;  /* bodies that were acknowledged, for the next ones */
    uint64_t first_seq;    /* seq of the queue's first entry */
    size_t sent_count;     /* entries of the queue that were transmitted */
    uint64_t sent_bytes;   /* of those: not yet finished by the other side */
    uint64_t queued_bytes; /* of the others */
    uint64_t window;       /* credit the other side gave */
    uint64_t own_credit;   /* credit we gave: paces our acknowledgements */
    uint64_t acked_tag;    /* newest tag that is finished */
    uint64_t received;     /* newest seq received */
    uint64_t finished;     /* newest seq we have finished: what we acknowledge */
    uint64_t told;         /* newest acknowledgement that was transmitted; 0 after resuming */
    uint64_t untold_bytes; /* received since then */
    uint64_t heard_ms;     /* last frame of the other side */
    uint64_t spoke_ms;     /* last frame of ours */
    uint64_t ticked_ms;
};

/* Down, empty. An end that answers what it receives sets `answers` afterwards. */
void link_init(struct link *link, const struct link_timing *timing, uint64_t own_credit,
               uint64_t now_ms);
void link_fini(struct link *link);

/* Both sides are new to each other, or one is: numbering starts at 1 in both directions. The queue
 * is given to the caller, who pushes again what is still to be sent (entries in `ret_old` become
 * his). */
void link_start_fresh(struct link *link, uint64_t window, uint64_t now_ms,
                      struct link_queue *ret_old);

/* Both sides kept their half. `peer_received` is the newest seq that the other side has. False when
 * that is impossible (it names what was never sent or is no longer kept): start fresh instead. */
bool link_resume(struct link *link, uint64_t window, uint64_t peer_received, uint64_t now_ms);

/* The owner gave the transport up; what is queued stays for the next start. */
void link_break(struct link *link, enum link_phase phase);

/* Takes `body`, which is from spares_take(…, len). It goes to `link->spares` when it is finished.
 */
void link_push(struct link *link, uint8_t *body, size_t len, uint64_t tag);

/* What is next to be transmitted, if the link is up and the credit allows it (a body larger than
 * the whole credit may travel alone): number, acknowledgement and body of the frame. */
bool link_next(const struct link *link, uint64_t *ret_seq, uint64_t *ret_ack,
               struct bytes *ret_body);
/* The transport took it. */
void link_sent(struct link *link, uint64_t now_ms);

/* What a control frame must carry: the newest seq that was transmitted, and an acknowledgement. */
uint64_t link_sent_seq(const struct link *link);
uint64_t link_control_ack(const struct link *link);
/* A control frame was transmitted. */
void link_spoke(struct link *link, uint64_t now_ms);

enum link_verdict {
    LINK_FRAME_NEW,       /* act upon it */
    LINK_FRAME_CONTROL,   /* no data (seq 0) */
    LINK_FRAME_REPEATED,  /* had it already */
    LINK_FRAME_HOLE,      /* something before it is missing: say hello again */
    LINK_FRAME_IMPOSSIBLE /* acknowledges what was never sent: the other side is wrong */
};

/* A frame came while the link is up: `seq` of a data frame (0 for a control frame, then `sent` is
 * the other side's link_sent_seq). `len` of its body for the pacing of acknowledgements. */
enum link_verdict link_receive(struct link *link, uint64_t seq, uint64_t sent, uint64_t ack,
                               size_t len, uint64_t now_ms);

/* Everything up to `seq` is finished and may be acknowledged. */
void link_finish(struct link *link, uint64_t seq);

enum link_tick {
    LINK_TICK_NOTHING,
    LINK_TICK_SPEAK,   /* a heartbeat or an acknowledgement is due: transmit a control frame */
    LINK_TICK_SUSPECT, /* it became suspect just now */
    LINK_TICK_DEAD     /* it died just now */
};

/* Call at or before link_deadline(), again until NOTHING or after SPEAK. A stall of the caller
 * itself is not held against the other side. */
enum link_tick link_tick(struct link *link, uint64_t now_ms);
uint64_t link_deadline(const struct link *link);

/* Bytes not finished by the other side, sent or not. */
static inline uint64_t link_unfinished_bytes(const struct link *link)
{
    return link->sent_bytes + link->queued_bytes;
}

void link_queue_push(struct link_queue *queue, struct link_entry entry);
/* False when empty. The entry becomes the caller's. */
bool link_queue_pop(struct link_queue *queue, struct link_entry *ret_entry);
void link_queue_fini(struct link_queue *queue);

#endif
