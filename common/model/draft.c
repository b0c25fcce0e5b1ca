/* The rules of single texts and lists in a pipeline (seed, rows 9, 18, 19, 25, 26); see draft.h. What needs the whole graph is in build.c. */
#include "draft.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>

void sl_draft_init(struct sl_draft *self, const struct sl_alloc *alloc, struct sl_problems *problems) {
    *self = (struct sl_draft){.problems = problems};
    sl_tree_init(&self->memory, alloc);
}

void sl_draft_fini(struct sl_draft *self) {
    sl_tree_fini(&self->memory);
}

void sl_draft_refuse(struct sl_draft *self, struct sl_mark mark, const char *hint, const char *format, ...) {
    self->is_bad = true;
    if (!self->problems) return;
    va_list arguments;
    va_start(arguments, format);
    sl_problems_add_list(self->problems, SL_PROBLEM_ERROR, mark, hint, format, arguments);
    va_end(arguments);
}

void *sl_draft_take(struct sl_draft *self, size_t size) {
    void *block = sl_tree_take(&self->memory, size);
    if (!block) self->no_memory = true;
    return block;
}

static void check_name(struct sl_draft *self, const struct sl_draft_text *name, const char *what) {
    if (!name->text.data || sl_text_is_name(name->text)) return;
    sl_draft_refuse(self, name->mark, NULL, "%s \"%.*s\" must be 1 to %d letters, digits, \"-\" or \"_\"", what,
                    SL_SHOWN(name->text), SL_NAME_MAX);
}

static bool are_digits(const uint8_t *at, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
    }
    return true;
}

static bool is_alphanumeric(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* YYYY-MM-DD, then nothing or "-" and letters or digits (seed, row 25). */
static bool is_version(struct sl_bytes text) {
    const uint8_t *at = text.data;
    if (text.size < 10 || text.size > SL_NAME_MAX || text.size == 11) return false;
    if (!are_digits(at, 4) || at[4] != '-' || !are_digits(at + 5, 2) || at[7] != '-' || !are_digits(at + 8, 2)) {
        return false;
    }
    int month = (at[5] - '0') * 10 + at[6] - '0', day = (at[8] - '0') * 10 + at[9] - '0';
    if (month < 1 || month > 12 || day < 1 || day > 31) return false;
    for (size_t i = 11; i < text.size; i++) {
        if (!is_alphanumeric(at[i])) return false;
    }
    return text.size == 10 || at[10] == '-';
}

/* "libx.so:function", also the seed's "package.module:attribute.attribute" (row 18). */
static bool is_callable(struct sl_bytes text) {
    const uint8_t *colon = text.size ? memchr(text.data, ':', text.size) : NULL;
    if (!colon || text.size > SL_KEY_MAX) return false;
    const uint8_t *end = text.data + text.size;
    for (const uint8_t *at = text.data; at < end; at++) {
        bool in_library = at < colon && (*at == '-' || *at == '+');
        if (at != colon && !is_alphanumeric(*at) && *at != '_' && *at != '.' && !in_library) return false;
    }
    return colon > text.data && colon + 1 < end && text.data[0] != '.' && colon[1] != '.' && end[-1] != '.';
}

bool sl_callable_names_library(struct sl_bytes callable) {
    static const char end[] = ".so:";
    if (!is_callable(callable)) return false;
    const uint8_t *colon = memchr(callable.data, ':', callable.size);
    size_t size = (size_t)(colon - callable.data) + 1;
    return size > sizeof end - 1 && memcmp(callable.data + size - (sizeof end - 1), end, sizeof end - 1) == 0;
}

static bool has_before(const struct sl_draft_list *list, uint32_t index) {
    for (uint32_t i = 0; i < index; i++) {
        if (sl_bytes_equal(list->items[i].text, list->items[index].text)) return true;
    }
    return false;
}

static void check_state_keys(struct sl_draft *self, const struct sl_draft_list *keys) {
    if (keys->count > SL_STATE_KEYS_MAX) {
        sl_draft_refuse(self, keys->mark, NULL, "a stage may have at most %d state keys", SL_STATE_KEYS_MAX);
        return;
    }
    for (uint32_t i = 0; i < keys->count; i++) {
        const struct sl_draft_text *key = &keys->items[i];
        if (!sl_text_is_state_key(key->text)) {
            sl_draft_refuse(self, key->mark, NULL,
                            "state key \"%.*s\" must be a letter or \"_\", then letters, digits or \"_\", at most %d; \"" SL_RESULTS_KEY
                            "\" is taken for the outputs of stages without one",
                            SL_SHOWN(key->text), SL_NAME_MAX);
        } else if (has_before(keys, i)) {
            sl_draft_refuse(self, key->mark, NULL, "state key \"%.*s\" is named twice", SL_SHOWN(key->text));
        }
    }
}

static void check_dependency(struct sl_draft *self, const struct sl_draft_text *dependency) {
    static const char *const specials[] = {"@ledger", "@payload", "@state"};
    char hint[SL_HINT_SIZE];
    if (sl_dependency_kind(dependency->text) != SL_DEPENDENCY_NAME || sl_text_is_name(dependency->text)) return;
    bool special = dependency->text.size > 0 && dependency->text.data[0] == '@';
    sl_draft_refuse(self, dependency->mark, special ? sl_hint_suggest(dependency->text, specials, 3, hint) : NULL,
                    "dependency \"%.*s\" must be a stage, a stage type, @ledger, @payload or @state",
                    SL_SHOWN(dependency->text));
}

static void check_dependencies(struct sl_draft *self, const struct sl_draft_list *list) {
    if (list->count > SL_DEPENDENCIES_MAX) {
        sl_draft_refuse(self, list->mark, NULL, "a stage may have at most %d dependencies of its own here; more stages "
                        "fit into depends_on", SL_DEPENDENCIES_MAX);
        return;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        check_dependency(self, &list->items[i]);
        if (has_before(list, i)) {
            sl_draft_refuse(self, list->items[i].mark, NULL, "dependency \"%.*s\" is named twice",
                            SL_SHOWN(list->items[i].text));
        }
    }
}

static void check_stage(struct sl_draft *self, const struct sl_draft_stage *stage) {
    check_name(self, &stage->name, "stage name");
    check_name(self, &stage->type, "stage type");
    check_name(self, &stage->policy, "policy name");
    check_state_keys(self, &stage->state_keys);
    check_dependencies(self, &stage->dependencies);
    if (stage->type.text.data && sl_bytes_is(stage->type.text, "gate")) {
        sl_draft_refuse(self, stage->type.mark, NULL, "stage \"%.*s\" is a gate, and this version has no gates yet",
                        SL_SHOWN(stage->name.text));
    }
}

static void check_filled(struct sl_draft *self, const struct sl_draft_list *list, const char *what) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].text.size == 0) sl_draft_refuse(self, list->items[i].mark, NULL, "%s must not be empty", what);
    }
}

static void check_plugins(struct sl_draft *self) {
    if (self->plugin_count > SL_PLUGIN_REFERENCES_MAX) {
        sl_draft_refuse(self, self->plugins[SL_PLUGIN_REFERENCES_MAX].callable.mark, NULL,
                        "a pipeline may name at most %d plugins", SL_PLUGIN_REFERENCES_MAX);
        return;
    }
    for (uint32_t i = 0; i < self->plugin_count; i++) {
        const struct sl_draft_text *callable = &self->plugins[i].callable;
        if (!callable->text.data || is_callable(callable->text)) continue;
        sl_draft_refuse(self, callable->mark, NULL,
                        "callable \"%.*s\" must name a library and its function, like \"libacme.so:register_stage\"",
                        SL_SHOWN(callable->text));
    }
}

void sl_draft_check(struct sl_draft *self) {
    check_name(self, &self->name, "pipeline name");
    if (self->version.text.data && !is_version(self->version.text)) {
        sl_draft_refuse(self, self->version.mark, NULL,
                        "version \"%.*s\" must be a date, like \"2026-01-15\" or \"2026-01-15-b2\"",
                        SL_SHOWN(self->version.text));
    }
    check_filled(self, &self->sources, "an applicable source");
    check_filled(self, &self->tags, "a tag");
    check_plugins(self);
    for (uint32_t i = 0; i < self->stage_count; i++) check_stage(self, &self->stages[i]);
}
