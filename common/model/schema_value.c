/* What a config schema says of a value; see schema.h. */
#include "schema_words.h"

#include "problem.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>

enum { SENTENCE_SIZE = 512, LIST_SIZE = 384, WORD_SIZE = 96, CANDIDATES_MAX = 64 };

struct validating {
    sl_schema_match match;
    const struct sl_schema_report *report;
    int rc;
};

/* Words that a mistyped one may have meant, with a NUL each. */
struct candidates {
    char words[CANDIDATES_MAX][SL_NAME_MAX + 1];
    const char *items[CANDIDATES_MAX];
    size_t count;
};

static void report(const struct validating *self, const struct sl_schema_place *place, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void report(const struct validating *self, const struct sl_schema_place *place, const char *hint, const char *format, ...) {
    char sentence[SENTENCE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    sl_text_format_list(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    self->report->add(self->report->context, place, hint, sentence);
}

static enum sl_schema_type type_of(const struct sl_mp_object *value) {
    switch (value->type) {
    case SL_MP_NIL:
        return SL_SCHEMA_NULL;
    case SL_MP_BOOL:
        return SL_SCHEMA_BOOLEAN;
    case SL_MP_STR:
        return SL_SCHEMA_STRING;
    case SL_MP_ARRAY:
        return SL_SCHEMA_ARRAY;
    case SL_MP_MAP:
        return SL_SCHEMA_OBJECT;
    case SL_MP_BIN:
        return SL_SCHEMA_TYPE_COUNT; /* JSON has no such type */
    default:
        return sl_schema_is_integer(value) ? SL_SCHEMA_INTEGER : SL_SCHEMA_NUMBER;
    }
}

/* The value as sentences show it. */
static const char *shown(const struct sl_mp_object *value, char out[WORD_SIZE]) {
    switch (value->type) {
    case SL_MP_BOOL:
        return value->boolean ? "true" : "false";
    case SL_MP_UINT:
        sl_text_format(out, WORD_SIZE, "%" PRIu64, value->uint);
        return out;
    case SL_MP_INT:
        sl_text_format(out, WORD_SIZE, "%" PRId64, value->sint);
        return out;
    case SL_MP_DOUBLE:
        sl_text_format(out, WORD_SIZE, "%.15g", value->real);
        return out;
    case SL_MP_STR:
        sl_text_format(out, WORD_SIZE, "\"%.*s\"", SL_SHOWN(value->bytes));
        return out;
    case SL_MP_BIN:
        return "bytes";
    default:
        return sl_schema_type_words[type_of(value)];
    }
}

static void put(char *text, size_t size, const char *word) {
    size_t used = strlen(text);
    sl_text_format(text + used, size - used, "%s", word);
}

static bool has_type(struct sl_bytes word, enum sl_schema_type type) {
    enum sl_schema_type wanted = sl_schema_type(word);
    return wanted == type || (wanted == SL_SCHEMA_NUMBER && type == SL_SCHEMA_INTEGER);
}

/* Whether the value is of a type that the schema allows. */
static bool check_type(const struct validating *self, struct sl_bytes types, const struct sl_mp_object *value,
                       const struct sl_schema_place *place) {
    char allowed[LIST_SIZE] = "", word[WORD_SIZE];
    struct sl_mp_reader reader = sl_mp_reader(types);
    bool is_list = sl_schema_head(types).type == SL_MP_ARRAY;
    uint32_t count = is_list ? sl_mp_read_array(&reader, UINT32_MAX) : 1;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes name = sl_mp_read_str(&reader, SIZE_MAX);
        if (has_type(name, type_of(value))) return true;
        if (i > 0) put(allowed, sizeof allowed, " or ");
        put(allowed, sizeof allowed, sl_schema_type_words[sl_schema_type(name)]);
    }
    report(self, place, NULL, "must be %s, and is %s", allowed, shown(value, word));
    return false;
}

static void add_candidate(struct candidates *self, struct sl_bytes text) {
    if (self->count == CANDIDATES_MAX || text.size == 0 || text.size > SL_NAME_MAX) return;
    sl_text_format(self->words[self->count], sizeof self->words[0], "%.*s", (int)text.size, (const char *)text.data);
    self->items[self->count] = self->words[self->count];
    self->count++;
}

static void check_enum(const struct validating *self, struct sl_bytes allowed, struct sl_bytes value,
                       const struct sl_schema_place *place) {
    struct candidates candidates = {.count = 0};
    char list[LIST_SIZE] = "", word[WORD_SIZE], hint[SL_HINT_SIZE];
    struct sl_mp_object head = sl_schema_head(value);
    struct sl_mp_reader reader = sl_mp_reader(allowed);
    uint32_t count = sl_mp_read_array(&reader, UINT32_MAX);
    bool is_cut = false;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes item = sl_mp_read_raw(&reader, SL_SCHEMA_DEPTH_MAX);
        struct sl_mp_object item_head = sl_schema_head(item);
        if (sl_schema_equal(item, value)) return;
        if (item_head.type == SL_MP_STR) add_candidate(&candidates, item_head.bytes);
        is_cut = is_cut || strlen(list) + WORD_SIZE + 8 > sizeof list;
        if (is_cut) continue;
        put(list, sizeof list, i ? ", " : "");
        put(list, sizeof list, shown(&item_head, word));
    }
    const char *near = head.type == SL_MP_STR ? sl_hint_suggest(head.bytes, candidates.items, candidates.count, hint) : NULL;
    report(self, place, near, "must be %s%s%s", count > 1 ? "one of " : "", list, is_cut ? ", ..." : "");
}

static void check_const(const struct validating *self, struct sl_bytes wanted, struct sl_bytes value,
                        const struct sl_schema_place *place) {
    char word[WORD_SIZE], other[WORD_SIZE];
    struct sl_mp_object wanted_head = sl_schema_head(wanted), head = sl_schema_head(value);
    if (sl_schema_equal(wanted, value)) return;
    bool is_list = head.type == SL_MP_ARRAY;
    bool is_alike = wanted_head.type == head.type && (is_list || head.type == SL_MP_MAP); /* shown, they would look the same */
    if (is_alike) report(self, place, NULL, "must be the one %s that its schema names", is_list ? "list" : "map");
    else report(self, place, NULL, "must be %s, and is %s", shown(&wanted_head, word), shown(&head, other));
}

static void check_range(const struct validating *self, const struct sl_schema_parts *parts, const struct sl_mp_object *value,
                        const struct sl_schema_place *place) {
    char limit[WORD_SIZE], word[WORD_SIZE];
    for (enum sl_schema_word i = SL_WORD_MINIMUM; i <= SL_WORD_MAXIMUM; i++) {
        if (!parts->of[i].data) continue;
        struct sl_mp_object head = sl_schema_head(parts->of[i]);
        int order = sl_schema_compare(value, &head);
        if (i == SL_WORD_MINIMUM ? order >= 0 : order <= 0) continue;
        report(self, place, NULL, "must be %s %s, and is %s", i == SL_WORD_MINIMUM ? "at least" : "at most", shown(&head, limit),
               shown(value, word));
    }
}

static void check_count(const struct validating *self, const struct sl_schema_parts *parts, enum sl_schema_word least, uint64_t count,
                        const char *what, const struct sl_schema_place *place) {
    enum sl_schema_word most = least == SL_WORD_MIN_LENGTH ? SL_WORD_MAX_LENGTH : SL_WORD_MAX_ITEMS;
    uint64_t min = parts->of[least].data ? sl_schema_head(parts->of[least]).uint : 0;
    uint64_t max = parts->of[most].data ? sl_schema_head(parts->of[most]).uint : UINT64_MAX;
    if (count < min) report(self, place, NULL, "must have at least %" PRIu64 " %s, and has %" PRIu64, min, what, count);
    if (count > max) report(self, place, NULL, "must have at most %" PRIu64 " %s, and has %" PRIu64, max, what, count);
}

static uint64_t count_characters(struct sl_bytes text) {
    uint64_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

static void check_text(struct validating *self, const struct sl_schema_parts *parts, const struct sl_mp_object *value,
                       const struct sl_schema_place *place) {
    char word[WORD_SIZE];
    check_count(self, parts, SL_WORD_MIN_LENGTH, count_characters(value->bytes), "characters", place);
    if (!parts->of[SL_WORD_PATTERN].data || !self->match) return;
    struct sl_bytes pattern = sl_schema_head(parts->of[SL_WORD_PATTERN]).bytes;
    int rc = self->match(pattern, value->bytes);
    if (rc == SL_E_NO_MEMORY) self->rc = rc;
    if (rc == 0) report(self, place, NULL, "must match the pattern %.*s, and is %s", SL_SHOWN(pattern), shown(value, word));
    if (rc == SL_E_LIMIT) report(self, place, NULL, "cannot be compared with the pattern %.*s: it costs too much", SL_SHOWN(pattern));
}

static void validate(struct validating *self, struct sl_bytes schema, struct sl_bytes value, const struct sl_schema_place *place);

static void check_list(struct validating *self, const struct sl_schema_parts *parts, struct sl_bytes value,
                       const struct sl_schema_place *place) {
    struct sl_mp_reader reader = sl_mp_reader(value);
    uint32_t count = sl_mp_read_array(&reader, UINT32_MAX);
    check_count(self, parts, SL_WORD_MIN_ITEMS, count, "members", place);
    for (uint32_t i = 0; i < count && parts->of[SL_WORD_ITEMS].data; i++) {
        const struct sl_schema_place item = {.parent = place, .index = i, .is_item = true};
        validate(self, parts->of[SL_WORD_ITEMS], sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX), &item);
    }
}

static void refuse_member(const struct validating *self, const struct sl_schema_parts *parts, struct sl_schema_place member) {
    struct candidates candidates = {.count = 0};
    char list[LIST_SIZE] = "", hint[SL_HINT_SIZE];
    struct sl_bytes properties = parts->of[SL_WORD_PROPERTIES];
    struct sl_mp_reader reader = sl_mp_reader(properties);
    uint32_t count = properties.data ? sl_mp_read_map(&reader, UINT32_MAX) : 0;
    bool is_cut = false;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes key = sl_mp_read_str(&reader, SIZE_MAX);
        sl_mp_skip(&reader, SL_SCHEMA_DEPTH_MAX);
        add_candidate(&candidates, key);
        is_cut = is_cut || strlen(list) + WORD_SIZE + 8 > sizeof list;
        size_t used = strlen(list);
        if (!is_cut) sl_text_format(list + used, sizeof list - used, "%s\"%.*s\"", i ? ", " : "", SL_SHOWN(key));
    }
    const char *near = sl_hint_suggest(member.key, candidates.items, candidates.count, hint);
    member.is_key = true;
    if (count == 0) report(self, &member, NULL, "is unknown: no key is allowed");
    else report(self, &member, near, "is unknown: the keys are %s%s", list, is_cut ? ", ..." : "");
}

static void check_required(const struct validating *self, struct sl_bytes required, struct sl_bytes value,
                           const struct sl_schema_place *place) {
    struct sl_mp_reader reader = sl_mp_reader(required);
    uint32_t count = sl_mp_read_array(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_schema_place member = {.parent = place, .key = sl_mp_read_str(&reader, SIZE_MAX)};
        if (!sl_schema_member(value, member.key).data) report(self, &member, NULL, "is missing");
    }
}

static void check_map(struct validating *self, const struct sl_schema_parts *parts, struct sl_bytes value,
                      const struct sl_schema_place *place) {
    struct sl_bytes properties = parts->of[SL_WORD_PROPERTIES], additional = parts->of[SL_WORD_ADDITIONAL];
    struct sl_mp_object more = additional.data ? sl_schema_head(additional) : (struct sl_mp_object){.type = SL_MP_NIL};
    struct sl_mp_reader reader = sl_mp_reader(value);
    uint32_t count = sl_mp_read_map(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_schema_place member = {.parent = place, .key = sl_mp_read_str(&reader, SIZE_MAX)};
        struct sl_bytes own = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
        struct sl_bytes schema = properties.data ? sl_schema_member(properties, member.key) : properties;
        if (schema.data) validate(self, schema, own, &member);
        else if (more.type == SL_MP_MAP) validate(self, additional, own, &member);
        else if (more.type == SL_MP_BOOL && !more.boolean) refuse_member(self, parts, member);
    }
    if (parts->of[SL_WORD_REQUIRED].data) check_required(self, parts->of[SL_WORD_REQUIRED], value, place);
}

static void validate(struct validating *self, struct sl_bytes schema, struct sl_bytes value, const struct sl_schema_place *place) {
    const struct sl_schema_parts parts = sl_schema_parts(schema);
    struct sl_mp_object head = sl_schema_head(value);
    if (parts.of[SL_WORD_TYPE].data && !check_type(self, parts.of[SL_WORD_TYPE], &head, place)) return;
    if (parts.of[SL_WORD_ENUM].data) check_enum(self, parts.of[SL_WORD_ENUM], value, place);
    if (parts.of[SL_WORD_CONST].data) check_const(self, parts.of[SL_WORD_CONST], value, place);
    if (sl_schema_is_number(&head)) check_range(self, &parts, &head, place);
    if (head.type == SL_MP_STR) check_text(self, &parts, &head, place);
    if (head.type == SL_MP_ARRAY) check_list(self, &parts, value, place);
    if (head.type == SL_MP_MAP) check_map(self, &parts, value, place);
}

int sl_schema_validate(struct sl_bytes schema, struct sl_bytes value, sl_schema_match match, const struct sl_schema_report *to) {
    struct validating self = {.match = match, .report = to, .rc = SL_OK};
    validate(&self, schema, value, NULL);
    return self.rc;
}
