/* The guide's eight stages in one process: what a document meets between submit and the graph. */
#ifndef SL_TEST_CHAIN_H
#define SL_TEST_CHAIN_H

#include "index/search.h"
#include "plugin_fixture.h"

enum chain_stage { INGEST, PARSE, VALIDATE, CHUNK, EMBED, INDEX, EXTRACT, GRAPH, CHAIN_STAGES };

struct chain {
    struct fixture stages[CHAIN_STAGES];
    enum chain_stage last; /* where the last document ended; CHAIN_STAGES when it went through */
};

/* Opens all stages with the configs of deploy/pipelines/auto.yaml, over a data directory. */
void chain_open(struct chain *self, const char *data);
void chain_close(struct chain *self);

/* Sends one document through; true when every stage was done. The results stay in the fixtures. */
bool chain_run(struct chain *self, const char *name, struct sl_bytes bytes);

/* What the index in that directory holds; the test fails when it cannot be read. */
struct sl_search_totals chain_totals(const char *data);

/* The sentence of the stage that failed. */
const char *chain_sentence(const struct chain *self);

#endif
