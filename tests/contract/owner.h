/* The smallest honest owner of a shard: it seals writes ahead, sends them in one go, and after every cut asks where it stands and
 * sends the rest again, byte for byte (reliability, B3 rule 1 and B5). */
#ifndef CONTRACT_OWNER_H
#define CONTRACT_OWNER_H

#include "both.h"

struct owner {
    struct both *both;
    struct sl_ledger_call *writes; /* owns; write i makes number first_n + i + 1 */
    struct sl_buf *bodies;         /* owns */
    size_t write_count;
    uint64_t first_n, n; /* Redis holds every write up to n, as far as it told */
    uint64_t resume_serial;
    bool unsure;
    size_t replies;      /* since the owner began */
    size_t cut_after;    /* cut the connection at this many replies; 0: never */
    void (*cut)(struct owner *self);
    uint64_t unavailable; /* replies that said "not now" */
};

/* Acquires shard 7 on both sides and seals commits and settles in turn. */
void owner_begin(struct owner *self, struct both *both, size_t write_count);
void owner_end(struct owner *self);

/* Sends all and turns the loop until Redis has performed every write, however often the connection is cut. */
void owner_run(struct owner *self);

/* Cuts the client's side of the connection. */
void owner_cut_here(struct owner *self);

#endif
