/* What stands in Redis of a job, as bytes and back. Every record ends in a CRC32C of what is before it (4 bytes little-endian);
 * one that does not decode is SL_E_DAMAGED and parks its job.
 *
 *   facts    array [tenant, kind (0 once, 1 key, 2 doc), key, labels (map), traceparent]              (no CRC: always inside a head)
 *   head     array [format, at, state, once, run, created_ms, updated_ms, created_n, pipeline, request, facts, payload or nil when
 *            it stands in `p`, reason, fields {name: value}, stages or nil while queued]
 *   output   array [type, count, {state key: value}, output or nil when it is the value of the only state key]
 *   payload  the msgpack value itself, when it stands in `p`
 *   ended    array [2, head, history, shard time of the settle, bytes, bytes up to it, {stage index: output}]; of a broker before
 *            retention: array [1, head, history, {stage index: output}]
 */
#ifndef SL_CORE_RECORD_H
#define SL_CORE_RECORD_H

#include "base/msgpack.h"
#include "job.h"

struct sl_facts {
    struct sl_bytes tenant;
    unsigned kind; /* 0 once, 1 key, 2 doc */
    struct sl_bytes key;
    struct sl_bytes labels; /* msgpack map */
    struct sl_bytes traceparent;
};

/* Facts to bytes and back. */
void sl_facts_put(struct sl_buf *buf, const struct sl_facts *facts);
int sl_facts_read(struct sl_bytes bytes, struct sl_facts *out_facts);

/* One output record: values are [key, value] pairs in order. */
struct sl_output {
    struct sl_bytes type;
    uint64_t count;
    struct sl_mp_reader values; /* at the first key; read str and bin, value_count times */
    uint32_t value_count;
    struct sl_bytes output; /* empty: the value of the only state key */
};
int sl_output_read(struct sl_bytes record, struct sl_output *out_output);
/* The value under a key, or empty. */
struct sl_bytes sl_output_value(const struct sl_output *output, struct sl_bytes key);

/* Appends the CRC of everything in buf from `start` on; and checks and cuts it. */
void sl_record_seal(struct sl_buf *buf, size_t start);
int sl_record_open(struct sl_bytes record, struct sl_bytes *out_content);

/* Appends a job's head, as it is stored: with its facts, which must be in memory, and its payload when that is small.
 * Failure: buf->failed. */
void sl_record_head(struct sl_buf *buf, const struct sl_job *job);

/* Appends what decides the job's future, without facts, payload and outputs: equal states give equal bytes. For comparing. */
void sl_record_state(struct sl_buf *buf, const struct sl_job *job);

/* Builds a job from its head, not in the table yet; `find` gives the pipeline of a digest. 0; SL_E_DAMAGED; SL_E_NOT_FOUND when the
 * pipeline is not known; SL_E_NO_MEMORY. The job's payload and outputs are not in memory (cold) unless they stand in the head. */
typedef struct sl_pipeline_entry *(*sl_pipeline_finder)(void *context, struct sl_digest digest);
int sl_record_read_head(struct sl_job_table *table, struct sl_bytes record, sl_pipeline_finder find, void *context,
                        struct sl_job **out_job);

/* The `at` of a head, without building the job. 0, or SL_E_DAMAGED. */
int sl_record_head_at(struct sl_bytes record, uint64_t *out_at);

/* The facts and the payload (empty when it stands in `p`) of a head, borrowed from it. 0, or SL_E_DAMAGED. */
int sl_record_head_parts(struct sl_bytes record, struct sl_bytes *out_facts, struct sl_bytes *out_payload);

/* What retention must know of an ended job. */
struct sl_retained {
    uint64_t since_ms; /* shard time at which its record was written */
    uint64_t bytes;    /* of its record and of the parts beside it, as far as the owner that wrote it knew them; without keys */
    uint64_t upto;     /* of all jobs that its shard ever finished, up to this one and with it */
};

/* Appends an ended job's record: head, history since the settle before, outputs up to SL_OUTPUT_INLINE_MAX. `before`: the bytes of
 * all jobs that its shard finished before it. Returns them with this one's. */
uint64_t sl_record_ended(struct sl_buf *buf, const struct sl_job *job, uint64_t since_ms, uint64_t before);

struct sl_ended {
    struct sl_bytes head;
    struct sl_bytes history;
    struct sl_retained retained; /* all zero in a record of a broker before retention: it counts as written when the shard began */
    struct sl_mp_reader outputs; /* at the first stage index; read uint and bin, output_count times */
    uint32_t output_count;
};
int sl_record_read_ended(struct sl_bytes record, struct sl_ended *out_ended);

/* Writes a number in decimal, no NUL; room for 20 bytes. Returns its length. */
size_t sl_decimal(uint64_t number, char *out_text);

/* The field name of a stage's output: "o.<run>.<stage>.<item>". Returns its length. */
enum { SL_OUTPUT_FIELD_SIZE = 40 };
size_t sl_output_field(char *out_text, uint32_t run, uint16_t stage);

#endif
