/* In the tree each stage stands once, below the last of its predecessors; what else it waits for is noted behind it. */
#include "graph.h"

#include "base/err.h"
#include "base/limits.h"

#include <string.h>

const char *const sl_graph_formats[SL_GRAPH_FORMAT_COUNT] = {"tree", "dot", "mermaid"};

struct view {
    const json_t *stages;
    size_t count;
    int parents[SL_STAGES_MAX]; /* index of the stage that it hangs below, or -1 */
};

static const char *text_of(const json_t *object, const char *member) {
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static int index_of(const struct view *view, const char *name) {
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(text_of(json_array_get(view->stages, i), "name"), name) == 0) return (int)i;
    return -1;
}

static const json_t *needs_of(const struct view *view, size_t stage) {
    return json_object_get(json_array_get(view->stages, stage), "depends_on");
}

/* The length of the longest way from a root to each stage: after at most `count` rounds nothing changes in a DAG. */
static void measure_depths(const struct view *view, uint32_t *depths) {
    bool changed = true;
    for (size_t round = 0; changed && round <= view->count; round++) {
        changed = false;
        for (size_t i = 0; i < view->count; i++) {
            size_t index;
            json_t *need;
            json_array_foreach((json_t *)(uintptr_t)needs_of(view, i), index, need) {
                int from = index_of(view, json_string_value(need) ? json_string_value(need) : "");
                if (from < 0 || depths[from] + 1 <= depths[i]) continue;
                depths[i] = depths[from] + 1;
                changed = true;
            }
        }
    }
}

/* Each stage hangs below its deepest predecessor, so that everything it waits for stands above it. */
static void find_parents(struct view *view) {
    uint32_t depths[SL_STAGES_MAX] = {0};
    measure_depths(view, depths);
    for (size_t i = 0; i < view->count; i++) {
        view->parents[i] = -1;
        size_t index;
        json_t *need;
        json_array_foreach((json_t *)(uintptr_t)needs_of(view, i), index, need) {
            int from = index_of(view, json_string_value(need) ? json_string_value(need) : "");
            if (from < 0 || depths[from] >= depths[i]) continue; /* a cycle: not below itself */
            int parent = view->parents[i];
            if (parent < 0 || depths[from] > depths[parent]) view->parents[i] = from;
        }
    }
}

static void put_other_needs(const struct view *view, size_t stage, struct sl_buf *buf) {
    int parent = view->parents[stage];
    const char *lead = "  (also after ";
    size_t index;
    json_t *need;
    json_array_foreach((json_t *)(uintptr_t)needs_of(view, stage), index, need) {
        const char *name = json_string_value(need);
        if (!name || (parent >= 0 && strcmp(name, text_of(json_array_get(view->stages, (size_t)parent), "name")) == 0)) continue;
        (void)sl_buf_format(buf, "%s%s", lead, name);
        lead = ", ";
    }
    if (*lead == ',') (void)sl_buf_format(buf, ")");
}

static int last_child(const struct view *view, int parent) {
    int last = -1;
    for (size_t i = 0; i < view->count; i++)
        if (view->parents[i] == parent) last = (int)i;
    return last;
}

static int next_child(const struct view *view, int parent, int after) {
    for (size_t i = (size_t)(after + 1); i < view->count; i++)
        if (view->parents[i] == parent) return (int)i;
    return -1;
}

/* The rails left of a stage: one for each ancestor that still has a child to come. */
static void put_rails(const struct view *view, int stage, struct sl_buf *buf) {
    int way[SL_STAGES_MAX];
    int length = 0;
    for (int at = stage; at >= 0; at = view->parents[at]) way[length++] = at;
    for (int i = length - 1; i >= 0; i--) {
        bool is_last = last_child(view, view->parents[way[i]]) == way[i];
        if (i == 0) (void)sl_buf_format(buf, is_last ? "\xe2\x94\x94\xe2\x94\x80 " : "\xe2\x94\x9c\xe2\x94\x80 ");
        if (i > 0) (void)sl_buf_format(buf, is_last ? "   " : "\xe2\x94\x82  ");
    }
}

static void put_stage(const struct view *view, int stage, struct sl_buf *buf) {
    const json_t *object = json_array_get(view->stages, (size_t)stage);
    put_rails(view, stage, buf);
    const char *name = text_of(object, "name"), *type = text_of(object, "type");
    (void)sl_buf_format(buf, "%s", name);
    if (strcmp(name, type) != 0) (void)sl_buf_format(buf, " [%s]", type);
    put_other_needs(view, (size_t)stage, buf);
    (void)sl_buf_format(buf, "\n");
}

/* Depth first without recursion: down to the first child, else to the next child of the nearest ancestor that has one. */
static void put_tree(const struct view *view, struct sl_buf *buf) {
    int at = next_child(view, -1, -1);
    while (at >= 0) {
        put_stage(view, at, buf);
        int next = next_child(view, at, -1);
        while (next < 0 && at >= 0) {
            int parent = view->parents[at];
            next = next_child(view, parent, at);
            at = parent;
        }
        at = next;
    }
}

static void put_edges(const struct view *view, const char *format, struct sl_buf *buf) {
    for (size_t i = 0; i < view->count; i++) {
        size_t index;
        json_t *need;
        json_array_foreach((json_t *)(uintptr_t)needs_of(view, i), index, need) {
            const char *from = json_string_value(need) ? json_string_value(need) : "";
            const char *to = text_of(json_array_get(view->stages, i), "name");
            (void)sl_buf_append(buf, "  ", 2);
            for (const char *c = format; *c; c++) {
                const char *part = *c == '\1' ? from : *c == '\2' ? to : NULL;
                (void)sl_buf_append(buf, part ? part : c, part ? strlen(part) : 1);
            }
            (void)sl_buf_append(buf, "\n", 1);
        }
    }
}

static void put_dot(const struct view *view, const char *name, struct sl_buf *buf) {
    (void)sl_buf_format(buf, "digraph \"%s\" {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n", name);
    for (size_t i = 0; i < view->count; i++) {
        const json_t *stage = json_array_get(view->stages, i);
        const char *stage_name = text_of(stage, "name"), *type = text_of(stage, "type");
        (void)sl_buf_format(buf, "  \"%s\" [label=\"%s", stage_name, stage_name);
        if (strcmp(stage_name, type) != 0) (void)sl_buf_format(buf, "\\n%s", type);
        (void)sl_buf_format(buf, "\"];\n");
    }
    put_edges(view, "\"\1\" -> \"\2\";", buf);
    (void)sl_buf_format(buf, "}\n");
}

/* Mermaid has reserved words ("end"), so that each node's id has a prefix. */
static void put_mermaid(const struct view *view, struct sl_buf *buf) {
    (void)sl_buf_format(buf, "flowchart LR\n");
    for (size_t i = 0; i < view->count; i++) {
        const char *name = text_of(json_array_get(view->stages, i), "name");
        (void)sl_buf_format(buf, "  s_%s[\"%s\"]\n", name, name);
    }
    put_edges(view, "s_\1 --> s_\2", buf);
}

int sl_graph_show(const json_t *pipeline, enum sl_graph_format format, struct sl_buf *buf) {
    struct view view = {.stages = json_object_get(pipeline, "stages")};
    view.count = json_array_size(view.stages);
    if (view.count == 0 || view.count > SL_STAGES_MAX) return SL_E_BAD_INPUT;
    const char *name = text_of(pipeline, "name");
    switch (format) {
    case SL_GRAPH_TREE:
        find_parents(&view);
        (void)sl_buf_format(buf, "%s %s\n", name, text_of(pipeline, "version"));
        put_tree(&view, buf);
        break;
    case SL_GRAPH_DOT: put_dot(&view, name, buf); break;
    case SL_GRAPH_MERMAID: put_mermaid(&view, buf); break;
    case SL_GRAPH_FORMAT_COUNT: return SL_E_BAD_INPUT;
    }
    return SL_OK;
}
