/* One record of PubMed. */
#include "pubmed.h"

#include <stdio.h>

static struct sl_xml_rule pubmed_rule(const xmlNode *element) {
    static const char *const inlines[] = {"i", "b", "u", "sub", "sup"};
    for (size_t i = 0; i < sizeof inlines / sizeof inlines[0]; i++) {
        if (sl_xml_is(element, inlines[i])) return (struct sl_xml_rule){SL_XML_INLINE, NULL};
    }
    return (struct sl_xml_rule){SL_XML_SPACED, NULL};
}

static void add_block(struct sl_builder *builder, const char *kind, struct sl_span text) {
    sl_builder_block(builder, &(struct sl_part){.kind = kind, .text = text});
}

static void read_abstract(struct sl_xml_walk *walk, xmlNode *abstract) {
    struct sl_string text = {0};
    sl_builder_section(walk->builder, sl_span_of("Abstract"));
    for (xmlNode *part = sl_xml_child(abstract, "AbstractText"); part; part = sl_xml_next(part)) {
        struct sl_span label = sl_xml_attribute(part, "Label");
        sl_string_clear(&text);
        sl_string_append(&text, label);
        if (label.size > 0) sl_string_append(&text, sl_span_of(": "));
        sl_string_append(&text, sl_xml_walk_text(walk, part));
        add_block(walk->builder, "paragraph", sl_string_span(&text));
    }
    if (text.failed) walk->builder->title.failed = true;
    sl_string_fini(&text);
}

/* One item for each element `name` of a list, made of all its text, or of its child `member`. */
static void read_items(struct sl_xml_walk *walk, const char *title, xmlNode *list, const char *name, const char *member) {
    sl_builder_section(walk->builder, sl_span_of(title));
    for (xmlNode *item = sl_xml_child(list, name); item; item = sl_xml_next(item)) {
        add_block(walk->builder, "item", sl_xml_walk_text(walk, member ? sl_xml_child(item, member) : item));
    }
}

static void note_authors(struct sl_xml_walk *walk, xmlNode *list) {
    struct sl_string authors = {0};
    for (xmlNode *author = sl_xml_child(list, "Author"); author; author = sl_xml_next(author)) {
        if (authors.size > 0) sl_string_append(&authors, sl_span_of("; "));
        sl_string_append(&authors, sl_xml_walk_text(walk, sl_xml_child(author, "ForeName")));
        if (sl_xml_child(author, "ForeName")) sl_string_append_char(&authors, ' ');
        sl_string_append(&authors, sl_xml_walk_text(walk, sl_xml_child(author, "LastName")));
        sl_string_append(&authors, sl_xml_walk_text(walk, sl_xml_child(author, "CollectiveName")));
    }
    sl_builder_note(walk->builder, "authors", sl_string_span(&authors));
    sl_string_fini(&authors);
}

static void note_facts(struct sl_xml_walk *walk, xmlNode *citation, xmlNode *article) {
    xmlNode *journal = sl_xml_child(article, "Journal");
    xmlNode *date = sl_xml_child(sl_xml_child(journal, "JournalIssue"), "PubDate");
    sl_builder_note(walk->builder, "pmid", sl_xml_walk_text(walk, sl_xml_child(citation, "PMID")));
    sl_builder_note(walk->builder, "journal", sl_xml_walk_text(walk, sl_xml_child(journal, "Title")));
    sl_builder_note(walk->builder, "year", sl_xml_walk_text(walk, sl_xml_child(date, "Year")));
    xmlNode *location = sl_xml_child(article, "ELocationID");
    while (location && !sl_span_is(sl_xml_attribute(location, "EIdType"), "doi")) location = sl_xml_next(location);
    sl_builder_note(walk->builder, "doi", sl_xml_walk_text(walk, location));
    note_authors(walk, sl_xml_child(article, "AuthorList"));
}

static void read_references(struct sl_xml_walk *walk, xmlNode *data) {
    sl_builder_section(walk->builder, sl_span_of("References"));
    for (xmlNode *list = sl_xml_child(data, "ReferenceList"); list; list = sl_xml_next(list)) {
        for (xmlNode *item = sl_xml_child(list, "Reference"); item; item = sl_xml_next(item)) {
            add_block(walk->builder, "reference", sl_xml_walk_text(walk, sl_xml_child(item, "Citation")));
        }
    }
}

int sl_pubmed_read(struct sl_builder *builder, xmlNode *root, char *why, size_t why_size) {
    xmlNode *record = sl_xml_is(root, "PubmedArticle") ? root : sl_xml_child(root, "PubmedArticle");
    xmlNode *citation = sl_xml_child(record, "MedlineCitation"), *article = sl_xml_child(citation, "Article");
    if (!article) {
        (void)snprintf(why, why_size, "it holds no <PubmedArticle> with an <Article>");
        return -1;
    }
    if (record != root && sl_xml_next(record)) {
        (void)snprintf(why, why_size, "it holds several articles; one job is one document: split it");
        return -1;
    }
    struct sl_xml_walk walk;
    sl_xml_walk_init(&walk, builder, pubmed_rule);
    struct sl_span title = sl_xml_walk_text(&walk, sl_xml_child(article, "ArticleTitle"));
    sl_builder_title(builder, title);
    sl_builder_heading(builder, title, 0, 0);
    read_abstract(&walk, sl_xml_child(article, "Abstract"));
    read_items(&walk, "Keywords", sl_xml_child(citation, "KeywordList"), "Keyword", NULL);
    read_items(&walk, "Subject headings", sl_xml_child(citation, "MeshHeadingList"), "MeshHeading", NULL);
    read_items(&walk, "Substances", sl_xml_child(citation, "ChemicalList"), "Chemical", "NameOfSubstance");
    read_references(&walk, sl_xml_child(record, "PubmedData"));
    note_facts(&walk, citation, article);
    if (walk.error) (void)snprintf(why, why_size, "%s", walk.error);
    int rc = walk.error ? -1 : 0;
    sl_xml_walk_fini(&walk);
    return rc;
}
