/* What a shard's owner remembers of its finished jobs and of the tombstones of removed ones: enough to know when something is due,
 * so that an idle shard asks Redis nothing. For shard.h and the files retention.c and sweep.c. */
#ifndef SL_CORE_RETENTION_H
#define SL_CORE_RETENTION_H

#include "base/id.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* The finished jobs. A look reads the records of the oldest few, one after the other until one is not due. */
struct sl_retention {
    uint64_t total;      /* bytes of all jobs that this shard ever finished */
    bool any;            /* there may be finished jobs: base and due_at are those of the oldest one */
    uint64_t base;       /* at least the bytes of all that finished and are not kept: what is kept is never counted too high */
    uint64_t due_at;     /* ns; when it is old enough, UINT64_MAX: never */
    uint64_t rest_until; /* ns; no look before that */
    uint32_t page;       /* how many records the next look asks for */
    uint32_t passed_over; /* the oldest records that cannot be read */
    uint32_t removing;   /* jobs that are removed and still in memory */
    uint32_t loads;      /* records asked for and not here yet */
    bool looking;
    bool over;           /* the look has found one that is not due */
    bool finished_since; /* a job's record was sealed since the look began */
};

/* A tombstone that the first settle whose checkpoint has passed `at` drops. */
struct sl_drop {
    struct sl_job_id id;
    uint64_t at;
};

/* The tombstones. A sweep reads all of them, page by page. */
struct sl_sweep {
    uint64_t at;     /* ns; when to read the next page, UINT64_MAX: there is none to come */
    uint64_t cursor; /* of that page; 0: the first */
    uint64_t least;  /* shard time at which the first of those seen in this sweep is old enough; UINT64_MAX: none was seen */
    bool reading;
    uint32_t drop_count;
    struct sl_drop drops[SL_DROPS_MAX];
};

#endif
