/* Whether a config schema can be used; see schema.h. What a value must be is in schema_value.c. */
#include "schema_words.h"

#include "problem.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/text.h"

enum { PLACE_SIZE = 512 };

struct checking {
    sl_schema_match match;
    char *error;
    size_t error_size;
};

static size_t put_place(const struct sl_schema_place *place, const char *root, char *out, size_t size) {
    if (!place) {
        sl_text_format(out, size, "%s", root);
        return strlen(out);
    }
    size_t used = put_place(place->parent, root, out, size);
    if (place->is_item) sl_text_format(out + used, size - used, "[%u]", place->index);
    else sl_text_format(out + used, size - used, ".%.*s", SL_SHOWN(place->key));
    return used + strlen(out + used);
}

void sl_schema_place_text(const struct sl_schema_place *place, const char *root, char *out_text, size_t size) {
    (void)put_place(place, root, out_text, size);
}

static int refuse(const struct checking *self, const struct sl_schema_place *place, const char *sentence) {
    char where[PLACE_SIZE];
    sl_schema_place_text(place, "config_schema", where, sizeof where);
    sl_text_format(self->error, self->error_size, "%s %s", where, sentence);
    return SL_E_BAD_INPUT;
}

static int check_schema(const struct checking *self, struct sl_bytes schema, const struct sl_schema_place *place);

static int check_type_word(const struct checking *self, struct sl_bytes value, const struct sl_schema_place *place) {
    struct sl_mp_object head = sl_schema_head(value);
    if (head.type == SL_MP_STR && sl_schema_type(head.bytes) < SL_SCHEMA_TYPE_COUNT) return SL_OK;
    return refuse(self, place, "must be null, boolean, integer, number, string, array or object");
}

static int check_text(const struct checking *self, struct sl_bytes value, const struct sl_schema_place *place) {
    return sl_schema_head(value).type == SL_MP_STR ? SL_OK : refuse(self, place, "must be text");
}

/* A list of at least `least` members, each of which `check` accepts. */
static int check_list(const struct checking *self, struct sl_bytes value, const struct sl_schema_place *place, uint32_t least,
                      int (*check)(const struct checking *, struct sl_bytes, const struct sl_schema_place *)) {
    struct sl_mp_object head = sl_schema_head(value);
    if (head.type != SL_MP_ARRAY) return refuse(self, place, "must be a list");
    if (head.count < least) return refuse(self, place, "must not be empty");
    struct sl_mp_reader reader = sl_mp_reader(value);
    (void)sl_mp_read_array(&reader, UINT32_MAX);
    int rc = SL_OK;
    for (uint32_t i = 0; i < head.count && check && rc == SL_OK; i++) {
        const struct sl_schema_place item = {.parent = place, .index = i, .is_item = true};
        rc = check(self, sl_mp_read_raw(&reader, SL_SCHEMA_DEPTH_MAX), &item);
    }
    return rc;
}

static int check_type(const struct checking *self, struct sl_bytes value, const struct sl_schema_place *place) {
    if (sl_schema_head(value).type != SL_MP_ARRAY) return check_type_word(self, value, place);
    return check_list(self, value, place, 1, check_type_word);
}

static int check_properties(const struct checking *self, struct sl_bytes value, const struct sl_schema_place *place) {
    struct sl_mp_object head = sl_schema_head(value);
    if (head.type != SL_MP_MAP) return refuse(self, place, "must be a map");
    struct sl_mp_reader reader = sl_mp_reader(value);
    (void)sl_mp_read_map(&reader, UINT32_MAX);
    int rc = SL_OK;
    for (uint32_t i = 0; i < head.count && rc == SL_OK; i++) {
        const struct sl_schema_place member = {.parent = place, .key = sl_mp_read_str(&reader, SIZE_MAX)};
        struct sl_bytes schema = sl_mp_read_raw(&reader, SL_SCHEMA_DEPTH_MAX);
        if (reader.rc) return refuse(self, place, "must have keys that are text");
        rc = check_schema(self, schema, &member);
    }
    return rc;
}

static int check_pattern(const struct checking *self, struct sl_bytes value, const struct sl_schema_place *place) {
    struct sl_mp_object head = sl_schema_head(value);
    if (head.type != SL_MP_STR) return refuse(self, place, "must be text");
    int rc = self->match ? self->match(head.bytes, sl_text("")) : SL_OK;
    if (rc == SL_E_NO_MEMORY) return rc;
    return rc == SL_E_BAD_INPUT ? refuse(self, place, "is no regular expression") : SL_OK;
}

static int check_word(const struct checking *self, enum sl_schema_word word, struct sl_bytes value,
                      const struct sl_schema_place *place) {
    struct sl_mp_object head = sl_schema_head(value);
    switch (word) {
    case SL_WORD_TYPE:
        return check_type(self, value, place);
    case SL_WORD_PROPERTIES:
        return check_properties(self, value, place);
    case SL_WORD_REQUIRED:
        return check_list(self, value, place, 0, check_text);
    case SL_WORD_ADDITIONAL:
        return head.type == SL_MP_BOOL ? SL_OK : check_schema(self, value, place);
    case SL_WORD_ENUM:
        return check_list(self, value, place, 1, NULL);
    case SL_WORD_MINIMUM:
    case SL_WORD_MAXIMUM:
        return sl_schema_is_number(&head) ? SL_OK : refuse(self, place, "must be a number");
    case SL_WORD_MIN_LENGTH:
    case SL_WORD_MAX_LENGTH:
    case SL_WORD_MIN_ITEMS:
    case SL_WORD_MAX_ITEMS:
        return head.type == SL_MP_UINT ? SL_OK : refuse(self, place, "must be a whole number, at least 0");
    case SL_WORD_PATTERN:
        return check_pattern(self, value, place);
    case SL_WORD_ITEMS:
        return check_schema(self, value, place);
    default:
        return SL_OK; /* const and default: any value */
    }
}

static int refuse_word(const struct checking *self, struct sl_bytes key, const struct sl_schema_place *place) {
    char hint[SL_HINT_SIZE], sentence[512];
    const char *near = sl_hint_suggest(key, sl_schema_words, SL_WORD_COUNT, hint);
    size_t used = 0;
    sl_text_format(sentence, sizeof sentence, "is not a keyword that Sluice knows, which are");
    for (int i = 0; i < SL_WORD_COUNT; i++) {
        used = strlen(sentence);
        sl_text_format(sentence + used, sizeof sentence - used, "%s %s", i ? "," : "", sl_schema_words[i]);
    }
    used = strlen(sentence);
    sl_text_format(sentence + used, sizeof sentence - used, "%s%s", near ? "; " : "", near ? near : "");
    return refuse(self, place, sentence);
}

static int check_schema(const struct checking *self, struct sl_bytes schema, const struct sl_schema_place *place) {
    struct sl_mp_object head = sl_schema_head(schema);
    if (head.type != SL_MP_MAP) return refuse(self, place, "must be a schema, which is a map");
    struct sl_mp_reader reader = sl_mp_reader(schema);
    (void)sl_mp_read_map(&reader, UINT32_MAX);
    int rc = SL_OK;
    for (uint32_t i = 0; i < head.count && rc == SL_OK; i++) {
        const struct sl_schema_place member = {.parent = place, .key = sl_mp_read_str(&reader, SIZE_MAX)};
        struct sl_bytes value = sl_mp_read_raw(&reader, SL_SCHEMA_DEPTH_MAX);
        if (reader.rc) return refuse(self, place, "must have keys that are text");
        enum sl_schema_word word = sl_schema_word(member.key);
        rc = word < SL_WORD_COUNT ? check_word(self, word, value, &member) : refuse_word(self, member.key, &member);
    }
    return rc;
}

int sl_schema_check(struct sl_bytes schema, sl_schema_match match, char *error, size_t error_size) {
    const struct checking self = {.match = match, .error = error, .error_size = error_size};
    int rc = sl_mp_check(schema, SL_SCHEMA_DEPTH_MAX, SL_SCHEMA_NODES_MAX);
    if (rc == SL_OK) return check_schema(&self, schema, NULL);
    if (rc == SL_E_LIMIT) {
        sl_text_format(error, error_size, "config_schema is nested deeper than %d or has more than %d parts", (int)SL_SCHEMA_DEPTH_MAX,
                       (int)SL_SCHEMA_NODES_MAX);
        return rc;
    }
    sl_text_format(error, error_size, "config_schema cannot be read");
    return SL_E_BAD_INPUT;
}
