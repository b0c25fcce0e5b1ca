/* HTML, as libxml2 mends it: headings make sections, everything that a browser sets apart makes blocks. */
#include <stdio.h>

#include "formats.h"
#include "xml.h"

static const struct {
    const char *element;
    struct sl_xml_rule rule;
} rules[] = {
    {"script", {SL_XML_SKIP, NULL}},       {"style", {SL_XML_SKIP, NULL}},       {"template", {SL_XML_SKIP, NULL}},
    {"head", {SL_XML_SKIP, NULL}},         {"noscript", {SL_XML_SKIP, NULL}},    {"svg", {SL_XML_SKIP, NULL}},
    {"h1", {SL_XML_HEADING, NULL}},        {"h2", {SL_XML_HEADING, NULL}},       {"h3", {SL_XML_HEADING, NULL}},
    {"h4", {SL_XML_HEADING, NULL}},        {"h5", {SL_XML_HEADING, NULL}},       {"h6", {SL_XML_HEADING, NULL}},
    {"p", {SL_XML_BLOCK, "paragraph"}},    {"li", {SL_XML_BLOCK, "item"}},       {"dt", {SL_XML_BLOCK, "item"}},
    {"dd", {SL_XML_BLOCK, "item"}},        {"tr", {SL_XML_BLOCK, "row"}},        {"caption", {SL_XML_BLOCK, "caption"}},
    {"figcaption", {SL_XML_BLOCK, "caption"}}, {"blockquote", {SL_XML_BLOCK, "quote"}}, {"pre", {SL_XML_PRE, "code"}},
    {"td", {SL_XML_SPACED, NULL}},         {"th", {SL_XML_SPACED, NULL}},        {"br", {SL_XML_LINE, NULL}},
    {"div", {SL_XML_BREAK, NULL}},         {"section", {SL_XML_BREAK, NULL}},    {"article", {SL_XML_BREAK, NULL}},
    {"main", {SL_XML_BREAK, NULL}},        {"header", {SL_XML_BREAK, NULL}},     {"footer", {SL_XML_BREAK, NULL}},
    {"nav", {SL_XML_BREAK, NULL}},         {"aside", {SL_XML_BREAK, NULL}},      {"ul", {SL_XML_BREAK, NULL}},
    {"ol", {SL_XML_BREAK, NULL}},          {"dl", {SL_XML_BREAK, NULL}},         {"table", {SL_XML_BREAK, NULL}},
    {"form", {SL_XML_BREAK, NULL}},        {"figure", {SL_XML_BREAK, NULL}},     {"hr", {SL_XML_BREAK, NULL}},
    {"address", {SL_XML_BREAK, NULL}},     {"body", {SL_XML_BREAK, NULL}},       {"center", {SL_XML_BREAK, NULL}},
};

static struct sl_xml_rule html_rule(const xmlNode *element) {
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (sl_xml_is(element, rules[i].element)) return rules[i].rule;
    }
    return (struct sl_xml_rule){SL_XML_INLINE, NULL};
}

int sl_read_html(struct sl_builder *builder, struct sl_span bytes, bool is_utf8, char *why, size_t why_size) {
    if (sl_span_trim(bytes).size == 0) return 0;
    xmlDoc *document = sl_xml_parse(bytes, true, is_utf8, why, why_size);
    if (!document) return -1;
    xmlNode *root = xmlDocGetRootElement(document);
    struct sl_xml_walk walk;
    sl_xml_walk_init(&walk, builder, html_rule);
    sl_builder_title(builder, sl_xml_walk_text(&walk, sl_xml_child(sl_xml_child(root, "head"), "title")));
    sl_builder_note(builder, "language", sl_xml_attribute(root, "lang"));
    sl_xml_walk_element(&walk, root);
    if (walk.error) (void)snprintf(why, why_size, "%s", walk.error);
    int rc = walk.error ? -1 : 0;
    sl_xml_walk_fini(&walk);
    xmlFreeDoc(document);
    return rc;
}
