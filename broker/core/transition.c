/* Transitions to bytes and back; see transition.h. */
#include "transition.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"

enum { BATCH_FORMAT = 1, HEAD_FIELDS = 3, HEAD_FIELDS_MAX = 16, CRC_BYTES = 4, FIXED_BYTES_MAX = 192 };

const char *sl_transition_word(enum sl_transition_kind kind) {
    switch (kind) {
#define SL_TRANSITION(name, number, word)                                                                              \
    case SL_TR_##name:                                                                                                 \
        return word;
#include "transition.def"
#undef SL_TRANSITION
    case SL_TR_NONE:
        break;
    }
    return "?";
}

void sl_batch_begin(struct sl_buf *batch, uint64_t before, struct sl_digest digest) {
    SL_ASSERT(batch->size == 0);
    sl_mp_array(batch, HEAD_FIELDS);
    sl_mp_uint(batch, BATCH_FORMAT);
    sl_mp_uint(batch, before);
    sl_mp_bin(batch, sl_bytes(digest.bytes, sizeof digest.bytes));
}

void sl_batch_end(struct sl_buf *batch) {
    uint32_t crc = sl_crc32c(sl_buf_bytes(batch));
    uint8_t bytes[CRC_BYTES] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
    (void)sl_buf_append(batch, bytes, sizeof bytes); /* kept in batch->failed */
}

size_t sl_transition_size_max(const struct sl_transition *t) {
    switch (t->kind) {
    case SL_TR_SUBMITTED:
        return FIXED_BYTES_MAX + t->submitted.facts.size + t->submitted.payload.size;
    case SL_TR_STARTED:
        return FIXED_BYTES_MAX + t->started.worker.size;
    case SL_TR_SUCCEEDED:
        return FIXED_BYTES_MAX + t->succeeded.output.size;
    case SL_TR_ATTEMPT_FAILED:
        return FIXED_BYTES_MAX + t->failed.error.size + t->failed.detail.size;
    case SL_TR_RETURNED:
        return FIXED_BYTES_MAX + t->returned.size;
    case SL_TR_ENDED:
        return FIXED_BYTES_MAX + t->ended.reason.size;
    case SL_TR_FIELD_SET:
        return FIXED_BYTES_MAX + t->field.name.size + t->field.value.size;
    case SL_TR_REMOVED:
        return FIXED_BYTES_MAX;
    case SL_TR_NONE:
        break;
    }
    SL_ASSERT(!"a transition has a kind");
    return 0;
}

static void put_stage(struct sl_buf *buf, const struct sl_transition *t, uint32_t more) {
    sl_mp_array(buf, 6 + more);
    sl_mp_uint(buf, t->kind);
    sl_mp_uint(buf, t->wall_ms);
    sl_mp_uint(buf, t->run);
    sl_mp_uint(buf, t->stage);
    sl_mp_uint(buf, t->item);
    sl_mp_uint(buf, t->attempt);
}

static void put_job(struct sl_buf *buf, const struct sl_transition *t, uint32_t more) {
    sl_mp_array(buf, 3 + more);
    sl_mp_uint(buf, t->kind);
    sl_mp_uint(buf, t->wall_ms);
    sl_mp_uint(buf, t->run);
}

static void put_submitted(struct sl_buf *buf, const struct sl_transition *t) {
    put_job(buf, t, 5);
    sl_mp_bin(buf, sl_bytes(t->submitted.pipeline.bytes, 16));
    sl_mp_bin(buf, sl_bytes(t->submitted.request.bytes, 16));
    sl_mp_bin(buf, t->submitted.facts);
    sl_mp_bin(buf, t->submitted.payload);
    sl_mp_bool(buf, t->submitted.once);
}

static void put_started(struct sl_buf *buf, const struct sl_transition *t) {
    put_stage(buf, t, 11);
    sl_mp_uint(buf, t->started.nonce);
    sl_mp_uint(buf, t->started.epoch);
    sl_mp_str(buf, t->started.worker);
    sl_mp_uint(buf, t->started.attempts_max);
    sl_mp_uint(buf, t->started.crashes_max);
    sl_mp_uint(buf, t->started.timeout_ms);
    sl_mp_uint(buf, t->started.backoff.strategy);
    sl_mp_uint(buf, t->started.backoff.initial_ms);
    sl_mp_uint(buf, t->started.backoff.maximum_ms);
    sl_mp_bool(buf, t->started.backoff.jitter);
    sl_mp_bool(buf, t->started.idempotent);
}

static void put_failed(struct sl_buf *buf, const struct sl_transition *t) {
    put_stage(buf, t, 6);
    sl_mp_uint(buf, t->failed.outcome);
    sl_mp_uint(buf, t->failed.duration_ms);
    sl_mp_bool(buf, t->failed.final);
    sl_mp_uint(buf, t->failed.until_ms);
    sl_mp_str(buf, t->failed.error);
    sl_mp_str(buf, t->failed.detail);
}

static void put_body(struct sl_buf *buf, const struct sl_transition *t) {
    switch (t->kind) {
    case SL_TR_SUBMITTED:
        put_submitted(buf, t);
        return;
    case SL_TR_STARTED:
        put_started(buf, t);
        return;
    case SL_TR_SUCCEEDED:
        put_stage(buf, t, 3);
        sl_mp_bin(buf, t->succeeded.output);
        sl_mp_uint(buf, t->succeeded.count);
        sl_mp_uint(buf, t->succeeded.duration_ms);
        return;
    case SL_TR_ATTEMPT_FAILED:
        put_failed(buf, t);
        return;
    case SL_TR_RETURNED:
        put_stage(buf, t, 1);
        sl_mp_str(buf, t->returned);
        return;
    case SL_TR_ENDED:
        put_job(buf, t, 2);
        sl_mp_uint(buf, t->ended.state);
        sl_mp_str(buf, t->ended.reason);
        return;
    case SL_TR_FIELD_SET:
        put_job(buf, t, 2);
        sl_mp_str(buf, t->field.name);
        sl_mp_bin(buf, t->field.value);
        return;
    case SL_TR_REMOVED:
        put_job(buf, t, 0);
        return;
    case SL_TR_NONE:
        break;
    }
    SL_ASSERT(!"a transition has a kind");
}

void sl_batch_add(struct sl_buf *batch, struct sl_buf *scratch, const struct sl_transition *transition) {
    sl_buf_clear(scratch);
    put_body(scratch, transition);
    if (scratch->failed) {
        batch->failed = true;
        return;
    }
    sl_mp_array(batch, 3);
    sl_mp_bin(batch, sl_bytes(transition->job.bytes, 16));
    sl_mp_uint(batch, sl_crc32c(sl_buf_bytes(scratch)));
    sl_mp_bin(batch, sl_buf_bytes(scratch));
}

int sl_batch_open(struct sl_bytes batch, struct sl_batch_reader *out_reader) {
    if (batch.size < CRC_BYTES) return SL_E_DAMAGED;
    struct sl_bytes content = sl_bytes(batch.data, batch.size - CRC_BYTES);
    const uint8_t *tail = batch.data + content.size;
    uint32_t crc = (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24;
    if (crc != sl_crc32c(content)) return SL_E_DAMAGED;
    struct sl_batch_reader reader = {.reader = sl_mp_reader(content)};
    uint32_t size = sl_mp_read_array(&reader.reader, HEAD_FIELDS_MAX);
    uint64_t format = sl_mp_read_uint(&reader.reader, UINT32_MAX);
    if (!reader.reader.rc && format != BATCH_FORMAT) return SL_E_VERSION;
    reader.before = sl_mp_read_uint(&reader.reader, UINT64_MAX);
    sl_mp_read_bin_exact(&reader.reader, reader.digest.bytes, sizeof reader.digest.bytes);
    if (reader.reader.rc || size != HEAD_FIELDS) return SL_E_DAMAGED;
    *out_reader = reader;
    return SL_OK;
}

static void read_submitted(struct sl_mp_reader *reader, struct sl_transition *t) {
    sl_mp_read_bin_exact(reader, t->submitted.pipeline.bytes, 16);
    sl_mp_read_bin_exact(reader, t->submitted.request.bytes, 16);
    t->submitted.facts = sl_mp_read_bin(reader, SL_VALUE_BYTES_MAX);
    t->submitted.payload = sl_mp_read_bin(reader, SL_VALUE_BYTES_MAX);
    t->submitted.once = sl_mp_read_bool(reader);
}

static void read_started(struct sl_mp_reader *reader, struct sl_transition *t) {
    t->started.nonce = sl_mp_read_uint(reader, UINT64_MAX);
    t->started.epoch = sl_mp_read_uint(reader, UINT64_MAX);
    t->started.worker = sl_mp_read_str(reader, SL_NAME_MAX);
    t->started.attempts_max = (uint32_t)sl_mp_read_uint(reader, UINT16_MAX);
    t->started.crashes_max = (uint32_t)sl_mp_read_uint(reader, UINT16_MAX);
    t->started.timeout_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    t->started.backoff.strategy = (enum sl_backoff_strategy)sl_mp_read_uint(reader, SL_BACKOFF_NONE);
    t->started.backoff.initial_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    t->started.backoff.maximum_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    t->started.backoff.jitter = sl_mp_read_bool(reader);
    t->started.idempotent = sl_mp_read_bool(reader);
}

static void read_failed(struct sl_mp_reader *reader, struct sl_transition *t) {
    t->failed.outcome = (unsigned)sl_mp_read_uint(reader, SL_OUTCOME_COUNT - 1);
    t->failed.duration_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    t->failed.final = sl_mp_read_bool(reader);
    t->failed.until_ms = sl_mp_read_uint(reader, UINT64_MAX);
    t->failed.error = sl_mp_read_str(reader, SL_REASON_MAX);
    t->failed.detail = sl_mp_read_str(reader, SL_REASON_MAX);
}

static bool is_of_stage(enum sl_transition_kind kind) {
    return kind == SL_TR_STARTED || kind == SL_TR_SUCCEEDED || kind == SL_TR_ATTEMPT_FAILED || kind == SL_TR_RETURNED;
}

static void read_rest(struct sl_mp_reader *reader, struct sl_transition *t) {
    switch (t->kind) {
    case SL_TR_SUBMITTED:
        read_submitted(reader, t);
        return;
    case SL_TR_STARTED:
        read_started(reader, t);
        return;
    case SL_TR_SUCCEEDED:
        t->succeeded.output = sl_mp_read_bin(reader, SL_RESULT_BYTES_MAX + SL_BATCH_BYTES_MAX);
        t->succeeded.count = sl_mp_read_uint(reader, UINT64_MAX);
        t->succeeded.duration_ms = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
        return;
    case SL_TR_ATTEMPT_FAILED:
        read_failed(reader, t);
        return;
    case SL_TR_RETURNED:
        t->returned = sl_mp_read_str(reader, SL_REASON_MAX);
        return;
    case SL_TR_ENDED:
        t->ended.state = (enum sl_job_state)sl_mp_read_uint(reader, SL_JOB_STATE_COUNT - 1);
        t->ended.reason = sl_mp_read_str(reader, SL_REASON_MAX);
        return;
    case SL_TR_FIELD_SET:
        t->field.name = sl_mp_read_str(reader, SL_NAME_MAX);
        t->field.value = sl_mp_read_bin(reader, SL_FIELD_BYTES_MAX);
        return;
    case SL_TR_REMOVED:
        return;
    case SL_TR_NONE:
        break;
    }
    sl_mp_fail(reader, SL_E_BAD_INPUT);
}

static int read_body(struct sl_bytes body, struct sl_transition *t) {
    struct sl_mp_reader reader = sl_mp_reader(body);
    (void)sl_mp_read_array(&reader, 32);
    t->kind = (enum sl_transition_kind)sl_mp_read_uint(&reader, SL_TR_REMOVED);
    t->wall_ms = sl_mp_read_uint(&reader, UINT64_MAX);
    t->run = (uint32_t)sl_mp_read_uint(&reader, UINT32_MAX);
    if (is_of_stage(t->kind)) {
        t->stage = (uint16_t)sl_mp_read_uint(&reader, SL_STAGES_MAX - 1);
        t->item = (uint32_t)sl_mp_read_uint(&reader, UINT32_MAX);
        t->attempt = (uint32_t)sl_mp_read_uint(&reader, UINT32_MAX);
    }
    if (!reader.rc) read_rest(&reader, t);
    return sl_mp_end(&reader) ? SL_E_DAMAGED : SL_OK;
}

int sl_batch_next(struct sl_batch_reader *self, struct sl_transition *out_transition) {
    struct sl_mp_reader *reader = &self->reader;
    if (reader->at == reader->end) return 0;
    struct sl_transition transition = {.kind = SL_TR_NONE};
    if (sl_mp_read_array(reader, 3) != 3) return SL_E_DAMAGED;
    sl_mp_read_bin_exact(reader, transition.job.bytes, 16);
    uint64_t crc = sl_mp_read_uint(reader, UINT32_MAX);
    struct sl_bytes body = sl_mp_read_bin(reader, SIZE_MAX);
    if (reader->rc || crc != sl_crc32c(body) || read_body(body, &transition)) return SL_E_DAMAGED;
    *out_transition = transition;
    return 1;
}

void sl_history_add(struct sl_buf *buf, uint64_t n, const struct sl_transition *t) {
    bool of_stage = is_of_stage(t->kind);
    sl_mp_array(buf, 8);
    sl_mp_uint(buf, t->kind);
    sl_mp_uint(buf, n);
    sl_mp_uint(buf, t->wall_ms);
    sl_mp_uint(buf, t->run);
    sl_mp_uint(buf, of_stage ? t->stage : 0);
    sl_mp_uint(buf, of_stage ? t->attempt : 0);
    unsigned outcome = t->kind == SL_TR_ATTEMPT_FAILED ? t->failed.outcome : t->kind == SL_TR_ENDED ? t->ended.state : 0;
    sl_mp_uint(buf, outcome);
    if (t->kind == SL_TR_ATTEMPT_FAILED) {
        sl_mp_array(buf, 2);
        sl_mp_str(buf, t->failed.error);
        sl_mp_str(buf, t->failed.detail);
    } else if (t->kind == SL_TR_STARTED) {
        sl_mp_str(buf, t->started.worker);
    } else if (t->kind == SL_TR_RETURNED) {
        sl_mp_str(buf, t->returned);
    } else if (t->kind == SL_TR_ENDED) {
        sl_mp_str(buf, t->ended.reason);
    } else if (t->kind == SL_TR_FIELD_SET) {
        sl_mp_str(buf, t->field.name);
    } else {
        sl_mp_nil(buf);
    }
}
