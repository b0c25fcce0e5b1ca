/* From a draft to a pipeline: copies, indexes by name and type, edges, order, ancestors (seed, row 27; shapes.md "Stages and
 * pipelines"). See draft.h. */
#include "draft.h"
#include "graph.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"

#include <stdio.h>

enum { WORD_BITS = 64, SET_WORDS = SL_STAGES_MAX / WORD_BITS, CYCLE_SHOWN_MAX = 12, CYCLE_TEXT_SIZE = 1024 };

/* A set of stage indexes. */
struct stage_set {
    uint64_t words[SET_WORDS];
};

struct builder {
    struct sl_draft *draft;
    struct sl_pipeline *pipeline;
    struct sl_stage *stages; /* those of the pipeline, not const yet */
    uint16_t *edges;         /* predecessors of all stages, one after the other */
    uint32_t *first;         /* where those of each stage begin; stage_count + 1 entries */
};

static void *take(struct builder *self, size_t size) {
    void *block = sl_tree_take(&self->pipeline->memory, size);
    if (!block) self->draft->no_memory = true;
    return block;
}

static struct sl_bytes copy(struct builder *self, struct sl_bytes text) {
    struct sl_bytes result = sl_tree_copy(&self->pipeline->memory, text);
    if (!result.data) self->draft->no_memory = true;
    return result;
}

static struct sl_text_list copy_list(struct builder *self, const struct sl_draft_list *list) {
    struct sl_bytes *items = take(self, list->count * sizeof *items);
    if (!items) return (struct sl_text_list){0};
    for (uint32_t i = 0; i < list->count; i++) items[i] = copy(self, list->items[i].text);
    return (struct sl_text_list){.items = items, .count = list->count};
}

static void copy_stage(struct builder *self, const struct sl_draft_stage *from, struct sl_stage *stage) {
    stage->name = copy(self, from->name.text);
    stage->type = copy(self, from->type.text);
    stage->policy = copy(self, from->policy.text);
    stage->config = copy(self, from->config);
    stage->description = copy(self, from->description);
    stage->mark = from->name.mark;
    stage->type_mark = from->type.mark;
    stage->policy_mark = from->policy.mark;
    stage->dependencies_mark = from->dependencies.mark;
    stage->has_state_keys = from->state_keys.is_set;
    stage->has_dependencies = from->dependencies.is_set;
    stage->state_keys = copy_list(self, &from->state_keys);
    stage->dependencies = copy_list(self, &from->dependencies);
}

static void copy_plugins(struct builder *self) {
    const struct sl_draft *draft = self->draft;
    struct sl_plugin_reference *plugins = take(self, draft->plugin_count * sizeof *plugins);
    if (!plugins) return;
    for (uint32_t i = 0; i < draft->plugin_count; i++) {
        plugins[i].callable = copy(self, draft->plugins[i].callable.text);
        plugins[i].replace = draft->plugins[i].replace;
        plugins[i].mark = draft->plugins[i].callable.mark;
    }
    self->pipeline->plugins = plugins;
    self->pipeline->plugin_count = (uint16_t)draft->plugin_count;
}

static void copy_texts(struct builder *self) {
    struct sl_pipeline *pipeline = self->pipeline;
    const struct sl_draft *draft = self->draft;
    pipeline->name = copy(self, draft->name.text);
    pipeline->version = copy(self, draft->version.text);
    pipeline->owner = copy(self, draft->owner);
    pipeline->description = copy(self, draft->description);
    pipeline->tags = copy_list(self, &draft->tags);
    pipeline->applicable_sources = copy_list(self, &draft->sources);
    self->stages = take(self, draft->stage_count * sizeof *self->stages);
    if (!self->stages) return;
    pipeline->stages = self->stages;
    pipeline->stage_count = (uint16_t)draft->stage_count;
    for (uint32_t i = 0; i < draft->stage_count; i++) copy_stage(self, &draft->stages[i], &self->stages[i]);
}

/* Stage indexes sorted by a text of the stage, equal ones by index. */
static const uint16_t *sorted_by(struct builder *self, bool by_type) {
    uint16_t *indexes = take(self, self->pipeline->stage_count * sizeof *indexes);
    if (!indexes) return NULL;
    for (uint16_t i = 0; i < self->pipeline->stage_count; i++) {
        const struct sl_stage *stage = &self->stages[i];
        uint16_t at = i;
        for (; at > 0; at--) {
            const struct sl_stage *other = &self->stages[indexes[at - 1]];
            if (sl_bytes_compare(by_type ? stage->type : stage->name, by_type ? other->type : other->name) >= 0) break;
            indexes[at] = indexes[at - 1];
        }
        indexes[at] = i;
    }
    return indexes;
}

static void refuse_duplicates(struct builder *self) {
    const uint16_t *by_name = self->pipeline->by_name;
    for (uint32_t i = 1; i < self->pipeline->stage_count; i++) {
        const struct sl_stage *stage = &self->stages[by_name[i]];
        int first = sl_pipeline_stage(self->pipeline, stage->name);
        if (first == by_name[i] || stage->name.size == 0) continue;
        sl_draft_refuse(self->draft, stage->mark, NULL, "stage \"%.*s\" is defined twice; the first one is in line %u",
                        SL_SHOWN(stage->name), self->stages[first].mark.line);
    }
}

static void set_add(struct stage_set *set, uint16_t stage) {
    set->words[stage / WORD_BITS] |= (uint64_t)1 << (stage % WORD_BITS);
}

static bool set_has(const struct stage_set *set, uint16_t stage) {
    return set->words[stage / WORD_BITS] >> (stage % WORD_BITS) & 1;
}

static void refuse_unknown(struct builder *self, uint16_t stage, const struct sl_draft_text *name) {
    char hint[SL_HINT_SIZE];
    const char **names = sl_draft_take(self->draft, self->pipeline->stage_count * sizeof *names);
    if (!names) return;
    for (uint32_t i = 0; i < self->pipeline->stage_count; i++) names[i] = (const char *)self->stages[i].name.data;
    sl_draft_refuse(self->draft, name->mark, sl_hint_suggest(name->text, names, self->pipeline->stage_count, hint),
                    "stage \"%.*s\" depends on \"%.*s\", which is not defined", SL_SHOWN(self->stages[stage].name),
                    SL_SHOWN(name->text));
}

/* Resolves `depends_on` of one stage and adds it to the set. */
static void link_depends_on(struct builder *self, uint16_t index, struct stage_set *set) {
    const struct sl_draft_list *list = &self->draft->stages[index].depends_on;
    struct sl_stage *stage = &self->stages[index];
    uint16_t *resolved = take(self, list->count * sizeof *resolved);
    if (!resolved) return;
    for (uint32_t i = 0; i < list->count; i++) {
        int found = list->items[i].text.size ? sl_pipeline_stage(self->pipeline, list->items[i].text) : -1;
        if (found < 0) {
            refuse_unknown(self, index, &list->items[i]);
        } else if (set_has(set, (uint16_t)found)) {
            sl_draft_refuse(self->draft, list->items[i].mark, NULL, "stage \"%.*s\" depends on \"%.*s\" twice",
                            SL_SHOWN(stage->name), SL_SHOWN(list->items[i].text));
        } else {
            set_add(set, (uint16_t)found);
            resolved[stage->depends_on_count++] = (uint16_t)found;
        }
    }
    stage->depends_on = resolved;
}

/* Adds the stages that the stage's own overrides name: a stage, or all stages of a type but itself. */
static void link_overrides(struct builder *self, uint16_t index, struct stage_set *set) {
    struct sl_text_list list = self->stages[index].dependencies;
    for (uint32_t i = 0; i < list.count; i++) {
        if (sl_dependency_kind(list.items[i]) != SL_DEPENDENCY_NAME) continue;
        int found = sl_pipeline_stage(self->pipeline, list.items[i]);
        if (found >= 0) {
            set_add(set, (uint16_t)found);
            continue;
        }
        uint16_t count;
        const uint16_t *of_type = sl_pipeline_stages_of_type(self->pipeline, list.items[i], &count);
        for (uint16_t k = 0; k < count; k++) {
            if (of_type[k] != index) set_add(set, of_type[k]);
        }
    }
}

static bool append_edges(struct builder *self, uint16_t index, const struct stage_set *set) {
    uint32_t count = self->first[index];
    for (uint16_t other = 0; other < self->pipeline->stage_count; other++) {
        if (!set_has(set, other)) continue;
        if (count == SL_EDGES_MAX) {
            sl_draft_refuse(self->draft, self->stages[index].mark, NULL, "a pipeline may have at most %d dependencies "
                            "between stages; \"%.*s\" exceeds that", SL_EDGES_MAX, SL_SHOWN(self->stages[index].name));
            return false;
        }
        self->edges[count++] = other;
    }
    self->first[index + 1] = count;
    return true;
}

static bool link_edges(struct builder *self) {
    uint32_t count = self->pipeline->stage_count;
    self->edges = sl_draft_take(self->draft, SL_EDGES_MAX * sizeof *self->edges);
    self->first = sl_draft_take(self->draft, (count + 1) * sizeof *self->first);
    if (!self->edges || !self->first) return false;
    for (uint16_t i = 0; i < count; i++) {
        struct stage_set set = {0};
        link_depends_on(self, i, &set);
        link_overrides(self, i, &set);
        if (self->draft->no_memory || !append_edges(self, i, &set)) return false;
    }
    return true;
}

/* Where the edge from `before` to `after` was written down, or the stage. */
static struct sl_mark edge_mark(const struct builder *self, uint16_t before, uint16_t after) {
    const struct sl_draft_stage *stage = &self->draft->stages[after];
    for (uint32_t i = 0; i < stage->depends_on.count; i++) {
        if (sl_bytes_equal(stage->depends_on.items[i].text, self->stages[before].name)) {
            return stage->depends_on.items[i].mark;
        }
    }
    return stage->dependencies.count > 0 ? stage->dependencies.mark : stage->name.mark;
}

static void refuse_cycle(struct builder *self, const uint16_t *path, uint16_t count) {
    char text[CYCLE_TEXT_SIZE];
    size_t size = 0;
    uint16_t shown = count <= CYCLE_SHOWN_MAX ? count : CYCLE_SHOWN_MAX;
    for (uint16_t i = 0; i < shown; i++) {
        struct sl_bytes name = self->stages[path[i]].name;
        size += (size_t)snprintf(text + size, sizeof text - size, "%.*s → ", SL_SHOWN(name));
        SL_ASSERT(size < sizeof text);
    }
    sl_draft_refuse(self->draft, edge_mark(self, path[count - 1], path[0]), NULL,
                    "stages depend on each other in a cycle: %s%s%.*s", text, shown < count ? "... → " : "",
                    SL_SHOWN(self->stages[path[0]].name));
}

/* One cycle of each set of stages that all depend on each other: which edge of it is wrong, a person knows. */
static void refuse_cycles(struct builder *self, const struct sl_graph *graph, uint16_t *scratch, uint16_t *path) {
    uint64_t *reach = sl_draft_take(self->draft, graph->node_count * sl_graph_reach_words(graph->node_count) * sizeof *reach);
    if (!reach) return;
    sl_graph_reach(graph, reach);
    for (uint16_t node = 0; node < graph->node_count; node++) {
        uint16_t count = sl_graph_cycle(graph, reach, node, scratch, path);
        if (count > 0) refuse_cycle(self, path, count);
    }
}

static bool put_in_order(struct builder *self) {
    uint16_t count = self->pipeline->stage_count;
    uint16_t *order = take(self, count * sizeof *order);
    uint16_t *scratch = sl_draft_take(self->draft, count * sizeof *scratch);
    struct sl_graph graph = {.edges = self->edges, .first = self->first, .node_count = count};
    if (!order || !scratch) return false;
    if (sl_graph_order(&graph, scratch, order) != SL_OK) {
        refuse_cycles(self, &graph, scratch, order);
        return false;
    }
    self->pipeline->topological = order;
    return true;
}

/* Successors of all stages in one array: those of a stage sorted, because stages are walked in order. */
static void fill_neighbours(struct builder *self) {
    uint32_t count = self->pipeline->stage_count, edge_count = self->first[count];
    uint16_t *before = take(self, edge_count * sizeof *before);
    uint16_t *after = take(self, edge_count * sizeof *after);
    if (!before || !after) return;
    if (edge_count > 0) memcpy(before, self->edges, edge_count * sizeof *before);
    for (uint32_t i = 0; i < edge_count; i++) self->stages[before[i]].successor_count++;
    for (uint32_t i = 0, at = 0; i < count; i++) {
        struct sl_stage *stage = &self->stages[i];
        stage->predecessors = before + self->first[i];
        stage->predecessor_count = (uint16_t)(self->first[i + 1] - self->first[i]);
        stage->successors = after + at;
        at += stage->successor_count;
        stage->successor_count = 0;
        if (stage->predecessor_count == 0) self->pipeline->root_count++;
    }
    for (uint16_t i = 0; i < count; i++) {
        for (uint32_t k = self->first[i]; k < self->first[i + 1]; k++) {
            struct sl_stage *stage = &self->stages[before[k]];
            after[(stage->successors - after) + stage->successor_count++] = i;
        }
    }
}

static void fill_ancestors(struct builder *self) {
    uint32_t count = self->pipeline->stage_count, words = (count + WORD_BITS - 1) / WORD_BITS;
    uint64_t *rows = take(self, count * words * sizeof *rows);
    if (!rows) return;
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_stage *stage = &self->stages[self->pipeline->topological[i]];
        uint64_t *row = rows + self->pipeline->topological[i] * words;
        for (uint32_t k = 0; k < stage->predecessor_count; k++) {
            uint16_t before = stage->predecessors[k];
            for (uint32_t w = 0; w < words; w++) row[w] |= rows[before * words + w];
            row[before / WORD_BITS] |= (uint64_t)1 << (before % WORD_BITS);
        }
    }
    self->pipeline->ancestors = rows;
}

static void fill_canonical(struct builder *self) {
    struct sl_pipeline *pipeline = self->pipeline;
    struct sl_buf buf;
    sl_buf_init(&buf, pipeline->memory.alloc);
    sl_pipeline_encode(pipeline, &buf);
    if (buf.failed) {
        self->draft->no_memory = true;
    } else if (buf.size > SL_PIPELINE_TEXT_MAX * 2) {
        sl_draft_refuse(self->draft, (struct sl_mark){0}, NULL, "the pipeline takes %zu bytes in its stored form; at most %d "
                        "are allowed", buf.size, SL_PIPELINE_TEXT_MAX * 2);
    } else {
        pipeline->canonical = copy(self, sl_buf_bytes(&buf));
        pipeline->digest = sl_digest_parts(&pipeline->canonical, 1);
    }
    sl_buf_fini(&buf);
}

/* Stops early only where a broken rule leaves nothing to go on with. */
static void build(struct builder *self) {
    copy_texts(self);
    copy_plugins(self);
    if (self->draft->no_memory) return;
    self->pipeline->by_name = sorted_by(self, false);
    self->pipeline->by_type = sorted_by(self, true);
    if (self->draft->no_memory) return;
    refuse_duplicates(self);
    if (!link_edges(self) || !put_in_order(self) || self->draft->is_bad) return;
    fill_neighbours(self);
    fill_ancestors(self);
    if (!self->draft->no_memory) fill_canonical(self);
}

int sl_draft_build(struct sl_draft *self, const struct sl_alloc *alloc, struct sl_pipeline **out_pipeline) {
    sl_draft_check(self);
    if (self->no_memory) return SL_E_NO_MEMORY;
    bool countable = self->stage_count > 0 && self->stage_count <= SL_STAGES_MAX;
    if (!countable || self->plugin_count > SL_PLUGIN_REFERENCES_MAX) return SL_E_BAD_INPUT;
    struct sl_pipeline *pipeline = sl_alloc_take(alloc, sizeof *pipeline);
    if (!pipeline) return SL_E_NO_MEMORY;
    *pipeline = (struct sl_pipeline){0};
    sl_tree_init(&pipeline->memory, alloc);
    struct builder builder = {.draft = self, .pipeline = pipeline};
    build(&builder);
    if (!self->no_memory && !self->is_bad) {
        *out_pipeline = pipeline;
        return SL_OK;
    }
    sl_pipeline_free(&pipeline);
    return self->no_memory ? SL_E_NO_MEMORY : SL_E_BAD_INPUT;
}
