/* The agent's own state; only the files of this folder and their unit tests see it. A state of an attempt or of a host is the list
 * that it is on. */
#ifndef SL_AGENT_STATE_H
#define SL_AGENT_STATE_H

#include "agent.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/idmap.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/pool.h"
#include "model/pipeline.h"

enum attempt_state {
    ATTEMPT_WAITING, /* on agent->waiting */
    ATTEMPT_GIVEN,   /* on host->given; the first of that list has begun */
    ATTEMPT_INLINE,  /* on agent->inlined: from its effect to its INLINE_DONE */
    ATTEMPT_HELD,    /* on agent->held: ended, but the broker has not acknowledged all its fields */
    ATTEMPT_UNSENT,  /* on unsent of its shard: ended; nobody can be told, or enough was sent that is not acknowledged */
    ATTEMPT_ENDED    /* on agent->ended[level]: the result was sent and waits for RESULT_ACK */
};

struct attempt {
    uint8_t key[16]; /* made from the token; first, because sl_idmap wants it there */
    struct sl_link link;
    enum attempt_state state;
    struct sl_agent_task task; /* its views point into blob */
    uint8_t *blob;             /* owns; NULL once ended */
    size_t blob_size;

    uint32_t place;       /* given: the host; ended: the level */
    uint32_t field_count; /* set by it and not acknowledged */
    bool cancelled;
    bool requeued;        /* a host died that had not begun it, though it headed the list */
    uint64_t progress_done;
    uint64_t progress_total;

    struct sl_agent_result result; /* its views point into result_blob, or at texts of the program */
    uint8_t *result_blob;          /* owns; may be NULL */
    size_t result_size;
    bool is_spooled;               /* result_blob came from the spool */
    uint64_t resend_at;
};

/* A field that a running stage set, until the broker acknowledges it. */
struct field {
    struct sl_link link; /* on agent->fields */
    struct attempt *attempt;
    uint64_t message_id;
    uint64_t resend_at;
    size_t size; /* of the whole block */
    struct sl_bytes name;
    struct sl_bytes value;
    uint8_t data[];
};

struct definition {
    uint8_t digest[16]; /* first, because sl_idmap wants it there */
    uint32_t number;    /* its bit in host->knows */
    struct sl_pipeline *pipeline; /* owns */
    bool *runs_inline;            /* owns; one a stage */
    bool is_needed;               /* by an attempt under way: when the map is full */
    struct definition *next_unneeded;
};

enum host_state { HOST_DOWN, HOST_STARTING, HOST_READY, HOST_STOPPING };

enum stop_reason { STOP_NONE, STOP_TIMEOUT, STOP_CANCEL, STOP_DRAIN, STOP_BROKEN, STOP_WORN };

struct host {
    struct sl_link link;
    struct sl_list *list; /* agent->idle (ready, nothing given), agent->tiny (ready, may take more), or NULL */
    struct sl_heap_node timer;
    uint32_t index;
    enum host_state state;
    enum stop_reason reason; /* why it is stopping */
    bool killed;             /* SIGKILL was sent */
    bool was_ready;          /* it got ready since it was started */
    bool reclaimed;          /* what stands behind the head was asked back */
    struct sl_list given;    /* attempts, in the order given */
    uint64_t head_at;        /* when the first of them began */
    uint64_t until;          /* down: when to start; starting and stopping: when to kill */
    uint32_t failed_starts;  /* in a row */
    uint64_t started_at;
    uint32_t attempt_count;  /* made since it was started */
    uint64_t mean_us;        /* moving mean of attempts' durations */
    char broken_text[160];   /* of STOP_BROKEN */
    struct sl_buf knows;     /* one bit a definition that it has been told */
};

/* Results of one shard's jobs. Each has a share of its own: nobody acknowledges those of a shard that no broker serves. */
struct shard {
    struct sl_list unsent;
    size_t sent_bytes; /* of its attempts on the ended lists */
};

enum link_state { LINK_DOWN, LINK_GREETING, LINK_WELCOMED };

struct sl_agent {
    const struct sl_alloc *alloc;
    struct sl_agent_config config;
    uint64_t now;

    struct sl_pool pool;
    struct sl_idmap attempts;     /* every attempt, by key */
    struct sl_idmap definitions;
    struct sl_list waiting;
    struct sl_list inlined;
    struct sl_list held;
    struct sl_list ended[SL_AGENT_RESEND_LEVELS]; /* each in the order of resend_at */
    struct sl_list fields;
    struct sl_list idle;
    struct sl_list tiny;
    struct host *hosts;           /* config.host_count */
    struct sl_heap timers;        /* of hosts */
    uint64_t epochs[SL_SHARDS_MAX]; /* highest seen */
    struct shard shards[SL_SHARDS_MAX];
    size_t result_bytes; /* of results in memory */
    uint32_t unsent_count; /* of all shards */
    uint64_t next_field_id;

    enum link_state link;
    uint64_t session;
    uint64_t heartbeat_ns;
    uint64_t lost_ns;
    uint64_t heard_at; /* the broker's last sign of life, or when the link was opened */
    uint64_t beat_at;  /* next HEARTBEAT, or next HELLO while greeting; UINT64_MAX: none */

    bool draining;
    bool stopped;      /* the drain time is over */
    bool left;         /* EXIT was said */
    int status;        /* to exit with */
    uint64_t drain_at; /* end of the drain time; then the time after which acknowledgements are not waited for */

    struct sl_agent_effect *effects; /* owns */
    uint32_t effect_count;
    uint32_t effect_capacity;
    struct sl_buf tokens[3]; /* scratch for beats: in flight, waiting, results */
};

static inline struct attempt *attempt_of(struct sl_link *link) {
    return link ? SL_CONTAINER(link, struct attempt, link) : (struct attempt *)0;
}

static inline struct host *host_of(struct sl_link *link) {
    return link ? SL_CONTAINER(link, struct host, link) : (struct host *)0;
}

/* The attempt that the host makes now, or NULL. */
static inline struct attempt *host_head(const struct host *host) {
    return attempt_of(sl_list_first(&host->given));
}

static inline uint64_t agent_ms(uint64_t ms) {
    return ms * 1000000u;
}

#endif
