/* Groups whose deliveries do not follow one another: something between router and edge was lost
 * that the link did not notice. What comes later is held back here, in order, until the router has
 * said again what lacks. Few, so a group has only a pointer for it. Pure. */
#ifndef EDGE_HOLES_H
#define EDGE_HOLES_H

#include "common/bytes.h"
#include "common/u32map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A delivery that is held back, with its own copy of the payload. */
struct hole_entry {
    struct hole_entry *next;
    uint64_t first;  /* numbers that it stands for, from here */
    uint64_t offset; /* to here; 0 = it has none */
    uint64_t after;  /* the newest number that goes before it */
    uint64_t serial; /* place among all that was held back in this hole, from 1 */
    uint32_t slot;   /* left out; */
    uint32_t gen;    /* 0 = nobody is */
    uint32_t len;
    uint8_t data[];
};

/* A member that came, or was brought up to date, while things were held back. */
struct hole_newcomer {
    uint64_t offset; /* it has everything up to here, */
    uint64_t serial; /* and what was held back then */
};

struct hole {
    struct hole *next; /* oldest first */
    struct hole *before;
    uint32_t local;      /* group */
    uint64_t newest;     /* number that is known to exist */
    uint64_t asked_to;   /* the router was asked for everything up to here; 0 = not yet */
    uint64_t ask_at_ms;  /* and is asked again then */
    uint64_t give_up_ms; /* until then */
    struct hole_entry *entries;
    struct hole_entry *last;
    uint64_t serial; /* of the newest entry */
    uint64_t bytes;
    struct u32map by_slot; /* slot -> index of its newcomer */
    struct hole_newcomer *newcomers;
    uint32_t newcomer_count;
    uint32_t newcomer_capacity;
    /* What is being given to the members just now, see hole_has. */
    uint64_t giving_offset;
    uint64_t giving_serial;
};

struct holes {
    struct hole *first;
    struct hole *last;
    uint32_t count;
    uint64_t bytes;  /* held back, in all */
    uint64_t due_ms; /* something is to be done about one then; UINT64_MAX = never */
};

void holes_init(struct holes *holes);

struct hole *holes_add(struct holes *holes, uint32_t local);
/* Frees it with what it holds back. */
void holes_remove(struct holes *holes, struct hole *hole);

/* What an entry with so long a payload costs of the limit. */
size_t hole_entry_cost(size_t payload_len);
/* Holds a copy of `payload` back: `like` has first, offset, slot and gen of the new entry. */
void holes_put(struct holes *holes, struct hole *hole, const struct hole_entry *like,
               struct bytes payload);
/* Takes the oldest entry out (mem_free); NULL when nothing is held back. */
struct hole_entry *holes_take(struct holes *holes, struct hole *hole);

/* Nothing is held back any more. */
void hole_forget_entries(struct holes *holes, struct hole *hole);
/* Nothing that has a number is. */
void hole_forget_numbered(struct holes *holes, struct hole *hole);

/* The member of the slot has everything up to `offset`, and all that is held back now. */
void hole_newcomer(struct hole *hole, uint32_t slot, uint64_t offset);
/* Up to where that is; 0 for who was there all the time. */
uint64_t hole_known(const struct hole *hole, uint32_t slot);
/* The largest of these. */
uint64_t hole_known_most(const struct hole *hole);
/* True when the member of the slot must not get what is being given: it has it. */
bool hole_has(const struct hole *hole, uint32_t slot);

#endif
