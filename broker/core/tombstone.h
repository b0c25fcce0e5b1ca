/* What stays of a job that retention removed: enough to know a repetition of its request, and to say what became of it.
 *
 *   tombstone  array [format, at, status, kind, run, request, removed, wall_ms], and a CRC32C as every record (record.h) */
#ifndef SL_CORE_TOMBSTONE_H
#define SL_CORE_TOMBSTONE_H

#include "job.h"
#include "ledger.h"

struct sl_tombstone {
    uint64_t at;              /* the commit that removed it */
    enum sl_job_state state;  /* its end */
    unsigned kind;            /* as in struct sl_facts */
    uint32_t run;
    struct sl_digest request; /* of what was submitted */
    uint64_t removed_ms;      /* shard time of the settle that wrote this */
    uint64_t wall_ms;         /* when it ended; shown only */
};

/* Appends it. Failure: buf->failed. */
void sl_tombstone_put(struct sl_buf *buf, const struct sl_tombstone *tombstone);
/* 0, or SL_E_DAMAGED. */
int sl_tombstone_read(struct sl_bytes record, struct sl_tombstone *out_tombstone);
/* The one that a READ_JOB reply holds. 0; SL_E_NOT_FOUND: it holds none; SL_E_DAMAGED. */
int sl_tombstone_of(const struct sl_ledger_reply *reply, struct sl_tombstone *out_tombstone);

/* What people are told of a job that is not kept any more, one sentence. */
enum { SL_TOMBSTONE_TEXT_SIZE = 256 };
void sl_tombstone_text(const struct sl_tombstone *tombstone, struct sl_job_id id, char out_text[SL_TOMBSTONE_TEXT_SIZE]);

#endif
