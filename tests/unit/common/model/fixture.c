/* See fixture.h. */
#include "fixture.h"

#include "base/err.h"
#include "base/limits.h"
#include "io/yaml.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct sl_tree tree_of(const char *text) {
    struct sl_tree tree;
    struct sl_yaml_error error;
    int rc = sl_yaml_parse(sl_text(text), sl_alloc_system(), &tree, &error);
    cr_assert_eq(rc, 0, "%u:%u: %s in:\n%s", error.mark.line, error.mark.column, error.sentence, text);
    return tree;
}

struct result pipeline_of(const char *text) {
    struct result result = {0};
    struct sl_tree tree = tree_of(text);
    sl_problems_init(&result.problems, sl_alloc_system());
    result.rc = sl_pipeline_from_tree(&tree, false, sl_alloc_system(), &result.problems, &result.pipeline);
    sl_tree_fini(&tree);
    return result;
}

void result_free(struct result *self) {
    sl_pipeline_free(&self->pipeline);
    sl_problems_fini(&self->problems);
}

char *shown(struct sl_problems *problems, const char *path, const char *text) {
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    sl_problems_show(problems, path, sl_text(text), &buf);
    cr_assert_not(buf.failed);
    char *copy = malloc(buf.size + 1);
    cr_assert_not_null(copy);
    if (buf.size) memcpy(copy, buf.data, buf.size);
    copy[buf.size] = '\0';
    sl_buf_fini(&buf);
    return copy;
}

struct sl_pipeline *stages_of(const char *stages) {
    size_t size = strlen(stages) + 64;
    char *text = malloc(size);
    cr_assert_not_null(text);
    snprintf(text, size, "name: p\nversion: \"2026-01-15\"\nstages:\n%s", stages);
    struct result result = pipeline_of(text);
    char *problems = shown(&result.problems, "p.yaml", text);
    cr_assert_eq(result.rc, 0, "%s", problems);
    free(problems);
    free(text);
    sl_problems_fini(&result.problems);
    return result.pipeline;
}

void assert_refused(const char *text, const char *part) {
    struct result result = pipeline_of(text);
    char *problems = shown(&result.problems, "p.yaml", text);
    cr_assert_eq(result.rc, SL_E_BAD_INPUT, "accepted:\n%s", text);
    cr_assert_null(result.pipeline);
    cr_assert_not_null(strstr(problems, part), "expected \"%s\" in\n%s\nof\n%s", part, problems, text);
    free(problems);
    result_free(&result);
}

char *read_source_file(const char *path) {
    char full[4096];
    snprintf(full, sizeof full, "%s/%s", SOURCE_FOLDER, path);
    FILE *file = fopen(full, "rb");
    cr_assert_not_null(file, "cannot read %s", full);
    char *text = malloc(SL_PIPELINE_TEXT_MAX + 1);
    cr_assert_not_null(text);
    size_t size = fread(text, 1, SL_PIPELINE_TEXT_MAX, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

void types_init(struct type_table *self) {
    *self = (struct type_table){.table = {.items = self->sorted}};
}

static struct sl_text_list split(const char *text, struct sl_bytes words[WORDS_MAX]) {
    uint32_t count = 0;
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, " ");
        cr_assert_lt(count, WORDS_MAX);
        words[count++] = sl_bytes(at, size);
        at += size + (at[size] == ' ');
    }
    return (struct sl_text_list){.items = words, .count = count};
}

struct sl_stage_type *types_add_of(struct type_table *self, const char *callable, const char *type, const char *state_keys,
                                   const char *dependencies) {
    uint32_t at = self->table.count, place;
    cr_assert_lt(at, TYPES_MAX);
    cr_assert_not(sl_stage_types_search(&self->table, sl_text(type), sl_text(callable), &place));
    self->types[at] = (struct sl_stage_type){.type = sl_text(type),
                                             .callable = sl_text(callable),
                                             .state_keys = split(state_keys, self->words[at][0]),
                                             .dependencies = split(dependencies, self->words[at][1])};
    memmove(&self->sorted[place + 1], &self->sorted[place], (at - place) * sizeof *self->sorted);
    self->sorted[place] = &self->types[at];
    self->table.count++;
    return &self->types[at];
}

struct sl_stage_type *types_add(struct type_table *self, const char *type, const char *state_keys,
                                const char *dependencies) {
    return types_add_of(self, "", type, state_keys, dependencies);
}

void types_add_builtin(struct type_table *self) {
    types_add(self, "ingest", "payloads", "");
    types_add(self, "parse", "document", "ingest");
    types_add(self, "ir-validation", "document", "parse");
    types_add(self, "chunk", "chunks", "ir-validation");
    types_add(self, "embed", "embedding_batch", "chunk");
    types_add(self, "index", "index_receipt", "chunk embed");
    types_add(self, "extract", "entities claims", "ir-validation");
    types_add(self, "knowledge-graph", "graph_receipt", "extract");
}
