/* The canonical form: golden bytes, round trips of random graphs, and hostile bytes. */
#include "fixture.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct sl_pipeline *decode(struct sl_bytes canonical, int expected_rc) {
    struct sl_pipeline *pipeline = NULL;
    int rc = sl_pipeline_from_canonical(canonical, sl_alloc_system(), &pipeline);
    cr_assert_eq(rc, expected_rc, "rc %d, expected %d", rc, expected_rc);
    return pipeline;
}

static bool lists_equal(struct sl_text_list a, struct sl_text_list b) {
    if (a.count != b.count) return false;
    for (uint32_t i = 0; i < a.count; i++) {
        if (!sl_bytes_equal(a.items[i], b.items[i])) return false;
    }
    return true;
}

static bool indexes_equal(const uint16_t *a, const uint16_t *b, size_t count) {
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

static void assert_stages_equal(const struct sl_stage *a, const struct sl_stage *b) {
    cr_assert(sl_bytes_equal(a->name, b->name) && sl_bytes_equal(a->type, b->type));
    cr_assert(sl_bytes_equal(a->policy, b->policy) && sl_bytes_equal(a->config, b->config));
    cr_assert(sl_bytes_equal(a->description, b->description));
    cr_assert(a->has_state_keys == b->has_state_keys && a->has_dependencies == b->has_dependencies);
    cr_assert(lists_equal(a->state_keys, b->state_keys) && lists_equal(a->dependencies, b->dependencies));
    cr_assert(a->predecessor_count == b->predecessor_count && a->successor_count == b->successor_count);
    cr_assert_eq(a->depends_on_count, b->depends_on_count);
    cr_assert(indexes_equal(a->predecessors, b->predecessors, a->predecessor_count));
    cr_assert(indexes_equal(a->successors, b->successors, a->successor_count));
    cr_assert(indexes_equal(a->depends_on, b->depends_on, a->depends_on_count));
}

static void assert_round_trip(const struct sl_pipeline *pipeline) {
    struct sl_pipeline *back = decode(pipeline->canonical, SL_OK);
    cr_assert(sl_bytes_equal(back->canonical, pipeline->canonical));
    cr_assert(sl_digest_equal(back->digest, pipeline->digest));
    cr_assert(sl_bytes_equal(back->name, pipeline->name) && sl_bytes_equal(back->version, pipeline->version));
    cr_assert_eq(back->stage_count, pipeline->stage_count);
    cr_assert_eq(back->root_count, pipeline->root_count);
    cr_assert_eq(back->plugin_count, pipeline->plugin_count);
    cr_assert(lists_equal(back->applicable_sources, pipeline->applicable_sources));
    cr_assert(lists_equal(back->tags, pipeline->tags));
    cr_assert(indexes_equal(back->topological, pipeline->topological, back->stage_count));
    for (uint16_t i = 0; i < back->stage_count; i++) assert_stages_equal(&back->stages[i], &pipeline->stages[i]);
    sl_pipeline_free(&back);
}

static struct sl_pipeline *rich_pipeline(void) {
    struct result result = pipeline_of(
        "name: rich\nversion: 2026-01-15-x\napplicable_sources: [payload]\nmetadata: {owner: me, tags: [a, b]}\n"
        "plugins: {stages: [{callable: \"libx.so:f\"}, {callable: \"liby.so:g\", replace: true}]}\n"
        "stages:\n"
        "- {name: a, type: t, config: {z: [1, 2.5, {k: v}], n: null}}\n"
        "- {name: b, type: t, policy: gpu-bound, depends_on: [a], metadata_overrides: {state_key: null}}\n"
        "- {name: c, type: u, metadata_overrides: {state_key: [k, l], dependencies: [t, \"@ledger\"], description: d}}\n");
    cr_assert_eq(result.rc, 0);
    sl_problems_fini(&result.problems);
    return result.pipeline;
}

Test(canonical, the_bytes_of_a_small_pipeline_are_these) {
    static const char golden[] = "\x92\x01\x86\xb2" "applicable_sources\x90\xa8" "metadata\x83\xab" "description\xa0\xa5"
                                 "owner\xa0\xa4" "tags\x90\xa4" "name\xa1p\xa7" "plugins\x90\xa6" "stages\x91\x86\xa6"
                                 "config\x80\xaa" "depends_on\x90\xb2" "metadata_overrides\x80\xa4" "name\xa1" "a\xa6"
                                 "policy\xa7" "default\xa4" "type\xa4" "echo\xa7" "version\xaa" "2026-01-15";
    struct sl_pipeline *pipeline = stages_of("- {name: a, type: echo}\n");
    cr_assert(sl_bytes_equal(pipeline->canonical, sl_bytes(golden, sizeof golden - 1)));
    struct sl_digest digest = sl_digest_parts(&pipeline->canonical, 1);
    cr_assert(sl_digest_equal(pipeline->digest, digest));
    sl_pipeline_free(&pipeline);
}

Test(canonical, spelling_and_order_of_keys_do_not_change_the_digest) {
    struct result a = pipeline_of("name: p\nversion: \"2026-01-15\"\nstages: [{name: a, type: echo, config: {x: 1, y: 2}}]\n");
    struct result b = pipeline_of("# other\nversion: 2026-01-15\nplugins: {}\nstages:\n- config: {y: 0002, x: +1}\n  type: 'echo'\n"
                                  "  depends_on: []\n  policy: default\n  name: a\nname: p\nmetadata: {owner: \"\"}\n");
    struct result c = pipeline_of("name: p\nversion: \"2026-01-15\"\nstages: [{name: a, type: echo, config: {x: 1, y: 3}}]\n");
    cr_assert(sl_digest_equal(a.pipeline->digest, b.pipeline->digest));
    cr_assert_not(sl_digest_equal(a.pipeline->digest, c.pipeline->digest));
    result_free(&a);
    result_free(&b);
    result_free(&c);
}

Test(canonical, everything_comes_back) {
    struct sl_pipeline *pipeline = rich_pipeline();
    assert_round_trip(pipeline);
    sl_pipeline_free(&pipeline);
}

/* A random acyclic pipeline as YAML: an edge only leads from an earlier place in a random order to a later one. */
static char *random_pipeline(struct sl_rng *rng, uint16_t count) {
    struct sl_buf buf;
    uint16_t place[64];
    sl_buf_init(&buf, sl_alloc_system());
    for (uint16_t i = 0; i < count; i++) {
        uint16_t other = (uint16_t)sl_rng_below(rng, i + 1u);
        place[i] = place[other];
        place[other] = i;
    }
    sl_buf_format(&buf, "name: r\nversion: 2026-01-15\nstages:\n");
    for (uint16_t i = 0; i < count; i++) {
        sl_buf_format(&buf, "- {name: s%u, type: t%u, config: {n: %u}, depends_on: [", i, (unsigned)sl_rng_below(rng, 3) + i * 3u, i);
        const char *comma = "";
        for (uint16_t k = 0; k < count; k++) {
            if (place[k] >= place[i] || !sl_rng_chance(rng, 1, 4)) continue;
            sl_buf_format(&buf, "%ss%u", comma, k);
            comma = ", ";
        }
        sl_buf_format(&buf, "]%s", i % 3 ? "" : ", metadata_overrides: {state_key: k, dependencies: [");
        if (i % 3 == 0) {
            for (uint16_t k = 0, named = 0; k < count && named < 3; k++) {
                if (place[k] < place[i]) sl_buf_format(&buf, "%ss%u", named++ ? ", " : "", k);
            }
            sl_buf_format(&buf, "]}");
        }
        sl_buf_format(&buf, "}\n");
    }
    cr_assert_eq(sl_buf_append(&buf, "", 1), 0);
    return (char *)buf.data;
}

Test(canonical, random_graphs_are_ordered_and_come_back) {
    struct sl_rng rng = {.state = 3};
    for (unsigned run = 0; run < 300; run++) {
        char *text = random_pipeline(&rng, (uint16_t)(1 + sl_rng_below(&rng, 40)));
        struct result result = pipeline_of(text);
        const struct sl_pipeline *pipeline = result.pipeline;
        uint16_t place[64];
        cr_assert_eq(result.rc, 0, "%s", text);
        for (uint16_t i = 0; i < pipeline->stage_count; i++) place[pipeline->topological[i]] = i;
        for (uint16_t i = 0; i < pipeline->stage_count; i++) {
            const struct sl_stage *stage = &pipeline->stages[i];
            for (uint16_t k = 0; k < stage->predecessor_count; k++) {
                cr_assert_lt(place[stage->predecessors[k]], place[i]);
                cr_assert(k == 0 || stage->predecessors[k - 1] < stage->predecessors[k]);
                cr_assert(sl_pipeline_is_ancestor(pipeline, stage->predecessors[k], i));
            }
            for (uint16_t k = 0; k < stage->successor_count; k++) {
                cr_assert(sl_pipeline_is_ancestor(pipeline, i, stage->successors[k]));
            }
        }
        assert_round_trip(pipeline);
        result_free(&result);
        free(text);
    }
}

Test(canonical, every_cut_is_damaged) {
    struct sl_pipeline *pipeline = rich_pipeline();
    for (size_t size = 0; size < pipeline->canonical.size; size++) {
        uint8_t *exact = malloc(size ? size : 1); /* its own block, so that a sanitizer sees a read beyond it */
        cr_assert_not_null(exact);
        memcpy(exact, pipeline->canonical.data, size);
        cr_assert_null(decode(sl_bytes(exact, size), SL_E_DAMAGED));
        free(exact);
    }
    sl_pipeline_free(&pipeline);
}

Test(canonical, every_changed_byte_is_damaged_or_another_pipeline) {
    struct sl_pipeline *pipeline = rich_pipeline();
    size_t size = pipeline->canonical.size;
    uint8_t *bytes = malloc(size);
    cr_assert_not_null(bytes);
    unsigned damaged = 0, other = 0;
    for (size_t at = 0; at < size; at++) {
        for (unsigned value = 0; value < 256; value++) {
            memcpy(bytes, pipeline->canonical.data, size);
            if (bytes[at] == value) continue;
            bytes[at] = (uint8_t)value;
            struct sl_pipeline *back = NULL;
            int rc = sl_pipeline_from_canonical(sl_bytes(bytes, size), sl_alloc_system(), &back);
            cr_assert(rc == SL_OK || rc == SL_E_DAMAGED || (at == 1 && rc == SL_E_VERSION));
            if (rc == SL_OK) {
                cr_assert(sl_bytes_equal(back->canonical, sl_bytes(bytes, size)));
                cr_assert_not(sl_digest_equal(back->digest, pipeline->digest));
                other++;
            } else {
                damaged++;
            }
            sl_pipeline_free(&back);
        }
    }
    cr_assert_gt(other, 100);
    cr_assert_gt(damaged, other);
    free(bytes);
    sl_pipeline_free(&pipeline);
}

Test(canonical, a_newer_format_is_said_to_be_one) {
    cr_assert_null(decode(sl_text("\x92\x02\xc0"), SL_E_VERSION));
    cr_assert_null(decode(sl_text("\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc0"), SL_E_VERSION));
    cr_assert_null(decode(sl_bytes("\x92\x00\x80", 3), SL_E_DAMAGED));
    cr_assert_null(decode(sl_text("\xc0"), SL_E_DAMAGED));
}

Test(canonical, another_spelling_of_the_same_content_is_damaged) {
    struct sl_pipeline *pipeline = stages_of("- {name: a, type: echo}\n");
    static const char name[] = "\xa4" "name\xa1p", longer[] = "\xa4" "name\xd9\x01p";
    struct sl_buf buf;
    const uint8_t *at = memmem(pipeline->canonical.data, pipeline->canonical.size, name, sizeof name - 1);
    cr_assert_not_null(at);
    size_t before = (size_t)(at - pipeline->canonical.data), behind = before + sizeof name - 1;
    sl_buf_init(&buf, sl_alloc_system());
    cr_assert_eq(sl_buf_append(&buf, pipeline->canonical.data, before), 0);
    cr_assert_eq(sl_buf_append(&buf, longer, sizeof longer - 1), 0);
    cr_assert_eq(sl_buf_append(&buf, pipeline->canonical.data + behind, pipeline->canonical.size - behind), 0);
    cr_assert_null(decode(sl_buf_bytes(&buf), SL_E_DAMAGED));
    sl_buf_fini(&buf);
    sl_pipeline_free(&pipeline);
}

/* Canonical bytes around one config. */
static int decode_with_config(struct sl_bytes config) {
    static const char head[] = "\x92\x01\x86\xb2" "applicable_sources\x90\xa8" "metadata\x83\xab" "description\xa0\xa5"
                               "owner\xa0\xa4" "tags\x90\xa4" "name\xa1p\xa7" "plugins\x90\xa6" "stages\x91\x86\xa6" "config";
    static const char tail[] = "\xaa" "depends_on\x90\xb2" "metadata_overrides\x80\xa4" "name\xa1" "a\xa6"
                               "policy\xa7" "default\xa4" "type\xa4" "echo\xa7" "version\xaa" "2026-01-15";
    struct sl_buf buf;
    struct sl_pipeline *pipeline = NULL;
    sl_buf_init(&buf, sl_alloc_system());
    cr_assert_eq(sl_buf_append(&buf, head, sizeof head - 1), 0);
    cr_assert_eq(sl_buf_append(&buf, config.data, config.size), 0);
    cr_assert_eq(sl_buf_append(&buf, tail, sizeof tail - 1), 0);
    int rc = sl_pipeline_from_canonical(sl_buf_bytes(&buf), sl_alloc_system(), &pipeline);
    sl_pipeline_free(&pipeline);
    sl_buf_fini(&buf);
    return rc;
}

Test(canonical, a_config_is_a_sorted_map_of_plain_values) {
    cr_assert_eq(decode_with_config(sl_text("\x82\xa1" "a\xc0\xa1" "b\xc3")), SL_OK);
    cr_assert_eq(decode_with_config(sl_text("\x82\xa1" "b\xc0\xa1" "a\xc3")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\x82\xa1" "a\xc0\xa1" "a\xc3")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\x81\xa1" "a\x92\x82\xa1" "b\xc0\xa1" "a\xc3\xc0")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\x81\xc0\xc0")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\xc0")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\x90")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\x81\xa1" "a\xc4\x01x")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\x81\xa1" "a\xd4\x01x")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\x81\xa1" "a\xa1\xff")), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_bytes("\x81\xa1" "a\xcb\x7f\xf0\0\0\0\0\0\0", 12)), SL_E_DAMAGED);
    cr_assert_eq(decode_with_config(sl_text("\xdf\xff\xff\xff\xff")), SL_E_DAMAGED);
}

/* A map that holds arrays, `depth` objects deep in all. */
static int decode_with_depth(uint32_t depth) {
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    sl_mp_map(&buf, 1);
    sl_mp_key(&buf, "a");
    for (uint32_t i = 2; i < depth; i++) sl_mp_array(&buf, 1);
    sl_mp_nil(&buf);
    int rc = decode_with_config(sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    return rc;
}

Test(canonical, a_config_is_refused_above_its_depth) {
    cr_assert_eq(decode_with_depth(SL_YAML_DEPTH_MAX), SL_OK);
    cr_assert_eq(decode_with_depth(SL_YAML_DEPTH_MAX + 1), SL_E_DAMAGED);
    cr_assert_eq(decode_with_depth(100000), SL_E_DAMAGED);
}
