/* The pipelines of the simulated worlds; see shapes.h. */
#include "shapes.h"

#include "base/assert.h"
#include "base/rng.h"
#include "plan.h"

#include <stdio.h>

static struct sl_pipeline *shapes[SIM_SHAPE_COUNT];
static struct sl_stage_type types[SIM_TYPE_COUNT];
static struct sl_bytes type_keys[SIM_TYPE_COUNT];
static char type_names[SIM_TYPE_COUNT][4], key_names[SIM_TYPE_COUNT][4];

/* An edge matrix: after[a] has bit b when stage a depends on stage b. */
struct shape {
    uint32_t stage_count;
    uint32_t after[SIM_SHAPE_STAGES_MAX];
};

static struct shape chain(uint32_t count) {
    struct shape shape = {.stage_count = count};
    for (uint32_t i = 1; i < count; i++) shape.after[i] = 1u << (i - 1);
    return shape;
}

static struct shape fan(uint32_t width, bool closed) {
    struct shape shape = {.stage_count = width + 1 + closed};
    for (uint32_t i = 1; i <= width; i++) {
        shape.after[i] = 1;
        if (closed) shape.after[width + 1] |= 1u << i;
    }
    return shape;
}

static struct shape random_shape(struct sl_rng *rng) {
    struct shape shape = {.stage_count = 2 + (uint32_t)sl_rng_below(rng, SIM_SHAPE_STAGES_MAX - 2)};
    for (uint32_t i = 1; i < shape.stage_count; i++)
        for (uint32_t before = 0; before < i; before++)
            if (sl_rng_chance(rng, 1, 3)) shape.after[i] |= 1u << before;
    return shape;
}

static struct shape draw(uint32_t index) {
    struct sl_rng rng = {.state = index * 77 + 5};
    switch (index) {
    case 0:
        return chain(1);
    case 1:
        return chain(2);
    case 2:
        return fan(2, true);
    case 3:
        return (struct shape){.stage_count = 4, .after = {[3] = 7}};
    default:
        break;
    }
    if (index % 4 == 0) return chain(2 + index % 7);
    if (index % 4 == 1) return fan(2 + index % 5, index % 8 == 1);
    return random_shape(&rng);
}

static struct sl_node *add(struct sl_tree *tree, struct sl_node *parent, enum sl_node_kind kind, const char *key,
                           const char *text) {
    struct sl_node *node = sl_tree_node(tree, kind, (struct sl_mark){.line = 1, .column = 1, .length = 1});
    SL_ASSERT(node);
    if (key) node->key = sl_tree_copy(tree, sl_text(key));
    if (text) {
        node->text = sl_tree_copy(tree, sl_text(text));
        node->quoted = true;
    }
    if (parent) sl_node_append(parent, node);
    return node;
}

static void add_stage(struct sl_tree *tree, struct sl_node *stages, const struct shape *shape, uint32_t index) {
    char name[16];
    struct sl_node *stage = add(tree, stages, SL_NODE_MAP, NULL, NULL);
    snprintf(name, sizeof name, "s%u", (unsigned)index);
    add(tree, stage, SL_NODE_SCALAR, "name", name);
    snprintf(name, sizeof name, "t%u", (unsigned)index);
    add(tree, stage, SL_NODE_SCALAR, "type", name);
    if (!shape->after[index]) return;
    struct sl_node *after = add(tree, stage, SL_NODE_SEQUENCE, "depends_on", NULL);
    for (uint32_t i = 0; i < index; i++) {
        if (!(shape->after[index] >> i & 1)) continue;
        snprintf(name, sizeof name, "s%u", (unsigned)i);
        add(tree, after, SL_NODE_SCALAR, NULL, name);
    }
}

static struct sl_pipeline *make(uint32_t index) {
    struct shape shape = draw(index);
    struct sl_tree tree;
    struct sl_problems problems;
    struct sl_pipeline *pipeline = NULL;
    char name[16];
    sl_tree_init(&tree, sl_alloc_system());
    sl_problems_init(&problems, sl_alloc_system());
    tree.root = add(&tree, NULL, SL_NODE_MAP, NULL, NULL);
    snprintf(name, sizeof name, "p%u", (unsigned)index);
    add(&tree, tree.root, SL_NODE_SCALAR, "name", name);
    add(&tree, tree.root, SL_NODE_SCALAR, "version", "2026-01-15");
    struct sl_node *stages = add(&tree, tree.root, SL_NODE_SEQUENCE, "stages", NULL);
    for (uint32_t i = 0; i < shape.stage_count; i++) add_stage(&tree, stages, &shape, i);
    int rc = sl_pipeline_from_tree(&tree, false, sl_alloc_system(), &problems, &pipeline);
    if (rc) {
        struct sl_buf text;
        sl_buf_init(&text, sl_alloc_system());
        sl_problems_show(&problems, name, sl_text(""), &text);
        fprintf(stderr, "%.*s\n", (int)text.size, (const char *)text.data);
        sl_buf_fini(&text);
    }
    SL_ASSERT(rc == 0);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
    return pipeline;
}

const struct sl_pipeline *sim_shape(uint32_t index) {
    SL_ASSERT(index < SIM_SHAPE_COUNT);
    if (!shapes[index]) shapes[index] = make(index);
    return shapes[index];
}

const struct sl_stage_type *sim_type(uint32_t index) {
    SL_ASSERT(index < SIM_TYPE_COUNT);
    struct sl_stage_type *type = &types[index];
    if (type->type.size) return type;
    snprintf(type_names[index], sizeof type_names[index], "t%u", (unsigned)index);
    snprintf(key_names[index], sizeof key_names[index], "k%u", (unsigned)index);
    type_keys[index] = sl_text(key_names[index]);
    struct sl_bytes parts[] = {sl_text(type_names[index])};
    *type = (struct sl_stage_type){.type = sl_text(type_names[index]),
                                   .state_keys = {.items = &type_keys[index], .count = 1},
                                   .version = sl_text("1"),
                                   .idempotent = index != SIM_TYPE_ONCE,
                                   .digest = sl_digest_parts(parts, 1)};
    return type;
}

uint32_t sim_type_index(struct sl_bytes type) {
    SL_ASSERT(type.size == 2 && type.data[0] == 't');
    return (uint32_t)(type.data[1] - '0');
}

void sim_shapes_free(void) {
    for (uint32_t i = 0; i < SIM_SHAPE_COUNT; i++) sl_pipeline_free(&shapes[i]);
}
