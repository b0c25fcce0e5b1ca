/* The configs of stages against the schemas of their types, for lint; see config.h. */
#include "config.h"

#include "fields.h"

#include "base/err.h"

enum { PLACE_SIZE = 512 };

struct config_check {
    const struct sl_draft_stage *stage;
    struct sl_problems *problems;
};

/* The part of the document that a place means; NULL: it is not there. */
static const struct sl_node *node_at(const struct sl_node *config, const struct sl_schema_place *place) {
    if (!place) return config;
    const struct sl_node *parent = node_at(config, place->parent);
    const struct sl_node *member = parent ? parent->first : NULL;
    uint32_t index = 0;
    while (member && (place->is_item ? index != place->index : !sl_bytes_equal(member->key, place->key))) {
        member = member->next;
        index++;
    }
    return member;
}

/* Where to point: at the value, or at what it is missing in, or at the stage that has no config. */
static struct sl_mark mark_of(const struct sl_draft_stage *stage, const struct sl_schema_place *place) {
    const struct sl_node *node = node_at(stage->config_node, place);
    while (!node && place) {
        place = place->parent;
        node = node_at(stage->config_node, place);
    }
    if (!node) return stage->name.mark;
    return place && place->is_key ? node->key_mark : sl_fields_value_mark(node);
}

static void add(void *context, const struct sl_schema_place *place, const char *hint, const char *sentence) {
    const struct config_check *self = context;
    char where[PLACE_SIZE];
    struct sl_bytes name = self->stage->name.text.size > 0 ? self->stage->name.text : sl_text("(no name)");
    sl_schema_place_text(place, "config", where, sizeof where);
    sl_problems_add(self->problems, SL_PROBLEM_ERROR, mark_of(self->stage, place), hint, "%s of stage \"%.*s\" %s", where,
                    SL_SHOWN(name), sentence);
}

int sl_config_check(const struct sl_draft_stage *stage, struct sl_bytes schema, sl_schema_match match, struct sl_problems *problems) {
    struct config_check self = {.stage = stage, .problems = problems};
    const struct sl_schema_report report = {.add = add, .context = &self};
    bool is_no_map = stage->config_node && stage->config_node->kind != SL_NODE_MAP; /* said already */
    if (!stage->config.data || is_no_map) return SL_OK;
    return sl_schema_validate(schema, stage->config, match, &report);
}
