/* What sluice-broker is told: command line above environment above defaults. */
#ifndef SL_SHELL_OPTIONS_H
#define SL_SHELL_OPTIONS_H

#include "base/id.h"
#include "io/log.h"
#include "redis_check.h"

enum { SL_PIPELINE_PATHS_MAX = 64, SL_DATA_PATH_SIZE = 4096 };

struct sl_options {
    const char *redis;
    const char *listen;
    const char *listen_workers; /* NULL: the port after that of clients */
    const char *policies;       /* NULL: the shipped ones */
    const char *pipelines[SL_PIPELINE_PATHS_MAX];
    uint32_t pipeline_count;
    const char *incarnation_file; /* NULL: none is written */
    char data[SL_DATA_PATH_SIZE];  /* a folder; made when something is kept in it */
    struct sl_incarnation succeeds;
    enum sl_durability durability;
    uint16_t shards; /* 0: the default; of a new cluster only */
    bool no_create;
    bool insecure;
    int ready_fd; /* -1: none */
    uint32_t beat_ms, takeover_ms, heartbeat_ms, lost_ms, reply_ms, grace_ms, settle_ms;
    uint64_t retention_ms, retention_bytes; /* of finished jobs; 0: without limit */
    enum sl_log_level log_level;
};

/* Reads the command line. 0: go on; 1: done (help or version was printed); negative: usage, a sentence was printed. */
int sl_options_read(int argc, char **argv, struct sl_options *out_options);

#endif
