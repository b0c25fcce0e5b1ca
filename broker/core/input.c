/* A stage's input: one value of the run state bare, several as a map; views of what is in memory where that is possible. */
#include "sched_state.h"

#include "base/text.h"

/* What a stage left, as its successors see it: with one state key its value, with several a map, with none its output. */
static struct sl_bytes stage_value(struct sl_sched *self, const struct sl_job *job, uint16_t stage) {
    struct sl_output output;
    struct sl_bytes record = sl_blob_bytes(job->run->stages[stage].output);
    if (sl_output_read(record, &output)) return sl_bytes(NULL, 0);
    if (output.value_count == 0) return output.output;
    struct sl_mp_reader reader = output.values;
    if (output.value_count == 1) {
        (void)sl_mp_read_str(&reader, SL_NAME_MAX);
        return sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
    }
    struct sl_buf buf;
    sl_buf_init(&buf, &self->alloc);
    sl_mp_map(&buf, output.value_count);
    for (uint32_t i = 0; i < output.value_count; i++) {
        sl_mp_str(&buf, sl_mp_read_str(&reader, SL_NAME_MAX));
        sl_mp_raw(&buf, sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX));
    }
    struct sl_bytes value = buf.failed ? sl_bytes(NULL, 0) : sl_step_copy(self, sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    return value;
}

static struct sl_bytes view_value(struct sl_sched *self, const struct sl_job *job, bool whole_state) {
    struct sl_buf buf;
    sl_buf_init(&buf, &self->alloc);
    if (whole_state) {
        sl_view_state(&buf, job);
    } else {
        sl_view_job(self, &buf, job);
    }
    struct sl_bytes value = buf.failed ? sl_bytes(NULL, 0) : sl_step_copy(self, sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    return value;
}

static struct sl_bytes input_value(struct sl_sched *self, const struct sl_job *job, const struct sl_input *input) {
    switch (input->kind) {
    case SL_INPUT_STAGE:
        return stage_value(self, job, input->stage);
    case SL_INPUT_PAYLOAD:
        return sl_blob_bytes(job->payload);
    case SL_INPUT_LEDGER:
        return view_value(self, job, false);
    case SL_INPUT_STATE:
        return view_value(self, job, true);
    }
    return sl_bytes(NULL, 0);
}

static int check_size(const struct sl_pipeline *pipeline, uint16_t stage, size_t size, char *error, size_t error_size) {
    if (size <= SL_INPUT_BYTES_MAX) return SL_OK;
    sl_text_format(error, error_size, "input-too-large: the input of stage \"%s\" has %zu bytes, at most %d are allowed",
                   (const char *)pipeline->stages[stage].name.data, size, SL_INPUT_BYTES_MAX);
    return SL_E_LIMIT;
}

static int assemble_map(struct sl_sched *self, struct sl_job *job, const struct sl_input *inputs, uint32_t count,
                        struct sl_bytes *out_input) {
    struct sl_buf buf;
    sl_buf_init(&buf, &self->alloc);
    sl_mp_map(&buf, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes value = input_value(self, job, &inputs[i]);
        if (value.size == 0) buf.failed = true;
        sl_mp_str(&buf, inputs[i].key);
        sl_mp_raw(&buf, value);
    }
    struct sl_bytes copy = buf.failed ? sl_bytes(NULL, 0) : sl_step_copy(self, sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    if (!copy.data) return SL_E_NO_MEMORY;
    *out_input = copy;
    return SL_OK;
}

int sl_input_assemble(struct sl_sched *self, struct sl_job *job, uint16_t stage, struct sl_bytes *out_input,
                      char *error, size_t error_size) {
    enum { FEW = 32 };
    const struct sl_pipeline *pipeline = job->pipeline->pipeline;
    struct sl_input few[FEW], *inputs = few;
    uint32_t count = 0;
    int rc = sl_inputs_resolve(pipeline, stage, &self->type_table, inputs, FEW, &count, error, error_size);
    if (rc == SL_E_LIMIT) {
        inputs = sl_step_block(self, SL_INPUTS_MAX * sizeof *inputs);
        if (!inputs) return SL_E_NO_MEMORY;
        rc = sl_inputs_resolve(pipeline, stage, &self->type_table, inputs, SL_INPUTS_MAX, &count, error, error_size);
    }
    if (rc) return rc;
    struct sl_bytes input;
    if (count == 1) {
        input = input_value(self, job, &inputs[0]);
        if (input.size == 0) return SL_E_NO_MEMORY;
    } else {
        rc = assemble_map(self, job, inputs, count, &input);
        if (rc) return rc;
    }
    rc = check_size(pipeline, stage, input.size, error, error_size);
    if (!rc) *out_input = input;
    return rc;
}
