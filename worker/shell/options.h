/* What a person types after sluice-worker, with the environment and the defaults behind it. */
#ifndef SL_SHELL_OPTIONS_H
#define SL_SHELL_OPTIONS_H

#include "host_process.h"

#include "io/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SL_OPTION_LIST_MAX = 64, SL_PATH_SIZE = 4096 };

struct sl_options {
    const char *broker; /* endpoint */
    char name[65];
    uint32_t slots;
    uint32_t prefetch;
    bool is_inline;
    char plugin_path[2 * SL_PATH_SIZE];
    const char *plugins[SL_OPTION_LIST_MAX]; /* files */
    uint32_t plugin_count;
    char data[SL_PATH_SIZE];
    const char *pass_env[SL_OPTION_LIST_MAX];
    uint32_t pass_env_count;
    const char *stage_user;
    struct sl_host_limits stage_limits;
    uint64_t spool_bytes; /* 0: no spool */
    enum sl_log_level log_level;
    bool insecure;
    uint32_t drain_ms;
    uint32_t grace_ms;
    uint32_t heartbeat_ms;
    uint32_t lost_ms;
    uint32_t probe_ms;
    bool list_plugins;
    bool as_json;
    char program_directory[SL_PATH_SIZE]; /* where sluice-worker is, and sluice-stagehost beside it */
};

/* Reads the command line. 0: go on; 1: everything was said already (help, version); SL_E_BAD_INPUT with a sentence in error. */
int sl_options_read(int argc, char **argv, struct sl_options *out_options, char *error, size_t error_size);

#endif
