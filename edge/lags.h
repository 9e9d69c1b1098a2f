/* Who lags: members of groups for whom deliveries are left out because their connection reads too
 * slowly, until the router has told them so. Few, so nothing of it stands in sessions and members.
 * Pure. */
#ifndef EDGE_LAGS_H
#define EDGE_LAGS_H

#include "common/bytes.h"
#include "common/slotmap.h"
#include "common/u32map.h"

#include <stdbool.h>
#include <stdint.h>

struct lag {
    slot_id id;
    struct lag *next; /* of the same slot */
    uint32_t slot;    /* of the connection */
    uint32_t local;   /* group */
    uint64_t token;   /* names this lag to the router, never given twice */
    uint64_t first;   /* offset that it lacks first */
    bool asked;       /* the router knows */
    bool asked_kept;  /* and with the record that was kept */
    uint8_t *record;  /* of the group as the connection knows it; NULL: as it is */
    uint32_t record_len;
    uint64_t newest; /* with a record: newest offset of that life that is known of */
};

struct lags {
    struct slotmap table;
    struct u32map by_slot; /* slot -> index of its first lag */
    uint64_t token;        /* newest */
};

void lags_init(struct lags *lags);
void lags_fini(struct lags *lags);

/* The lag is named anew: answers to what was asked before do not count. */
void lags_rename(struct lags *lags, struct lag *lag);

struct lag *lags_add(struct lags *lags, uint32_t slot, uint32_t local, uint64_t first);
/* NULL when there is none. */
struct lag *lags_find(const struct lags *lags, uint32_t slot, uint32_t local);
/* The first of a slot (then `next`), or NULL. */
struct lag *lags_first(const struct lags *lags, uint32_t slot);
/* Frees it. */
void lags_remove(struct lags *lags, struct lag *lag);

/* The group is about to change: this is what the connection knows of it, and how far that went.
 * Only the first counts. */
void lag_keep_record(struct lag *lag, struct bytes record, uint64_t newest);

#endif
