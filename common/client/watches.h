/* The jobs that a session follows: which of them must be asked for, and which snapshots are news. */
#ifndef SL_CLIENT_WATCHES_H
#define SL_CLIENT_WATCHES_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/idmap.h"
#include "base/list.h"
#include "wire/wire.h"

enum { SL_WATCHES_PER_MESSAGE = 16384 };

struct sl_watches {
    struct sl_idmap by_id; /* owns the members */
    struct sl_list due;    /* to be asked for */
    struct sl_list asked;
    const struct sl_alloc *alloc;
    bool ends_only;        /* tell about the state now and about the end, nothing between */
};

void sl_watches_init(struct sl_watches *self, const struct sl_alloc *alloc, uint64_t seed);
void sl_watches_fini(struct sl_watches *self);

/* Follows a job; *out_added says whether it is new. 0, or SL_E_NO_MEMORY. */
int sl_watches_add(struct sl_watches *self, struct sl_job_id job, bool *out_added);

void sl_watches_remove(struct sl_watches *self, struct sl_job_id job);

/* All of them must be asked for again. */
void sl_watches_all_due(struct sl_watches *self);

/* Encodes a WATCH of those that are due, at most SL_WATCHES_PER_MESSAGE, into frame (cleared before). False when none is due, or
 * without memory (they stay due). */
bool sl_watches_next_frame(struct sl_watches *self, uint64_t message_id, struct sl_buf *items, struct sl_buf *frame);

/* A snapshot came. True when it is news: the job is followed, and n is greater than what was known, or equal and something in it is
 * different (of those that rest on one write the last one that came counts: a connection keeps their order). One whose status is the last there can be is not followed any longer. */
bool sl_watches_take(struct sl_watches *self, const struct sl_wire_job_change *change);

/* Whether a job's status will not change any more. */
bool sl_status_is_terminal(struct sl_bytes status);

#endif
