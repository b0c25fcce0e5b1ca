/* ir-validation lets good documents pass untouched and names what is wrong with the others. */
#include <criterion/criterion.h>

#include "json_pack.h"
#include "plugin_fixture.h"

#define BLOCK(id, start, end) "{\"id\":\"" id "\",\"kind\":\"paragraph\",\"text\":\"text\",\"start\":" start ",\"end\":" end "}"
#define DOCUMENT(sections) "{\"id\":\"d\",\"source\":\"d\",\"title\":\"t\",\"sections\":[" sections "],\"metadata\":{}}"
#define SECTION(id, blocks) "{\"id\":\"" id "\",\"title\":\"\",\"blocks\":[" blocks "]}"

Test(validation, a_good_document_passes_untouched) {
    struct fixture self = fixture_open("ir-validation", "ir-validation", "{}", NULL);
    struct sl_buf value;
    sl_buf_init(&value, sl_alloc_system());
    cr_assert_eq(sl_json_pack(DOCUMENT(SECTION("s1", BLOCK("b1", "0", "4") "," BLOCK("b2", "4", "9"))), &value), 0);
    cr_assert_eq(fixture_run(&self, sl_buf_bytes(&value)), SLUICE_DONE, "%s", self.result.sentence);
    cr_assert(sl_bytes_equal(sl_bench_value(&self.result, "document"), sl_buf_bytes(&value)));
    cr_assert_eq(self.result.count, 1);
    sl_buf_fini(&value);
    fixture_close(&self);
}

Test(validation, names_what_is_wrong) {
    static const struct {
        const char *document, *part;
    } rows[] = {
        {DOCUMENT(""), "The document d has no content: it has 0 sections and 0 blocks"},
        {DOCUMENT(SECTION("s1", "")), "it has 1 sections and 0 blocks"},
        {DOCUMENT(SECTION("s1", "{\"id\":\"b\",\"kind\":\"p\",\"text\":\" \\n\",\"start\":0,\"end\":2}")), "1 blocks, and no text in them"},
        {DOCUMENT(SECTION("s1", BLOCK("b1", "0", "4") "," BLOCK("b1", "4", "8"))), "has the id \"b1\" twice"},
        {DOCUMENT(SECTION("s1", BLOCK("s1", "0", "4"))), "has the id \"s1\" twice"},
        {DOCUMENT(SECTION("s1", BLOCK("b1", "0", "4")) "," SECTION("s1", BLOCK("b2", "4", "8"))), "has the id \"s1\" twice"},
        {DOCUMENT(SECTION("s1", BLOCK("", "0", "4"))), "with an empty `id`"},
        {DOCUMENT(SECTION("s1", BLOCK("b1", "5", "4"))), "Block b1 of d ends at 4, before its start at 5"},
        {DOCUMENT(SECTION("s1", BLOCK("b1", "5", "9") "," BLOCK("b2", "4", "8"))), "Block b2 of d starts at 4, before the block that precedes it (5)"},
        {DOCUMENT(SECTION("s1", "{\"id\":\"b\",\"kind\":\"p\",\"text\":\"x\",\"start\":0,\"end\":2,\"refs\":[\"b\",\"b9\"]}")),
         "Block b of d refers to \"b9\", and no section or block has that id"},
        {DOCUMENT(SECTION("s1", "{\"id\":\"b\",\"kind\":\"p\",\"text\":\"x\",\"start\":0,\"end\":2,\"refs\":[7]}")), "refers to \"(no text)\""},
        {DOCUMENT(SECTION("s1", "{\"id\":\"b\",\"kind\":\"p\",\"text\":\"x\",\"start\":0,\"end\":2,\"refs\":{}}")), "block 1 of section 1 needs"},
        {DOCUMENT(SECTION("s1", "{\"id\":\"b\"}")), "block 1 of section 1 needs `id`, `kind`, `text`"},
        {DOCUMENT(SECTION("s1", BLOCK("b1", "-1", "4"))), "block 1 of section 1 needs"},
        {DOCUMENT("{\"id\":\"s\"}"), "a section has no array `blocks`"},
        {DOCUMENT("{\"id\":7,\"blocks\":[],\"title\":\"\"}"), "section 1 needs the texts `id` and `title`"},
        {"{\"id\":\"\",\"sections\":[]}", "has an empty `id`"},
        {"{\"id\":\"d\"}", "it has no array `sections`"},
        {"{\"sections\":[]}", "it has no text `id`"},
        {"[]", "What came in is no document: an array"},
        {"null", "What came in is no document: nil"},
    };
    struct fixture self = fixture_open("ir-validation", "ir-validation", "{}", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)fixture_run_json(&self, rows[i].document);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
    }
    fixture_close(&self);
    fixture_refuses("ir-validation", "ir-validation", "{\"strict\": true}", "`config.strict` is not known here");
}
