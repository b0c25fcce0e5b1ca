/* What the two formats of trees share: safe parsing by libxml2, and a walk that turns elements into blocks. */
#ifndef SL_PARSE_XML_H
#define SL_PARSE_XML_H

#include <libxml/hash.h>
#include <libxml/tree.h>

#include "builder.h"

/* Parses without network, without DTD, without replacing entities, with libxml2's own limits of depth and amplification. The
 * document is freed by xmlFreeDoc. NULL, with the end of a sentence in `why`, when it is not well-formed (HTML is mended
 * instead), too deep, or memory ran out. */
xmlDoc *sl_xml_parse(struct sl_span bytes, bool is_html, bool is_utf8, char *why, size_t why_size);

/* What an element does to the text around it. */
enum sl_xml_role {
    SL_XML_INLINE,  /* its text is part of the text around it */
    SL_XML_SPACED,  /* the same, apart by a space */
    SL_XML_BLOCK,   /* a block of its own, of kind `name` */
    SL_XML_PRE,     /* the same, and white space counts */
    SL_XML_HEADING, /* its text is the title of a new section */
    SL_XML_SECTION, /* begins a section titled `name`; what is in it makes the blocks */
    SL_XML_BREAK,   /* ends the block before and after itself; what is in it makes blocks of the kind around */
    SL_XML_LINE,    /* a space */
    SL_XML_SKIP     /* nothing of it counts */
};

struct sl_xml_rule {
    enum sl_xml_role role;
    const char *name;
};

/* One walk over a tree. */
struct sl_xml_walk {
    struct sl_builder *builder;
    struct sl_xml_rule (*rule)(const xmlNode *element); /* what each element does */
    xmlHashTable *targets; /* NULL, or the XML ids that may be referred to; owned by the caller */
    struct sl_string text;
    const char *kind; /* of the text that is being gathered */
    struct sl_span anchor;
    struct sl_span refs[32];
    size_t ref_count;
    size_t entity_bytes; /* replaced so far, against bombs */
    unsigned depth;
    bool is_pre;
    bool is_flat;        /* inside a title or a field: no element makes a block */
    const char *error; /* NULL, or why the walk stopped: the end of a sentence */
};

void sl_xml_walk_init(struct sl_xml_walk *self, struct sl_builder *builder, struct sl_xml_rule (*rule)(const xmlNode *));
void sl_xml_walk_fini(struct sl_xml_walk *self);

/* Adds an id to a table of targets; the first element of the walk that has it becomes the block that is referred to. */
void sl_xml_target_add(xmlHashTable *targets, const char *id);

/* Walks an element: its blocks go to the builder. NULL is allowed. */
void sl_xml_walk_element(struct sl_xml_walk *self, xmlNode *element);

/* The text of an element, white space collapsed, by the walk's rules; borrowed until the next call on this walk. */
struct sl_span sl_xml_walk_text(struct sl_xml_walk *self, xmlNode *element);

/* Whether a node is an element of this name. NULL is allowed. */
bool sl_xml_is(const xmlNode *node, const char *name);
/* The first child element of this name; NULL when there is none or `element` is NULL. */
xmlNode *sl_xml_child(const xmlNode *element, const char *name);
/* The next sibling element of the same name; NULL when there is none. */
xmlNode *sl_xml_next(const xmlNode *element);
/* An attribute's text; empty when there is none, or when it holds a reference to an entity. Borrowed from the tree. */
struct sl_span sl_xml_attribute(const xmlNode *element, const char *name);

#endif
