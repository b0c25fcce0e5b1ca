/* The stage `ingest`: one document enters the pipeline in the shape {"name", "media_type", "bytes"}. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"
#include "payload.h"
#include "sdk/option.h"
#include "sdk/output.h"
#include "sdk/plugin.h"

enum { ADAPTER_PAYLOAD, ADAPTER_FILES };
enum { ROOTS_MAX = 16 };

struct ingest {
    unsigned adapter;
    char *roots[ROOTS_MAX + 1]; /* owns; NULL-terminated */
};

static void ingest_close(void *context) {
    struct ingest *self = context;
    for (size_t i = 0; i < ROOTS_MAX; i++) free(self->roots[i]);
    free(self);
}

static int read_roots(struct ingest *self, const struct sl_options *options) {
    const msgpack_object *member = sl_options_member(options, "roots");
    msgpack_object_array array = {0};
    if (!member && self->adapter == ADAPTER_PAYLOAD) return 0;
    if (!sl_input_array(member, &array) || array.size == 0 || array.size > ROOTS_MAX) {
        return sl_options_refuse(options, "`config.roots` must list 1 to %d directories that the adapter `files` may read.",
                                 ROOTS_MAX);
    }
    for (uint32_t i = 0; i < array.size; i++) {
        struct sl_span root;
        bool is_good = sl_input_text(&array.ptr[i], &root) && root.size > 0 && root.data[0] == '/' &&
                       !memchr(root.data, 0, root.size);
        if (!is_good) return sl_options_refuse(options, "`config.roots[%u]` must be an absolute path.", i);
        self->roots[i] = strndup(root.data, root.size);
        if (!self->roots[i]) return sl_options_refuse(options, "no memory.");
    }
    return 0;
}

static int ingest_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {"adapter", "roots", NULL};
    static const char *const adapters[] = {[ADAPTER_PAYLOAD] = "payload", [ADAPTER_FILES] = "files", NULL};
    struct sl_options options;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct ingest *self = calloc(1, sizeof *self);
    int rc = self ? sl_options_choice(&options, "adapter", adapters, &self->adapter)
                  : sl_options_refuse(&options, "no memory.");
    if (rc == 0) rc = read_roots(self, &options);
    if (rc == 0) *out_self = self;
    else if (self) ingest_close(self);
    sl_options_close(&options);
    return rc;
}

/* Writes the shape. Its whole must fit one value, so a document near the limit may be too large with its name. */
static sluice_outcome give(const struct sl_attempt *attempt, const struct sl_ingest_document *document) {
    const int name_size = sl_span_print(document->name, 200);
    if (document->bytes.size == 0) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The document %.*s is empty; there is nothing to do with it.",
                               name_size, document->name.data);
    }
    struct sl_output output;
    char what[256];
    sl_output_init(&output);
    sl_output_map(&output, 3);
    sl_output_text(&output, "name");
    sl_output_span(&output, document->name);
    sl_output_text(&output, "media_type");
    sl_output_span(&output, document->media_type);
    sl_output_text(&output, "bytes");
    sl_output_bin(&output, document->bytes.data, document->bytes.size);
    (void)snprintf(what, sizeof what, "The document %.*s", name_size, document->name.data);
    sluice_outcome outcome = sl_output_send(&output, attempt, what);
    sl_output_fini(&output);
    return outcome;
}

/* The payload of the files adapter: a path, or a map with the text `path` (or `name`) and perhaps a media_type. */
static sluice_outcome read_file(const struct ingest *self, const struct sl_attempt *attempt, const msgpack_object *payload) {
    struct sl_ingest_document document = {.media_type = sl_span_of("")};
    bool has_path = sl_input_text(payload, &document.name) || sl_input_text(sl_input_member(payload, "path"), &document.name) ||
                    sl_input_text(sl_input_member(payload, "name"), &document.name);
    if (!has_path || memchr(document.name.data, 0, document.name.size)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "The payload is %s without a path; the adapter `files` needs {\"path\": text}.",
                               sl_input_kind(payload));
    }
    sluice_outcome outcome = sl_ingest_check_name(attempt, document.name);
    if (outcome != SLUICE_DONE) return outcome;
    (void)sl_input_text(sl_input_member(payload, "media_type"), &document.media_type);
    char path[SL_INGEST_NAME_MAX + 1];
    (void)snprintf(path, sizeof path, "%.*s", (int)document.name.size, document.name.data);
    char *data = NULL;
    outcome = sl_ingest_file(attempt, self->roots, path, &data, &document.bytes.size);
    document.bytes.data = data;
    if (outcome == SLUICE_DONE) outcome = give(attempt, &document);
    free(data);
    return outcome;
}

static sluice_outcome ingest_execute(void *context, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct ingest *self = context;
    const struct sl_attempt attempt = {sl_host, ctx, out};
    struct sl_input input;
    if (sl_input_parse(&input, upstream) != 0) {
        return sl_attempt_fail(&attempt, SLUICE_FAILED_PERMANENT, "The payload is not a readable value.");
    }
    struct sl_ingest_document document;
    sluice_outcome outcome = SLUICE_FAILED_PERMANENT;
    const msgpack_object *payload = sl_ingest_single(&attempt, input.root);
    if (payload && self->adapter == ADAPTER_FILES) outcome = read_file(self, &attempt, payload);
    else if (payload) {
        outcome = sl_ingest_payload(&attempt, payload, &document);
        if (outcome == SLUICE_DONE) outcome = give(&attempt, &document);
    }
    sl_input_fini(&input);
    return outcome;
}

/* One job is one document, so the count is 1, not the three members of its map. */
static int64_t ingest_count(sluice_bytes output) {
    return output.size > 0 ? 1 : 0;
}

static const char *const state_keys[] = {"payloads", NULL};
static const char *const dependencies[] = {"@payload", NULL};

static const sluice_registration ingest = {
    .size = sizeof ingest,
    .stage_type = "ingest",
    .description = "Takes in one document: the job's payload, or a file of the worker",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                     "\"adapter\":{\"enum\":[\"payload\",\"files\"],\"default\":\"payload\"},"
                     "\"roots\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,"
                     "\"items\":{\"type\":\"string\",\"pattern\":\"^/\"}}}}",
    .idempotent = 1,
    .open = ingest_open,
    .execute = ingest_execute,
    .close = ingest_close,
    .output_counter = ingest_count,
};

const sluice_registration *const sl_plugin_stages[] = {&ingest, NULL};
