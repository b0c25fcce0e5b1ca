/* Every limit and default of the program. Sizes in bytes unless the name says otherwise. Reaching a limit is an answer,
 * never an assertion. */
#ifndef SL_BASE_LIMITS_H
#define SL_BASE_LIMITS_H

#include <stdint.h>

enum {
    /* Values: payloads, outputs, state keys. Equal to those of sluice/stage.h (a test compares). */
    SL_VALUE_BYTES_MAX = 4 << 20,
    SL_VALUE_DEPTH_MAX = 64,
    SL_VALUE_NODES_MAX = 1000000,
    SL_FIELD_BYTES_MAX = 64 << 10,
    SL_INPUT_BYTES_MAX = 16 << 20,  /* an assembled input */
    SL_STATE_BYTES_MAX = 16 << 20,  /* the run state of one run */
    SL_RESULT_BYTES_MAX = 16 << 20, /* all values of one result together */

    /* Wire. */
    SL_CLIENT_MESSAGE_MAX = 6 << 20,
    SL_WORKER_MESSAGE_MAX = 24 << 20,
    SL_PIPE_FRAME_MAX = 24 << 20,
    SL_BATCH_MESSAGE_MAX = 1 << 20, /* several tasks or results share a message up to this */
    SL_CONTROL_DEPTH_MAX = 16,
    SL_CONTROL_NODES_MAX = 65536,

    /* Names and texts. */
    SL_NAME_MAX = 64,      /* pipeline, stage, type, policy, field, state key, worker, tenant */
    SL_KEY_MAX = 128,      /* a client's key: 1 to 128 printable bytes */
    SL_DOC_KEY_MAX = 4096, /* path and digest */
    SL_LABELS_MAX = 16,
    SL_LABEL_VALUE_MAX = 256,
    SL_CURSOR_MAX = 24 << 10, /* of a list: at most 20 bytes a shard */
    SL_REASON_MAX = 8 << 10, /* error texts and sentences */
    SL_TRACEPARENT_MAX = 64,

    /* Pipelines and policies. */
    SL_PIPELINE_TEXT_MAX = 256 << 10,
    SL_YAML_DEPTH_MAX = 16,
    SL_YAML_EVENTS_MAX = 20000,
    SL_YAML_SCALAR_MAX = 16 << 10,
    SL_YAML_KEYS_MAX = 1024, /* of one map */
    SL_STAGES_MAX = 1024,
    SL_EDGES_MAX = 8192,
    SL_STATE_KEYS_MAX = 16, /* of one stage */
    SL_DEPENDENCIES_MAX = 16,
    SL_PLUGIN_REFERENCES_MAX = 64, /* of one pipeline */
    SL_SCHEMA_BYTES_MAX = 64 << 10, /* of a config schema, as JSON text */
    SL_SCHEMA_DEPTH_MAX = 16,       /* of its lists and maps in each other */
    SL_SCHEMA_NODES_MAX = 4096,     /* its keys and values together */
    SL_PROBLEMS_MAX = 100,         /* shown of one file */
    SL_ATTEMPTS_MAX = 10,
    SL_CRASHES_MAX = 3,
    SL_TIMEOUT_SECONDS_MAX = 600,
    SL_FIELDS_MAX = 64, /* ledger fields of one job */
    SL_RETURNS_MAX = 100, /* returned attempts of one stage before the next one counts as failed */

    /* Ledger. */
    SL_SHARDS_DEFAULT = 8,
    SL_SHARDS_MAX = 1024,
    SL_BATCH_TRANSITIONS_MAX = 4096,
    SL_BATCH_BYTES_MAX = 1 << 20,
    SL_SEND_BYTES_MAX = 16 << 20, /* sealed writes of one shard that are on their way to Redis at once, or one larger */
    SL_SETTLE_BYTES_MAX = 64 << 10,
    SL_SETTLE_RECORDS_MAX = 64,
    SL_SETTLE_ENDED_AFTER_MS = 50,  /* an ended job waits this long for others to share its settle */
    SL_LOG_BYTES_MAX = 64 << 20,        /* log behind the checkpoints of one broker */
    SL_UNDURABLE_BYTES_PRESSURE = 32 << 20, /* decided and not durable: submits get BACKPRESSURE */
    SL_UNDURABLE_BYTES_STOP = 64 << 20,     /* the client socket is not read */
    SL_PAYLOAD_INLINE_MAX = 256,        /* a payload up to this stands in the job's head */
    SL_PAYLOAD_LIGHT_MAX = 16 << 10,    /* of queued jobs with payloads up to this many are read ahead */
    SL_OUTPUT_INLINE_MAX = 4 << 10,     /* an output up to this stands in an ended job's record */
    SL_HOT_BYTES_MAX = 256 << 20,       /* payloads and outputs kept in the broker's memory */
    SL_READS_MAX = 16384,               /* questions to Redis without an answer; above it those of clients are refused */
    SL_ONCE_MAX = 16384,                /* repeated requests without a key that are remembered, to know a first copy that comes late */
    SL_REPLY_MS = 2000,                 /* deadline of a call to Redis */
    SL_REMOVALS_MAX = 64,               /* finished jobs of one shard that are being removed at once */
    SL_DROPS_MAX = 64,                  /* tombstones of one shard that wait for a settle to drop them */

    /* Workers. */
    SL_SLOTS_MAX = 4096,
    SL_WORKER_SLOTS_MAX = 256, /* attempts at once, each in a stage host */
    SL_TYPES_MAX = 1024, /* stage types of one worker */
    SL_WORKERS_MAX = 1024,
    SL_CALLABLES_MAX = 256,  /* functions that the pipelines of a cluster name in their `plugins`, together */
    SL_TYPE_KEY_MAX = SL_KEY_MAX + 1 + SL_NAME_MAX, /* a stage type, or "libx.so:function/type" */
    SL_STAGE_FILES = 1024, /* open at once in one stage host, unless --stage-files says otherwise */
    SL_TIMEOUT_GRACE_MS = 10000, /* the broker declares an attempt timed out this much after its timeout */

    /* Timers (configuration `timing`): production values. */
    SL_BEAT_MS = 1000,
    SL_TAKEOVER_MS = 3000,
    SL_HEARTBEAT_MS = 1000,
    SL_LOST_MS = 5000,
    SL_HEARTBEAT_MIN_MS = 10, /* a worker follows nothing shorter: it would do nothing else */
    SL_LOST_MIN_MS = 50,
    SL_ONCE_GRACE_MS = 60000, /* after a takeover requests without a key are looked up: a first copy may come late */
    SL_DRAIN_MS = 5000, /* a broker that stops settles and gives its shards back for so long */
    SL_SETTLE_MS = 1000 /* a job under way gets a record when its changes are this old: most end before and need one only */
};

/* Of one worker, unless --spool-size says otherwise; and the least that it may say: one result. */
#define SL_SPOOL_BYTES ((uint64_t)1 << 30)
#define SL_SPOOL_BYTES_MIN ((uint64_t)SL_RESULT_BYTES_MAX)

/* Of one stage host, unless --stage-memory and --stage-file-size say otherwise; and the least that they may say: with less it does not
 * start, or cannot work. Too large for an enum. */
#define SL_STAGE_MEMORY ((uint64_t)4 << 30)
#define SL_STAGE_MEMORY_MIN ((uint64_t)64 << 20)
#define SL_STAGE_FILE_SIZE ((uint64_t)16 << 30)
#define SL_STAGE_FILE_SIZE_MIN ((uint64_t)1 << 20)

/* Finished jobs are kept so long, and up to so many bytes of a cluster; what is left of a removed one tells a repeated request for so
 * long (reliability, G2). */
#define SL_RETENTION_MS ((uint64_t)7 * 24 * 3600 * 1000)
#define SL_RETENTION_BYTES ((uint64_t)1 << 30)
#define SL_TOMBSTONE_MS ((uint64_t)7 * 24 * 3600 * 1000)

/* The largest group of transitions (one RESULT with all its values) must be smaller than Redis' largest argument
 * (proto-max-bulk-len in deploy/redis.conf, 64 MiB). */
_Static_assert(SL_RESULT_BYTES_MAX + SL_BATCH_BYTES_MAX < 64 << 20, "a group must fit one Redis argument");
_Static_assert(SL_INPUT_BYTES_MAX + SL_BATCH_MESSAGE_MAX <= SL_WORKER_MESSAGE_MAX, "an input must fit one message");

#endif
