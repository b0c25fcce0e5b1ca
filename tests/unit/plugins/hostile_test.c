/* No value that a stage can be given makes it crash or end without a sentence: good upstreams, changed byte by byte. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/msgpack.h"
#include "base/rng.h"
#include "chain.h"

enum { ROUNDS = 1500, CHANGES_MAX = 8 };

static const char copyright[] = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: 2001 Ann <a@b.org>\n"
                                "License: GPL-2+\n A text of some words. More of them.\n";
static const char html[] = "<html><body><h1>T</h1><p>a &amp; b<ul><li>c</ul><table><tr><td>d</table></body></html>";
static const char jats[] = "<!DOCTYPE article [<!ENTITY e 'x'>]><article><front><article-meta><title-group><article-title>T</article-title></title-group>"
                           "</article-meta></front><body><sec id='s'><title>S</title><p>a<xref rid='r'>1</xref>&e;</p></sec></body>"
                           "<back><ref-list><ref id='r'><label>1</label></ref></ref-list></back></article>";

/* Changes some bytes: any value, or one that means something to msgpack. */
static void damage(struct sl_buf *value, struct sl_rng *rng) {
    static const uint8_t heads[] = {0x80, 0x90, 0xa0, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xca, 0xcf, 0xd3, 0xd4, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xff};
    uint64_t change_count = 1 + sl_rng_next(rng) % CHANGES_MAX;
    for (uint64_t i = 0; i < change_count; i++) {
        size_t at = sl_rng_next(rng) % value->size;
        value->data[at] = sl_rng_next(rng) % 2 ? heads[sl_rng_next(rng) % sizeof heads] : (uint8_t)sl_rng_next(rng);
    }
    if (sl_rng_next(rng) % 8 == 0) value->size = 1 + sl_rng_next(rng) % value->size;
}

static void expect_answers(struct fixture *stage, struct sl_bytes good, uint64_t seed) {
    struct sl_rng rng = {.state = seed};
    for (int i = 0; i < ROUNDS; i++) {
        struct sl_buf value;
        sl_buf_init(&value, sl_alloc_system());
        cr_assert_eq(sl_buf_append(&value, good.data, good.size), 0);
        damage(&value, &rng);
        sluice_outcome outcome = fixture_run(stage, sl_buf_bytes(&value));
        cr_assert(outcome == SLUICE_DONE || stage->result.sentence[0], "seed %lu round %d: outcome %d without a sentence",
                  (unsigned long)seed, i, outcome);
        sl_buf_fini(&value);
    }
}

Test(hostile, damaged_values_get_an_answer_from_every_stage, .timeout = 300) {
    char *data = fixture_directory();
    struct chain chain;
    chain_open(&chain, data);
    cr_assert(chain_run(&chain, "d/copyright", sl_text(copyright)), "%s", chain_sentence(&chain));
    struct sl_buf values[CHAIN_STAGES];
    values[INGEST] = fixture_payload("d/copyright", "text/plain", sl_text(copyright));
    values[INDEX] = fixture_pair("chunks", sl_bench_value(&chain.stages[CHUNK].result, NULL), "embedding_batch",
                                 sl_bench_value(&chain.stages[EMBED].result, NULL));
    static const int sources[CHAIN_STAGES] = {-1, INGEST, PARSE, VALIDATE, CHUNK, -1, VALIDATE, EXTRACT};
    for (int i = 0; i < CHAIN_STAGES; i++) {
        if (sources[i] < 0) continue;
        struct sl_bytes source = sl_bench_value(&chain.stages[sources[i]].result, NULL);
        sl_buf_init(&values[i], sl_alloc_system());
        cr_assert_eq(sl_buf_append(&values[i], source.data, source.size), 0);
    }
    for (int i = 0; i < CHAIN_STAGES; i++) {
        expect_answers(&chain.stages[i], sl_buf_bytes(&values[i]), (uint64_t)i + 1);
        sl_buf_fini(&values[i]);
    }
    chain_close(&chain);
    fixture_remove(data);
}

Test(hostile, damaged_trees_get_an_answer_from_parse, .timeout = 300) {
    struct fixture parse = fixture_open("parse", "parse", "{}", NULL);
    struct sl_buf page = fixture_payload("p.html", "", sl_text(html)), paper = fixture_payload("p.xml", "", sl_text(jats));
    expect_answers(&parse, sl_buf_bytes(&page), 101);
    expect_answers(&parse, sl_buf_bytes(&paper), 102);
    sl_buf_fini(&page);
    sl_buf_fini(&paper);
    fixture_close(&parse);
}
