/* The walk from elements to blocks: text is gathered until an element ends it. */
#include <libxml/HTMLparser.h>
#include <libxml/entities.h>

#include "xml.h"

/* libxml2 refuses deeper trees; this guards the walk's own recursion. */
enum { DEPTH_MAX = 300, ENTITY_BYTES_MAX = 1 << 20, ANCHOR_SIZE_MAX = 200 };

/* States of a target in the table: known before the walk; then used as a block's id. */
static char target_is_known, target_is_used;

void sl_xml_walk_init(struct sl_xml_walk *self, struct sl_builder *builder, struct sl_xml_rule (*rule)(const xmlNode *)) {
    *self = (struct sl_xml_walk){.builder = builder, .rule = rule, .kind = "paragraph"};
}

void sl_xml_target_add(xmlHashTable *targets, const char *id) {
    (void)xmlHashAddEntry(targets, (const xmlChar *)id, &target_is_known); /* An id that is there already stays. */
}

void sl_xml_walk_fini(struct sl_xml_walk *self) {
    sl_string_fini(&self->text);
}

static void flush(struct sl_xml_walk *self) {
    struct sl_part part = {.kind = self->kind, .text = sl_string_span(&self->text), .refs = self->refs,
                           .ref_count = self->ref_count};
    if (sl_span_trim(part.text).size > 0) {
        part.anchor = self->anchor;
        self->anchor = sl_span(NULL, 0);
        sl_builder_block(self->builder, &part);
    }
    self->ref_count = 0;
    if (self->text.failed) self->builder->title.failed = true;
    sl_string_clear(&self->text);
}

static void add_text(struct sl_xml_walk *self, struct sl_span text) {
    if (self->is_pre) sl_string_append(&self->text, text);
    else sl_string_append_words(&self->text, text);
}

/* An entity that stands for plain text is replaced; one that holds markup or other entities is refused: that is how a small
 * file becomes a huge one. A name that no declaration explains is looked up among those of HTML. */
static void add_entity(struct sl_xml_walk *self, const xmlNode *reference) {
    const xmlEntity *entity = xmlGetDocEntity(reference->doc, reference->name);
    if (!entity) {
        const htmlEntityDesc *known = htmlEntityLookup(reference->name);
        sl_string_append_code(&self->text, known ? known->value : 0xfffd);
        return;
    }
    struct sl_span content = sl_span_of(entity->content ? (const char *)entity->content : "");
    if (entity->etype == XML_INTERNAL_PREDEFINED_ENTITY) {
        add_text(self, content);
    } else if (entity->etype != XML_INTERNAL_GENERAL_ENTITY) {
        self->error = "it refers to an entity outside itself, which is never loaded";
    } else if (memchr(content.data, '&', content.size) || memchr(content.data, '<', content.size)) {
        self->error = "its entities hold other entities or markup; replace them in the file first";
    } else {
        self->entity_bytes += content.size;
        if (self->entity_bytes > ENTITY_BYTES_MAX) self->error = "its entities make up more than 1 MiB of text";
        else add_text(self, content);
    }
}

/* Notes each id of `rid` (several are apart by spaces) that some block will have. */
static void add_refs(struct sl_xml_walk *self, const xmlNode *element) {
    struct sl_span ids = sl_xml_attribute(element, "rid");
    while (self->targets && ids.size > 0) {
        ids = sl_span_trim(ids);
        size_t size = 0;
        while (size < ids.size && !sl_span_is_space(ids.data[size])) size++;
        char id[ANCHOR_SIZE_MAX + 1];
        size_t room = sizeof self->refs / sizeof self->refs[0];
        if (size <= ANCHOR_SIZE_MAX && self->ref_count < room) {
            memcpy(id, ids.data, size);
            id[size] = 0;
            if (xmlHashLookup(self->targets, (const xmlChar *)id)) self->refs[self->ref_count++] = sl_span(ids.data, size);
        }
        ids = sl_span(ids.data + size, ids.size - size);
    }
}

static void walk_children(struct sl_xml_walk *self, xmlNode *element);

static void walk_heading(struct sl_xml_walk *self, xmlNode *element) {
    flush(self);
    self->is_flat = true;
    walk_children(self, element);
    self->is_flat = false;
    struct sl_span title = sl_span_trim(sl_string_span(&self->text));
    self->ref_count = 0;
    if (title.size > 0) sl_builder_heading(self->builder, title, 0, 0);
    sl_string_clear(&self->text);
}

/* The id of a block that others refer to becomes its anchor. A target without any text still gets a block, so that every
 * reference has its end. */
static void walk_block(struct sl_xml_walk *self, xmlNode *element, const struct sl_xml_rule *rule) {
    struct sl_span id = sl_xml_attribute(element, "id");
    const char *kind = self->kind;
    const bool is_pre = self->is_pre;
    flush(self);
    struct sl_span outer = self->anchor;
    bool is_target = self->targets && id.size > 0 &&
                     xmlHashLookup(self->targets, (const xmlChar *)id.data) == &target_is_known;
    if (is_target) {
        (void)xmlHashUpdateEntry(self->targets, (const xmlChar *)id.data, &target_is_used, NULL);
        self->anchor = id;
    }
    if (rule->name) self->kind = rule->name;
    self->is_pre = is_pre || rule->role == SL_XML_PRE;
    walk_children(self, element);
    if (is_target && self->anchor.size > 0 && sl_span_trim(sl_string_span(&self->text)).size == 0) add_text(self, id);
    flush(self);
    self->anchor = is_target ? outer : self->anchor;
    self->kind = kind;
    self->is_pre = is_pre;
}

static void walk_section(struct sl_xml_walk *self, xmlNode *element, const char *title) {
    flush(self);
    sl_builder_section(self->builder, sl_span_of(title));
    walk_children(self, element);
    flush(self);
}

static void enter_element(struct sl_xml_walk *self, xmlNode *element) {
    struct sl_xml_rule rule = self->rule(element);
    if (self->is_flat && rule.role != SL_XML_SKIP && rule.role != SL_XML_INLINE) rule.role = SL_XML_SPACED;
    switch (rule.role) {
    case SL_XML_SKIP: return;
    case SL_XML_LINE: sl_string_append_char(&self->text, self->is_pre ? '\n' : ' '); return;
    case SL_XML_HEADING: walk_heading(self, element); return;
    case SL_XML_SECTION: walk_section(self, element, rule.name); return;
    case SL_XML_BLOCK:
    case SL_XML_PRE:
    case SL_XML_BREAK: walk_block(self, element, &rule); return;
    case SL_XML_SPACED: sl_string_append_words(&self->text, sl_span_of(" ")); break;
    case SL_XML_INLINE: break;
    }
    add_refs(self, element);
    walk_children(self, element);
    if (rule.role == SL_XML_SPACED) sl_string_append_words(&self->text, sl_span_of(" "));
}

static void walk_children(struct sl_xml_walk *self, xmlNode *element) {
    if (++self->depth > DEPTH_MAX) self->error = "its elements are nested too deep";
    for (xmlNode *node = element->children; node && !self->error; node = node->next) {
        if (node->type == XML_ELEMENT_NODE) enter_element(self, node);
        else if (node->type == XML_ENTITY_REF_NODE) add_entity(self, node);
        else if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) {
            add_text(self, sl_span_of((const char *)node->content));
        }
    }
    self->depth--;
}

void sl_xml_walk_element(struct sl_xml_walk *self, xmlNode *element) {
    if (!element || self->error) return;
    enter_element(self, element);
    flush(self);
}

struct sl_span sl_xml_walk_text(struct sl_xml_walk *self, xmlNode *element) {
    sl_string_clear(&self->text);
    self->is_flat = true;
    if (element && !self->error) walk_children(self, element);
    self->is_flat = false;
    self->ref_count = 0;
    struct sl_span text = sl_span_trim(sl_string_span(&self->text));
    self->text.size = 0;
    return text;
}
