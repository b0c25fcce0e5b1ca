/* A question under way: what was asked, what has been found. For the files on_query.c, answer.c and list.c. */
#ifndef SL_CORE_QUERY_H
#define SL_CORE_QUERY_H

#include "sched_state.h"

enum sl_query_purpose { SL_QUERY_FOR_ANSWER, SL_QUERY_FOR_CANCEL, SL_QUERY_FOR_WATCH };

/* What memory had of a job when Redis was asked. Reads and writes go over two connections: a read may be performed before a settle whose
 * reply comes first, and bring what was there before memory gave its own away. */
struct sl_query_moment {
    bool in_memory;
    bool whole;        /* with all its parts */
    bool settling;     /* its record was on its way */
    bool unsettled;    /* parts of it were not in Redis yet, nor on their way */
    uint64_t at;       /* the newest commit that had changed it */
    uint64_t settle_n; /* the newest settle of its shard */
};

/* A job of a list. */
struct sl_query_item {
    uint64_t at_ms;  /* when it was created; when it ended, if it comes from Redis' list of ended ones */
    struct sl_job_id id;
    uint64_t n;      /* there: the commit that ended it, which one of that commit; 0: memory had it */
    uint64_t same_n;
    struct sl_blob *view; /* NULL: its record is on its way */
    bool asked;           /* its record has been asked for */
    struct sl_query_moment then;
    uint32_t again_count; /* how often its record came too late */
};

/* How far a list has read the ended jobs of a shard, newest first. */
struct sl_query_place {
    uint64_t n;      /* of the oldest one read; 0: none was */
    uint64_t same_n; /* how many of that number were read */
    bool is_read;    /* there are no older ones */
    bool over;       /* nor are they needed: enough was found */
    uint32_t found;  /* jobs that are wanted */
    uint64_t least_ms; /* no job looked at so far ended earlier */
    bool is_untold;    /* some that are wanted have no room in the answer */
    uint64_t next_n, next_same_n; /* how far it has been told with this answer ... */
    bool next_none;               /* ... that was all */
    uint64_t tag;    /* what is shown of this shard rests on this write ... */
    uint64_t epoch;  /* ... of this epoch */
};

struct sl_query {
    enum sl_query_purpose purpose;
    struct sl_event *event; /* owns, QUERY or CANCEL_JOB */
    size_t event_size;
    uint64_t peer;          /* WATCH */
    uint32_t pending;       /* reads without a reply */
    bool resolving;         /* a prefix is looked for */
    bool given_up;          /* there was no memory for it: it ends with its last reply, unanswered */
    bool among_removed;     /* it is looked for among the tombstones */
    uint16_t shard;         /* the one to look in next */
    uint64_t cursor;        /* of its next page of tombstones */
    struct sl_job_id match; /* of the prefix */
    uint32_t match_count;
    struct sl_job_id read_id; /* of the read whose reply is at hand */
    struct sl_query_moment then; /* when that job was asked for; lists have it in their items */
    uint32_t again_count;     /* how often a reply came too late */
    struct sl_link link;      /* in the list of those that wait for what they show to be durable */
    uint32_t heads_read;           /* ended jobs looked at; of a prefix: in the shard at hand */
    /* list */
    uint32_t limit;
    bool is_behind;                /* only live jobs behind this place are wanted, and the ended ones */
    uint64_t after_ms;
    struct sl_job_id after_id;
    bool ended_only;               /* the live ones have been told */
    bool live_only;                /* there may be more live ones than this answer can look at: the last of these follows */
    struct sl_query_item looked_at;
    struct sl_query_place *places; /* owns, one a shard */
    struct sl_query_item *items;   /* owns */
    uint32_t item_count, item_capacity;
};

/* Who asked, and as what message. Not of WATCH. */
uint64_t sl_query_asker(const struct sl_query *query, uint64_t *out_re);

struct sl_query *sl_query_new(struct sl_sched *self, enum sl_query_purpose purpose, const struct sl_event *event);

/* The job as memory has it; NULL when it is being removed: then Redis has all of it, or its tombstone, and memory not its history. */
struct sl_job *sl_query_job(struct sl_sched *self, struct sl_job_id id);

struct sl_query_moment sl_query_moment_of(struct sl_sched *self, struct sl_job_id id);
/* Whether memory has given away what the reply at hand cannot have: Redis must be asked again. Only changes of the job itself make it so,
 * whatever else its shard settles. */
bool sl_query_is_late(struct sl_sched *self, struct sl_job_id id, const struct sl_query_moment *then);

/* So often a question asks again for one job; then its asker is told to come back. */
enum { SL_QUERY_AGAIN_MAX = 16 };

/* answer.c: about one job; the query stays the caller's. */
int sl_query_answer(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply);

/* Ended jobs that one question may look at. */
enum { SL_QUERY_HEADS_MAX = 10000 };

/* list.c: many jobs. `listed` frees the query when the last reply came. */
int sl_query_list(struct sl_sched *self, struct sl_query *query);
int sl_query_listed(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply);

/* Ends a query that rests on the tags of its places: answers it now if they are durable, else holds it. One of a list of jobs, or of a
 * prefix that no job has. */
int sl_query_finish(struct sl_sched *self, struct sl_query *query);

/* Those that waited for what they rest on to be durable leave, or are refused when a shard was lost. */
void sl_query_send_held(struct sl_sched *self);

/* on_query.c: says that no job begins with the prefix. */
void sl_query_say_absent(struct sl_sched *self, const struct sl_query *query);

/* cluster.c: stages, workers, pipelines, status: from memory, at once. */
int sl_query_cluster(struct sl_sched *self, const struct sl_event *event);

/* Answers a query with the items in buf (one msgpack array); `next` is the cursor of what follows, empty: nothing. Failure of buf:
 * SL_E_NO_MEMORY. */
int sl_query_reply(struct sl_sched *self, const struct sl_ev_query *query, const struct sl_shard *rests_on,
                   const struct sl_buf *buf, struct sl_bytes next);

#endif
