/* The canonical form of a pipeline: msgpack [format, {...}] with the keys of each map in the order of their bytes and every default
 * written out. Equal pipelines have equal bytes; the digest is of these bytes. Change together: sl_pipeline_encode, decode_*. */
#include "draft.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

enum {
    FORMAT = 1,
    BYTES_MAX = SL_PIPELINE_TEXT_MAX * 2, /* as much as a DEFINE message carries */
    LIST_MAX = SL_YAML_EVENTS_MAX
};

static void encode_list(struct sl_text_list list, struct sl_buf *buf) {
    sl_mp_array(buf, list.count);
    for (uint32_t i = 0; i < list.count; i++) sl_mp_str(buf, list.items[i]);
}

static void encode_overrides(const struct sl_stage *stage, struct sl_buf *buf) {
    bool has_description = stage->description.size > 0;
    sl_mp_map(buf, (uint32_t)stage->has_dependencies + has_description + stage->has_state_keys);
    if (stage->has_dependencies) {
        sl_mp_key(buf, "dependencies");
        encode_list(stage->dependencies, buf);
    }
    if (has_description) {
        sl_mp_key(buf, "description");
        sl_mp_str(buf, stage->description);
    }
    if (stage->has_state_keys) {
        sl_mp_key(buf, "state_key");
        encode_list(stage->state_keys, buf);
    }
}

static void encode_stage(const struct sl_pipeline *pipeline, const struct sl_stage *stage, struct sl_buf *buf) {
    sl_mp_map(buf, 6);
    sl_mp_key(buf, "config");
    sl_mp_raw(buf, stage->config);
    sl_mp_key(buf, "depends_on");
    sl_mp_array(buf, stage->depends_on_count);
    for (uint32_t i = 0; i < stage->depends_on_count; i++) sl_mp_str(buf, pipeline->stages[stage->depends_on[i]].name);
    sl_mp_key(buf, "metadata_overrides");
    encode_overrides(stage, buf);
    sl_mp_key(buf, "name");
    sl_mp_str(buf, stage->name);
    sl_mp_key(buf, "policy");
    sl_mp_str(buf, stage->policy);
    sl_mp_key(buf, "type");
    sl_mp_str(buf, stage->type);
}

static void encode_metadata(const struct sl_pipeline *pipeline, struct sl_buf *buf) {
    sl_mp_map(buf, 3);
    sl_mp_key(buf, "description");
    sl_mp_str(buf, pipeline->description);
    sl_mp_key(buf, "owner");
    sl_mp_str(buf, pipeline->owner);
    sl_mp_key(buf, "tags");
    encode_list(pipeline->tags, buf);
}

void sl_pipeline_encode(const struct sl_pipeline *pipeline, struct sl_buf *buf) {
    sl_mp_array(buf, 2);
    sl_mp_uint(buf, FORMAT);
    sl_mp_map(buf, 6);
    sl_mp_key(buf, "applicable_sources");
    encode_list(pipeline->applicable_sources, buf);
    sl_mp_key(buf, "metadata");
    encode_metadata(pipeline, buf);
    sl_mp_key(buf, "name");
    sl_mp_str(buf, pipeline->name);
    sl_mp_key(buf, "plugins");
    sl_mp_array(buf, pipeline->plugin_count);
    for (uint32_t i = 0; i < pipeline->plugin_count; i++) {
        sl_mp_map(buf, 2);
        sl_mp_key(buf, "callable");
        sl_mp_str(buf, pipeline->plugins[i].callable);
        sl_mp_key(buf, "replace");
        sl_mp_bool(buf, pipeline->plugins[i].replace);
    }
    sl_mp_key(buf, "stages");
    sl_mp_array(buf, pipeline->stage_count);
    for (uint32_t i = 0; i < pipeline->stage_count; i++) encode_stage(pipeline, &pipeline->stages[i], buf);
    sl_mp_key(buf, "version");
    sl_mp_str(buf, pipeline->version);
}

/* A decoder fails by its reader's rc; memory by the draft. */
static void expect_key(struct sl_mp_reader *reader, const char *key) {
    if (!sl_bytes_is(sl_mp_read_str(reader, SL_NAME_MAX), key)) sl_mp_fail(reader, SL_E_DAMAGED);
}

static void expect_map(struct sl_mp_reader *reader, uint32_t count) {
    if (sl_mp_read_map(reader, count) != count) sl_mp_fail(reader, SL_E_DAMAGED);
}

static struct sl_bytes decode_text(struct sl_mp_reader *reader) {
    struct sl_bytes text = sl_mp_read_str(reader, SL_YAML_SCALAR_MAX);
    if (!text.data) text = sl_text("");
    if (!sl_utf8_is_valid(text)) sl_mp_fail(reader, SL_E_DAMAGED);
    return text;
}

static void decode_list(struct sl_draft *draft, struct sl_mp_reader *reader, uint32_t count_max,
                        struct sl_draft_list *list) {
    uint32_t count = sl_mp_read_array(reader, count_max);
    list->is_set = true;
    if (count == 0) return;
    list->items = sl_draft_take(draft, count * sizeof *list->items);
    if (!list->items) return;
    for (; list->count < count; list->count++) list->items[list->count].text = decode_text(reader);
}

/* Whether the next object is such as a config holds: text keys in ascending order, no bytes, finite numbers. */
static void check_config(struct sl_mp_reader *reader, uint32_t depth_max) {
    struct sl_mp_object object;
    struct sl_bytes before = {0};
    if (depth_max == 0) sl_mp_fail(reader, SL_E_DAMAGED);
    if (sl_mp_next(reader, &object) != SL_OK) return;
    bool is_number = object.type == SL_MP_DOUBLE;
    if (object.type == SL_MP_BIN || (is_number && !__builtin_isfinite(object.real))) sl_mp_fail(reader, SL_E_DAMAGED);
    if (object.type == SL_MP_STR && !sl_utf8_is_valid(object.bytes)) sl_mp_fail(reader, SL_E_DAMAGED);
    if (object.type != SL_MP_ARRAY && object.type != SL_MP_MAP) return;
    for (uint32_t i = 0; i < object.count && reader->rc == SL_OK; i++) {
        if (object.type == SL_MP_MAP) {
            struct sl_bytes key = decode_text(reader);
            if (i > 0 && sl_bytes_compare(before, key) >= 0) sl_mp_fail(reader, SL_E_DAMAGED);
            before = key;
        }
        check_config(reader, depth_max - 1);
    }
}

static struct sl_bytes decode_config(struct sl_mp_reader *reader) {
    struct sl_bytes config = sl_mp_read_raw(reader, SL_YAML_DEPTH_MAX);
    struct sl_mp_reader inside = sl_mp_reader(config), again = inside;
    (void)sl_mp_read_map(&again, UINT32_MAX);
    check_config(&inside, SL_YAML_DEPTH_MAX);
    if (again.rc != SL_OK || inside.rc != SL_OK) sl_mp_fail(reader, SL_E_DAMAGED);
    return config;
}

static void decode_overrides(struct sl_draft *draft, struct sl_mp_reader *reader, struct sl_draft_stage *stage) {
    uint32_t count = sl_mp_read_map(reader, 3);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes key = sl_mp_read_str(reader, SL_NAME_MAX);
        if (sl_bytes_is(key, "dependencies") && !stage->dependencies.is_set) {
            decode_list(draft, reader, SL_DEPENDENCIES_MAX, &stage->dependencies);
        } else if (sl_bytes_is(key, "description")) {
            stage->description = decode_text(reader);
        } else if (sl_bytes_is(key, "state_key") && !stage->state_keys.is_set) {
            decode_list(draft, reader, SL_STATE_KEYS_MAX, &stage->state_keys);
        } else {
            sl_mp_fail(reader, SL_E_DAMAGED);
        }
    }
}

static void decode_stage(struct sl_draft *draft, struct sl_mp_reader *reader, struct sl_draft_stage *stage) {
    expect_map(reader, 6);
    expect_key(reader, "config");
    stage->config = decode_config(reader);
    expect_key(reader, "depends_on");
    decode_list(draft, reader, SL_STAGES_MAX, &stage->depends_on);
    expect_key(reader, "metadata_overrides");
    decode_overrides(draft, reader, stage);
    expect_key(reader, "name");
    stage->name.text = decode_text(reader);
    expect_key(reader, "policy");
    stage->policy.text = decode_text(reader);
    expect_key(reader, "type");
    stage->type.text = decode_text(reader);
}

static void decode_stages(struct sl_draft *draft, struct sl_mp_reader *reader) {
    expect_key(reader, "stages");
    uint32_t count = sl_mp_read_array(reader, SL_STAGES_MAX);
    draft->stages = sl_draft_take(draft, (count + 1) * sizeof *draft->stages);
    if (!draft->stages) return;
    for (; draft->stage_count < count && reader->rc == SL_OK; draft->stage_count++) {
        decode_stage(draft, reader, &draft->stages[draft->stage_count]);
    }
}

static void decode_plugins(struct sl_draft *draft, struct sl_mp_reader *reader) {
    expect_key(reader, "plugins");
    uint32_t count = sl_mp_read_array(reader, SL_PLUGIN_REFERENCES_MAX);
    draft->plugins = sl_draft_take(draft, (count + 1) * sizeof *draft->plugins);
    if (!draft->plugins) return;
    for (; draft->plugin_count < count; draft->plugin_count++) {
        struct sl_draft_plugin *plugin = &draft->plugins[draft->plugin_count];
        expect_map(reader, 2);
        expect_key(reader, "callable");
        plugin->callable.text = decode_text(reader);
        expect_key(reader, "replace");
        plugin->replace = sl_mp_read_bool(reader);
    }
}

static void decode_metadata(struct sl_draft *draft, struct sl_mp_reader *reader) {
    expect_key(reader, "metadata");
    expect_map(reader, 3);
    expect_key(reader, "description");
    draft->description = decode_text(reader);
    expect_key(reader, "owner");
    draft->owner = decode_text(reader);
    expect_key(reader, "tags");
    decode_list(draft, reader, LIST_MAX, &draft->tags);
}

static int decode(struct sl_bytes canonical, struct sl_draft *draft) {
    struct sl_mp_reader reader = sl_mp_reader(canonical);
    if (canonical.size > BYTES_MAX) return SL_E_DAMAGED;
    if (sl_mp_read_array(&reader, 2) != 2) return SL_E_DAMAGED;
    uint64_t format = sl_mp_read_uint(&reader, UINT64_MAX);
    if (reader.rc == SL_OK && format > FORMAT) return SL_E_VERSION;
    if (format != FORMAT) return SL_E_DAMAGED;
    expect_map(&reader, 6);
    expect_key(&reader, "applicable_sources");
    decode_list(draft, &reader, LIST_MAX, &draft->sources);
    decode_metadata(draft, &reader);
    expect_key(&reader, "name");
    draft->name.text = decode_text(&reader);
    decode_plugins(draft, &reader);
    decode_stages(draft, &reader);
    expect_key(&reader, "version");
    draft->version.text = decode_text(&reader);
    if (draft->no_memory) return SL_E_NO_MEMORY;
    return sl_mp_end(&reader) == SL_OK ? SL_OK : SL_E_DAMAGED;
}

int sl_pipeline_from_canonical(struct sl_bytes canonical, const struct sl_alloc *alloc,
                               struct sl_pipeline **out_pipeline) {
    struct sl_draft draft;
    struct sl_pipeline *pipeline = NULL;
    sl_draft_init(&draft, alloc, NULL);
    int rc = decode(canonical, &draft);
    if (rc == SL_OK) rc = sl_draft_build(&draft, alloc, &pipeline);
    sl_draft_fini(&draft);
    if (rc == SL_E_BAD_INPUT) rc = SL_E_DAMAGED;
    /* Another spelling of the same content (longer integers, for one) is not the canonical form. */
    if (rc == SL_OK && !sl_bytes_equal(pipeline->canonical, canonical)) {
        sl_pipeline_free(&pipeline);
        rc = SL_E_DAMAGED;
    }
    if (rc == SL_OK) *out_pipeline = pipeline;
    return rc;
}
