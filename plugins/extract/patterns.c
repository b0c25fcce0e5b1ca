/* Compiling of patterns. */
#include "patterns.h"

#include <stdlib.h>

enum { SHOWN_MAX = 80, NAME_MAX_SIZE = 64 };

/* Kinds of blocks that hold lists of file names: full of things that look like addresses. */
static const char skip_kinds_default[] = "files";

void sl_patterns_fini(struct sl_patterns *self) {
    for (size_t i = 0; i < self->count; i++) pcre2_code_free(self->items[i].code);
    for (size_t i = 0; i < self->text_count; i++) free(self->texts[i]);
    free(self->items);
    free(self->texts);
    *self = (struct sl_patterns){0};
}

static bool is_word_of(const char *words, struct sl_span word) {
    while (words && *words) {
        size_t size = strcspn(words, " ");
        if (sl_span_equal(sl_span(words, size), word)) return true;
        words += size + (words[size] == ' ');
    }
    return false;
}

bool sl_patterns_apply(const struct sl_patterns *self, const struct sl_pattern *pattern, struct sl_span kind) {
    return pattern->source.kinds ? is_word_of(pattern->source.kinds, kind) : !is_word_of(self->skip_kinds, kind);
}

/* Compiles the next pattern. `number` is counted from 1, for sentences. */
static int compile(struct sl_patterns *self, const struct sl_options *options, const struct sl_pattern_source *source) {
    int code;
    PCRE2_SIZE offset;
    const size_t number = self->count + 1;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) return sl_options_refuse(options, "no memory.");
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    struct sl_pattern *item = &self->items[self->count];
    *item = (struct sl_pattern){.source = *source};
    item->code = pcre2_compile((PCRE2_SPTR)source->pattern, PCRE2_ZERO_TERMINATED,
                               PCRE2_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!item->code) {
        PCRE2_UCHAR message[160] = "";
        (void)pcre2_get_error_message(code, message, sizeof message);
        return sl_options_refuse(options, "pattern %zu (`%.*s`, type %s) is wrong at character %zu: %s.", number,
                                 sl_span_print(sl_span_of(source->pattern), SHOWN_MAX), source->pattern, source->type,
                                 (size_t)offset + 1, (const char *)message);
    }
    /* Without a compiler for this machine it is interpreted, only slower. */
    (void)pcre2_jit_compile(item->code, PCRE2_JIT_COMPLETE);
    self->count++;
    return 0;
}

static int compile_licences(struct sl_patterns *self, const struct sl_options *options) {
    self->items = calloc(sl_licence_pattern_count, sizeof *self->items);
    if (!self->items) return sl_options_refuse(options, "no memory.");
    for (size_t i = 0; i < sl_licence_pattern_count; i++) {
        if (compile(self, options, &sl_licence_patterns[i]) != 0) return -1;
    }
    return 0;
}

/* A copy that the set owns; NULL when memory ran out. The caller made room in `texts`. */
static const char *keep(struct sl_patterns *self, struct sl_span text) {
    char *copy = strndup(text.data ? text.data : "", text.size);
    if (copy) self->texts[self->text_count++] = copy;
    return copy;
}

/* An optional text member of one pattern. 0 with *out_text NULL when it is absent. */
static int read_text(struct sl_patterns *self, const struct sl_options *options, const msgpack_object *map, const char *key,
                     size_t size_max, const char **out_text) {
    const msgpack_object *member = sl_input_member(map, key);
    struct sl_span text;
    if (!member) return 0;
    if (!sl_input_text(member, &text) || text.size == 0 || text.size > size_max || memchr(text.data, 0, text.size)) {
        return sl_options_refuse(options, "`%s` of pattern %zu must be a text of 1 to %zu bytes.", key, self->count + 1, size_max);
    }
    *out_text = keep(self, text);
    return *out_text ? 0 : sl_options_refuse(options, "no memory.");
}

/* A list of words, kept as one text with spaces between; NULL member: absent. */
static int read_kinds(struct sl_patterns *self, const struct sl_options *options, const msgpack_object *member, const char *name,
                      const char **out_words) {
    char words[SL_PATTERN_KINDS_MAX * (NAME_MAX_SIZE + 1) + 1] = "";
    size_t used = 0;
    msgpack_object_array array = {0};
    if (!member) return 0;
    bool is_good = sl_input_array(member, &array) && array.size <= SL_PATTERN_KINDS_MAX;
    for (uint32_t i = 0; is_good && i < array.size; i++) {
        struct sl_span word;
        is_good = sl_input_text(&array.ptr[i], &word) && word.size > 0 && word.size <= NAME_MAX_SIZE &&
                  !memchr(word.data, ' ', word.size) && !memchr(word.data, 0, word.size);
        if (!is_good) break;
        if (used > 0) words[used++] = ' ';
        memcpy(words + used, word.data, word.size);
        used += word.size;
    }
    if (!is_good) return sl_options_refuse(options, "`%s` must list at most %d kinds of blocks.", name, SL_PATTERN_KINDS_MAX);
    *out_words = keep(self, sl_span(words, used));
    return *out_words ? 0 : sl_options_refuse(options, "no memory.");
}

static int check_members(const struct sl_patterns *self, const struct sl_options *options, const msgpack_object *map) {
    static const char *const known[] = {"type", "pattern", "as", "claim", "kinds", "lower", NULL};
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        struct sl_span name = {0};
        const char *const *key = known;
        (void)sl_input_text(&map->via.map.ptr[i].key, &name);
        while (*key && !sl_span_is(name, *key)) key++;
        if (!*key) {
            return sl_options_refuse(options, "pattern %zu has the unknown member `%.*s`.", self->count + 1,
                                     sl_span_print(name, SHOWN_MAX), name.size ? name.data : "");
        }
    }
    return 0;
}

static int compile_custom(struct sl_patterns *self, const struct sl_options *options, const msgpack_object *map) {
    struct sl_pattern_source source = {0};
    if (map->type != MSGPACK_OBJECT_MAP) {
        return sl_options_refuse(options, "pattern %zu must be a map with `type` and `pattern`.", self->count + 1);
    }
    if (check_members(self, options, map) != 0 ||
        read_text(self, options, map, "type", NAME_MAX_SIZE, &source.type) != 0 ||
        read_text(self, options, map, "pattern", SL_PATTERN_SIZE_MAX, &source.pattern) != 0 ||
        read_text(self, options, map, "as", 256, &source.as) != 0 ||
        read_text(self, options, map, "claim", NAME_MAX_SIZE, &source.claim) != 0 ||
        read_kinds(self, options, sl_input_member(map, "kinds"), "kinds", &source.kinds) != 0) {
        return -1;
    }
    if (!source.type || !source.pattern) {
        return sl_options_refuse(options, "pattern %zu must have `type` and `pattern`.", self->count + 1);
    }
    const msgpack_object *lower = sl_input_member(map, "lower");
    if (lower && lower->type != MSGPACK_OBJECT_BOOLEAN) {
        return sl_options_refuse(options, "`lower` of pattern %zu must be true or false.", self->count + 1);
    }
    source.is_lower = lower && lower->via.boolean;
    return compile(self, options, &source);
}

static int compile_list(struct sl_patterns *self, const struct sl_options *options, msgpack_object_array list) {
    if (list.size == 0 || list.size > SL_PATTERNS_MAX) {
        return sl_options_refuse(options, "`config.patterns` must list 1 to %d patterns.", SL_PATTERNS_MAX);
    }
    self->items = calloc(list.size, sizeof *self->items);
    if (!self->items) return sl_options_refuse(options, "no memory.");
    for (uint32_t i = 0; i < list.size; i++) {
        if (compile_custom(self, options, &list.ptr[i]) != 0) return -1;
    }
    return 0;
}

static int compile_all(struct sl_patterns *self, const struct sl_options *options) {
    const msgpack_object *member = sl_options_member(options, "patterns");
    struct sl_span name;
    msgpack_object_array list;
    self->texts = calloc(SL_PATTERNS_MAX * 5 + 1, sizeof *self->texts);
    if (!self->texts) return sl_options_refuse(options, "no memory.");
    self->skip_kinds = skip_kinds_default;
    self->match_limit = 1000000;
    if (sl_options_uint(options, "match_limit", 1000, 100000000, &self->match_limit) != 0 ||
        read_kinds(self, options, sl_options_member(options, "skip_kinds"), "config.skip_kinds", &self->skip_kinds) != 0) {
        return -1;
    }
    if (!member || (sl_input_text(member, &name) && sl_span_is(name, "licences"))) return compile_licences(self, options);
    if (sl_input_array(member, &list)) return compile_list(self, options, list);
    return sl_options_refuse(options, "`config.patterns` must be `licences` or a list of patterns, not %s.",
                             sl_input_kind(member));
}

int sl_patterns_init(struct sl_patterns *self, const struct sl_options *options) {
    *self = (struct sl_patterns){0};
    int rc = compile_all(self, options);
    if (rc != 0) sl_patterns_fini(self);
    return rc;
}
