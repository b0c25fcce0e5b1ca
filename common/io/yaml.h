/* YAML text to a document tree, by libyaml's events and within the limits of limits.h: no anchors, aliases, tags, directives, second
 * documents or repeated keys; UTF-8 only. What the document means is somebody else's question (model). */
#ifndef SL_IO_YAML_H
#define SL_IO_YAML_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/node.h"

enum { SL_YAML_SENTENCE_SIZE = 256 };

/* Why a text was refused. */
struct sl_yaml_error {
    struct sl_mark mark;
    char sentence[SL_YAML_SENTENCE_SIZE]; /* one sentence, without the place */
    uint32_t event_count;                 /* parser events that were looked at; 0: refused before parsing */
};

/* Parses text. The caller owns *out_tree (sl_tree_fini), which borrows nothing from text; its root is NULL for an empty document.
 * 0; SL_E_BAD_INPUT or SL_E_LIMIT with *out_error set; SL_E_NO_MEMORY. On failure *out_tree is not touched. */
int sl_yaml_parse(struct sl_bytes text, const struct sl_alloc *alloc, struct sl_tree *out_tree,
                  struct sl_yaml_error *out_error);

/* Who is told of each key that a map gives twice. */
struct sl_yaml_repeats {
    void (*add)(void *context, const struct sl_yaml_error *error);
    void *context;
};

/* As sl_yaml_parse, for a reader who wants to know all that is wrong: a repeated key is told and does not end the reading; its value is
 * checked as text and left out of the tree. The caller refuses the text if one was told. */
int sl_yaml_parse_whole(struct sl_bytes text, const struct sl_alloc *alloc, const struct sl_yaml_repeats *repeats,
                        struct sl_tree *out_tree, struct sl_yaml_error *out_error);

#endif
