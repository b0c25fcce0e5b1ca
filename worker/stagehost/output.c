/* State keys, snapshot and count of an output; see output.h. */
#include "output.h"

#include "base/msgpack.h"
#include "wire/wire.h"

#include <inttypes.h>

static struct sl_bytes state_of(const struct sluice_out *out, uint32_t index) {
    return sl_bytes(out->state.data + out->offset[index], out->size[index]);
}

/* Without a handler: the output is the value of the only key, or a map that holds each of several. */
static void split_output(struct sluice_out *out) {
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&out->output));
    struct sl_mp_object head;
    if (sl_mp_next(&reader, &head) || head.type != SL_MP_MAP) head.count = 0;
    if (sl_buf_append(&out->state, out->output.data, out->output.size)) {
        sl_attempt_problem(out, "out of memory for the state keys");
        return;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        struct sl_bytes raw = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
        struct sl_bytes value = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
        struct sl_mp_reader key_reader = sl_mp_reader(raw);
        struct sl_mp_object key;
        if (sl_mp_next(&key_reader, &key) || key.type != SL_MP_STR) continue;
        for (uint32_t k = 0; k < out->keys.count; k++) {
            if (!sl_bytes_is(key.bytes, out->keys.names[k])) continue;
            out->offset[k] = (size_t)(value.data - out->output.data);
            out->size[k] = value.size;
        }
    }
    for (uint32_t k = 0; k < out->keys.count; k++) {
        if (out->size[k]) continue;
        sl_attempt_problem(out, "missing-key: the output is no map that holds \"%s\"; a stage with several state keys and no "
                                "output_handler gives a map of them", out->keys.names[k]);
    }
}

static void fill_state(struct sluice_out *out, const sluice_registration *registration, const char *stage_name) {
    if (registration->output_handler) {
        const sluice_bytes output = {.data = out->output.data, .size = out->output.size};
        out->in_handler = true;
        int rc = registration->output_handler(out, stage_name, output);
        out->in_handler = false;
        if (rc != 0) sl_attempt_problem(out, "the stage's output_handler refused its output (%d)", rc);
    } else if (out->keys.count == 1) {
        if (sl_buf_append(&out->state, out->output.data, out->output.size)) {
            sl_attempt_problem(out, "out of memory for the state key");
            return;
        }
        out->offset[0] = 0;
        out->size[0] = out->output.size;
    } else if (out->keys.count > 1) {
        split_output(out);
    }
}

/* The length of an array or map, 0 for nil, else 1. */
static uint64_t natural_count(struct sl_bytes output) {
    struct sl_mp_reader reader = sl_mp_reader(output);
    struct sl_mp_object head;
    if (sl_mp_next(&reader, &head) || head.type == SL_MP_NIL) return 0;
    return head.type == SL_MP_ARRAY || head.type == SL_MP_MAP ? head.count : 1;
}

static uint64_t count(const sluice_registration *registration, const struct sluice_out *out) {
    if (!registration->output_counter) return natural_count(sl_buf_bytes(&out->output));
    int64_t counted = registration->output_counter((sluice_bytes){.data = out->output.data, .size = out->output.size});
    return counted > 0 ? (uint64_t)counted : 0;
}

static uint32_t put_values(const struct sluice_out *out, struct sl_buf *values) {
    uint32_t written = 0;
    for (uint32_t i = 0; i < out->keys.count; i++) {
        if (out->size[i] == 0) continue;
        const struct sl_wire_state_value value = {.key = sl_text(out->keys.names[i]), .value = state_of(out, i)};
        sl_wire_state_value_put(values, &value);
        written++;
    }
    return written;
}

/* What is kept as the stage's result: the raw output without keys; a map of what was written with several; with one its value,
 * which the values already hold, so nothing here. */
static struct sl_bytes snapshot_of(const struct sluice_out *out, uint32_t written, struct sl_buf *snapshot) {
    if (out->keys.count == 0) return sl_buf_bytes(&out->output);
    if (out->keys.count == 1) {
        if (written == 0) sl_mp_nil(snapshot);
        return sl_buf_bytes(snapshot);
    }
    sl_mp_map(snapshot, written);
    for (uint32_t i = 0; i < out->keys.count; i++) {
        if (out->size[i] == 0) continue;
        sl_mp_key(snapshot, out->keys.names[i]);
        sl_mp_raw(snapshot, state_of(out, i));
    }
    return sl_buf_bytes(snapshot);
}

void sl_output_finish(struct sluice_out *out, const sluice_registration *registration, const char *stage_name,
                      struct sl_buf *values, struct sl_buf *snapshot, struct sl_pipe_result *result) {
    if (!out->has_output) sl_mp_nil(&out->output);
    if (out->problem.size == 0) fill_state(out, registration, stage_name);
    if (out->problem.size) return;
    sl_buf_clear(values);
    sl_buf_clear(snapshot);
    result->value_count = put_values(out, values);
    result->values = sl_buf_bytes(values);
    result->output = snapshot_of(out, result->value_count, snapshot);
    result->count = count(registration, out);
    if (values->failed || snapshot->failed || out->output.failed) {
        sl_attempt_problem(out, "out of memory for the result");
    } else if (result->output.size > SL_VALUE_BYTES_MAX) {
        sl_attempt_problem(out, "value-too-large: the state keys have %zu bytes together; a result has at most %d",
                           result->output.size, SL_VALUE_BYTES_MAX);
    } else if (result->values.size + result->output.size > SL_RESULT_BYTES_MAX) {
        sl_attempt_problem(out, "state-too-large: the result has %zu bytes; at most %d are allowed",
                           result->values.size + result->output.size, SL_RESULT_BYTES_MAX);
    }
}
