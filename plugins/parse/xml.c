/* Safe parsing by libxml2, and the small questions that one asks of a tree. */
#include "xml.h"

#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <stdio.h>

/* Nothing outside the document is ever loaded; libxml2 is told so by its options, and here once more. */
static xmlParserInput *refuse_entity(const char *url, const char *id, xmlParserCtxt *context) {
    (void)url;
    (void)id;
    (void)context;
    return NULL;
}

static void explain(const xmlError *error, char *why, size_t why_size) {
    if (!error || !error->message) {
        (void)snprintf(why, why_size, "it cannot be read");
        return;
    }
    struct sl_span message = sl_span_trim(sl_span_of(error->message));
    if (strstr(error->message, "Excessive depth")) {
        (void)snprintf(why, why_size, "its elements are nested too deep (256 levels are allowed)");
    } else if (error->code == XML_ERR_ENTITY_LOOP) {
        (void)snprintf(why, why_size, "its entities refer to each other without end, or grow too large");
    } else {
        (void)snprintf(why, why_size, "it is not well-formed: line %d: %.*s", error->line, sl_span_print(message, 300),
                       message.data);
    }
}

static xmlDoc *parse_xml(struct sl_span bytes, const char *encoding, char *why, size_t why_size) {
    xmlParserCtxt *context = xmlNewParserCtxt();
    if (!context) {
        (void)snprintf(why, why_size, "there is no memory to read it");
        return NULL;
    }
    xmlDoc *document = xmlCtxtReadMemory(context, bytes.data, (int)bytes.size, NULL, encoding,
                                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
    if (!document) explain(xmlCtxtGetLastError(context), why, why_size);
    xmlFreeParserCtxt(context);
    return document;
}

static xmlDoc *parse_html(struct sl_span bytes, const char *encoding, char *why, size_t why_size) {
    htmlParserCtxt *context = htmlNewParserCtxt();
    if (!context) {
        (void)snprintf(why, why_size, "there is no memory to read it");
        return NULL;
    }
    xmlDoc *document = htmlCtxtReadMemory(context, bytes.data, (int)bytes.size, NULL, encoding,
                                          HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                              HTML_PARSE_COMPACT);
    const xmlError *error = xmlCtxtGetLastError(context);
    bool is_halted = error && error->message && strstr(error->message, "Excessive depth");
    if (!document || is_halted) explain(error, why, why_size);
    if (is_halted && document) {
        xmlFreeDoc(document);
        document = NULL;
    }
    htmlFreeParserCtxt(context);
    return document;
}

xmlDoc *sl_xml_parse(struct sl_span bytes, bool is_html, bool is_utf8, char *why, size_t why_size) {
    const char *encoding = is_utf8 ? "UTF-8" : NULL;
    if (bytes.size > INT32_MAX) {
        (void)snprintf(why, why_size, "it is too large");
        return NULL;
    }
    xmlExternalEntityLoader loader = xmlGetExternalEntityLoader();
    xmlSetExternalEntityLoader(refuse_entity);
    xmlDoc *document = is_html ? parse_html(bytes, encoding, why, why_size) : parse_xml(bytes, encoding, why, why_size);
    xmlSetExternalEntityLoader(loader);
    return document;
}

bool sl_xml_is(const xmlNode *node, const char *name) {
    return node && node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

xmlNode *sl_xml_child(const xmlNode *element, const char *name) {
    for (xmlNode *child = element ? element->children : NULL; child; child = child->next) {
        if (sl_xml_is(child, name)) return child;
    }
    return NULL;
}

xmlNode *sl_xml_next(const xmlNode *element) {
    for (xmlNode *next = element->next; next; next = next->next) {
        if (sl_xml_is(next, (const char *)element->name)) return next;
    }
    return NULL;
}

struct sl_span sl_xml_attribute(const xmlNode *element, const char *name) {
    for (const xmlAttr *attribute = element ? element->properties : NULL; attribute; attribute = attribute->next) {
        const xmlNode *value = attribute->children;
        if (strcmp((const char *)attribute->name, name) != 0) continue;
        if (value && value->type == XML_TEXT_NODE && !value->next) return sl_span_of((const char *)value->content);
    }
    return sl_span_of("");
}
