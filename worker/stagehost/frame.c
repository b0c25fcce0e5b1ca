/* Frames between worker and stage host; see frame.h. */
#include "frame.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"
#include "wire/wire.h"

#include <inttypes.h>
#include <stdio.h>

enum { PATH_SIZE_MAX = 4096, TOKEN_DEPTH = 2, KIND_MAX = 255 };

size_t sl_pipe_size(struct sl_bytes stream) {
    if (stream.size < SL_PIPE_HEAD_SIZE) return 0;
    size_t size = 0;
    for (int i = SL_PIPE_HEAD_SIZE - 1; i >= 0; i--) size = size << 8 | stream.data[i];
    return size + SL_PIPE_HEAD_SIZE;
}

int sl_pipe_next(struct sl_bytes *stream, struct sl_bytes *out_body, unsigned *out_kind) {
    size_t size = sl_pipe_size(*stream);
    if (size > SL_PIPE_FRAME_MAX + SL_PIPE_HEAD_SIZE) return SL_E_LIMIT;
    if (size == 0 || stream->size < size) return 0;
    struct sl_bytes body = sl_bytes(stream->data + SL_PIPE_HEAD_SIZE, size - SL_PIPE_HEAD_SIZE);
    struct sl_mp_reader reader = sl_mp_reader(body);
    (void)sl_mp_read_array(&reader, KIND_MAX);
    uint64_t kind = sl_mp_read_uint(&reader, KIND_MAX);
    if (reader.rc) return SL_E_BAD_INPUT;
    *stream = sl_bytes(stream->data + size, stream->size - size);
    *out_body = body;
    *out_kind = (unsigned)kind;
    return 1;
}

/* Begins with the control character "record separator", which no log line holds. */
void sl_pipe_separator(uint32_t sequence, char out_text[SL_PIPE_SEPARATOR_SIZE + 1]) {
    (void)snprintf(out_text, SL_PIPE_SEPARATOR_SIZE + 1, "\x1e%08" PRIx32 "\n", sequence);
}

size_t sl_pipe_separator_at(struct sl_bytes bytes) {
    if (bytes.size < SL_PIPE_SEPARATOR_SIZE || bytes.data[0] != 0x1e || bytes.data[SL_PIPE_SEPARATOR_SIZE - 1] != '\n') return 0;
    for (size_t i = 1; i < SL_PIPE_SEPARATOR_SIZE - 1; i++) {
        if (!strchr("0123456789abcdef", bytes.data[i]) || !bytes.data[i]) return 0;
    }
    return SL_PIPE_SEPARATOR_SIZE;
}

/* Writing: a frame's length is filled in when its end is known. */

static size_t begin(struct sl_buf *buf, enum sl_pipe_kind kind, uint32_t field_count) {
    static const uint8_t no_length[SL_PIPE_HEAD_SIZE];
    size_t start = buf->size;
    (void)sl_buf_append(buf, no_length, sizeof no_length); /* kept in buf->failed */
    sl_mp_array(buf, field_count + 1);
    sl_mp_uint(buf, kind);
    return start;
}

static void end(struct sl_buf *buf, size_t start) {
    if (buf->failed) return;
    size_t size = buf->size - start - SL_PIPE_HEAD_SIZE;
    for (int i = 0; i < SL_PIPE_HEAD_SIZE; i++) buf->data[start + (size_t)i] = (uint8_t)(size >> (8 * i));
}

static void put_members(struct sl_buf *buf, uint32_t count, struct sl_bytes members) {
    sl_mp_array(buf, count);
    sl_mp_raw(buf, members);
}

void sl_pipe_put_setup(struct sl_buf *buf, const struct sl_pipe_setup *setup) {
    size_t start = begin(buf, SL_PIPE_SETUP, 3);
    sl_mp_bin(buf, setup->data_directory);
    put_members(buf, setup->directory_count, setup->directories);
    put_members(buf, 2 * setup->provider_count, setup->providers);
    end(buf, start);
}

void sl_pipe_put_define(struct sl_buf *buf, struct sl_digest digest, struct sl_bytes canonical) {
    size_t start = begin(buf, SL_PIPE_DEFINE, 2);
    sl_mp_bin(buf, sl_bytes(digest.bytes, sizeof digest.bytes));
    sl_mp_bin(buf, canonical);
    end(buf, start);
}

void sl_pipe_put_task(struct sl_buf *buf, const struct sl_pipe_task *task) {
    size_t start = begin(buf, SL_PIPE_TASK, 9);
    sl_mp_uint(buf, task->sequence);
    sl_mp_bool(buf, task->follows);
    sl_wire_token_put(buf, &task->token);
    sl_mp_bin(buf, sl_bytes(task->definition.bytes, sizeof task->definition.bytes));
    sl_mp_uint(buf, task->timeout_ms);
    sl_mp_str(buf, task->tenant);
    sl_mp_str(buf, task->doc_key);
    sl_mp_str(buf, task->callable);
    sl_mp_bin(buf, task->input);
    end(buf, start);
}

void sl_pipe_put_ready(struct sl_buf *buf) {
    size_t start = begin(buf, SL_PIPE_READY, 0);
    end(buf, start);
}

void sl_pipe_put_result(struct sl_buf *buf, const struct sl_pipe_result *result) {
    size_t start = begin(buf, SL_PIPE_RESULT, 7);
    sl_mp_uint(buf, result->nonce);
    sl_mp_uint(buf, result->outcome);
    sl_mp_uint(buf, result->count);
    sl_mp_uint(buf, result->duration_us);
    put_members(buf, result->value_count, result->values);
    sl_mp_bin(buf, result->output);
    sl_mp_str(buf, result->error);
    end(buf, start);
}

void sl_pipe_put_progress(struct sl_buf *buf, const struct sl_pipe_note *note) {
    size_t start = begin(buf, SL_PIPE_PROGRESS, 3);
    sl_mp_uint(buf, note->nonce);
    sl_mp_uint(buf, note->done);
    sl_mp_uint(buf, note->total);
    end(buf, start);
}

void sl_pipe_put_field(struct sl_buf *buf, const struct sl_pipe_note *note) {
    size_t start = begin(buf, SL_PIPE_FIELD, 3);
    sl_mp_uint(buf, note->nonce);
    sl_mp_str(buf, note->name);
    sl_mp_bin(buf, note->value);
    end(buf, start);
}

/* Reading: the head has been read once by sl_pipe_next; its count says whether the body is of the right form. */

static struct sl_mp_reader open_body(struct sl_bytes body, uint32_t field_count) {
    struct sl_mp_reader reader = sl_mp_reader(body);
    if (sl_mp_read_array(&reader, KIND_MAX) != field_count + 1) sl_mp_fail(&reader, SL_E_BAD_INPUT);
    (void)sl_mp_read_uint(&reader, KIND_MAX);
    return reader;
}

typedef void member_reader(struct sl_mp_reader *reader);

static void read_path(struct sl_mp_reader *reader) {
    (void)sl_mp_read_str(reader, PATH_SIZE_MAX);
}

/* A bin that holds exactly one object within the limits of a value, or nothing if it may. */
static struct sl_bytes read_object(struct sl_mp_reader *reader, size_t size_max, bool may_be_empty) {
    struct sl_bytes object = sl_mp_read_bin(reader, size_max);
    if (reader->rc || (may_be_empty && object.size == 0)) return object;
    int rc = sl_mp_check(object, SL_VALUE_DEPTH_MAX, SL_VALUE_NODES_MAX);
    if (rc) sl_mp_fail(reader, rc);
    return object;
}

static void read_value(struct sl_mp_reader *reader) {
    if (sl_mp_read_array(reader, 2) != 2) sl_mp_fail(reader, SL_E_BAD_INPUT);
    if (!sl_text_is_state_key(sl_mp_read_str(reader, SL_NAME_MAX))) sl_mp_fail(reader, SL_E_BAD_INPUT);
    (void)read_object(reader, SL_VALUE_BYTES_MAX, false);
}

static struct sl_bytes read_members(struct sl_mp_reader *reader, uint32_t count_max, member_reader *read,
                                    uint32_t *out_count) {
    *out_count = sl_mp_read_array(reader, count_max);
    const uint8_t *start = reader->at;
    for (uint32_t i = 0; i < *out_count && !reader->rc; i++) read(reader);
    return sl_bytes(start, (size_t)(reader->at - start));
}

int sl_pipe_read_setup(struct sl_bytes body, struct sl_pipe_setup *out_setup) {
    struct sl_mp_reader reader = open_body(body, 3);
    struct sl_pipe_setup setup;
    setup.data_directory = sl_mp_read_bin(&reader, PATH_SIZE_MAX);
    setup.directories = read_members(&reader, SL_TYPES_MAX, read_path, &setup.directory_count);
    setup.providers = read_members(&reader, 2 * SL_TYPES_MAX, read_path, &setup.provider_count);
    setup.provider_count /= 2;
    int rc = sl_mp_end(&reader);
    if (rc == SL_OK) *out_setup = setup;
    return rc;
}

int sl_pipe_read_define(struct sl_bytes body, struct sl_digest *out_digest, struct sl_bytes *out_canonical) {
    struct sl_mp_reader reader = open_body(body, 2);
    struct sl_digest digest;
    sl_mp_read_bin_exact(&reader, digest.bytes, sizeof digest.bytes);
    struct sl_bytes canonical = sl_mp_read_bin(&reader, 2 * SL_PIPELINE_TEXT_MAX);
    int rc = sl_mp_end(&reader);
    if (rc) return rc;
    *out_digest = digest;
    *out_canonical = canonical;
    return SL_OK;
}

int sl_pipe_read_task(struct sl_bytes body, struct sl_pipe_task *out_task) {
    struct sl_mp_reader reader = open_body(body, 9);
    struct sl_pipe_task task;
    task.sequence = (uint32_t)sl_mp_read_uint(&reader, UINT32_MAX);
    task.follows = sl_mp_read_bool(&reader);
    int rc = sl_wire_token_read(sl_mp_read_raw(&reader, TOKEN_DEPTH), &task.token);
    if (rc) sl_mp_fail(&reader, rc);
    sl_mp_read_bin_exact(&reader, task.definition.bytes, sizeof task.definition.bytes);
    task.timeout_ms = (uint32_t)sl_mp_read_uint(&reader, UINT32_MAX);
    task.tenant = sl_mp_read_str(&reader, SL_NAME_MAX);
    task.doc_key = sl_mp_read_str(&reader, SL_DOC_KEY_MAX);
    task.callable = sl_mp_read_str(&reader, SL_KEY_MAX);
    task.input = sl_mp_read_bin(&reader, SL_INPUT_BYTES_MAX);
    rc = sl_mp_end(&reader);
    if (rc == SL_OK) *out_task = task;
    return rc;
}

/* A success has an output, unless its only value is that already; nothing else has either. */
static bool is_consistent(const struct sl_pipe_result *result) {
    if (result->outcome != SL_OUTCOME_DONE) return result->value_count == 0 && result->output.size == 0;
    return result->output.size > 0 || result->value_count == 1;
}

int sl_pipe_read_result(struct sl_bytes body, struct sl_pipe_result *out_result) {
    struct sl_mp_reader reader = open_body(body, 7);
    struct sl_pipe_result result;
    result.nonce = sl_mp_read_uint(&reader, UINT64_MAX);
    result.outcome = (enum sl_outcome)sl_mp_read_uint(&reader, SL_OUTCOME_RETURNED);
    result.count = sl_mp_read_uint(&reader, INT64_MAX);
    result.duration_us = sl_mp_read_uint(&reader, UINT64_MAX);
    result.values = read_members(&reader, SL_STATE_KEYS_MAX, read_value, &result.value_count);
    result.output = read_object(&reader, SL_VALUE_BYTES_MAX, true);
    result.error = sl_mp_read_str(&reader, SL_REASON_MAX);
    if (!is_consistent(&result)) sl_mp_fail(&reader, SL_E_BAD_INPUT);
    if (result.values.size + result.output.size > SL_RESULT_BYTES_MAX) sl_mp_fail(&reader, SL_E_LIMIT);
    int rc = sl_mp_end(&reader);
    if (rc == SL_OK) *out_result = result;
    return rc;
}

int sl_pipe_read_progress(struct sl_bytes body, struct sl_pipe_note *out_note) {
    struct sl_mp_reader reader = open_body(body, 3);
    struct sl_pipe_note note = {.nonce = sl_mp_read_uint(&reader, UINT64_MAX)};
    note.done = sl_mp_read_uint(&reader, UINT64_MAX);
    note.total = sl_mp_read_uint(&reader, UINT64_MAX);
    int rc = sl_mp_end(&reader);
    if (rc == SL_OK) *out_note = note;
    return rc;
}

int sl_pipe_read_field(struct sl_bytes body, struct sl_pipe_note *out_note) {
    struct sl_mp_reader reader = open_body(body, 3);
    struct sl_pipe_note note = {.nonce = sl_mp_read_uint(&reader, UINT64_MAX)};
    note.name = sl_mp_read_str(&reader, SL_NAME_MAX);
    note.value = read_object(&reader, SL_FIELD_BYTES_MAX, false);
    if (!reader.rc && !sl_text_is_field(note.name)) sl_mp_fail(&reader, SL_E_BAD_INPUT);
    int rc = sl_mp_end(&reader);
    if (rc == SL_OK) *out_note = note;
    return rc;
}
