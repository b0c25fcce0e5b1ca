/* The host's side of sluice/stage.h in one process, for tests of plugins. */
#include "stage_bench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/msgpack.h"
#include "json_pack.h"

struct sl_bench {
    void *library;
    const sluice_registration_list *list; /* owned by the library */
};

struct sl_bench_stage {
    const sluice_registration *registration;
    void *instance;
};

struct sluice_ctx {
    sluice_task task;
    bool is_cancelled;
    struct sl_bench_result *result;
};

struct sluice_out {
    const sluice_registration *registration;
    bool is_handler; /* inside output_handler, where keys may be written and the output may not */
    bool is_refused;
    struct sl_bench_result *result;
};

static bool value_is_good(const void *data, size_t size) {
    return size <= SLUICE_VALUE_BYTES_MAX &&
           sl_mp_check(sl_bytes(data, size), SLUICE_VALUE_DEPTH_MAX, SLUICE_VALUE_NODES_MAX) == 0;
}

static int refuse(sluice_out *out, const char *sentence) {
    out->is_refused = true;
    (void)snprintf(out->result->sentence, sizeof out->result->sentence, "%s", sentence);
    return -1;
}

static int host_out_write(sluice_out *out, const void *data, size_t size) {
    if (out->is_handler) return refuse(out, "output written by output_handler");
    if (!value_is_good(data, size)) return refuse(out, "the output is not one valid value");
    sl_buf_clear(&out->result->output);
    return sl_buf_append(&out->result->output, data, size);
}

static int host_state_write(sluice_out *out, const char *key, const void *data, size_t size) {
    if (!out->is_handler) return refuse(out, "state written outside output_handler");
    if (!value_is_good(data, size)) return refuse(out, "the state is not one valid value");
    const char *const *declared = out->registration->state_keys;
    while (declared && *declared && strcmp(*declared, key) != 0) declared++;
    if (!declared || !*declared) return refuse(out, "undeclared-key");
    uint32_t i = 0;
    while (i < out->result->key_count && strcmp(out->result->keys[i].name, key) != 0) i++;
    if (i == out->result->key_count) {
        out->result->keys[i].name = *declared;
        sl_buf_init(&out->result->keys[i].value, sl_alloc_system());
        out->result->key_count++;
    }
    sl_buf_clear(&out->result->keys[i].value);
    return sl_buf_append(&out->result->keys[i].value, data, size);
}

static int host_progress(sluice_ctx *ctx, uint64_t done, uint64_t total) {
    (void)done;
    (void)total;
    ctx->result->progress_count++;
    return ctx->is_cancelled ? 1 : 0;
}

static void host_log(sluice_ctx *ctx, sluice_log_level level, const char *text) {
    (void)level;
    (void)snprintf(ctx->result->log, sizeof ctx->result->log, "%s", text);
}

static void host_fail(sluice_ctx *ctx, const char *sentence) {
    (void)snprintf(ctx->result->sentence, sizeof ctx->result->sentence, "%s", sentence);
}

static int host_field_set(sluice_ctx *ctx, const char *field, const void *data, size_t size) {
    (void)field;
    if (size > 64 << 10 || !value_is_good(data, size)) return -1;
    ctx->result->field_count++;
    return 0;
}

static const sluice_task *host_task(sluice_ctx *ctx) {
    return &ctx->task;
}

static const sluice_host host = {
    .size = sizeof host,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .out_write = host_out_write,
    .state_write = host_state_write,
    .progress = host_progress,
    .log = host_log,
    .fail = host_fail,
    .field_set = host_field_set,
    .task = host_task,
};

struct sl_bench *sl_bench_load(const char *path, char *error, size_t error_size) {
    struct sl_bench *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!self->library) {
        (void)snprintf(error, error_size, "%s", dlerror());
        goto err_after_self;
    }
    sluice_plugin_function entry = (sluice_plugin_function)dlsym(self->library, "sluice_plugin_v1");
    self->list = entry ? entry(&host) : NULL;
    if (!self->list || self->list->abi_major != SLUICE_ABI_MAJOR || self->list->count == 0 || self->list->count > 64) {
        (void)snprintf(error, error_size, "%s: no entry, no list, or another ABI", path);
        goto err_after_library;
    }
    return self;
err_after_library:
    (void)dlclose(self->library);
err_after_self:
    free(self);
    return NULL;
}

void sl_bench_free(struct sl_bench **self) {
    if (!*self) return;
    (void)dlclose((*self)->library);
    free(*self);
    *self = NULL;
}

uint32_t sl_bench_type_count(const struct sl_bench *self) {
    return self->list->count;
}

const sluice_registration *sl_bench_type_at(const struct sl_bench *self, uint32_t index) {
    return index < self->list->count ? self->list->registrations[index] : NULL;
}

static const sluice_registration *find_type(const struct sl_bench *self, const char *type) {
    for (uint32_t i = 0; i < self->list->count; i++) {
        if (strcmp(self->list->registrations[i]->stage_type, type) == 0) return self->list->registrations[i];
    }
    return NULL;
}

struct sl_bench_stage *sl_bench_open(struct sl_bench *self, const char *type, const char *config_json,
                                     const char *data_directory, char *error, size_t error_size) {
    const sluice_registration *registration = find_type(self, type);
    struct sl_buf config;
    sl_buf_init(&config, sl_alloc_system());
    if (!registration || sl_json_pack(config_json ? config_json : "{}", &config) != 0) {
        (void)snprintf(error, error_size, "test: no type %s, or its config is not JSON", type);
        sl_buf_fini(&config);
        return NULL;
    }
    sluice_definition definition = {.size = sizeof definition, .pipeline = "bench", .version = "2026-01-15", .name = type,
                                    .type = type, .config = {config.data, config.size}, .data_directory = data_directory};
    struct sl_bench_stage *stage = calloc(1, sizeof *stage);
    int rc = stage ? 0 : -1;
    if (stage) stage->registration = registration;
    if (rc == 0 && registration->open) rc = registration->open(&definition, &stage->instance, error, error_size);
    if (rc != 0) {
        free(stage);
        stage = NULL;
    }
    sl_buf_fini(&config);
    return stage;
}

void sl_bench_close(struct sl_bench_stage **self) {
    if (!*self) return;
    if ((*self)->registration->close) (*self)->registration->close((*self)->instance);
    free(*self);
    *self = NULL;
}

/* The default rule of sluice_registration.output_handler. */
static int spread_output(sluice_out *out, sluice_bytes output) {
    const char *const *keys = out->registration->state_keys;
    if (!keys || !keys[0]) return 0;
    if (!keys[1]) return host_state_write(out, keys[0], output.data, output.size);
    struct sl_mp_reader reader = sl_mp_reader(sl_bytes(output.data, output.size));
    uint32_t pair_count = sl_mp_read_map(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < pair_count; i++) {
        struct sl_bytes name = sl_mp_read_str(&reader, SIZE_MAX), value = sl_mp_read_raw(&reader, SLUICE_VALUE_DEPTH_MAX);
        for (const char *const *key = keys; *key && reader.rc == 0; key++) {
            if (sl_bytes_is(name, *key) && host_state_write(out, *key, value.data, value.size) != 0) return -1;
        }
    }
    uint32_t key_count = 0;
    while (keys[key_count]) key_count++;
    return reader.rc == 0 && out->result->key_count == key_count ? 0 : refuse(out, "the output lacks a declared key");
}

static int64_t count_output(const sluice_registration *registration, sluice_bytes output) {
    if (registration->output_counter) {
        int64_t count = registration->output_counter(output);
        return count > 0 ? count : 0;
    }
    struct sl_mp_reader reader = sl_mp_reader(sl_bytes(output.data, output.size));
    struct sl_mp_object object;
    if (sl_mp_next(&reader, &object) != 0 || object.type == SL_MP_NIL) return 0;
    return object.type == SL_MP_ARRAY || object.type == SL_MP_MAP ? (int64_t)object.count : 1;
}

static void finish(struct sl_bench_stage *self, sluice_out *out) {
    struct sl_bench_result *result = out->result;
    if (out->is_refused) result->outcome = SLUICE_FAILED_PERMANENT;
    if (result->outcome != SLUICE_DONE) return;
    static const char nil = (char)0xc0;
    if (result->output.size == 0) (void)sl_buf_append(&result->output, &nil, 1);
    const sluice_bytes output = {result->output.data, result->output.size};
    out->is_handler = true;
    int rc = self->registration->output_handler ? self->registration->output_handler(out, self->registration->stage_type, output)
                                                : spread_output(out, output);
    if (rc != 0 || out->is_refused) result->outcome = SLUICE_FAILED_PERMANENT;
    else result->count = count_output(self->registration, output);
}

void sl_bench_run(struct sl_bench_stage *self, const struct sl_bench_attempt *attempt, struct sl_bytes upstream,
                  struct sl_bench_result *out_result) {
    static const struct sl_bench_attempt first = {.number = 1};
    if (!attempt) attempt = &first;
    memset(out_result, 0, sizeof *out_result);
    sl_buf_init(&out_result->output, sl_alloc_system());
    sluice_ctx ctx = {.task = {.size = sizeof ctx.task, .run = 1, .attempt = attempt->number ? attempt->number : 1,
                               .timeout_ms = attempt->timeout_ms ? attempt->timeout_ms : 30000,
                               .job_id = "01990000-0000-8000-8000-000000000000", .tenant_id = "default",
                               .doc_key = attempt->doc_key ? attempt->doc_key : "", .attempt_token = "token"},
                      .is_cancelled = attempt->is_cancelled, .result = out_result};
    sluice_out out = {.registration = self->registration, .result = out_result};
    out_result->outcome =
        self->registration->execute(self->instance, &ctx, (sluice_bytes){upstream.data, upstream.size}, &out);
    finish(self, &out);
}

void sl_bench_result_fini(struct sl_bench_result *self) {
    sl_buf_fini(&self->output);
    for (uint32_t i = 0; i < self->key_count; i++) sl_buf_fini(&self->keys[i].value);
    self->key_count = 0;
}

struct sl_bytes sl_bench_value(const struct sl_bench_result *self, const char *key) {
    if (!key) return sl_buf_bytes(&self->output);
    for (uint32_t i = 0; i < self->key_count; i++) {
        if (strcmp(self->keys[i].name, key) == 0) return sl_buf_bytes(&self->keys[i].value);
    }
    return sl_bytes(NULL, 0);
}
