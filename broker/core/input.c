/* A stage's input: one value of the run state bare, several as a map; views of what is in memory where that is possible. */
#include "sched_state.h"

#include "base/text.h"

/* Where the words go when an input cannot be had. */
struct sentence {
    char *text;
    size_t size;
};

static int damaged(const struct sl_job *job, uint16_t stage, struct sentence sentence) {
    sl_text_format(sentence.text, sentence.size, "invalid-value: what stage \"%s\" left cannot be read",
                   (const char *)job->pipeline->pipeline->stages[stage].name.data);
    return SL_E_BAD_INPUT;
}

/* Hands out what a buffer holds until the next step, and frees the buffer. */
static int take_buf(struct sl_sched *self, struct sl_buf *buf, struct sl_bytes *out_value) {
    struct sl_bytes copy = buf->failed ? sl_bytes(NULL, 0) : sl_step_copy(self, sl_buf_bytes(buf));
    sl_buf_fini(buf);
    if (!copy.data) return SL_E_NO_MEMORY;
    *out_value = copy;
    return SL_OK;
}

/* What a stage left, as its successors see it: with one state key its value, with several a map, with none its output. A value that is
 * not there is the stage's fault, not a want of memory: who depends on it must fail, not wait. */
static int stage_value(struct sl_sched *self, const struct sl_job *job, uint16_t stage, struct sentence sentence,
                       struct sl_bytes *out_value) {
    struct sl_output output;
    if (sl_output_read(sl_blob_bytes(job->run->stages[stage].output), &output)) return damaged(job, stage, sentence);
    struct sl_mp_reader reader = output.values;
    if (output.value_count <= 1) {
        *out_value = output.output;
        if (output.value_count == 1) {
            (void)sl_mp_read_str(&reader, SL_NAME_MAX);
            *out_value = sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
        }
        return out_value->size > 0 ? SL_OK : damaged(job, stage, sentence);
    }
    struct sl_buf buf;
    sl_buf_init(&buf, &self->alloc);
    sl_mp_map(&buf, output.value_count);
    for (uint32_t i = 0; i < output.value_count; i++) {
        sl_mp_str(&buf, sl_mp_read_str(&reader, SL_NAME_MAX));
        struct sl_bytes value = sl_mp_read_bin(&reader, SL_VALUE_BYTES_MAX);
        if (value.size == 0) {
            sl_buf_fini(&buf);
            return damaged(job, stage, sentence);
        }
        sl_mp_raw(&buf, value);
    }
    return take_buf(self, &buf, out_value);
}

static int view_value(struct sl_sched *self, const struct sl_job *job, bool whole_state, struct sl_bytes *out_value) {
    struct sl_buf buf;
    sl_buf_init(&buf, &self->alloc);
    if (whole_state) {
        sl_view_state(&buf, job);
    } else {
        sl_view_job(self, &buf, job);
    }
    return take_buf(self, &buf, out_value);
}

static int input_value(struct sl_sched *self, const struct sl_job *job, const struct sl_input *input,
                       struct sentence sentence, struct sl_bytes *out_value) {
    switch (input->kind) {
    case SL_INPUT_STAGE:
        return stage_value(self, job, input->stage, sentence, out_value);
    case SL_INPUT_PAYLOAD:
        *out_value = sl_blob_bytes(job->payload);
        if (out_value->size > 0) return SL_OK;
        sl_text_format(sentence.text, sentence.size, "invalid-value: the payload is empty");
        return SL_E_BAD_INPUT;
    case SL_INPUT_LEDGER:
        return view_value(self, job, false, out_value);
    case SL_INPUT_STATE:
        return view_value(self, job, true, out_value);
    }
    SL_ASSERT(!"an input has a kind");
    return SL_E_BAD_INPUT;
}

static int check_size(const struct sl_pipeline *pipeline, uint16_t stage, size_t size, char *error, size_t error_size) {
    if (size <= SL_INPUT_BYTES_MAX) return SL_OK;
    sl_text_format(error, error_size, "input-too-large: the input of stage \"%s\" has %zu bytes, at most %d are allowed",
                   (const char *)pipeline->stages[stage].name.data, size, SL_INPUT_BYTES_MAX);
    return SL_E_LIMIT;
}

static int assemble_map(struct sl_sched *self, const struct sl_job *job, const struct sl_input *inputs, uint32_t count,
                        struct sentence sentence, struct sl_bytes *out_input) {
    struct sl_buf buf;
    sl_buf_init(&buf, &self->alloc);
    sl_mp_map(&buf, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes value;
        int rc = input_value(self, job, &inputs[i], sentence, &value);
        if (rc) {
            sl_buf_fini(&buf);
            return rc;
        }
        sl_mp_str(&buf, inputs[i].key);
        sl_mp_raw(&buf, value);
    }
    return take_buf(self, &buf, out_input);
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
    struct sentence sentence = {.text = error, .size = error_size};
    rc = count == 1 ? input_value(self, job, &inputs[0], sentence, &input)
                    : assemble_map(self, job, inputs, count, sentence, &input);
    if (!rc) rc = check_size(pipeline, stage, input.size, error, error_size);
    if (!rc) *out_input = input;
    return rc;
}
