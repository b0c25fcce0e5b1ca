/* JATS articles (https://jats.nlm.nih.gov): abstract, sections, captions, tables, references. PubMed records go to pubmed.c. */
#include <stdio.h>

#include "formats.h"
#include "pubmed.h"

enum { TARGET_SIZE_MAX = 200 };

static const struct {
    const char *element;
    struct sl_xml_rule rule;
} rules[] = {
    {"p", {SL_XML_BLOCK, NULL}},
    {"abstract", {SL_XML_SECTION, "Abstract"}},
    {"trans-abstract", {SL_XML_SECTION, "Abstract"}},
    {"ack", {SL_XML_SECTION, "Acknowledgements"}},
    {"ref-list", {SL_XML_SECTION, "References"}},
    {"fn-group", {SL_XML_SECTION, "Notes"}},
    {"floats-group", {SL_XML_SECTION, "Figures"}},
    {"ref", {SL_XML_BLOCK, "reference"}},
    {"fn", {SL_XML_BLOCK, "footnote"}},
    {"fig", {SL_XML_BLOCK, "caption"}},
    {"table-wrap", {SL_XML_BLOCK, "caption"}},
    {"supplementary-material", {SL_XML_BLOCK, "caption"}},
    {"table-wrap-foot", {SL_XML_BLOCK, "footnote"}},
    {"tr", {SL_XML_BLOCK, "row"}},
    {"list-item", {SL_XML_BLOCK, "item"}},
    {"def-item", {SL_XML_BLOCK, "item"}},
    {"disp-quote", {SL_XML_BLOCK, "quote"}},
    {"boxed-text", {SL_XML_BREAK, NULL}},
    {"preformat", {SL_XML_PRE, "code"}},
    {"code", {SL_XML_PRE, "code"}},
    {"sec", {SL_XML_BREAK, NULL}},
    {"body", {SL_XML_BREAK, NULL}},
    {"back", {SL_XML_BREAK, NULL}},
    {"app", {SL_XML_BREAK, NULL}},
    {"list", {SL_XML_BREAK, NULL}},
    {"table", {SL_XML_BREAK, NULL}},
    {"break", {SL_XML_LINE, NULL}},
    {"label", {SL_XML_SPACED, NULL}},
    {"caption", {SL_XML_SPACED, NULL}},
    {"td", {SL_XML_SPACED, NULL}},
    {"th", {SL_XML_SPACED, NULL}},
    {"disp-formula", {SL_XML_SPACED, NULL}},
    {"object-id", {SL_XML_SKIP, NULL}},
    {"permissions", {SL_XML_SKIP, NULL}},
    {"alternatives", {SL_XML_SPACED, NULL}},
    {"tex-math", {SL_XML_SKIP, NULL}},
    {"history", {SL_XML_SKIP, NULL}},
};

static bool is_within(const xmlNode *element, const char *name) {
    unsigned level = 0;
    for (const xmlNode *parent = element->parent; parent && level < 8; parent = parent->parent, level++) {
        if (sl_xml_is(parent, name)) return true;
    }
    return false;
}

/* Inside a caption everything is one text; inside a reference each field is a word of its own; a title is a heading where it
 * stands at the head of a section. */
static struct sl_xml_rule jats_rule(const xmlNode *element) {
    bool is_title = sl_xml_is(element, "title");
    if ((is_title || sl_xml_is(element, "p")) && is_within(element, "caption")) return (struct sl_xml_rule){SL_XML_SPACED, NULL};
    if (is_title) return (struct sl_xml_rule){SL_XML_HEADING, NULL};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (sl_xml_is(element, rules[i].element)) return rules[i].rule;
    }
    bool is_field = is_within(element, "ref") && !is_within(element, "article-title");
    return (struct sl_xml_rule){is_field ? SL_XML_SPACED : SL_XML_INLINE, NULL};
}

static bool can_be_target(const xmlNode *element) {
    return sl_xml_is(element, "ref") || sl_xml_is(element, "fig") || sl_xml_is(element, "table-wrap");
}

/* The next node of the tree in document order, within `root`. */
static xmlNode *next_node(xmlNode *node, const xmlNode *root) {
    if (node->type == XML_ELEMENT_NODE && node->children) return node->children;
    while (node != root && !node->next) node = node->parent;
    return node == root ? NULL : node->next;
}

/* Every id that will be a block's anchor when `root` is walked. */
static void collect_targets(xmlHashTable *targets, xmlNode *root) {
    for (xmlNode *node = root; node; node = next_node(node, root)) {
        struct sl_span id = can_be_target(node) ? sl_xml_attribute(node, "id") : sl_span_of("");
        if (id.size > 0 && id.size <= TARGET_SIZE_MAX && !memchr(id.data, ' ', id.size)) {
            sl_xml_target_add(targets, id.data);
        }
    }
}

static void note_authors(struct sl_xml_walk *walk, xmlNode *group) {
    struct sl_string authors = {0};
    for (xmlNode *contrib = sl_xml_child(group, "contrib"); contrib; contrib = sl_xml_next(contrib)) {
        xmlNode *name = sl_xml_child(contrib, "name");
        if (authors.size > 0) sl_string_append(&authors, sl_span_of("; "));
        sl_string_append(&authors, sl_xml_walk_text(walk, sl_xml_child(name, "given-names")));
        if (name) sl_string_append_char(&authors, ' ');
        sl_string_append(&authors, sl_xml_walk_text(walk, name ? sl_xml_child(name, "surname") : sl_xml_child(contrib, "collab")));
    }
    sl_builder_note(walk->builder, "authors", sl_string_span(&authors));
    sl_string_fini(&authors);
}

static void note_facts(struct sl_xml_walk *walk, xmlNode *front) {
    xmlNode *journal = sl_xml_child(front, "journal-meta"), *meta = sl_xml_child(front, "article-meta");
    xmlNode *title = sl_xml_child(journal, "journal-title");
    if (!title) title = sl_xml_child(sl_xml_child(journal, "journal-title-group"), "journal-title");
    sl_builder_note(walk->builder, "journal", sl_xml_walk_text(walk, title));
    for (xmlNode *id = sl_xml_child(meta, "article-id"); id; id = sl_xml_next(id)) {
        struct sl_span type = sl_xml_attribute(id, "pub-id-type");
        if (sl_span_is(type, "doi")) sl_builder_note(walk->builder, "doi", sl_xml_walk_text(walk, id));
        if (sl_span_is(type, "pmid")) sl_builder_note(walk->builder, "pmid", sl_xml_walk_text(walk, id));
        if (sl_span_is(type, "pmc")) sl_builder_note(walk->builder, "pmc", sl_xml_walk_text(walk, id));
    }
    sl_builder_note(walk->builder, "year", sl_xml_walk_text(walk, sl_xml_child(sl_xml_child(meta, "pub-date"), "year")));
    note_authors(walk, sl_xml_child(meta, "contrib-group"));
}

static void read_article(struct sl_xml_walk *walk, xmlNode *article) {
    xmlNode *front = sl_xml_child(article, "front"), *meta = sl_xml_child(front, "article-meta");
    xmlNode *title = sl_xml_child(sl_xml_child(meta, "title-group"), "article-title");
    struct sl_span text = sl_xml_walk_text(walk, title);
    sl_builder_title(walk->builder, text);
    sl_builder_heading(walk->builder, text, 0, 0);
    note_facts(walk, front);
    for (xmlNode *abstract = sl_xml_child(meta, "abstract"); abstract; abstract = sl_xml_next(abstract)) {
        sl_xml_walk_element(walk, abstract);
    }
    sl_builder_section(walk->builder, sl_span_of(""));
    sl_xml_walk_element(walk, sl_xml_child(article, "body"));
    sl_xml_walk_element(walk, sl_xml_child(article, "back"));
    sl_xml_walk_element(walk, sl_xml_child(article, "floats-group"));
}

static int read_jats(struct sl_builder *builder, xmlNode *root, char *why, size_t why_size) {
    struct sl_xml_walk walk;
    sl_xml_walk_init(&walk, builder, jats_rule);
    walk.targets = xmlHashCreate(256);
    if (walk.targets) {
        static const char *const walked[] = {"body", "back", "floats-group"};
        for (size_t i = 0; i < 3; i++) {
            xmlNode *part = sl_xml_child(root, walked[i]);
            if (part) collect_targets(walk.targets, part);
        }
    }
    read_article(&walk, root);
    if (walk.error) (void)snprintf(why, why_size, "%s", walk.error);
    int rc = walk.error ? -1 : 0;
    xmlHashFree(walk.targets, NULL);
    sl_xml_walk_fini(&walk);
    return rc;
}

int sl_read_jats(struct sl_builder *builder, struct sl_span bytes, bool is_utf8, char *why, size_t why_size) {
    if (sl_span_trim(bytes).size == 0) return 0;
    xmlDoc *document = sl_xml_parse(bytes, false, is_utf8, why, why_size);
    if (!document) return -1;
    xmlNode *root = xmlDocGetRootElement(document);
    int rc = -1;
    if (sl_xml_is(root, "article")) rc = read_jats(builder, root, why, why_size);
    else if (sl_xml_is(root, "PubmedArticleSet") || sl_xml_is(root, "PubmedArticle")) {
        rc = sl_pubmed_read(builder, root, why, why_size);
    } else {
        (void)snprintf(why, why_size, "its root is <%.80s>; XML is read as JATS (<article>) or PubMed (<PubmedArticleSet>)",
                       root ? (const char *)root->name : "");
    }
    xmlFreeDoc(document);
    return rc;
}
