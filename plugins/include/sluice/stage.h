/* sluice/stage.h: everything that a stage plugin needs. C99, also compiles as C11 and C++17; no dependency.
 *
 * A plugin is a shared object that exports one function, `sluice_plugin_v1` (or any function of that type which a
 * pipeline names as `callable: "libname.so:function"`, for such pipelines only). Sluice calls it once after loading and
 * gets back the list of stage types that the plugin offers. Example, complete (plugins/example/echo.c with comments):
 *
 *     static const sluice_host *host;
 *     static sluice_outcome execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
 *         (void)self;
 *         if (host->progress(ctx, 1, 1) != 0) return SLUICE_FAILED_RETRYABLE;
 *         return host->out_write(out, upstream.data, upstream.size) == 0 ? SLUICE_DONE : SLUICE_FAILED_PERMANENT;
 *     }
 *
 * Order of calls, all on one thread of one process (a stage host; with `isolation: inline` the worker's loop):
 *
 *     sluice_plugin_v1(host)
 *       -> open(definition)  once per pipeline version and stage, its result is the instance
 *            -> execute(instance, ...) any number of times, one at a time
 *                 -> output_handler(...), output_counter(...)   after each execute that returned SLUICE_DONE
 *            -> health(instance, ...)  any number of times, never during execute
 *       -> close(instance)   when the host makes room, and at its end
 *
 * The process may be killed at any moment: during a timeout, a cancelled job, a worker that dies. A stage is executed
 * at least once; it makes its outside effects repeatable, or guards them with `sluice_task.attempt_token`.
 *
 * Values cross this interface as msgpack bytes (https://github.com/msgpack/msgpack/blob/master/spec.md), exactly one
 * msgpack object per value. A value is at most SLUICE_VALUE_BYTES_MAX bytes, SLUICE_VALUE_DEPTH_MAX deep, and has at
 * most SLUICE_VALUE_NODES_MAX objects. Memory is freed by the side that allocated it, never by the other.
 *
 * The first field of every struct is its size in bytes. A reader looks only at the fields that the size covers, so
 * fields may be added at the end within one major version. */
#ifndef SLUICE_STAGE_H
#define SLUICE_STAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_ABI_MAJOR 1
#define SLUICE_ABI_MINOR 0
#define SLUICE_VALUE_BYTES_MAX (4u << 20)
#define SLUICE_VALUE_DEPTH_MAX 64
#define SLUICE_VALUE_NODES_MAX 1000000
#if defined(_WIN32)
#error "Sluice plugins are ELF shared objects"
#endif
#define SLUICE_EXPORT __attribute__((visibility("default")))

/* Bytes that somebody else owns. Valid until the call that received them returns. `data` may be NULL when size is 0. */
typedef struct sluice_bytes {
    const void *data;
    size_t size;
} sluice_bytes;

/* One attempt as the stage sees it; opaque. Valid during the execute call that received it, on its thread only. */
typedef struct sluice_ctx sluice_ctx;

/* Where one attempt writes its output and its state keys; opaque. Valid during execute, or during output_handler. */
typedef struct sluice_out sluice_out;

/* What execute returns. Any other number counts as SLUICE_FAILED_PERMANENT. */
typedef enum sluice_outcome {
    SLUICE_DONE = 0,             /* the output that was written is the stage's result */
    SLUICE_FAILED_RETRYABLE = 1, /* this attempt failed; the stage's policy decides about another one */
    SLUICE_FAILED_PERMANENT = 2  /* no further attempt can succeed */
} sluice_outcome;

typedef enum sluice_log_level {
    SLUICE_LOG_DEBUG = 0,
    SLUICE_LOG_INFO = 1,
    SLUICE_LOG_WARNING = 2,
    SLUICE_LOG_ERROR = 3
} sluice_log_level;

/* Where a registration's code may run. */
typedef enum sluice_isolation {
    SLUICE_ISOLATION_HOST = 0,  /* in a child process of the worker (the default) */
    SLUICE_ISOLATION_INLINE = 1 /* may run in the worker's own loop: for trusted code that returns in microseconds,
                                   never blocks and cannot crash; its timeout is not enforced */
} sluice_isolation;

/* Facts about one attempt. All texts are UTF-8, NUL-terminated, valid during execute; absent ones are "". */
typedef struct sluice_task {
    uint32_t size;
    uint32_t run;                /* 1, 2, ... of the job */
    uint32_t attempt;            /* 1, 2, ... of this stage in this run */
    uint32_t timeout_ms;         /* after this much time the host process is killed */
    const char *job_id;          /* UUID text */
    const char *tenant_id;
    const char *doc_key;         /* the document's key, "" when the job has none */
    const char *attempt_token;   /* differs between any two attempts of any stage */
} sluice_task;

/* What open receives: the stage as its pipeline declares it. Valid during open only. */
typedef struct sluice_definition {
    uint32_t size;
    uint32_t reserved;
    const char *pipeline;        /* name of the pipeline */
    const char *version;         /* its version */
    const char *name;            /* name of the stage */
    const char *type;            /* stage type, that of the registration */
    sluice_bytes config;         /* the stage's `config`, one msgpack map (an empty map when it has none) */
    const char *data_directory;  /* a directory of the worker that outlives it, shared by all its stages */
} sluice_definition;

/* What a plugin may call. One table per process, valid as long as the process. Functions that take a ctx or an out may
 * be called only during the call that received it and on its thread. */
typedef struct sluice_host {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;

    /* Sets the output of this attempt: one msgpack value, copied. A second call replaces the first. Returns 0, or -1
     * when the bytes are not one valid value within the limits above (then the attempt can only fail, permanently,
     * with a sentence that names the reason, whatever execute returns). */
    int (*out_write)(sluice_out *out, const void *data, size_t size);

    /* Sets the value of a declared state key; only during output_handler. Copied. Returns 0, or -1 as above, or when
     * the key is not one of the stage's state keys (the attempt fails with `undeclared-key`). */
    int (*state_write)(sluice_out *out, const char *key, const void *data, size_t size);

    /* Says that the attempt lives and how far it is (total 0 = unknown). Returns 0 to go on, or 1 when the job was
     * cancelled: stop soon and return SLUICE_FAILED_RETRYABLE. Costs a few microseconds; it is rate-limited. */
    int (*progress)(sluice_ctx *ctx, uint64_t done, uint64_t total);

    /* Adds a line to the attempt's log. Control characters are escaped; at most 8 KiB of a line are kept. */
    void (*log)(sluice_ctx *ctx, sluice_log_level level, const char *text);

    /* Says why execute is about to return a failure, in one sentence for people. The last call counts; at most
     * 8 KiB are kept. */
    void (*fail)(sluice_ctx *ctx, const char *sentence);

    /* Sets a field of the job's ledger entry to one msgpack value of at most 64 KiB. It is committed at once and kept
     * even if the attempt fails. The name matches [A-Za-z_][A-Za-z0-9_.]* and is at most 64 bytes. Returns 0 or -1. */
    int (*field_set)(sluice_ctx *ctx, const char *field, const void *data, size_t size);

    /* The facts of this attempt. Never NULL. */
    const sluice_task *(*task)(sluice_ctx *ctx);
} sluice_host;

/* A stage type: what the cluster must know of it, and its code. Static data of the plugin; must stay valid and unchanged as long as the
 * process. NULL members are absent. Keywords of config_schema (draft-07): type, properties, required, additionalProperties, enum, const,
 * minimum, maximum, minLength, maxLength, minItems, maxItems, pattern (PCRE2), items (one schema), default (not filled in); at most 64 KiB,
 * 16 deep, 4096 keys and values. With any other the plugin is not loaded. `pipelines lint` keeps to it; `open` still has the last word. */
typedef struct sluice_registration {
    uint32_t size;
    sluice_isolation isolation;
    const char *stage_type;          /* required, [A-Za-z0-9_-]{1,64} */
    const char *description;         /* required, not blank */
    const char *version;             /* of the plugin's code, e.g. "1.2.0"; "0.0.0" when NULL */
    const char *const *state_keys;   /* NULL-terminated; each [A-Za-z_][A-Za-z0-9_]* but "results", at most 64 bytes, at most 16 */
    const char *const *dependencies; /* NULL-terminated: stage types, or "@ledger", "@payload", "@state"; at most 16 */
    const char *config_schema;       /* JSON Schema of `config`, as JSON text; NULL or "": any config */
    const char *resources;           /* labels that operators match, e.g. "gpu=1"; NULL for none */
    int idempotent;                  /* 0: never dispatched twice; 1: may be repeated (the normal case) */
    int reserved;

    /* Makes an instance. Returns 0 and sets *out_self (NULL is allowed), or not 0 with a sentence of at most error_size bytes,
     * NUL included, in `error`: every attempt of this stage then fails permanently with it. NULL: the instance is NULL. */
    int (*open)(const sluice_definition *definition, void **out_self, char *error, size_t error_size);

    /* Makes one attempt. `upstream` is one msgpack value: what the stage depends on, or the job's payload. Required. */
    sluice_outcome (*execute)(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out);

    /* Frees an instance. Called once per successful open. NULL: nothing to free. */
    void (*close)(void *self);

    /* Returns 0 when the instance can work; else not 0 and a sentence, as open. */
    int (*health)(void *self, char *error, size_t error_size);

    /* Turns the output into the stage's state keys by state_write. Sees the output only. Not 0: the attempt fails permanently. NULL: it
     * is the value of the one state key, with several keys a map that must hold each of them, with none kept as the result only. */
    int (*output_handler)(sluice_out *out, const char *stage_name, sluice_bytes output);

    /* How many things the output holds. Negative counts as 0. NULL: the length of an array or map, 0 for nil, else 1. */
    int64_t (*output_counter)(sluice_bytes output);
} sluice_registration;

/* What the entry function returns: valid and unchanged as long as the process. */
typedef struct sluice_registration_list {
    uint32_t size;                                 /* of this struct */
    uint16_t abi_major;                            /* SLUICE_ABI_MAJOR that the plugin was built with */
    uint16_t abi_minor;
    uint32_t count;                                /* registrations, 1 to 64 */
    uint32_t reserved;
    const sluice_registration *const *registrations;
} sluice_registration_list;

/* The entry function. Called once per process, first of all. Returns NULL when the plugin cannot work here. */
typedef const sluice_registration_list *(*sluice_plugin_function)(const sluice_host *host);

SLUICE_EXPORT const sluice_registration_list *sluice_plugin_v1(const sluice_host *host);

#ifdef __cplusplus
}
#endif
#endif
