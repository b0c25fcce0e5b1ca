/* The stage `embed`: a vector for each chunk, by the embedder in ngrams.h. */
#include <stdlib.h>

#include "ngrams.h"
#include "sdk/chunks.h"
#include "sdk/option.h"
#include "sdk/output.h"
#include "sdk/plugin.h"

enum { CHUNKS_A_REPORT = 256 };

struct embed {
    uint64_t dimension;
    float *vector; /* owns; room for one */
    uint8_t *bytes;
};

static void embed_close(void *context) {
    struct embed *self = context;
    free(self->vector);
    free(self->bytes);
    free(self);
}

static int embed_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"model", "dimension", NULL};
    static const char *const models[] = {SL_NGRAMS_MODEL, NULL};
    struct sl_options options;
    unsigned model = 0;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct embed *self = calloc(1, sizeof *self);
    if (self) self->dimension = SL_NGRAMS_DIMENSION_DEFAULT;
    int rc = self ? sl_options_choice(&options, "model", models, &model) : sl_options_refuse(&options, "no memory.");
    if (rc == 0) {
        rc = sl_options_uint(&options, "dimension", SL_NGRAMS_DIMENSION_MIN, SL_NGRAMS_DIMENSION_MAX, &self->dimension);
    }
    if (rc == 0) {
        self->vector = calloc(self->dimension, sizeof *self->vector);
        self->bytes = calloc(self->dimension, 4);
        if (!self->vector || !self->bytes) rc = sl_options_refuse(&options, "no memory.");
    }
    if (rc == 0) *out_self = self;
    else if (self) embed_close(self);
    sl_options_close(&options);
    return rc;
}

static sluice_outcome embed_chunks(const struct embed *self, const struct sl_attempt *attempt, const struct sl_chunks *chunks,
                                   struct sl_output *output) {
    sl_output_map(output, 3);
    sl_output_text(output, "model");
    sl_output_text(output, SL_NGRAMS_MODEL);
    sl_output_text(output, "dimension");
    sl_output_uint(output, self->dimension);
    sl_output_text(output, "vectors");
    sl_output_array(output, (uint32_t)chunks->count);
    for (size_t i = 0; i < chunks->count && !output->too_large; i++) {
        const struct sl_chunk *chunk = &chunks->items[i];
        if (i % CHUNKS_A_REPORT == 0 && sl_attempt_cancelled(attempt, i, chunks->count)) return SLUICE_FAILED_RETRYABLE;
        sl_ngrams_embed(chunk->text.data, chunk->text.size, self->vector, self->dimension);
        sl_ngrams_encode(self->vector, self->dimension, self->bytes);
        sl_output_map(output, 2);
        sl_output_text(output, "chunk");
        sl_output_span(output, chunk->id);
        sl_output_text(output, "vector");
        sl_output_bin(output, self->bytes, self->dimension * 4);
    }
    if (output->too_large) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "The %zu vectors of %.*s with dimension %llu are above the limit of one value (%u MiB): lower "
                               "`config.dimension`, or make larger chunks.",
                               chunks->count, sl_span_print(chunks->document, 160), chunks->document.data,
                               (unsigned long long)self->dimension, SLUICE_VALUE_BYTES_MAX >> 20);
    }
    return sl_output_send(output, attempt, "The batch of vectors");
}

static sluice_outcome embed_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct sl_attempt attempt = {sl_host, ctx, out};
    struct sl_input input;
    struct sl_chunks chunks;
    struct sl_output output;
    sluice_outcome outcome = sl_attempt_read(&attempt, upstream, &input);
    if (outcome != SLUICE_DONE) return outcome;
    outcome = sl_chunks_open(&chunks, &attempt, input.root);
    if (outcome == SLUICE_DONE) {
        sl_output_init(&output);
        outcome = embed_chunks(self, &attempt, &chunks, &output);
        sl_output_fini(&output);
        sl_chunks_close(&chunks);
    }
    sl_input_fini(&input);
    return outcome;
}

/* As many as there are vectors; the map's own length says nothing. */
static int64_t embed_count(sluice_bytes output) {
    return sl_input_count(output, "vectors");
}

static const char *const state_keys[] = {"embedding_batch", NULL};
static const char *const dependencies[] = {"chunk", NULL};

static const sluice_registration embed = {
    .size = sizeof embed,
    .stage_type = "embed",
    .description = "Makes a vector of each chunk: hashed words and pairs of words, no model needed",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                     "\"model\":{\"const\":\"hashed-ngrams\",\"default\":\"hashed-ngrams\"},"
                     "\"dimension\":{\"type\":\"integer\",\"minimum\":8,\"maximum\":4096,\"default\":128}}}",
    .idempotent = 1,
    .open = embed_open,
    .execute = embed_execute,
    .close = embed_close,
    .output_counter = embed_count,
};

const sluice_registration *const sl_plugin_stages[] = {&embed, NULL};
