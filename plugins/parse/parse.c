/* The stage `parse`: a payload becomes a document with sections and blocks, whatever its format. */
#include <stdio.h>
#include <stdlib.h>

#include "decode.h"
#include "formats.h"
#include "sdk/option.h"
#include "sdk/plugin.h"

static int parse_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"format", NULL};
    struct sl_options options;
    unsigned format = SL_FORMAT_AUTO;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    int rc = sl_options_choice(&options, "format", sl_format_names, &format);
    return sl_options_keep(&options, rc, &format, sizeof format, out_self);
}

/* One payload while it is parsed. */
struct job {
    struct sl_attempt attempt;
    struct sl_span name;
    struct sl_span media_type;
    struct sl_span bytes;
    enum sl_format format;
};

static sluice_outcome read_payload(struct job *job, const msgpack_object *payload) {
    job->media_type = sl_span_of("");
    if (!sl_input_text(sl_input_member(payload, "name"), &job->name) || job->name.size == 0 ||
        !sl_input_bytes(sl_input_member(payload, "bytes"), &job->bytes)) {
        return sl_attempt_fail(&job->attempt, SLUICE_FAILED_PERMANENT,
                               "What came in is %s without `name` and `bytes`; let a stage of type ingest come before.",
                               sl_input_kind(payload));
    }
    (void)sl_input_text(sl_input_member(payload, "media_type"), &job->media_type);
    return SLUICE_DONE;
}

static sluice_outcome refuse(const struct job *job, const char *what) {
    return sl_attempt_fail(&job->attempt, SLUICE_FAILED_PERMANENT, "%.*s cannot be parsed as %s: %s.",
                           sl_span_print(job->name, 200), job->name.data, sl_format_names[job->format], what);
}

static bool is_tree(enum sl_format format) {
    return format == SL_FORMAT_HTML || format == SL_FORMAT_JATS;
}

static void note_bytes(struct sl_builder *builder, const struct job *job, const struct sl_decoded *decoded) {
    char text[64];
    sl_builder_note(builder, "format", sl_span_of(sl_format_names[job->format]));
    sl_builder_note(builder, "media_type", job->media_type);
    sl_builder_note(builder, "encoding", sl_span_of(decoded->encoding));
    if (decoded->repaired_count == 0) return;
    (void)snprintf(text, sizeof text, "%zu bytes that are no UTF-8 became U+FFFD", decoded->repaired_count);
    sl_builder_note(builder, "repaired", sl_span_of(text));
}

static int read_format(struct sl_builder *builder, const struct job *job, struct sl_span text, char *why, size_t why_size) {
    switch (job->format) {
    case SL_FORMAT_HTML: return sl_read_html(builder, text, true, why, why_size);
    case SL_FORMAT_JATS: return sl_read_jats(builder, text, true, why, why_size);
    case SL_FORMAT_MARKDOWN: sl_read_markdown(builder, text); return 0;
    case SL_FORMAT_DEBIAN: sl_read_debian(builder, job->name, text); return 0;
    case SL_FORMAT_AUTO:
    case SL_FORMAT_TEXT: break;
    }
    sl_read_text(builder, text);
    return 0;
}

/* Whether the beginning of a tree names an encoding other than UTF-8: then libxml2 decodes the bytes, not we. */
static bool declares_encoding(struct sl_span bytes) {
    struct sl_span start = sl_span(bytes.data, bytes.size < 1024 ? bytes.size : 1024);
    for (size_t i = 0; i + 9 < start.size; i++) {
        bool is_declared = memcmp(start.data + i, "encoding=", 9) == 0 || memcmp(start.data + i, "charset=", 8) == 0;
        if (is_declared) return true;
    }
    return false;
}

static sluice_outcome parse_decoded(const struct job *job, const struct sl_decoded *decoded, bool is_declared) {
    struct sl_builder builder;
    char why[512];
    sl_builder_init(&builder, is_tree(job->format));
    note_bytes(&builder, job, decoded);
    int rc;
    if (is_declared && job->format == SL_FORMAT_HTML) rc = sl_read_html(&builder, job->bytes, false, why, sizeof why);
    else if (is_declared) rc = sl_read_jats(&builder, job->bytes, false, why, sizeof why);
    else rc = read_format(&builder, job, decoded->text, why, sizeof why);
    sluice_outcome outcome = rc == 0 ? sl_builder_send(&builder, &job->attempt, job->name) : refuse(job, why);
    sl_builder_fini(&builder);
    return outcome;
}

static sluice_outcome parse_payload(struct job *job) {
    const char *binary = sl_decode_binary_kind(job->bytes);
    if (binary) {
        return sl_attempt_fail(&job->attempt, SLUICE_FAILED_PERMANENT,
                               "%.*s is %s, not text; this stage reads text, Markdown, Debian copyright files, HTML and JATS.",
                               sl_span_print(job->name, 200), job->name.data, binary);
    }
    if (job->format == SL_FORMAT_AUTO) job->format = sl_format_detect(job->name, job->media_type, job->bytes);
    struct sl_decoded decoded;
    if (sl_decode(job->bytes, &decoded) != 0) return sl_attempt_no_memory(&job->attempt);
    bool is_repaired = decoded.text.data == decoded.repaired.data && decoded.repaired.size > 0;
    bool is_declared = is_tree(job->format) && is_repaired && declares_encoding(job->bytes);
    if (is_declared) {
        decoded.encoding = "as declared";
        decoded.repaired_count = 0;
    }
    sluice_outcome outcome = parse_decoded(job, &decoded, is_declared);
    sl_decoded_fini(&decoded);
    return outcome;
}

static sluice_outcome parse_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    struct job job = {.attempt = {sl_host, ctx, out}, .format = *(const unsigned *)self};
    struct sl_input input;
    sluice_outcome outcome = sl_attempt_read(&job.attempt, upstream, &input);
    if (outcome != SLUICE_DONE) return outcome;
    outcome = read_payload(&job, input.root);
    if (outcome == SLUICE_DONE) outcome = parse_payload(&job);
    sl_input_fini(&input);
    return outcome;
}

/* One document, not the five members of its map. */
static int64_t parse_count(sluice_bytes output) {
    return output.size > 0 ? 1 : 0;
}

static const char *const state_keys[] = {"document", NULL};
static const char *const dependencies[] = {"ingest", NULL};

static const sluice_registration parse = {
    .size = sizeof parse,
    .stage_type = "parse",
    .description = "Turns text, Markdown, Debian copyright files, HTML, JATS and PubMed into a document of sections and blocks",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"format\":{\"enum\":[\"auto\","
                     "\"text\",\"markdown\",\"debian-copyright\",\"html\",\"jats\"],\"default\":\"auto\"}}}",
    .idempotent = 1,
    .open = parse_open,
    .execute = parse_execute,
    .close = free,
    .output_counter = parse_count,
};

const sluice_registration *const sl_plugin_stages[] = {&parse, NULL};
