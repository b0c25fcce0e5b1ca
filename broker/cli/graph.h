/* A pipeline's DAG as text: a tree for people, DOT and Mermaid for tools. Pure. */
#ifndef SL_CLI_GRAPH_H
#define SL_CLI_GRAPH_H

#include "base/buf.h"

#include <jansson.h>

enum sl_graph_format { SL_GRAPH_TREE, SL_GRAPH_DOT, SL_GRAPH_MERMAID, SL_GRAPH_FORMAT_COUNT };

/* The names of the formats, as -o takes them. */
extern const char *const sl_graph_formats[SL_GRAPH_FORMAT_COUNT];

/* Appends the picture of {"name", "version", "stages": [{"name", "type", "depends_on": [name, ...]}]}, the shape of
 * `sluice pipelines show -o json`. Failure is kept in buf->failed. 0, or SL_E_BAD_INPUT when it is not such a thing. */
int sl_graph_show(const json_t *pipeline, enum sl_graph_format format, struct sl_buf *buf);

#endif
