/* parse makes documents of every format it names, keeps offsets, repairs text, and says what it cannot read. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/msgpack.h"
#include "plugin_fixture.h"

static sluice_outcome run(struct fixture *self, const char *name, const char *media_type, struct sl_bytes bytes) {
    struct sl_buf payload = fixture_payload(name, media_type, bytes);
    sluice_outcome outcome = fixture_run(self, sl_buf_bytes(&payload));
    sl_buf_fini(&payload);
    return outcome;
}

static struct fixture open_parse(void) {
    return fixture_open("parse", "parse", "{\"format\": \"auto\"}", NULL);
}

static struct sl_bytes get(const struct fixture *self, const char *path) {
    return fixture_get(sl_bench_value(&self->result, "document"), path);
}

static int64_t get_int(const struct fixture *self, const char *path) {
    return fixture_get_int(sl_bench_value(&self->result, "document"), path);
}

#define EXPECT_TEXT(self, path, text)                                                                                       \
    do {                                                                                                                    \
        struct sl_bytes found = get(&(self), path);                                                                         \
        cr_assert(sl_bytes_is(found, text), "%s is \"%.*s\"", path, (int)found.size, (const char *)found.data);             \
    } while (0)

/* Every block's text is what stands between its offsets in the source. */
static void expect_exact_offsets(const struct fixture *self, struct sl_bytes source) {
    char path[64];
    for (int64_t s = 0; s < get_int(self, "sections.#"); s++) {
        (void)snprintf(path, sizeof path, "sections.%d.blocks.#", (int)s);
        int64_t count = get_int(self, path);
        for (int64_t b = 0; b < count; b++) {
            (void)snprintf(path, sizeof path, "sections.%d.blocks.%d.start", (int)s, (int)b);
            int64_t start = get_int(self, path);
            (void)snprintf(path, sizeof path, "sections.%d.blocks.%d.end", (int)s, (int)b);
            int64_t end = get_int(self, path);
            (void)snprintf(path, sizeof path, "sections.%d.blocks.%d.text", (int)s, (int)b);
            struct sl_bytes text = get(self, path);
            cr_assert(start >= 0 && end >= start && (size_t)end <= source.size);
            cr_assert(sl_bytes_equal(text, sl_bytes(source.data + start, (size_t)(end - start))), "%s", path);
        }
    }
}

Test(parse, plain_text_is_paragraphs_with_exact_offsets) {
    static const char text[] = "First line\nof one.\n\n  \n  Second.\r\n\r\nThird\n";
    struct fixture self = open_parse();
    cr_assert_eq(run(&self, "a.txt", "text/plain", sl_text(text)), SLUICE_DONE, "%s", self.result.sentence);
    cr_assert_eq(get_int(&self, "sections.#"), 1);
    cr_assert_eq(get_int(&self, "sections.0.blocks.#"), 3);
    EXPECT_TEXT(self, "id", "a.txt");
    EXPECT_TEXT(self, "sections.0.blocks.0.text", "First line\nof one.");
    EXPECT_TEXT(self, "sections.0.blocks.1.text", "Second.");
    EXPECT_TEXT(self, "sections.0.blocks.2.kind", "paragraph");
    EXPECT_TEXT(self, "metadata.format", "text");
    EXPECT_TEXT(self, "metadata.offsets", "source");
    expect_exact_offsets(&self, sl_text(text));
    cr_assert_eq(self.result.count, 1);
    fixture_close(&self);
}

Test(parse, the_same_input_gives_the_same_document) {
    struct fixture self = open_parse(), other = open_parse();
    cr_assert_eq(run(&self, "a.md", "", sl_text("# A\n\nb\n\n- c\n- d\n")), SLUICE_DONE);
    cr_assert_eq(run(&other, "a.md", "", sl_text("# A\n\nb\n\n- c\n- d\n")), SLUICE_DONE);
    cr_assert(sl_bytes_equal(sl_bench_value(&self.result, "document"), sl_bench_value(&other.result, "document")));
    fixture_close(&self);
    fixture_close(&other);
}

Test(parse, markdown_has_headings_lists_code_quotes_and_tables) {
    static const char text[] = "---\nlayout: x\n---\n# Title #\n\nIntro with *marks*.\nStill intro.\n\nSetext\n------\n\n- one\n- two\n  more\n"
                               "1. three\n\n> quoted\n> more\n\n```c\nint x;\n\n# no heading\n```\n\n| a | b |\n|---|---|\n\n    code\n\n***\nLast\n";
    static const struct {
        const char *path, *text;
    } rows[] = {{"title", "Title"},
                {"sections.0.blocks.0.kind", "front-matter"},
                {"sections.1.title", "Title"},
                {"sections.1.blocks.0.kind", "heading"},
                {"sections.1.blocks.1.text", "Intro with *marks*.\nStill intro."},
                {"sections.2.title", "Setext"},
                {"sections.2.blocks.1.text", "- one"},
                {"sections.2.blocks.2.text", "- two\n  more"},
                {"sections.2.blocks.3.kind", "item"},
                {"sections.2.blocks.4.kind", "quote"},
                {"sections.2.blocks.5.kind", "code"},
                {"sections.2.blocks.5.text", "int x;\n\n# no heading"},
                {"sections.2.blocks.6.text", "| a | b |"},
                {"sections.2.blocks.6.kind", "row"},
                {"sections.2.blocks.8.kind", "code"},
                {"sections.2.blocks.9.text", "Last"}};
    struct fixture self = open_parse();
    cr_assert_eq(run(&self, "doc/README.md", "", sl_text(text)), SLUICE_DONE, "%s", self.result.sentence);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) EXPECT_TEXT(self, rows[i].path, rows[i].text);
    cr_assert_eq(run(&self, "x", "text/markdown", sl_text("```\nnever closed\n\n# a")), SLUICE_DONE);
    EXPECT_TEXT(self, "sections.0.blocks.0.kind", "code");
    fixture_close(&self);
}

Test(parse, dep5_stanzas_are_sections_and_fields_are_blocks) {
    static const char text[] = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Thing\n"
                               "Source: https://example.org\n\n# a comment\nFiles: *\nCopyright: 2001 Ann\n 2002 Bob\nLicense: GPL-2+\n"
                               " First paragraph\n of the licence.\n .\n Second.\n\nFiles:\n debian/*\nCopyright: 2003 Cy\nLicense: Expat\n";
    static const struct {
        const char *path, *text;
    } rows[] = {{"title", "thing"},
                {"metadata.package", "thing"},
                {"metadata.form", "dep-5"},
                {"metadata.upstream_name", "Thing"},
                {"metadata.upstream_source", "https://example.org"},
                {"sections.1.title", "Files: *"},
                {"sections.1.blocks.0.kind", "files"},
                {"sections.1.blocks.1.kind", "copyright"},
                {"sections.1.blocks.1.text", "Copyright: 2001 Ann\n2002 Bob"},
                {"sections.1.blocks.2.kind", "license"},
                {"sections.1.blocks.2.text", "License: GPL-2+"},
                {"sections.1.blocks.3.kind", "license-text"},
                {"sections.1.blocks.3.text", "First paragraph\nof the licence."},
                {"sections.1.blocks.4.text", "Second."},
                {"sections.2.title", "Files: debian/*"}};
    struct fixture self = open_parse();
    cr_assert_eq(run(&self, "/usr/share/doc/thing/copyright", "", sl_text(text)), SLUICE_DONE, "%s", self.result.sentence);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) EXPECT_TEXT(self, rows[i].path, rows[i].text);
    cr_assert_eq(get_int(&self, "sections.#"), 3);
    fixture_close(&self);
}

Test(parse, free_form_copyright_files_have_headings_and_claims) {
    static const char text[] = "This package was debianized by Ann on Monday.\n\nIt was downloaded from ftp://example.org\n\n"
                               "Upstream Author:\n\nBob\n\nCopyright:\n\n  Copyright (C) 2001 Bob\n\nThe Licence\n===========\n\nDo as you like.\n";
    struct fixture self = open_parse();
    cr_assert_eq(run(&self, "thing/copyright", "", sl_text(text)), SLUICE_DONE, "%s", self.result.sentence);
    EXPECT_TEXT(self, "metadata.form", "free");
    EXPECT_TEXT(self, "sections.1.title", "Upstream Author:");
    EXPECT_TEXT(self, "sections.2.blocks.1.kind", "copyright");
    EXPECT_TEXT(self, "sections.2.blocks.1.text", "Copyright (C) 2001 Bob");
    EXPECT_TEXT(self, "sections.3.title", "The Licence");
    EXPECT_TEXT(self, "sections.3.blocks.1.text", "Do as you like.");
    fixture_close(&self);
}

Test(parse, html_is_mended_and_scripts_are_left_out) {
    static const char text[] = "<!DOCTYPE html><html lang=en><head><title>The  page</title><style>p{}</style></head><body><h1>One</h1>"
                               "<p>A <b>bold</b> &eacute;&amp;b word.<p>Unclosed<script>var x = '<p>no</p>';</script><ul><li>i1<li>i2</ul>"
                               "<table><tr><th>h<td>c</table><pre>  keep\n  this</pre><div>loose <p>inner</p> tail</div>\xc3\xa9";
    static const struct {
        const char *path, *text;
    } rows[] = {{"title", "The page"},
                {"metadata.language", "en"},
                {"metadata.offsets", "text"},
                {"sections.0.title", "One"},
                {"sections.0.blocks.1.text", "A bold é&b word."},
                {"sections.0.blocks.2.text", "Unclosed"},
                {"sections.0.blocks.3.kind", "item"},
                {"sections.0.blocks.4.text", "i2"},
                {"sections.0.blocks.5.text", "h c"},
                {"sections.0.blocks.5.kind", "row"},
                {"sections.0.blocks.6.text", "keep\n  this"},
                {"sections.0.blocks.6.kind", "code"},
                {"sections.0.blocks.7.text", "loose"},
                {"sections.0.blocks.8.text", "inner"}};
    struct fixture self = open_parse();
    cr_assert_eq(run(&self, "page", "text/html", sl_text(text)), SLUICE_DONE, "%s", self.result.sentence);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) EXPECT_TEXT(self, rows[i].path, rows[i].text);
    cr_assert_eq(run(&self, "p.html", "", sl_text("<meta charset=iso-8859-1><p>caf\xe9")), SLUICE_DONE);
    EXPECT_TEXT(self, "sections.0.blocks.0.text", "café");
    cr_assert_eq(run(&self, "p.html", "", sl_text("<p>caf\xe9")), SLUICE_DONE);
    EXPECT_TEXT(self, "sections.0.blocks.0.text", "café");
    EXPECT_TEXT(self, "metadata.encoding", "windows-1252");
    fixture_close(&self);
}

static const char article[] =
    "<?xml version='1.0'?><!DOCTYPE article PUBLIC '-//NLM//DTD' 'http://nowhere.invalid/archivearticle.dtd'><article><front>"
    "<journal-meta><journal-title>J</journal-title></journal-meta><article-meta><article-id pub-id-type='doi'>10.1/x</article-id>"
    "<title-group><article-title>On <italic>things</italic></article-title></title-group><contrib-group><contrib><name>"
    "<surname>Doe</surname><given-names>Jane</given-names></name></contrib></contrib-group><abstract><p>Short &alpha;.</p></abstract>"
    "</article-meta></front><body><sec><title>Intro</title><p>See <xref ref-type='bibr' rid='B1'>[1]</xref> and <xref rid='F1'>fig</xref> "
    "and <xref rid='gone'>none</xref>.<list><list-item><p>item one</p></list-item></list>After.</p><fig id='F1'><label>Figure 1</label>"
    "<caption><title>What.</title><p>It shows.</p></caption><graphic/></fig><fig id='F2'><graphic/></fig><table-wrap id='T1'><label>Table 1</label>"
    "<table><tr><td>a</td><td>b</td></tr></table></table-wrap><p><xref rid='F2'>2</xref><xref rid='T1'/></p></sec></body><back><ref-list>"
    "<title>References</title><ref id='B1'><label>1</label><citation><name><surname>Roe</surname><given-names>R</given-names></name>"
    "<year>1999</year><source>Sci</source></citation></ref></ref-list></back></article>";

Test(parse, jats_has_sections_captions_tables_references_and_links) {
    static const struct {
        const char *path, *text;
    } rows[] = {{"title", "On things"},
                {"metadata.doi", "10.1/x"},
                {"metadata.authors", "Jane Doe"},
                {"metadata.journal", "J"},
                {"sections.1.title", "Abstract"},
                {"sections.1.blocks.0.text", "Short α."},
                {"sections.2.title", "Intro"},
                {"sections.2.blocks.1.text", "See [1] and fig and none."},
                {"sections.2.blocks.1.refs.0", "#B1"},
                {"sections.2.blocks.1.refs.1", "#F1"},
                {"sections.2.blocks.2.text", "item one"},
                {"sections.2.blocks.2.kind", "item"},
                {"sections.2.blocks.3.text", "After."},
                {"sections.2.blocks.4.id", "#F1"},
                {"sections.2.blocks.4.text", "Figure 1 What. It shows."},
                {"sections.2.blocks.4.kind", "caption"},
                {"sections.2.blocks.5.id", "#F2"},
                {"sections.2.blocks.6.id", "#T1"},
                {"sections.2.blocks.7.text", "a b"},
                {"sections.2.blocks.7.kind", "row"},
                {"sections.2.blocks.8.refs.1", "#T1"},
                {"sections.3.blocks.1.id", "#B1"},
                {"sections.3.blocks.1.text", "1 Roe R 1999 Sci"}};
    struct fixture self = open_parse(), validation = fixture_open("ir-validation", "ir-validation", "{}", NULL);
    cr_assert_eq(run(&self, "a.nxml", "", sl_text(article)), SLUICE_DONE, "%s", self.result.sentence);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) EXPECT_TEXT(self, rows[i].path, rows[i].text);
    cr_assert_eq(get_int(&self, "sections.2.blocks.1.refs.#"), 2);
    cr_assert_eq(fixture_run(&validation, sl_bench_value(&self.result, "document")), SLUICE_DONE, "%s", validation.result.sentence);
    fixture_close(&self);
    fixture_close(&validation);
}

Test(parse, real_articles_are_read_whole) {
    static const struct {
        const char *path, *title, *part;
        int blocks_min;
    } rows[] = {
        {"jats/pone.0000217.nxml", "Quantifying Organismal Complexity", "Fisher's geometric model in two-dimensional", 80},
        {"jats/1472-6831-8-11.nxml", "", "", 60},
        {"jats/ehp-116-1694.nxml", "", "", 60},
        {"pubmed-29768149.xml", "Inhaled Combined Budesonide-Formoterol", "BACKGROUND: In patients with mild asthma", 20},
    };
    struct fixture self = open_parse(), validation = fixture_open("ir-validation", "ir-validation", "{}", NULL);
    size_t read_count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/../shared/data/%s", SL_SOURCE, rows[i].path);
        struct sl_buf bytes = fixture_file(path);
        if (bytes.size == 0) continue;
        read_count++;
        cr_assert_eq(run(&self, rows[i].path, "", sl_buf_bytes(&bytes)), SLUICE_DONE, "%s", self.result.sentence);
        struct sl_bytes document = sl_bench_value(&self.result, "document"), title = get(&self, "title");
        cr_assert(title.size > 20 && memmem(title.data, title.size, rows[i].title, strlen(rows[i].title)));
        cr_assert(memmem(document.data, document.size, rows[i].part, strlen(rows[i].part)), "%s", rows[i].path);
        int64_t block_count = 0;
        for (int64_t s = 0; s < get_int(&self, "sections.#"); s++) {
            (void)snprintf(path, sizeof path, "sections.%d.blocks.#", (int)s);
            block_count += get_int(&self, path);
        }
        cr_assert_geq(block_count, rows[i].blocks_min, "%s: %d", rows[i].path, (int)block_count);
        cr_assert_eq(fixture_run(&validation, document), SLUICE_DONE, "%s", validation.result.sentence);
        sl_buf_fini(&bytes);
    }
    fixture_close(&self);
    fixture_close(&validation);
    if (read_count == 0) cr_skip_test("the articles are not beside this repository");
}

Test(parse, invalid_utf8_is_repaired_and_noted) {
    struct fixture self = open_parse();
    cr_assert_eq(run(&self, "a", "", sl_text("caf\xe9 \x93quoted\x94")), SLUICE_DONE);
    EXPECT_TEXT(self, "sections.0.blocks.0.text", "café “quoted”");
    EXPECT_TEXT(self, "metadata.encoding", "windows-1252");
    cr_assert_eq(run(&self, "a", "", sl_text("caf\xc3\xa9 \xff \xed\xa0\x80 \xc0\x80 x\xe2\x82")), SLUICE_DONE);
    EXPECT_TEXT(self, "sections.0.blocks.0.text", "café \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd x\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_TEXT(self, "metadata.repaired", "8 bytes that are no UTF-8 became U+FFFD");
    cr_assert_eq(run(&self, "a", "", sl_text("\xef\xbb\xbfmarked")), SLUICE_DONE);
    EXPECT_TEXT(self, "sections.0.blocks.0.text", "marked");
    fixture_close(&self);
}

Test(parse, binary_content_is_refused_by_its_kind) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } rows[] = {{"%PDF-1.4 ...", 12, "is a PDF, not text"},
                {"PK\003\004....", 8, "is a ZIP archive"},
                {"\x7f" "ELF....", 8, "is a program"},
                {"\x1f\x8b....", 6, "is compressed by gzip"},
                {"\xff\xfeh\0i\0", 6, "is UTF-16 text"},
                {"text\0text", 9, "has NUL bytes"},
                {"\001\002\003\004\005\006abc", 9, "is binary data (more than one byte in fifty is a control character), not text"}};
    struct fixture self = open_parse();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)run(&self, "f", "", sl_bytes(rows[i].bytes, rows[i].size));
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
    }
    fixture_close(&self);
}

Test(parse, empty_and_blank_make_documents_without_content) {
    static const char *const names[] = {"a.txt", "a.md", "x/copyright", "a.html", "a.xml"};
    static const char *const texts[] = {"", " \n\t\r\n \n"};
    struct fixture self = open_parse(), validation = fixture_open("ir-validation", "ir-validation", "{}", NULL);
    for (size_t i = 0; i < 10; i++) {
        cr_assert_eq(run(&self, names[i / 2], "", sl_text(texts[i % 2])), SLUICE_DONE, "%s", self.result.sentence);
        cr_assert_eq(get_int(&self, "sections.#"), 0);
        (void)fixture_run(&validation, sl_bench_value(&self.result, "document"));
        fixture_failed(&validation, SLUICE_FAILED_PERMANENT, "has no content: it has 0 sections and 0 blocks");
    }
    fixture_close(&self);
    fixture_close(&validation);
}

Test(parse, entity_bombs_and_external_entities_are_refused) {
    static const struct {
        const char *xml, *part;
    } rows[] = {
        {"<!DOCTYPE article [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>"
         "<!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'><!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'><!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>"
         "<!ENTITY g '&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;'><!ENTITY h '&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;'>]><article><body><p>&h;</p></body></article>",
         "entit"},
        {"<!DOCTYPE article [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><article><body><p>&x;</p></body></article>",
         "refers to an entity outside itself"},
        {"<!DOCTYPE article [<!ENTITY % x SYSTEM 'file:///etc/passwd'>%x;]><article><body><p>hi</p></body></article>", NULL},
        {"<!DOCTYPE article [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><article><body><p>&a;</p></body></article>", "entit"},
        {"<!DOCTYPE article [<!ENTITY a '&#60;b>x&#60;/b>'>]><article><body><p>&a;</p></body></article>", "entities hold other entities or markup"},
        {"<article><body><p>&unknown;</p></body></article>", "not well-formed: line 1: Entity 'unknown' not defined"},
    };
    struct fixture self = open_parse();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sluice_outcome outcome = run(&self, "a.xml", "", sl_text(rows[i].xml));
        struct sl_bytes document = sl_bench_value(&self.result, "document");
        cr_assert(document.size == 0 || !memmem(document.data, document.size, "root:", 5), "row %zu read a file of this machine", i);
        if (rows[i].part) fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
        else cr_assert_eq(outcome, SLUICE_DONE, "%s", self.result.sentence);
    }
    cr_assert_eq(run(&self, "a.xml", "", sl_text("<!DOCTYPE article [<!ENTITY a 'plain'>]><article><body><p>so &a;</p></body></article>")), SLUICE_DONE);
    EXPECT_TEXT(self, "sections.0.blocks.0.text", "so plain");
    fixture_close(&self);
}

Test(parse, an_entity_that_is_repeated_without_end_is_refused) {
    struct sl_buf xml;
    sl_buf_init(&xml, sl_alloc_system());
    cr_assert_eq(sl_buf_format(&xml, "<!DOCTYPE article [<!ENTITY a '%0*d'>]><article><body><p>", 1000, 7), 0);
    for (int i = 0; i < 20000; i++) cr_assert_eq(sl_buf_append(&xml, "&a;", 3), 0);
    cr_assert_eq(sl_buf_append(&xml, "</p></body></article>", 21), 0);
    struct fixture self = open_parse();
    (void)run(&self, "a.xml", "", sl_buf_bytes(&xml));
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "entities");
    sl_buf_fini(&xml);
    fixture_close(&self);
}

static struct sl_buf nested(const char *before, const char *part, size_t count, const char *after) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    cr_assert_eq(sl_buf_append(&text, before, strlen(before)), 0);
    for (size_t i = 0; i < count; i++) cr_assert_eq(sl_buf_append(&text, part, strlen(part)), 0);
    cr_assert_eq(sl_buf_append(&text, after, strlen(after)), 0);
    return text;
}

Test(parse, deep_nesting_is_refused_or_flat_and_never_a_crash) {
    struct fixture self = open_parse();
    struct sl_buf xml = nested("<article><body>", "<sec>", 100000, "");
    (void)run(&self, "a.xml", "", sl_buf_bytes(&xml));
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "nested too deep");
    sl_buf_fini(&xml);
    struct sl_buf html = nested("<html><body>", "<div>", 100000, "deep");
    (void)run(&self, "a.html", "", sl_buf_bytes(&html));
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "nested too deep");
    sl_buf_fini(&html);
    struct sl_buf quotes = nested("", "> ", 500000, "deep");
    cr_assert_eq(run(&self, "a.md", "", sl_buf_bytes(&quotes)), SLUICE_DONE);
    sl_buf_fini(&quotes);
    struct sl_buf brackets = nested("", "[", 1000000, "");
    cr_assert_eq(run(&self, "a.md", "", sl_buf_bytes(&brackets)), SLUICE_DONE);
    sl_buf_fini(&brackets);
    fixture_close(&self);
}

Test(parse, a_document_that_grows_above_the_limit_is_named) {
    struct fixture self = open_parse();
    struct sl_buf text = nested("", "a\n\n", 1300000, "");
    (void)run(&self, "many.txt", "", sl_buf_bytes(&text));
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "The document made from many.txt is above the limit of one value (4 MiB");
    sl_buf_fini(&text);
    struct sl_buf line = nested("", "word ", 800000, "");
    cr_assert_eq(run(&self, "line.txt", "", sl_buf_bytes(&line)), SLUICE_DONE, "%s", self.result.sentence);
    sl_buf_fini(&line);
    fixture_close(&self);
}

Test(parse, other_xml_and_broken_xml_are_explained) {
    static const struct {
        const char *xml, *part;
    } rows[] = {{"<note><to>x</to></note>", "its root is <note>; XML is read as JATS"},
                {"<article><body><p>open</body></article>", "not well-formed: line 1"},
                {"<article>", "not well-formed"},
                {"<PubmedArticleSet/>", "it holds no <PubmedArticle>"},
                {"<PubmedArticleSet><PubmedArticle><MedlineCitation><Article/></MedlineCitation></PubmedArticle><PubmedArticle/></PubmedArticleSet>",
                 "several articles"}};
    struct fixture self = open_parse();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)run(&self, "a.xml", "application/xml", sl_text(rows[i].xml));
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
    }
    fixture_close(&self);
}

Test(parse, formats_are_detected_by_media_type_then_name_then_content) {
    static const struct {
        const char *name, *media_type, *text, *format;
    } rows[] = {{"x", "text/markdown; charset=utf-8", "a", "markdown"},
                {"x.md", "text/html", "<p>a", "html"},
                {"x.MD", "", "a", "markdown"},
                {"a/copyright", "text/plain", "a", "debian-copyright"},
                {"copyright", "", "a", "debian-copyright"},
                {"x", "", "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n", "debian-copyright"},
                {"x", "", "<!doctype HTML><p>a", "html"},
                {"x.xml", "", "<?xml version='1.0'?><html><body>a</body></html>", "html"},
                {"x", "application/octet-stream", "plain", "text"}};
    struct fixture self = open_parse();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(run(&self, rows[i].name, rows[i].media_type, sl_text(rows[i].text)), SLUICE_DONE, "%s", self.result.sentence);
        EXPECT_TEXT(self, "metadata.format", rows[i].format);
    }
    fixture_close(&self);
    self = fixture_open("parse", "parse", "{\"format\": \"text\"}", NULL);
    cr_assert_eq(run(&self, "x.md", "text/html", sl_text("# a")), SLUICE_DONE);
    EXPECT_TEXT(self, "metadata.format", "text");
    fixture_close(&self);
    fixture_refuses("parse", "parse", "{\"format\": \"pdf\"}", "must be one of: auto, text, markdown, debian-copyright, html, jats");
}

Test(parse, what_is_no_payload_is_refused) {
    struct fixture self = open_parse();
    static const char *const rows[] = {"null", "[]", "{}", "{\"name\": \"a\"}", "{\"name\": \"\", \"bytes\": \"x\"}", "{\"name\": 1, \"bytes\": \"x\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)fixture_run_json(&self, rows[i]);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, "without `name` and `bytes`; let a stage of type ingest");
    }
    fixture_close(&self);
}
