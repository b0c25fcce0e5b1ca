/* Document trees; see node.h. */
#include "node.h"

#include "assert.h"
#include "err.h"
#include "msgpack.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 16 * 1024 };

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
};

void sl_tree_init(struct sl_tree *self, const struct sl_alloc *alloc) {
    *self = (struct sl_tree){.alloc = alloc};
}

void sl_tree_fini(struct sl_tree *self) {
    struct chunk *chunk = self->chunks;
    while (chunk) {
        struct chunk *next = chunk->next;
        sl_alloc_give(self->alloc, chunk, chunk->size);
        chunk = next;
    }
    sl_tree_init(self, self->alloc);
}

void *sl_tree_take(struct sl_tree *self, size_t size) {
    size = (size + 15) / 16 * 16;
    struct chunk *chunk = self->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t head = (sizeof *chunk + 15) / 16 * 16;
        size_t chunk_size = head + size > CHUNK_BYTES ? head + size : CHUNK_BYTES;
        chunk = sl_alloc_take(self->alloc, chunk_size);
        if (!chunk) return NULL;
        *chunk = (struct chunk){.next = self->chunks, .size = chunk_size, .used = head};
        self->chunks = chunk;
    }
    void *block = (uint8_t *)chunk + chunk->used;
    chunk->used += size;
    memset(block, 0, size);
    return block;
}

struct sl_node *sl_tree_node(struct sl_tree *self, enum sl_node_kind kind, struct sl_mark mark) {
    struct sl_node *node = sl_tree_take(self, sizeof *node);
    if (!node) return NULL;
    node->kind = kind;
    node->mark = mark;
    return node;
}

struct sl_bytes sl_tree_copy(struct sl_tree *self, struct sl_bytes bytes) {
    uint8_t *copy = sl_tree_take(self, bytes.size + 1);
    if (!copy) return sl_bytes(NULL, 0);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    return sl_bytes(copy, bytes.size);
}

void sl_node_append(struct sl_node *parent, struct sl_node *child) {
    SL_ASSERT(parent->kind != SL_NODE_SCALAR);
    SL_ASSERT(!child->next);
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->count++;
}

const struct sl_node *sl_node_get(const struct sl_node *node, const char *key) {
    if (!node || node->kind != SL_NODE_MAP) return NULL;
    for (const struct sl_node *member = node->first; member; member = member->next) {
        if (sl_bytes_is(member->key, key)) return member;
    }
    return NULL;
}

static bool is_one_of(struct sl_bytes text, const char *const *words) {
    for (; *words; words++) {
        if (sl_bytes_is(text, *words)) return true;
    }
    return false;
}

static bool is_int(struct sl_bytes text) {
    size_t at = text.size && (text.data[0] == '-' || text.data[0] == '+');
    if (at == text.size) return false;
    for (; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9') return false;
    }
    return true;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?   (YAML 1.2.2, 10.3.2) */
static bool is_float(struct sl_bytes text) {
    size_t at = text.size && (text.data[0] == '-' || text.data[0] == '+');
    size_t digits = 0, exponent_digits = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) digits++;
    if (at < text.size && text.data[at] == '.') {
        for (at++; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) digits++;
    }
    if (digits == 0) return false;
    if (at == text.size) return true;
    if (text.data[at] != 'e' && text.data[at] != 'E') return false;
    at++;
    if (at < text.size && (text.data[at] == '-' || text.data[at] == '+')) at++;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) exponent_digits++;
    return exponent_digits > 0 && at == text.size;
}

enum sl_scalar_kind sl_node_scalar_kind(const struct sl_node *node) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    SL_ASSERT(node->kind == SL_NODE_SCALAR);
    if (node->quoted) return SL_SCALAR_TEXT;
    if (is_one_of(node->text, nulls)) return SL_SCALAR_NULL;
    if (is_one_of(node->text, bools)) return SL_SCALAR_BOOL;
    if (is_int(node->text)) return SL_SCALAR_INT;
    return is_float(node->text) ? SL_SCALAR_FLOAT : SL_SCALAR_TEXT;
}

int sl_node_to_bool(const struct sl_node *node, bool *out_value) {
    if (node->kind != SL_NODE_SCALAR || sl_node_scalar_kind(node) != SL_SCALAR_BOOL) return SL_E_BAD_INPUT;
    *out_value = node->text.data[0] == 't' || node->text.data[0] == 'T';
    return SL_OK;
}

int sl_node_to_int(const struct sl_node *node, int64_t *out_value) {
    if (node->kind != SL_NODE_SCALAR || sl_node_scalar_kind(node) != SL_SCALAR_INT) return SL_E_BAD_INPUT;
    errno = 0;
    long long value = strtoll((const char *)node->text.data, NULL, 10);
    if (errno) return SL_E_BAD_INPUT;
    *out_value = value;
    return SL_OK;
}

int sl_node_to_double(const struct sl_node *node, double *out_value) {
    if (node->kind != SL_NODE_SCALAR) return SL_E_BAD_INPUT;
    enum sl_scalar_kind kind = sl_node_scalar_kind(node);
    if (kind != SL_SCALAR_INT && kind != SL_SCALAR_FLOAT) return SL_E_BAD_INPUT;
    *out_value = strtod((const char *)node->text.data, NULL);
    return SL_OK;
}

static void scalar_to_msgpack(const struct sl_node *node, struct sl_buf *buf) {
    bool truth;
    int64_t integer;
    double real = 0;
    switch (sl_node_scalar_kind(node)) {
    case SL_SCALAR_NULL:
        sl_mp_nil(buf);
        return;
    case SL_SCALAR_BOOL:
        (void)sl_node_to_bool(node, &truth); /* of that kind */
        sl_mp_bool(buf, truth);
        return;
    case SL_SCALAR_INT:
        if (sl_node_to_int(node, &integer) == SL_OK) {
            sl_mp_int(buf, integer);
            return;
        }
        break; /* above 64 bits: a float, as YAML says */
    case SL_SCALAR_FLOAT:
        break;
    case SL_SCALAR_TEXT:
        sl_mp_str(buf, node->text);
        return;
    }
    (void)sl_node_to_double(node, &real); /* of that kind */
    sl_mp_double(buf, real);
}

/* The member with the least key above `after` (NULL: the least of all). Maps of control files are small. */
static const struct sl_node *next_by_key(const struct sl_node *map, const struct sl_node *after) {
    const struct sl_node *best = NULL;
    for (const struct sl_node *member = map->first; member; member = member->next) {
        if (after && sl_bytes_compare(member->key, after->key) <= 0) continue;
        if (!best || sl_bytes_compare(member->key, best->key) < 0) best = member;
    }
    return best;
}

void sl_node_to_msgpack(const struct sl_node *node, struct sl_buf *buf) {
    if (node->kind == SL_NODE_SCALAR) {
        scalar_to_msgpack(node, buf);
    } else if (node->kind == SL_NODE_SEQUENCE) {
        sl_mp_array(buf, node->count);
        for (const struct sl_node *member = node->first; member; member = member->next) sl_node_to_msgpack(member, buf);
    } else {
        sl_mp_map(buf, node->count);
        for (const struct sl_node *member = next_by_key(node, NULL); member; member = next_by_key(node, member)) {
            sl_mp_str(buf, member->key);
            sl_node_to_msgpack(member, buf);
        }
    }
}
