/* Doubts about a pipeline that need more than its text; see lint.h. */
#include "lint.h"

#include "config.h"
#include "draft.h"

#include "base/err.h"

enum { SENTENCE_SIZE = 512 };

struct linting {
    const struct sl_pipeline *pipeline; /* NULL while a draft is linted */
    const struct sl_stage_types *types;
    enum sl_severity doubt; /* what a doubtful thing is: a warning, or with `strict` an error */
    struct sl_problems *problems;
};

/* A stage and one of its state keys. */
struct written {
    struct sl_bytes key;
    uint16_t stage;
};

static void no_memory(struct sl_problems *problems) {
    problems->incomplete = true;
    problems->no_memory = true;
    problems->error_count++;
}

/* The candidates are texts with a NUL; `out` is as for sl_hint_suggest. */
static const char *suggest_policy(const struct sl_policies *policies, struct sl_bytes name, struct sl_problems *problems,
                                  char out[SL_HINT_SIZE]) {
    const char **names = sl_tree_take(&problems->texts, policies->count * sizeof *names);
    if (!names) return NULL;
    for (uint32_t i = 0; i < policies->count; i++) names[i] = (const char *)policies->items[i].name.data;
    return sl_hint_suggest(name, names, policies->count, out);
}

static void check_policy(const struct sl_policies *policies, struct sl_bytes stage, const struct sl_draft_text *policy,
                         struct sl_problems *problems) {
    char hint[SL_HINT_SIZE];
    if (sl_policies_find(policies, policy->text)) return;
    sl_problems_add(problems, SL_PROBLEM_ERROR, policy->mark, suggest_policy(policies, policy->text, problems, hint),
                    "stage \"%.*s\" names the policy \"%.*s\", which is not defined", SL_SHOWN(stage), SL_SHOWN(policy->text));
}

void sl_pipeline_check_policies(const struct sl_pipeline *self, const struct sl_policies *policies,
                                struct sl_problems *problems) {
    for (uint32_t i = 0; i < self->stage_count; i++) {
        const struct sl_stage *stage = &self->stages[i];
        check_policy(policies, stage->name, &(struct sl_draft_text){stage->policy, stage->policy_mark}, problems);
    }
}

/* Types come from the wire, without a NUL: they are copied for the search. */
static const char *suggest_type(const struct linting *self, struct sl_bytes name, char out[SL_HINT_SIZE]) {
    struct sl_tree *memory = &self->problems->texts;
    const char **names = sl_tree_take(memory, self->types->count * sizeof *names);
    if (!names) return NULL;
    for (uint32_t i = 0; i < self->types->count; i++) {
        names[i] = (const char *)sl_tree_copy(memory, self->types->items[i]->type).data;
        if (!names[i]) return NULL;
    }
    return sl_hint_suggest(name, names, self->types->count, out);
}

static bool is_first_of_type(const struct linting *self, uint16_t index) {
    uint16_t count;
    return sl_pipeline_stages_of_type(self->pipeline, self->pipeline->stages[index].type, &count)[0] == index;
}

/* `types` is not NULL. */
static void refuse_type(const struct linting *self, struct sl_bytes stage, const struct sl_draft_text *type) {
    char hint[SL_HINT_SIZE];
    sl_problems_add(self->problems, self->doubt, type->mark, suggest_type(self, type->text, hint),
                    "stage \"%.*s\" has type \"%.*s\", which nobody offers", SL_SHOWN(stage), SL_SHOWN(type->text));
}

/* Whether it is known what the function offers: nothing, when it is in no library. */
static bool is_told(const struct sl_stage_types *types, struct sl_bytes callable) {
    bool told = !sl_callable_names_library(callable);
    for (uint32_t k = 0; !told && k < types->count; k++) told = sl_bytes_equal(types->items[k]->callable, callable);
    return told;
}

/* A function that the pipeline names and that nobody has told the types of; NULL: there is none. */
static const struct sl_plugin_reference *untold(const struct linting *self) {
    for (uint16_t i = 0; i < self->pipeline->plugin_count; i++) {
        const struct sl_plugin_reference *plugin = &self->pipeline->plugins[i];
        if (!is_told(self->types, plugin->callable)) return plugin;
    }
    return NULL;
}

/* What a function offers is known once a worker has looked at it, which none does before the pipeline is stored: no error before. */
static void doubt_type(const struct linting *self, const struct sl_stage *stage) {
    const struct sl_plugin_reference *plugin = untold(self);
    if (!plugin) {
        refuse_type(self, stage->name, &(struct sl_draft_text){stage->type, stage->type_mark});
        return;
    }
    sl_problems_add(self->problems, SL_PROBLEM_WARNING, stage->type_mark, NULL,
                    "stage \"%.*s\" has type \"%.*s\", which nobody offers yet; workers that have the library will be asked what \"%.*s\" offers",
                    SL_SHOWN(stage->name), SL_SHOWN(stage->type), SL_SHOWN(plugin->callable));
}

static void check_stage_type(const struct linting *self, uint16_t index) {
    const struct sl_stage *stage = &self->pipeline->stages[index];
    if (!self->types) return;
    const struct sl_stage_type *type = sl_stage_types_bound(self->types, self->pipeline, index);
    if (!type) doubt_type(self, stage);
    if (type && type->inline_allowed && is_first_of_type(self, index)) {
        sl_problems_add(self->problems, SL_PROBLEM_NOTE, stage->type_mark, NULL,
                        "type \"%.*s\" may run inside the worker, where its timeout is not enforced",
                        SL_SHOWN(stage->type));
    }
}

static bool names_something(const struct linting *self, uint16_t index, struct sl_bytes name) {
    uint16_t count;
    if (sl_pipeline_stage(self->pipeline, name) >= 0) return true;
    const uint16_t *of_type = sl_pipeline_stages_of_type(self->pipeline, name, &count);
    return count > 1 || (count == 1 && of_type[0] != index);
}

static const char *suggest_stage(const struct linting *self, struct sl_bytes name, char out[SL_HINT_SIZE]) {
    const struct sl_pipeline *pipeline = self->pipeline;
    const char **names = sl_tree_take(&self->problems->texts, pipeline->stage_count * sizeof *names);
    if (!names) return NULL;
    for (uint32_t i = 0; i < pipeline->stage_count; i++) names[i] = (const char *)pipeline->stages[i].name.data;
    return sl_hint_suggest(name, names, pipeline->stage_count, out);
}

static void note_dropped(const struct linting *self, uint16_t index) {
    char hint[SL_HINT_SIZE];
    const struct sl_stage *stage = &self->pipeline->stages[index];
    const struct sl_stage_type *type = sl_stage_types_bound(self->types, self->pipeline, index);
    bool own = stage->has_dependencies;
    struct sl_text_list list = own ? stage->dependencies : type ? type->dependencies : (struct sl_text_list){0};
    for (uint32_t i = 0; i < list.count; i++) {
        bool is_name = sl_dependency_kind(list.items[i]) == SL_DEPENDENCY_NAME;
        if (!is_name || names_something(self, index, list.items[i])) continue;
        sl_problems_add(self->problems, SL_PROBLEM_NOTE, own ? stage->dependencies_mark : stage->type_mark,
                        own ? suggest_stage(self, list.items[i], hint) : NULL,
                        "stage \"%.*s\" goes without \"%.*s\": this pipeline has no stage and no other type of that name",
                        SL_SHOWN(stage->name), SL_SHOWN(list.items[i]));
    }
}

static void check_inputs(const struct linting *self, uint16_t index) {
    struct sl_input inputs[SL_INPUTS_MAX];
    char sentence[SENTENCE_SIZE];
    uint32_t count;
    const struct sl_stage *stage = &self->pipeline->stages[index];
    int rc = sl_inputs_resolve(self->pipeline, index, self->types, inputs, SL_INPUTS_MAX, &count, sentence,
                               sizeof sentence);
    if (rc == SL_OK) return;
    sl_problems_add(self->problems, SL_PROBLEM_ERROR, stage->has_dependencies ? stage->dependencies_mark : stage->mark, NULL,
                    "%s", sentence);
}

static void check_callables(const struct linting *self) {
    for (uint32_t i = 0; i < self->pipeline->plugin_count; i++) {
        const struct sl_plugin_reference *plugin = &self->pipeline->plugins[i];
        if (sl_callable_names_library(plugin->callable)) continue;
        sl_problems_add(self->problems, self->doubt, plugin->mark, "a library's name ends in .so",
                        "callable \"%.*s\" names no library here and is skipped", SL_SHOWN(plugin->callable));
    }
}

static bool comes_first(const struct written *a, const struct written *b) {
    int order = sl_bytes_compare(a->key, b->key);
    return order ? order < 0 : a->stage < b->stage;
}

static void swap(struct written *a, struct written *b) {
    struct written kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_down(struct written *items, size_t at, size_t count) {
    for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
        if (child + 1 < count && comes_first(&items[child], &items[child + 1])) child++;
        if (!comes_first(&items[at], &items[child])) return;
        swap(&items[at], &items[child]);
    }
}

/* Heap sort: the keys of a thousand stages are too many for a simple one, and the C library's may allocate. */
static void sort_written(struct written *items, size_t count) {
    for (size_t at = count / 2; at > 0; at--) sift_down(items, at - 1, count);
    for (size_t end = count; end > 1; end--) {
        swap(&items[0], &items[end - 1]);
        sift_down(items, 0, end - 1);
    }
}

/* Reports item `at` if a stage before it in the run of equal keys has no order with it. */
static void check_run(const struct linting *self, const struct written *items, size_t run, size_t at) {
    const struct sl_pipeline *pipeline = self->pipeline;
    for (size_t other = run; other < at; other++) {
        uint16_t a = items[other].stage, b = items[at].stage;
        if (sl_pipeline_is_ancestor(pipeline, a, b) || sl_pipeline_is_ancestor(pipeline, b, a)) continue;
        sl_problems_add(self->problems, SL_PROBLEM_ERROR, pipeline->stages[b].mark, NULL,
                        "stages \"%.*s\" and \"%.*s\" both write the state key \"%.*s\", and neither comes after the other: "
                        "give one of them another state_key", SL_SHOWN(pipeline->stages[a].name),
                        SL_SHOWN(pipeline->stages[b].name), SL_SHOWN(items[at].key));
        return;
    }
}

static void check_state_keys(const struct linting *self) {
    const struct sl_alloc *alloc = self->problems->texts.alloc;
    size_t capacity = (size_t)self->pipeline->stage_count * SL_STATE_KEYS_MAX, count = 0;
    struct written *items = sl_alloc_take(alloc, capacity * sizeof *items);
    if (!items) {
        no_memory(self->problems);
        return;
    }
    for (uint16_t i = 0; i < self->pipeline->stage_count; i++) {
        struct sl_text_list keys = sl_state_keys_resolve(self->pipeline, i, self->types);
        for (uint32_t k = 0; k < keys.count && k < SL_STATE_KEYS_MAX; k++) {
            items[count++] = (struct written){.key = keys.items[k], .stage = i};
        }
    }
    sort_written(items, count);
    for (size_t at = 0, run = 0; at < count; at++) {
        if (!sl_bytes_equal(items[run].key, items[at].key)) run = at;
        check_run(self, items, run, at);
    }
    sl_alloc_give(alloc, items, capacity * sizeof *items);
}

void sl_pipeline_lint(const struct sl_pipeline *self, const struct sl_stage_types *types,
                      const struct sl_policies *policies, bool strict, struct sl_problems *problems) {
    struct linting linting = {.pipeline = self,
                              .types = types,
                              .doubt = strict ? SL_PROBLEM_ERROR : SL_PROBLEM_WARNING,
                              .problems = problems};
    for (uint16_t i = 0; i < self->stage_count; i++) {
        check_stage_type(&linting, i);
        note_dropped(&linting, i);
        check_inputs(&linting, i);
    }
    check_callables(&linting);
    check_state_keys(&linting);
    if (policies) sl_pipeline_check_policies(self, policies, problems);
}

/* Of a draft that no pipeline could be made of, the types and policies: they stand by themselves, while inputs and state keys of a broken
 * graph would only repeat what is broken. What is no name was refused by draft.c, a gate too. */
static void lint_draft(const struct sl_draft *draft, const struct sl_pipeline_rules *rules, struct sl_problems *problems) {
    const struct linting linting = {.types = rules->types,
                                    .doubt = rules->strict ? SL_PROBLEM_ERROR : SL_PROBLEM_WARNING,
                                    .problems = problems};
    for (uint32_t i = 0; i < draft->stage_count; i++) {
        const struct sl_draft_stage *stage = &draft->stages[i];
        struct sl_bytes name = stage->name.text.size > 0 ? stage->name.text : sl_text("(no name)");
        bool has_type = sl_text_is_name(stage->type.text) && !sl_bytes_is(stage->type.text, "gate");
        bool may_be_named = draft->plugin_count > 0; /* what a function offers cannot be told without a pipeline */
        if (rules->types && has_type && !may_be_named && !sl_stage_types_find(rules->types, stage->type.text)) {
            refuse_type(&linting, name, &stage->type);
        }
        if (rules->policies && sl_text_is_name(stage->policy.text)) {
            check_policy(rules->policies, name, &stage->policy, problems);
        }
    }
}

/* Whose schema counts for a stage of a draft, which may have become a pipeline or not; NULL: that cannot be told. */
static const struct sl_stage_type *schema_type(const struct sl_draft *draft, const struct sl_pipeline *pipeline, uint32_t stage,
                                               const struct sl_stage_types *types) {
    for (uint32_t i = 0; i < draft->plugin_count; i++) {
        const struct sl_draft_plugin *plugin = &draft->plugins[i];
        if (!pipeline || (plugin->replace && !is_told(types, plugin->callable.text))) return NULL;
    }
    if (pipeline) return sl_stage_types_bound(types, pipeline, (uint16_t)stage);
    return sl_stage_types_find(types, draft->stages[stage].type.text);
}

static void check_configs(const struct sl_draft *draft, const struct sl_pipeline *pipeline, const struct sl_pipeline_rules *rules,
                          struct sl_problems *problems) {
    for (uint32_t i = 0; rules->schemas && i < draft->stage_count; i++) {
        const struct sl_stage_type *type = schema_type(draft, pipeline, i, rules->schemas);
        if (!type || type->config_schema.size == 0) continue;
        if (sl_config_check(&draft->stages[i], type->config_schema, rules->match, problems)) no_memory(problems);
    }
}

int sl_pipeline_check(const struct sl_tree *tree, const struct sl_pipeline_rules *rules, const struct sl_alloc *alloc,
                      struct sl_problems *problems, struct sl_pipeline **out_pipeline) {
    struct sl_draft draft;
    struct sl_pipeline *pipeline = NULL;
    sl_draft_init(&draft, alloc, problems);
    sl_draft_read(&draft, tree, rules->strict);
    int rc = sl_draft_build(&draft, alloc, &pipeline);
    if (rc == SL_OK) sl_pipeline_lint(pipeline, rules->types, rules->policies, rules->strict, problems);
    if (rc == SL_E_BAD_INPUT) lint_draft(&draft, rules, problems);
    if (rc == SL_OK || rc == SL_E_BAD_INPUT) check_configs(&draft, pipeline, rules, problems);
    sl_draft_fini(&draft);
    if (problems->no_memory) rc = SL_E_NO_MEMORY;
    if (rc == SL_OK && problems->error_count > 0) rc = SL_E_BAD_INPUT;
    if (rc == SL_OK) *out_pipeline = pipeline;
    else sl_pipeline_free(&pipeline);
    return rc;
}
