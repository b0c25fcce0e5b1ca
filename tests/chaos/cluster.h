/* The cluster of a run: real programs, each a child of this process, and what became of them. */
#ifndef CHAOS_CLUSTER_H
#define CHAOS_CLUSTER_H

#include "history.h"
#include "options.h"

#include <sys/types.h>

struct redis_server;

enum { CHAOS_PATH_SIZE = 256, CHAOS_ENDPOINT_SIZE = 120, CHAOS_DRAIN_MS = 20000 };

struct chaos_cluster {
    const struct chaos_options *options; /* borrows */
    struct chaos_history history;        /* of the supervisor */
    char folder[CHAOS_PATH_SIZE];        /* history, answers, logs; a failing run keeps it */
    char sockets[64];                    /* a short path, since a socket's name holds 107 bytes */
    char history_path[CHAOS_PATH_SIZE + 32];
    char clients_endpoint[CHAOS_ENDPOINT_SIZE];

    struct redis_server *redis; /* owns */
    pid_t broker;               /* 0: not running, as below */
    pid_t rival;
    pid_t workers[CHAOS_WORKERS_MAX];
    bool redis_down;            /* a broker that starts now says so and ends: it is started again */

    uint32_t died;      /* programs that ended without being told to */
    uint32_t unpeaceful; /* programs that did not leave in peace when asked to */
    uint32_t hosts_left; /* stage hosts that outlived their worker */
    uint32_t waits;     /* brokers that found no Redis */
};

/* Makes the folders and starts everything. 0; SL_E_NOT_FOUND when no Redis is installed; SL_E_IO. */
int chaos_cluster_start(const struct chaos_options *options, struct chaos_cluster *out_self);

/* Ends all that runs: asks workers, then the broker, to leave, and notes who does not; Redis last. */
void chaos_cluster_stop(struct chaos_cluster *self);

/* Starts what is missing. `succeeds`: the broker is told whose death it follows. */
void chaos_cluster_start_broker(struct chaos_cluster *self, bool succeeds);
void chaos_cluster_start_rival(struct chaos_cluster *self);
void chaos_cluster_start_worker(struct chaos_cluster *self, uint32_t index);
void chaos_cluster_start_redis(struct chaos_cluster *self);

/* kill -9, and the end is awaited. *pid becomes 0. */
void chaos_cluster_kill(pid_t *pid);
/* The same for a worker; its stage hosts must be gone within two seconds. */
void chaos_cluster_kill_worker(struct chaos_cluster *self, uint32_t index);

/* SIGTERM: the program must leave in peace. *pid becomes 0. */
void chaos_cluster_drain(struct chaos_cluster *self, pid_t *pid, const char *what);

/* kill -9 of the rival, or SIGTERM; after a kill its sockets' files are removed, since no successor will. */
void chaos_cluster_end_rival(struct chaos_cluster *self, bool kills);

/* Lets the cluster work for a while, and starts again at once what has ended meanwhile. */
void chaos_cluster_watch(struct chaos_cluster *self, uint32_t milliseconds);

#endif
