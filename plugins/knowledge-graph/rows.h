/* The nodes and edges of one document in index.sqlite. */
#ifndef SL_GRAPH_ROWS_H
#define SL_GRAPH_ROWS_H

#include <sqlite3.h>

#include "graph.h"

struct sl_graph_change {
    uint64_t nodes_written;
    uint64_t nodes_removed;
    uint64_t edges_written;
    uint64_t edges_removed;
};

/* Makes the document's edges equal to the graph, within the transaction that is open: adds what is missing, removes what the
 * document no longer says, and then the nodes that no edge of any document touches. Writes nothing when all is equal already.
 * SQLITE_OK with *out_change, or an SQLite code. */
int sl_graph_rows_replace(sqlite3 *db, const struct sl_graph *graph, struct sl_graph_change *out_change);

#endif
