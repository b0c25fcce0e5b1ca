/* Records: jobs as bytes in Redis; see record.h. */
#include "record.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "pipeline_entry.h"

enum { RECORD_FORMAT = 1, ENDED_FORMAT = 2, CRC_BYTES = 4 };

void sl_facts_put(struct sl_buf *buf, const struct sl_facts *facts) {
    sl_mp_array(buf, 5);
    sl_mp_str(buf, facts->tenant);
    sl_mp_uint(buf, facts->kind);
    sl_mp_str(buf, facts->key);
    if (facts->labels.size) {
        sl_mp_raw(buf, facts->labels);
    } else {
        sl_mp_map(buf, 0);
    }
    sl_mp_str(buf, facts->traceparent);
}

int sl_facts_read(struct sl_bytes bytes, struct sl_facts *out_facts) {
    struct sl_mp_reader reader = sl_mp_reader(bytes);
    struct sl_facts facts;
    (void)sl_mp_read_array(&reader, 16);
    facts.tenant = sl_mp_read_str(&reader, SL_NAME_MAX);
    facts.kind = (unsigned)sl_mp_read_uint(&reader, 2);
    facts.key = sl_mp_read_str(&reader, SL_DOC_KEY_MAX);
    facts.labels = sl_mp_read_raw(&reader, 2);
    facts.traceparent = sl_mp_read_str(&reader, SL_TRACEPARENT_MAX);
    if (sl_mp_end(&reader)) return SL_E_DAMAGED;
    *out_facts = facts;
    return SL_OK;
}

void sl_record_seal(struct sl_buf *buf, size_t start) {
    if (buf->failed) return;
    uint32_t crc = sl_crc32c(sl_bytes(buf->data + start, buf->size - start));
    uint8_t bytes[CRC_BYTES] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
    (void)sl_buf_append(buf, bytes, sizeof bytes); /* kept in buf->failed */
}

int sl_record_open(struct sl_bytes record, struct sl_bytes *out_content) {
    if (record.size < CRC_BYTES) return SL_E_DAMAGED;
    struct sl_bytes content = sl_bytes(record.data, record.size - CRC_BYTES);
    const uint8_t *tail = record.data + content.size;
    uint32_t crc = (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24;
    if (crc != sl_crc32c(content)) return SL_E_DAMAGED;
    *out_content = content;
    return SL_OK;
}

int sl_output_read(struct sl_bytes record, struct sl_output *out_output) {
    struct sl_bytes content;
    if (sl_record_open(record, &content)) return SL_E_DAMAGED;
    struct sl_mp_reader reader = sl_mp_reader(content);
    struct sl_output output;
    (void)sl_mp_read_array(&reader, 4);
    output.type = sl_mp_read_str(&reader, SL_NAME_MAX);
    output.count = sl_mp_read_uint(&reader, UINT64_MAX);
    output.value_count = sl_mp_read_map(&reader, SL_STATE_KEYS_MAX);
    output.values = reader;
    for (uint32_t i = 0; i < output.value_count; i++) {
        (void)sl_mp_read_str(&reader, SL_NAME_MAX);
        (void)sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
    }
    output.output = sl_mp_read_nil(&reader) ? sl_bytes(NULL, 0) : sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
    if (sl_mp_end(&reader)) return SL_E_DAMAGED;
    *out_output = output;
    return SL_OK;
}

struct sl_bytes sl_output_value(const struct sl_output *output, struct sl_bytes key) {
    struct sl_mp_reader reader = output->values;
    for (uint32_t i = 0; i < output->value_count; i++) {
        struct sl_bytes name = sl_mp_read_str(&reader, SL_NAME_MAX);
        struct sl_bytes value = sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
        if (sl_bytes_equal(name, key)) return value;
    }
    return sl_bytes(NULL, 0);
}

static bool is_untouched(const struct sl_stage_run *stage) {
    return stage->attempt == 0 && (stage->state == SL_STAGE_WAITING || stage->state == SL_STAGE_READY);
}

/* A stage that was never started is its state's number; one that will not run again keeps what people ask for; else all of it. */
static void put_stage(struct sl_buf *buf, const struct sl_stage_run *stage) {
    if (is_untouched(stage)) {
        sl_mp_uint(buf, stage->state);
        return;
    }
    bool whole = !sl_stage_state_is_terminal((enum sl_stage_state)stage->state);
    sl_mp_array(buf, whole ? 21 : 10);
    sl_mp_uint(buf, stage->state);
    sl_mp_uint(buf, stage->outcome);
    sl_mp_uint(buf, stage->crashes);
    sl_mp_uint(buf, stage->tries);
    sl_mp_uint(buf, stage->returns);
    sl_mp_uint(buf, stage->attempt);
    sl_mp_uint(buf, stage->duration_ms);
    sl_mp_uint(buf, stage->count);
    sl_mp_uint(buf, stage->started_ms);
    sl_mp_uint(buf, stage->ended_ms);
    if (!whole) return;
    sl_mp_bool(buf, stage->idempotent);
    sl_mp_uint(buf, stage->attempts_max);
    sl_mp_uint(buf, stage->crashes_max);
    sl_mp_uint(buf, stage->timeout_ms);
    sl_mp_uint(buf, stage->backoff.strategy);
    sl_mp_uint(buf, stage->backoff.initial_ms);
    sl_mp_uint(buf, stage->backoff.maximum_ms);
    sl_mp_bool(buf, stage->backoff.jitter);
    sl_mp_uint(buf, stage->nonce);
    sl_mp_uint(buf, stage->epoch);
    sl_mp_uint(buf, stage->until_ms);
}

static void put_fields(struct sl_buf *buf, const struct sl_job *job) {
    uint32_t count = 0;
    for (const struct sl_field *field = job->fields; field; field = field->next) count++;
    sl_mp_map(buf, count);
    for (const struct sl_field *field = job->fields; field; field = field->next) {
        sl_mp_str(buf, sl_bytes(field->name, field->name_size));
        sl_mp_bin(buf, sl_blob_bytes(field->value));
    }
}

static void put_head(struct sl_buf *buf, const struct sl_job *job, struct sl_bytes facts, const struct sl_blob *payload) {
    size_t start = buf->size;
    sl_mp_array(buf, 15);
    sl_mp_uint(buf, RECORD_FORMAT);
    sl_mp_uint(buf, job->at);
    sl_mp_uint(buf, job->state);
    sl_mp_bool(buf, job->once);
    sl_mp_uint(buf, job->run_number);
    sl_mp_uint(buf, job->created_ms);
    sl_mp_uint(buf, job->updated_ms);
    sl_mp_uint(buf, job->created_n);
    sl_mp_bin(buf, sl_bytes(job->pipeline->digest.bytes, 16));
    sl_mp_bin(buf, sl_bytes(job->request.bytes, 16));
    sl_mp_bin(buf, facts);
    if (payload) {
        sl_mp_bin(buf, sl_blob_bytes(payload));
    } else {
        sl_mp_nil(buf);
    }
    sl_mp_str(buf, sl_blob_bytes(job->reason));
    put_fields(buf, job);
    if (job->run) {
        sl_mp_array(buf, job->run->stage_count);
        for (uint16_t i = 0; i < job->run->stage_count; i++) put_stage(buf, &job->run->stages[i]);
    } else {
        sl_mp_nil(buf);
    }
    sl_record_seal(buf, start);
}

void sl_record_head(struct sl_buf *buf, const struct sl_job *job) {
    SL_ASSERT(job->facts);
    bool is_small = job->payload && job->payload->size <= SL_PAYLOAD_INLINE_MAX;
    put_head(buf, job, sl_blob_bytes(job->facts), is_small ? job->payload : NULL);
}

void sl_record_state(struct sl_buf *buf, const struct sl_job *job) {
    put_head(buf, job, sl_bytes(NULL, 0), NULL);
}

static void read_stage(struct sl_mp_reader *reader, struct sl_stage_run *stage) {
    struct sl_mp_object object;
    if (sl_mp_next(reader, &object)) return;
    if (object.type == SL_MP_UINT) {
        stage->state = (uint8_t)object.uint;
        if (object.uint > SL_STAGE_READY) sl_mp_fail(reader, SL_E_BAD_INPUT);
        return;
    }
    if (object.type != SL_MP_ARRAY || (object.count != 10 && object.count != 21)) {
        sl_mp_fail(reader, SL_E_BAD_INPUT);
        return;
    }
    stage->state = (uint8_t)sl_mp_read_uint(reader, SL_STAGE_STATE_COUNT - 1);
    stage->outcome = (uint8_t)sl_mp_read_uint(reader, UINT8_MAX);
    stage->crashes = (uint8_t)sl_mp_read_uint(reader, UINT8_MAX);
    stage->tries = (uint16_t)sl_mp_read_uint(reader, UINT16_MAX);
    stage->returns = (uint16_t)sl_mp_read_uint(reader, UINT16_MAX);
    stage->attempt = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    stage->duration_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    stage->count = sl_mp_read_uint(reader, UINT64_MAX);
    stage->started_ms = sl_mp_read_uint(reader, UINT64_MAX);
    stage->ended_ms = sl_mp_read_uint(reader, UINT64_MAX);
    if (object.count == 10) return;
    stage->idempotent = sl_mp_read_bool(reader);
    stage->attempts_max = (uint16_t)sl_mp_read_uint(reader, UINT16_MAX);
    stage->crashes_max = (uint16_t)sl_mp_read_uint(reader, UINT16_MAX);
    stage->timeout_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    stage->backoff.strategy = (enum sl_backoff_strategy)sl_mp_read_uint(reader, SL_BACKOFF_NONE);
    stage->backoff.initial_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    stage->backoff.maximum_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    stage->backoff.jitter = sl_mp_read_bool(reader);
    stage->nonce = sl_mp_read_uint(reader, UINT64_MAX);
    stage->epoch = sl_mp_read_uint(reader, UINT64_MAX);
    stage->until_ms = sl_mp_read_uint(reader, UINT64_MAX);
}

/* What the records leave out because it follows: counts of the run, predecessors that are missing. */
static void derive_run(struct sl_run *run, const struct sl_pipeline *pipeline) {
    run->succeeded_count = run->running_count = run->ready_count = 0;
    for (uint16_t i = 0; i < run->stage_count; i++) {
        struct sl_stage_run *stage = &run->stages[i];
        run->succeeded_count += stage->state == SL_STAGE_SUCCEEDED;
        run->running_count += stage->state == SL_STAGE_RUNNING;
        run->ready_count += stage->state == SL_STAGE_READY;
        stage->output_settled = stage->state == SL_STAGE_SUCCEEDED;
        stage->pending = 0;
        for (uint16_t k = 0; k < pipeline->stages[i].predecessor_count; k++) {
            stage->pending += run->stages[pipeline->stages[i].predecessors[k]].state != SL_STAGE_SUCCEEDED;
        }
    }
}

static void read_run(struct sl_job_table *table, struct sl_mp_reader *reader, struct sl_job *job) {
    if (sl_mp_read_nil(reader)) return;
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    uint32_t count = sl_mp_read_array(reader, SL_STAGES_MAX);
    if (reader->rc == SL_OK && count != pipeline->stage_count) sl_mp_fail(reader, SL_E_BAD_INPUT);
    if (reader->rc) return;
    job->run = sl_run_new(table, pipeline, job->run_number);
    if (!job->run) {
        sl_mp_fail(reader, SL_E_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        job->run->stages[i].job = job;
        read_stage(reader, &job->run->stages[i]);
    }
    derive_run(job->run, pipeline);
}

static struct sl_blob *read_blob(struct sl_job_table *table, struct sl_mp_reader *reader, struct sl_bytes bytes) {
    if (reader->rc) return NULL;
    struct sl_blob *blob = sl_blob_new(table->alloc, bytes);
    if (!blob) sl_mp_fail(reader, SL_E_NO_MEMORY);
    if (blob) table->blob_bytes += blob->size;
    return blob;
}

static void read_fields(struct sl_job_table *table, struct sl_mp_reader *reader, struct sl_job *job) {
    struct sl_field **end = &job->fields;
    uint32_t count = sl_mp_read_map(reader, SL_FIELDS_MAX);
    for (uint32_t i = 0; i < count && reader->rc == SL_OK; i++) {
        struct sl_bytes name = sl_mp_read_str(reader, SL_NAME_MAX);
        struct sl_bytes value = sl_mp_read_bin(reader, SL_FIELD_BYTES_MAX);
        if (reader->rc) return;
        struct sl_field *field = sl_pool_take(table->pool, sizeof *field + name.size);
        if (!field) {
            sl_mp_fail(reader, SL_E_NO_MEMORY);
            return;
        }
        field->name_size = (uint8_t)name.size;
        memcpy(field->name, name.data, name.size);
        *end = field;
        end = &field->next;
        field->value = read_blob(table, reader, value);
    }
}

static void read_texts(struct sl_job_table *table, struct sl_mp_reader *reader, struct sl_job *job) {
    struct sl_bytes facts = sl_mp_read_bin(reader, SL_VALUE_BYTES_MAX);
    struct sl_facts checked;
    if (reader->rc == SL_OK && sl_facts_read(facts, &checked)) sl_mp_fail(reader, SL_E_BAD_INPUT);
    job->facts = read_blob(table, reader, facts);
    if (sl_mp_read_nil(reader)) {
        job->cold = true;
    } else {
        job->payload = read_blob(table, reader, sl_mp_read_bin(reader, SL_VALUE_BYTES_MAX));
    }
    struct sl_bytes reason = sl_mp_read_str(reader, SL_REASON_MAX);
    if (reason.size) job->reason = read_blob(table, reader, reason);
    read_fields(table, reader, job);
}

int sl_record_read_head(struct sl_job_table *table, struct sl_bytes record, sl_pipeline_finder find, void *context,
                        struct sl_job **out_job) {
    struct sl_bytes content;
    struct sl_digest digest;
    if (sl_record_open(record, &content)) return SL_E_DAMAGED;
    struct sl_mp_reader reader = sl_mp_reader(content);
    if (sl_mp_read_array(&reader, 15) != 15) return SL_E_DAMAGED;
    if (sl_mp_read_uint(&reader, UINT32_MAX) != RECORD_FORMAT) return SL_E_DAMAGED;
    struct sl_job *job = sl_pool_take(table->pool, sizeof *job);
    if (!job) return SL_E_NO_MEMORY;
    job->at = sl_mp_read_uint(&reader, UINT64_MAX);
    job->state = (uint8_t)sl_mp_read_uint(&reader, SL_JOB_STATE_COUNT - 1);
    job->once = sl_mp_read_bool(&reader);
    job->run_number = (uint32_t)sl_mp_read_uint(&reader, UINT32_MAX);
    job->created_ms = sl_mp_read_uint(&reader, UINT64_MAX);
    job->updated_ms = sl_mp_read_uint(&reader, UINT64_MAX);
    job->created_n = sl_mp_read_uint(&reader, UINT64_MAX);
    sl_mp_read_bin_exact(&reader, digest.bytes, 16);
    sl_mp_read_bin_exact(&reader, job->request.bytes, 16);
    if (reader.rc == SL_OK) job->pipeline = find(context, digest);
    if (reader.rc == SL_OK && !job->pipeline) sl_mp_fail(&reader, SL_E_NOT_FOUND);
    if (reader.rc == SL_OK) read_texts(table, &reader, job);
    if (reader.rc == SL_OK) read_run(table, &reader, job);
    int rc = sl_mp_end(&reader);
    if (rc) {
        sl_job_free(table, &job);
        return rc == SL_E_NO_MEMORY || rc == SL_E_NOT_FOUND ? rc : SL_E_DAMAGED;
    }
    if (job->run && job->run->succeeded_count > 0) job->cold = true;
    job->payload_settled = true;
    job->in_live = true;
    *out_job = job;
    return SL_OK;
}

int sl_record_head_at(struct sl_bytes record, uint64_t *out_at) {
    struct sl_bytes content;
    if (sl_record_open(record, &content)) return SL_E_DAMAGED;
    struct sl_mp_reader reader = sl_mp_reader(content);
    (void)sl_mp_read_array(&reader, 15);
    (void)sl_mp_read_uint(&reader, RECORD_FORMAT);
    uint64_t at = sl_mp_read_uint(&reader, UINT64_MAX);
    if (reader.rc) return SL_E_DAMAGED;
    *out_at = at;
    return SL_OK;
}

int sl_record_head_parts(struct sl_bytes record, struct sl_bytes *out_facts, struct sl_bytes *out_payload) {
    struct sl_bytes content;
    if (sl_record_open(record, &content)) return SL_E_DAMAGED;
    struct sl_mp_reader reader = sl_mp_reader(content);
    (void)sl_mp_read_array(&reader, 15);
    (void)sl_mp_read_uint(&reader, RECORD_FORMAT);
    for (int i = 0; i < 9; i++) sl_mp_skip(&reader, 1); /* at to request */
    struct sl_bytes facts = sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
    struct sl_bytes payload = sl_bytes(NULL, 0);
    if (!sl_mp_read_nil(&reader)) payload = sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
    if (reader.rc) return SL_E_DAMAGED;
    *out_facts = facts;
    *out_payload = payload;
    return SL_OK;
}

static bool is_inline(const struct sl_stage_run *stage) {
    return stage->output && !stage->output_settled && stage->output->size <= SL_OUTPUT_INLINE_MAX;
}

/* Bytes of the parts that stand beside the record. */
static uint64_t bytes_beside(const struct sl_job *job) {
    uint64_t bytes = job->run ? job->run->cold_bytes : 0;
    if (job->payload && job->payload->size > SL_PAYLOAD_INLINE_MAX) bytes += job->payload->size;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        const struct sl_stage_run *stage = &job->run->stages[i];
        if (stage->output && !is_inline(stage)) bytes += stage->output->size;
    }
    return bytes;
}

/* The head as a bin, whose head has a fixed place for its size, which is known only afterwards. */
static void put_head_bin(struct sl_buf *buf, const struct sl_job *job) {
    uint8_t bin_head[5] = {0xc6, 0, 0, 0, 0};
    (void)sl_buf_append(buf, bin_head, sizeof bin_head); /* kept in buf->failed */
    size_t head_start = buf->size;
    sl_record_head(buf, job);
    if (buf->failed) return;
    size_t head_size = buf->size - head_start;
    for (int i = 0; i < 4; i++) buf->data[head_start - 4 + (size_t)i] = (uint8_t)(head_size >> (8 * (3 - i)));
}

uint64_t sl_record_ended(struct sl_buf *buf, const struct sl_job *job, uint64_t since_ms, uint64_t before) {
    enum { FRAME_BYTES = 48 }; /* about what stands around head, history and outputs */
    size_t start = buf->size;
    uint32_t count = 0;
    uint64_t bytes = bytes_beside(job) + job->history_size + FRAME_BYTES;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        if (!is_inline(&job->run->stages[i])) continue;
        bytes += job->run->stages[i].output->size;
        count++;
    }
    sl_mp_array(buf, 7);
    sl_mp_uint(buf, ENDED_FORMAT);
    put_head_bin(buf, job);
    bytes += buf->size - start;
    sl_mp_bin(buf, job->history ? sl_bytes(job->history->data, job->history_size) : sl_bytes(NULL, 0));
    sl_mp_uint(buf, since_ms);
    sl_mp_uint(buf, bytes);
    sl_mp_uint(buf, before + bytes);
    sl_mp_map(buf, count);
    for (uint16_t i = 0; count > 0 && i < job->run->stage_count; i++) {
        if (!is_inline(&job->run->stages[i])) continue;
        sl_mp_uint(buf, i);
        sl_mp_bin(buf, sl_blob_bytes(job->run->stages[i].output));
    }
    sl_record_seal(buf, start);
    return before + bytes;
}

int sl_record_read_ended(struct sl_bytes record, struct sl_ended *out_ended) {
    struct sl_bytes content;
    if (sl_record_open(record, &content)) return SL_E_DAMAGED;
    struct sl_mp_reader reader = sl_mp_reader(content);
    struct sl_ended ended = {.output_count = 0};
    uint32_t members = sl_mp_read_array(&reader, 7);
    uint64_t format = sl_mp_read_uint(&reader, ENDED_FORMAT);
    if (reader.rc || !((format == 1 && members == 4) || (format == ENDED_FORMAT && members == 7))) return SL_E_DAMAGED;
    ended.head = sl_mp_read_bin(&reader, SIZE_MAX);
    ended.history = sl_mp_read_bin(&reader, SIZE_MAX);
    if (format == ENDED_FORMAT) {
        ended.retained.since_ms = sl_mp_read_uint(&reader, UINT64_MAX);
        ended.retained.bytes = sl_mp_read_uint(&reader, UINT64_MAX);
        ended.retained.upto = sl_mp_read_uint(&reader, UINT64_MAX);
        if (ended.retained.bytes > ended.retained.upto) return SL_E_DAMAGED;
    }
    ended.output_count = sl_mp_read_map(&reader, SL_STAGES_MAX);
    ended.outputs = reader;
    if (reader.rc) return SL_E_DAMAGED;
    *out_ended = ended;
    return SL_OK;
}

size_t sl_decimal(uint64_t number, char *out_text) {
    char digits[20];
    size_t count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < count; i++) out_text[i] = digits[count - 1 - i];
    return count;
}

size_t sl_output_field(char *out_text, uint32_t run, uint16_t stage) {
    const uint32_t parts[3] = {run, stage, 0};
    size_t size = 0;
    out_text[size++] = 'o';
    for (int i = 0; i < 3; i++) {
        out_text[size++] = '.';
        size += sl_decimal(parts[i], out_text + size);
    }
    return size;
}
