/* The guide's eight stages in one process. */
#include "chain.h"

#include <criterion/criterion.h>

void chain_open(struct chain *self, const char *data) {
    *self = (struct chain){.last = CHAIN_STAGES};
    self->stages[INGEST] = fixture_open("ingest", "ingest", "{\"adapter\": \"payload\"}", data);
    self->stages[PARSE] = fixture_open("parse", "parse", "{\"format\": \"auto\"}", data);
    self->stages[VALIDATE] = fixture_open("ir-validation", "ir-validation", "{}", data);
    self->stages[CHUNK] = fixture_open("chunk", "chunk", "{\"by\": \"paragraph\", \"size\": 800, \"overlap\": 100}", data);
    self->stages[EMBED] = fixture_open("embed", "embed", "{\"model\": \"hashed-ngrams\", \"dimension\": 128}", data);
    self->stages[INDEX] = fixture_open("index", "index", "{}", data);
    self->stages[EXTRACT] = fixture_open("extract", "extract", "{\"patterns\": \"licences\"}", data);
    self->stages[GRAPH] = fixture_open("knowledge-graph", "knowledge-graph", "{}", data);
}

void chain_close(struct chain *self) {
    for (int i = 0; i < CHAIN_STAGES; i++) fixture_close(&self->stages[i]);
}

static struct sl_bytes value(const struct chain *self, enum chain_stage stage, const char *key) {
    return sl_bench_value(&self->stages[stage].result, key);
}

static bool run_stage(struct chain *self, enum chain_stage stage, struct sl_bytes upstream) {
    self->last = stage;
    return fixture_run(&self->stages[stage], upstream) == SLUICE_DONE;
}

static bool run_pair(struct chain *self, enum chain_stage stage, const char *key1, struct sl_bytes value1, const char *key2,
                     struct sl_bytes value2) {
    struct sl_buf pair = fixture_pair(key1, value1, key2, value2);
    bool is_done = run_stage(self, stage, sl_buf_bytes(&pair));
    sl_buf_fini(&pair);
    return is_done;
}

bool chain_run(struct chain *self, const char *name, struct sl_bytes bytes) {
    struct sl_buf payload = fixture_payload(name, "", bytes);
    bool is_done =
        run_stage(self, INGEST, sl_buf_bytes(&payload)) && run_stage(self, PARSE, value(self, INGEST, "payloads")) &&
        run_stage(self, VALIDATE, value(self, PARSE, "document")) &&
        run_stage(self, CHUNK, value(self, VALIDATE, "document")) && run_stage(self, EMBED, value(self, CHUNK, "chunks")) &&
        run_pair(self, INDEX, "chunks", value(self, CHUNK, "chunks"), "embedding_batch", value(self, EMBED, "embedding_batch")) &&
        run_stage(self, EXTRACT, value(self, VALIDATE, "document")) &&
        run_pair(self, GRAPH, "entities", value(self, EXTRACT, "entities"), "claims", value(self, EXTRACT, "claims"));
    sl_buf_fini(&payload);
    if (is_done) self->last = CHAIN_STAGES;
    return is_done;
}

const char *chain_sentence(const struct chain *self) {
    return self->last == CHAIN_STAGES ? "" : self->stages[self->last].result.sentence;
}

struct sl_search_totals chain_totals(const char *data) {
    struct sl_search *search = NULL;
    struct sl_search_totals totals;
    char why[512] = "";
    cr_assert_eq(sl_search_open(data, &search, why, sizeof why), SL_SEARCH_OK, "%s", why);
    cr_assert_eq(sl_search_totals(search, &totals, why, sizeof why), SL_SEARCH_OK, "%s", why);
    sl_search_free(&search);
    return totals;
}
