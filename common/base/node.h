/* A document as a tree of scalars, sequences and maps, each with its place in the text: what a YAML file is before anybody
 * asks what it means. The tree owns all its memory in one arena. */
#ifndef SL_BASE_NODE_H
#define SL_BASE_NODE_H

#include "alloc.h"
#include "buf.h"
#include "bytes.h"

/* A place in the source text: line and column from 1, column and length in characters. */
struct sl_mark {
    uint32_t line;
    uint32_t column;
    uint32_t length;
};

enum sl_node_kind { SL_NODE_SCALAR, SL_NODE_SEQUENCE, SL_NODE_MAP };

/* What a plain scalar means by the core schema of YAML 1.2 (no "yes", no "on"); a quoted one is always text. */
enum sl_scalar_kind { SL_SCALAR_TEXT, SL_SCALAR_NULL, SL_SCALAR_BOOL, SL_SCALAR_INT, SL_SCALAR_FLOAT };

struct sl_node {
    enum sl_node_kind kind;
    struct sl_mark mark;
    struct sl_node *next; /* next member of the parent, or NULL */
    struct sl_bytes key;  /* of a map's member; empty otherwise */
    struct sl_mark key_mark;
    /* scalar */
    struct sl_bytes text; /* NUL-terminated */
    bool quoted;
    /* sequence, map */
    struct sl_node *first; /* members in the order of the text */
    struct sl_node *last;
    uint32_t count;
};

struct sl_tree {
    struct sl_node *root; /* NULL: an empty document */
    void *chunks;         /* owns */
    const struct sl_alloc *alloc;
};

void sl_tree_init(struct sl_tree *self, const struct sl_alloc *alloc);
void sl_tree_fini(struct sl_tree *self);

/* A new node of the tree, without a parent. NULL: no memory. */
struct sl_node *sl_tree_node(struct sl_tree *self, enum sl_node_kind kind, struct sl_mark mark);

/* A block of zero bytes, aligned for any type, owned by the tree. NULL: no memory. */
void *sl_tree_take(struct sl_tree *self, size_t size);

/* A copy of bytes with a NUL behind it, owned by the tree. data is NULL on no memory. */
struct sl_bytes sl_tree_copy(struct sl_tree *self, struct sl_bytes bytes);

/* Appends child to a sequence, or to a map under its key. */
void sl_node_append(struct sl_node *parent, struct sl_node *child);

/* The member of a map, or NULL (also when node is no map or NULL). */
const struct sl_node *sl_node_get(const struct sl_node *node, const char *key);

/* What a scalar means. */
enum sl_scalar_kind sl_node_scalar_kind(const struct sl_node *node);

/* Typed reads of a scalar: 0, or SL_E_BAD_INPUT when it is of another kind or out of range. */
int sl_node_to_bool(const struct sl_node *node, bool *out_value);
int sl_node_to_int(const struct sl_node *node, int64_t *out_value);
int sl_node_to_double(const struct sl_node *node, double *out_value); /* an int is fine too */

/* Appends the node as one msgpack object, map members in the order of their keys' bytes (so that equal documents have equal
 * bytes). Failure is kept in buf->failed. Depth is that of the tree, which its maker bounded. */
void sl_node_to_msgpack(const struct sl_node *node, struct sl_buf *buf);

#endif
