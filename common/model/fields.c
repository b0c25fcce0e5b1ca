/* Typed reads of maps; see fields.h. */
#include "fields.h"

#include "base/err.h"

void sl_fields_refuse(const struct sl_fields *self, struct sl_mark mark, const char *hint, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sl_problems_add_list(self->problems, SL_PROBLEM_ERROR, mark, hint, format, arguments);
    va_end(arguments);
}

const char *sl_fields_kind_word(const struct sl_node *node) {
    static const char *const words[] = {[SL_SCALAR_TEXT] = "text",
                                        [SL_SCALAR_NULL] = "nothing",
                                        [SL_SCALAR_BOOL] = "a truth value",
                                        [SL_SCALAR_INT] = "a number",
                                        [SL_SCALAR_FLOAT] = "a number"};
    if (node->kind == SL_NODE_SEQUENCE) return "a list";
    if (node->kind == SL_NODE_MAP) return "a map";
    return words[sl_node_scalar_kind(node)];
}

struct sl_mark sl_fields_mark(const struct sl_node *node) {
    return node->key_mark.line ? node->key_mark : node->mark;
}

struct sl_mark sl_fields_value_mark(const struct sl_node *node) {
    bool visible = node->kind == SL_NODE_SCALAR && node->mark.length > 0;
    return visible ? node->mark : sl_fields_mark(node);
}

bool sl_fields_is_map(const struct sl_fields *self) {
    if (!self->map) return false;
    if (self->map->kind == SL_NODE_MAP) return true;
    sl_fields_refuse(self, sl_fields_value_mark(self->map), NULL, "%s must be a map of keys and values, and is %s", self->where,
                     sl_fields_kind_word(self->map));
    return false;
}

static bool is_known(struct sl_bytes key, const char *const *keys, size_t key_count) {
    for (size_t i = 0; i < key_count; i++) {
        if (sl_bytes_is(key, keys[i])) return true;
    }
    return false;
}

void sl_fields_check_keys(const struct sl_fields *self, const char *const *keys, size_t key_count) {
    char hint[SL_HINT_SIZE];
    for (const struct sl_node *member = self->map->first; member; member = member->next) {
        if (is_known(member->key, keys, key_count)) continue;
        sl_fields_refuse(self, member->key_mark, sl_hint_suggest(member->key, keys, key_count, hint),
                         "%s has an unknown key \"%.*s\"", self->where, SL_SHOWN(member->key));
    }
}

const struct sl_node *sl_fields_require(const struct sl_fields *self, const char *key) {
    const struct sl_node *member = sl_node_get(self->map, key);
    if (!member) sl_fields_refuse(self, sl_fields_mark(self->map), NULL, "%s has no \"%s\"", self->where, key);
    return member;
}

bool sl_fields_node_text(const struct sl_fields *self, const struct sl_node *node, const char *what,
                         struct sl_bytes *value) {
    if (node->kind == SL_NODE_SCALAR && sl_node_scalar_kind(node) == SL_SCALAR_TEXT) {
        *value = node->text;
        return true;
    }
    bool quotes = node->kind == SL_NODE_SCALAR && node->text.size > 0;
    sl_fields_refuse(self, sl_fields_value_mark(node), quotes ? "put it in quotes to make it text" : NULL,
                     "%s of %s must be text, and is %s", what, self->where, sl_fields_kind_word(node));
    return false;
}

bool sl_fields_text(const struct sl_fields *self, const char *key, struct sl_bytes *value, struct sl_mark *mark) {
    const struct sl_node *member = sl_node_get(self->map, key);
    if (!member) return false;
    if (mark) *mark = member->mark;
    return sl_fields_node_text(self, member, key, value);
}

bool sl_fields_bool(const struct sl_fields *self, const char *key, bool *value) {
    const struct sl_node *member = sl_node_get(self->map, key);
    if (!member) return false;
    if (sl_node_to_bool(member, value) == SL_OK) return true;
    sl_fields_refuse(self, sl_fields_value_mark(member), NULL, "%s of %s must be true or false, and is %s", key, self->where,
                     sl_fields_kind_word(member));
    return false;
}

bool sl_fields_int(const struct sl_fields *self, const char *key, int64_t least, int64_t most, int64_t *value) {
    const struct sl_node *member = sl_node_get(self->map, key);
    int64_t read = 0;
    if (!member) return false;
    if (sl_node_to_int(member, &read) == SL_OK && read >= least && read <= most) {
        *value = read;
        return true;
    }
    sl_fields_refuse(self, sl_fields_value_mark(member), NULL, "%s of %s must be a whole number from %lld to %lld", key,
                     self->where, (long long)least, (long long)most);
    return false;
}

bool sl_fields_number(const struct sl_fields *self, const char *key, double least, double most, double *value) {
    const struct sl_node *member = sl_node_get(self->map, key);
    double read = 0;
    if (!member) return false;
    if (sl_node_to_double(member, &read) == SL_OK && read >= least && read <= most) {
        *value = read;
        return true;
    }
    sl_fields_refuse(self, sl_fields_value_mark(member), NULL, "%s of %s must be a number from %g to %g", key, self->where,
                     least, most);
    return false;
}
