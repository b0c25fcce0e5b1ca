/* What the model's Redis holds, and what goes to it and comes back. */
#ifndef SHARD_MODEL_STORE_H
#define SHARD_MODEL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOBS = 40,       /* of one seed; an id is used once */
    OWNERS = 3,
    GROUP_MAX = 3,   /* facts of one event */
    BATCH_MAX = 6,   /* facts of one commit */
    LOG_MAX = 1024,
    KEPT_MAX = 96,
    QUEUE_MAX = 64,
    LATE_MAX = 256,
    SNAPSHOTS = 6,
    GROUPS_MAX = 4096
};

/* A fact about one job. ADD is +1: replaying it twice shows. */
enum fact_kind { SUBMIT, ADD, END, REMOVE };

struct fact {
    uint8_t kind, job;
    uint16_t group;
};

/* One entry of the log. */
struct batch {
    uint64_t before; /* number of the commit before */
    uint32_t count;
    struct fact facts[BATCH_MAX];
};

/* What is stored of a job. */
struct record {
    bool exists, ended;
    uint32_t value;
    uint64_t at; /* the last commit that it contains */
};

struct tombstone {
    bool exists;
    uint64_t at;
};

enum op_kind { PUT, BURY, FORGET };

struct op {
    enum op_kind kind;
    uint8_t job;
    struct record record;
};

enum verb { COMMIT, SETTLE, BEAT, RELEASE, ACQUIRE, RESUME };

/* A sealed write: never rebuilt. */
struct write {
    enum verb verb;
    uint64_t n;
    uint64_t digest; /* of the chain after it */
    uint64_t ckpt;   /* SETTLE */
    struct batch batch;
    uint32_t op_count;
    struct op ops[JOBS];
};

struct lease {
    uint64_t epoch, n, digest, ckpt, from;
    uint32_t owner;     /* incarnation; 0: nobody */
    uint32_t ownership; /* counts all acquisitions of a seed: known to the judge alone */
};

struct call {
    enum verb verb;
    uint32_t slot, owner;   /* who sends, and as which incarnation */
    uint64_t serial;
    uint64_t epoch, n;      /* fence; ACQUIRE: what was seen */
    uint64_t new_epoch;
    uint32_t ownership;     /* under which it was sent */
    bool repairs;           /* ACQUIRE by an owner that will send again what Redis lost */
    struct write write;
};

enum status { OK, FENCED, AT, LOST, REFUSED };

struct reply {
    enum verb verb;
    enum status status;
    uint64_t serial;
    struct lease lease; /* OK of a write: n is the number that it made */
};

struct redis {
    struct lease lease;
    uint64_t log_n[LOG_MAX];
    struct batch log[LOG_MAX];
    uint32_t log_count;
    struct record records[JOBS];
    struct tombstone gone[JOBS];

    struct batch history[LOG_MAX]; /* every commit that led here, the trimmed ones included: known to the judge alone */
    uint32_t history_count;
};

#endif
