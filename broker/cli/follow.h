/* Following jobs to their end: events from the client to a picture, plain lines, warnings and an exit code. */
#ifndef SL_CLI_FOLLOW_H
#define SL_CLI_FOLLOW_H

#include "cli.h"
#include "painter.h"
#include "progress.h"

enum { SL_FOLLOW_TYPES_MAX = 32 };

enum sl_follow_turn {
    SL_TURN_NOTHING,     /* time passed, or a change was dealt with */
    SL_TURN_ENDED,       /* a job ended: change is its last one */
    SL_TURN_REQUEST,     /* a request of the caller is over: done */
    SL_TURN_INTERRUPTED, /* Ctrl-C or SIGTERM */
    SL_TURN_TIMEOUT,     /* --timeout is over, the broker is there */
    SL_TURN_SILENT,      /* the broker has been silent too long */
    SL_TURN_FAILED       /* the client library failed; a sentence was printed */
};

struct sl_follow {
    struct sl_cli *cli; /* borrows */
    struct sl_progress progress;
    struct sl_painter painter;
    bool draws; /* over its own lines */
    bool tells; /* line by line */
    int signal_fd;

    uint32_t open_count; /* jobs that are followed */
    uint32_t failed_count, cancelled_count, unknown_count;
    struct sl_wire_job_change change; /* of SL_TURN_ENDED; views borrowed until the next turn */
    struct sl_session_done done;      /* of SL_TURN_REQUEST; views borrowed until the next turn */

    uint64_t started_at; /* ns */
    uint64_t deadline;   /* ns; UINT64_MAX: none */
    uint64_t draw_at;    /* ns: when the picture may be drawn again */
    uint64_t beat_at;    /* ns: when a sign of life is due */
    bool dirty;
    bool told; /* a line of progress, so that how the jobs are is known */
    bool silence_said;

    uint32_t asked_count; /* pipelines of the progress whose stages' names were asked for, the last one by stages_query */
    uint64_t stages_query; /* open requests of our own; 0: none */
    uint64_t workers_query;
    uint64_t probe;    /* open question of the end: whether the broker is there at all; 0: not asked */
    uint64_t probe_at; /* ns: when it must be answered */
    bool probe_answered, standby; /* whether it was answered, and by a broker that holds no shard */
    char types[SL_FOLLOW_TYPES_MAX][SL_TYPE_KEY_MAX + 1]; /* that were warned about */
    uint32_t type_count;
};

/* shows: with progress on stderr; else silently. job_total: jobs that will come; 0: as many as are added. The client must be
 * connected. Takes SIGINT and SIGTERM away from the process until fini. */
void sl_follow_init(struct sl_follow *self, struct sl_cli *cli, bool shows, uint32_t job_total);
void sl_follow_fini(struct sl_follow *self);

/* Asks for the names of a pipeline's stages, so that they are there before the first picture. */
void sl_follow_name(struct sl_follow *self, const char *pipeline);

/* Follows a job. 0, or an exit code after a sentence. */
int sl_follow_add(struct sl_follow *self, struct sl_job_id job);

/* Waits for the next thing to happen. */
enum sl_follow_turn sl_follow_turn(struct sl_follow *self);

/* Warns, once a type, that no connected worker offers it. */
void sl_follow_warn_type(struct sl_follow *self, struct sl_bytes type);

/* Prints what is left to say, ends the picture. */
void sl_follow_close(struct sl_follow *self);

/* The exit code that the jobs' ends make: failed before cancelled before unknown. */
int sl_follow_outcome(const struct sl_follow *self);

/* The exit code and sentence for a turn that ends the following early. `again`: what to type to come back. */
int sl_follow_give_up(struct sl_follow *self, enum sl_follow_turn turn, const char *again);

#endif
