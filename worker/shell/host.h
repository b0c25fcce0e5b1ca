/* One stage host as the worker's loop sees it: its socket, the page of claims, what it wrote, and which tasks it was given. */
#ifndef SL_SHELL_HOST_H
#define SL_SHELL_HOST_H

#include "tail.h"

#include "agent/effect.h"
#include "base/buf.h"
#include "stagehost/claim.h"
#include "stagehost/frame.h"

struct sl_host_place {
    uint64_t nonce;
    uint32_t sequence;
    bool follows; /* its output begins behind a separator, not at the tail's mark */
};

struct sl_host {
    uint32_t index;
    uint32_t generation; /* counts the processes of this slot */
    int channel;         /* socket; -1: no process, or it closed its end */
    int output;          /* pipe of its stdout and stderr; -1: none */
    struct sl_claims *claims;
    uint32_t next_sequence;
    struct sl_host_place places[SL_CLAIM_COUNT]; /* tasks given and not answered, in order */
    uint32_t place_count;
    struct sl_buf out; /* frames on their way to it */
    size_t out_at;     /* bytes of out that were written */
    bool out_waits;    /* the loop says when the socket can be written */
    struct sl_buf in;
    size_t in_at;      /* bytes of in that were taken */
    struct sl_tail tail;
};

/* The ends that the new process gets. */
struct sl_host_ends {
    int channel;
    int claims;
    int output;
};

void sl_host_init(struct sl_host *self, uint32_t index);
void sl_host_fini(struct sl_host *self);

/* Makes socket, page and pipe of a new process of this slot. The caller gives the far ends away and closes them. 0, or SL_E_IO. */
int sl_host_open(struct sl_host *self, struct sl_host_ends *out_ends);
void sl_host_close_ends(struct sl_host_ends *ends);

/* Closes the near ends. */
void sl_host_close(struct sl_host *self);

/* Queues a task. The host is never given more than SL_CLAIM_COUNT at once. Failure is kept in self->out.failed. */
void sl_host_give(struct sl_host *self, const struct sl_agent_task *task);

/* Takes a task back: whether the host will not begin it. */
bool sl_host_reclaim(struct sl_host *self, uint64_t nonce);

/* The host answered for a task. */
void sl_host_answered(struct sl_host *self, uint64_t nonce);

/* Whether the first of its tasks was begun; for a host that is dead. */
bool sl_host_has_begun(const struct sl_host *self);

/* What the first of its tasks wrote to stdout and stderr, the last size_max bytes of it, as sl_tail_text gives it. What it wrote before
 * its answer is there when the output was read after the answer. */
void sl_host_words(const struct sl_host *self, size_t size_max, struct sl_buf *out);

/* Writes what is queued: 0; SL_E_AGAIN: more when the socket can be written; SL_E_CLOSED. */
int sl_host_flush(struct sl_host *self);

/* Reads once from the socket: 1; 0: nothing is there; SL_E_CLOSED at its end; SL_E_NO_MEMORY. */
int sl_host_read(struct sl_host *self);

/* The next whole frame of what was read, as sl_pipe_next. The body is borrowed until the next read. */
int sl_host_frame(struct sl_host *self, struct sl_bytes *out_body, unsigned *out_kind);

/* Reads what the host wrote, a bounded part of it; notes the end of the pipe by closing it (out_closed: the descriptor to stop
 * watching, closed by the caller; else -1). out_bytes is borrowed until the next call and may be empty. */
void sl_host_read_output(struct sl_host *self, struct sl_bytes *out_bytes, int *out_closed);

#endif
