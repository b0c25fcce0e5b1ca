/* Reads a pipeline file's document into a draft, and answers questions about a built pipeline. Which rules hold for the values is
 * in draft.c, what needs the whole graph in build.c. */
#include "pipeline.h"

#include "draft.h"
#include "fields.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <math.h>
#include <stdio.h>

enum { WHERE_SIZE = 96 };

struct reading {
    struct sl_draft *draft;
    struct sl_problems *problems;
    bool strict;
};

/* The texts of a list. */
static void read_items(struct reading *self, const struct sl_fields *fields, const struct sl_node *list, const char *what,
                       struct sl_draft_list *out_list) {
    out_list->items = sl_draft_take(self->draft, list->count * sizeof *out_list->items);
    if (!out_list->items) return;
    for (const struct sl_node *node = list->first; node; node = node->next) {
        struct sl_draft_text *item = &out_list->items[out_list->count];
        if (!sl_fields_node_text(fields, node, what, &item->text)) continue;
        item->mark = node->mark;
        out_list->count++;
    }
}

static void read_list(struct reading *self, const struct sl_fields *fields, const char *key, const char *example,
                      struct sl_draft_list *out_list) {
    char what[WHERE_SIZE];
    const struct sl_node *node = sl_node_get(fields->map, key);
    if (!node) return;
    out_list->is_set = true;
    out_list->mark = sl_fields_mark(node);
    if (node->kind != SL_NODE_SEQUENCE) {
        sl_fields_refuse(fields, out_list->mark, NULL, "%s of %s must be a list, like %s, and is %s", key, fields->where,
                         example, sl_fields_kind_word(node));
        return;
    }
    (void)snprintf(what, sizeof what, "an entry of %s", key); /* keys are ours and short */
    read_items(self, fields, node, what, out_list);
}

/* A text, a list of texts, or null for none at all (seed, rows 9 and 19). */
static void read_state_key(struct reading *self, const struct sl_fields *fields, struct sl_draft_list *out_list) {
    const struct sl_node *node = sl_node_get(fields->map, "state_key");
    if (!node) return;
    out_list->is_set = true;
    out_list->mark = sl_fields_mark(node);
    if (node->kind == SL_NODE_SEQUENCE && node->count > 0) {
        read_items(self, fields, node, "an entry of state_key", out_list);
        return;
    }
    if (node->kind == SL_NODE_SCALAR && sl_node_scalar_kind(node) == SL_SCALAR_NULL) return;
    if (node->kind == SL_NODE_SCALAR && sl_node_scalar_kind(node) == SL_SCALAR_TEXT) {
        out_list->items = sl_draft_take(self->draft, sizeof *out_list->items);
        if (!out_list->items) return;
        out_list->items[0] = (struct sl_draft_text){.text = node->text, .mark = node->mark};
        out_list->count = 1;
        return;
    }
    sl_fields_refuse(fields, out_list->mark, NULL,
                     "state_key of %s must be a key, a list of keys, or null for no key at all", fields->where);
}

/* The value of a key that has an older name too; both at once are an error. */
static const struct sl_node *get_renamed(const struct sl_fields *fields, const char *key, const char *alias) {
    const struct sl_node *node = sl_node_get(fields->map, key), *other = sl_node_get(fields->map, alias);
    if (node && other) {
        sl_fields_refuse(fields, other->key_mark, NULL, "%s has both \"%s\" and \"%s\", which mean the same", fields->where,
                         key, alias);
    }
    return node ? node : other;
}

static void read_overrides(struct reading *self, const struct sl_fields *stage, struct sl_draft_stage *out_stage) {
    static const char *const keys[] = {"state_key", "description", "dependencies"};
    char where[WHERE_SIZE + 32];
    const struct sl_node *node = get_renamed(stage, "metadata_overrides", "metadata");
    (void)snprintf(where, sizeof where, "metadata_overrides of %s", stage->where); /* fits: WHERE_SIZE and the words */
    struct sl_fields fields = {.map = node, .where = where, .problems = self->problems};
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    read_state_key(self, &fields, &out_stage->state_keys);
    (void)sl_fields_text(&fields, "description", &out_stage->description, NULL); /* optional */
    read_list(self, &fields, "dependencies", "[parse, \"@ledger\"]", &out_stage->dependencies);
}

/* Numbers that msgpack cannot carry as they are written. */
static void check_number(struct reading *self, const struct sl_fields *stage, const struct sl_node *node) {
    double real = 0;
    int64_t integer;
    enum sl_scalar_kind kind = sl_node_scalar_kind(node);
    if ((kind != SL_SCALAR_INT && kind != SL_SCALAR_FLOAT) || sl_node_to_int(node, &integer) == SL_OK) return;
    if (sl_node_to_double(node, &real) != SL_OK || !isfinite(real)) {
        sl_fields_refuse(stage, node->mark, NULL, "a number in config of %s is too large", stage->where);
    } else if (kind == SL_SCALAR_INT) {
        sl_problems_add(self->problems, self->strict ? SL_PROBLEM_ERROR : SL_PROBLEM_WARNING, node->mark,
                        "put it in quotes to keep its digits",
                        "a whole number in config of %s needs more than 64 bits and loses digits", stage->where);
    }
}

static void check_config(struct reading *self, const struct sl_fields *stage, const struct sl_node *node) {
    if (node->kind == SL_NODE_SCALAR) check_number(self, stage, node);
    for (const struct sl_node *member = node->first; member; member = member->next) check_config(self, stage, member);
}

static void read_config(struct reading *self, const struct sl_fields *stage, struct sl_draft_stage *out_stage) {
    static const uint8_t empty_map[] = {0x80};
    char where[WHERE_SIZE + 32];
    struct sl_buf buf;
    (void)snprintf(where, sizeof where, "config of %s", stage->where); /* fits: WHERE_SIZE and the words */
    struct sl_fields fields = {.map = sl_node_get(stage->map, "config"), .where = where, .problems = self->problems};
    out_stage->config = sl_bytes(empty_map, sizeof empty_map);
    out_stage->config_node = fields.map;
    if (!sl_fields_is_map(&fields)) return;
    check_config(self, stage, fields.map);
    sl_buf_init(&buf, self->draft->memory.alloc);
    sl_node_to_msgpack(fields.map, &buf);
    if (!buf.failed) out_stage->config = sl_tree_copy(&self->draft->memory, sl_buf_bytes(&buf));
    if (buf.failed || !out_stage->config.data) self->draft->no_memory = true;
    sl_buf_fini(&buf);
}

/* Seed, row 28. */
static void check_ingest(const struct sl_fields *stage) {
    const struct sl_node *config = sl_node_get(stage->map, "config");
    const struct sl_node *adapter = sl_node_get(config, "adapter");
    bool is_text = adapter && adapter->kind == SL_NODE_SCALAR && sl_node_scalar_kind(adapter) == SL_SCALAR_TEXT;
    if (is_text && adapter->text.size > 0) return;
    const struct sl_node *near = adapter ? adapter : config ? config : sl_node_get(stage->map, "type");
    sl_fields_refuse(stage, sl_fields_mark(near), NULL,
                     "%s has type ingest and needs config.adapter, such as \"payload\" or \"files\"", stage->where);
}

/* How sentences call a stage: by its name if it has one, else by its number. */
static void name_stage(const struct sl_node *node, unsigned number, char out_where[WHERE_SIZE]) {
    const struct sl_node *name = sl_node_get(node, "name");
    if (name && name->kind == SL_NODE_SCALAR && name->text.size > 0) {
        (void)snprintf(out_where, WHERE_SIZE, "stage \"%.*s\"", SL_SHOWN(name->text)); /* fits: texts are cut */
    } else {
        (void)snprintf(out_where, WHERE_SIZE, "stage number %u", number);
    }
}

static void read_stage(struct reading *self, const struct sl_node *node, struct sl_draft_stage *out_stage) {
    static const char *const keys[] = {"name", "type", "policy", "depends_on", "config", "gate", "metadata_overrides",
                                       "metadata"};
    char where[WHERE_SIZE];
    name_stage(node, self->draft->stage_count, where);
    struct sl_fields fields = {.map = node, .where = where, .problems = self->problems};
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    if (sl_fields_require(&fields, "name")) {
        (void)sl_fields_text(&fields, "name", &out_stage->name.text, &out_stage->name.mark); /* reported */
    }
    if (sl_fields_require(&fields, "type")) {
        (void)sl_fields_text(&fields, "type", &out_stage->type.text, &out_stage->type.mark); /* reported */
    }
    out_stage->policy = (struct sl_draft_text){.text = sl_text("default"), .mark = out_stage->name.mark};
    (void)sl_fields_text(&fields, "policy", &out_stage->policy.text, &out_stage->policy.mark); /* optional */
    const struct sl_node *gate = sl_node_get(node, "gate");
    if (gate) sl_fields_refuse(&fields, gate->key_mark, NULL, "%s has a gate, and this version has no gates yet", where);
    read_list(self, &fields, "depends_on", "[parse]", &out_stage->depends_on);
    read_overrides(self, &fields, out_stage);
    read_config(self, &fields, out_stage);
    if (out_stage->type.text.data && sl_bytes_is(out_stage->type.text, "ingest")) check_ingest(&fields);
}

static void read_stages(struct reading *self, const struct sl_fields *top) {
    struct sl_draft *draft = self->draft;
    const struct sl_node *list = sl_fields_require(top, "stages");
    if (!list) return;
    if (list->kind != SL_NODE_SEQUENCE || list->count == 0) {
        sl_fields_refuse(top, sl_fields_mark(list), NULL, "stages must be a list of at least one stage, like "
                         "[{name: hello, type: echo}]");
        return;
    }
    if (list->count > SL_STAGES_MAX) {
        sl_fields_refuse(top, sl_fields_mark(list), NULL, "the pipeline has %u stages; at most %d are allowed",
                         list->count, SL_STAGES_MAX);
        return;
    }
    draft->stages = sl_draft_take(draft, list->count * sizeof *draft->stages);
    if (!draft->stages) return;
    for (const struct sl_node *node = list->first; node; node = node->next) {
        struct sl_draft_stage *stage = &draft->stages[draft->stage_count++];
        stage->name.mark = node->mark;
        read_stage(self, node, stage);
    }
}

static void read_plugin(struct reading *self, const struct sl_node *node, struct sl_draft_plugin *out_plugin) {
    static const char *const keys[] = {"callable", "replace"};
    struct sl_fields fields = {.map = node, .where = "a plugin", .problems = self->problems};
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    if (sl_fields_require(&fields, "callable")) {
        (void)sl_fields_text(&fields, "callable", &out_plugin->callable.text, &out_plugin->callable.mark); /* reported */
    }
    (void)sl_fields_bool(&fields, "replace", &out_plugin->replace); /* optional */
}

/* `plugins: {stages: [...]}`; the alias stage_plugins of row 18 is accepted for either key. */
static void read_plugins(struct reading *self, const struct sl_fields *top) {
    static const char *const keys[] = {"stages", "stage_plugins"};
    struct sl_draft *draft = self->draft;
    struct sl_fields fields = {.map = get_renamed(top, "plugins", "stage_plugins"), .where = "plugins",
                               .problems = self->problems};
    const struct sl_node *list = fields.map;
    if (!list) return;
    if (list->kind != SL_NODE_SEQUENCE) {
        if (!sl_fields_is_map(&fields)) return;
        sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
        list = get_renamed(&fields, "stages", "stage_plugins");
    }
    if (!list) return;
    if (list->kind != SL_NODE_SEQUENCE) {
        sl_fields_refuse(&fields, sl_fields_mark(list), NULL,
                         "stages of plugins must be a list, like [{callable: \"libacme.so:register_stage\"}]");
        return;
    }
    draft->plugins = sl_draft_take(draft, list->count * sizeof *draft->plugins);
    if (!draft->plugins) return;
    for (const struct sl_node *node = list->first; node; node = node->next) {
        read_plugin(self, node, &draft->plugins[draft->plugin_count++]);
    }
}

static void read_metadata(struct reading *self, const struct sl_fields *top) {
    static const char *const keys[] = {"owner", "description", "tags"};
    struct sl_fields fields = {.map = sl_node_get(top->map, "metadata"), .where = "metadata of the pipeline",
                               .problems = self->problems};
    if (!sl_fields_is_map(&fields)) return;
    sl_fields_check_keys(&fields, keys, sizeof keys / sizeof *keys);
    (void)sl_fields_text(&fields, "owner", &self->draft->owner, NULL);             /* optional */
    (void)sl_fields_text(&fields, "description", &self->draft->description, NULL); /* optional */
    read_list(self, &fields, "tags", "[documents]", &self->draft->tags);
}

static void read_pipeline(struct reading *self, const struct sl_node *root) {
    static const char *const keys[] = {"name", "version", "applicable_sources", "stages", "gates", "metadata", "plugins",
                                       "stage_plugins"};
    struct sl_draft *draft = self->draft;
    struct sl_fields top = {.map = root, .where = "the pipeline", .problems = self->problems};
    if (!root) sl_fields_refuse(&top, (struct sl_mark){0}, NULL, "the file is empty; a pipeline begins with \"name:\"");
    if (!sl_fields_is_map(&top)) return;
    sl_fields_check_keys(&top, keys, sizeof keys / sizeof *keys);
    if (sl_fields_require(&top, "name")) {
        (void)sl_fields_text(&top, "name", &draft->name.text, &draft->name.mark); /* reported */
    }
    if (sl_fields_require(&top, "version")) {
        (void)sl_fields_text(&top, "version", &draft->version.text, &draft->version.mark); /* reported */
    }
    const struct sl_node *gates = sl_node_get(root, "gates");
    if (gates) sl_fields_refuse(&top, gates->key_mark, NULL, "the key \"gates\" is not possible yet: this version has no gates");
    read_list(self, &top, "applicable_sources", "[payload]", &draft->sources);
    read_metadata(self, &top);
    read_plugins(self, &top);
    read_stages(self, &top);
}

void sl_draft_read(struct sl_draft *self, const struct sl_tree *tree, bool strict) {
    uint32_t errors_before = self->problems->error_count;
    struct reading reading = {.draft = self, .problems = self->problems, .strict = strict};
    read_pipeline(&reading, tree->root);
    if (self->problems->error_count > errors_before) self->is_bad = true;
}

int sl_pipeline_from_tree(const struct sl_tree *tree, bool strict, const struct sl_alloc *alloc,
                          struct sl_problems *problems, struct sl_pipeline **out_pipeline) {
    struct sl_draft draft;
    struct sl_pipeline *pipeline = NULL;
    sl_draft_init(&draft, alloc, problems);
    sl_draft_read(&draft, tree, strict);
    int rc = sl_draft_build(&draft, alloc, &pipeline);
    sl_draft_fini(&draft);
    if (problems->no_memory) {
        sl_pipeline_free(&pipeline);
        return SL_E_NO_MEMORY;
    }
    if (rc == SL_OK) *out_pipeline = pipeline;
    return rc;
}

void sl_pipeline_free(struct sl_pipeline **self) {
    if (!*self) return;
    const struct sl_alloc *alloc = (*self)->memory.alloc;
    sl_tree_fini(&(*self)->memory);
    sl_alloc_give(alloc, *self, sizeof **self);
    *self = NULL;
}

/* The first place in a sorted index whose text is not below `text`. */
static uint16_t lower_bound(const struct sl_pipeline *self, const uint16_t *indexes, bool by_type, struct sl_bytes text) {
    uint16_t low = 0, high = self->stage_count;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        const struct sl_stage *stage = &self->stages[indexes[middle]];
        if (sl_bytes_compare(by_type ? stage->type : stage->name, text) < 0) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
        }
    }
    return low;
}

int sl_pipeline_stage(const struct sl_pipeline *self, struct sl_bytes name) {
    uint16_t at = lower_bound(self, self->by_name, false, name);
    if (at == self->stage_count || !sl_bytes_equal(self->stages[self->by_name[at]].name, name)) return -1;
    return self->by_name[at];
}

const uint16_t *sl_pipeline_stages_of_type(const struct sl_pipeline *self, struct sl_bytes type, uint16_t *out_count) {
    uint16_t at = lower_bound(self, self->by_type, true, type), end = at;
    while (end < self->stage_count && sl_bytes_equal(self->stages[self->by_type[end]].type, type)) end++;
    *out_count = (uint16_t)(end - at);
    return self->by_type + at;
}

bool sl_pipeline_is_ancestor(const struct sl_pipeline *self, uint16_t ancestor, uint16_t stage) {
    SL_ASSERT(ancestor < self->stage_count);
    SL_ASSERT(stage < self->stage_count);
    size_t words = ((size_t)self->stage_count + 63) / 64;
    return self->ancestors[stage * words + ancestor / 64] >> (ancestor % 64) & 1;
}

enum sl_dependency_kind sl_dependency_kind(struct sl_bytes name) {
    if (sl_bytes_is(name, "@ledger")) return SL_DEPENDENCY_LEDGER;
    if (sl_bytes_is(name, "@payload")) return SL_DEPENDENCY_PAYLOAD;
    if (sl_bytes_is(name, "@state")) return SL_DEPENDENCY_STATE;
    return SL_DEPENDENCY_NAME;
}
