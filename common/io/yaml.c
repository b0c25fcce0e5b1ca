/* YAML text to a document tree; see yaml.h. libyaml has no limit of depth and is quadratic over directives, so size, characters and
 * directives are checked before it sees the text, and depth, events and sizes after each event: it reads at most about a thousand
 * characters ahead of an event, so that no text within SL_PIPELINE_TEXT_MAX took more than 5 ms (measured with libyaml 0.2.5). */
#include "yaml.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

/* A collection that is not closed yet. */
struct frame {
    struct sl_node *node;
    bool has_key;     /* of a map: the key of the next member was read */
    bool is_repeated; /* and the map has that key already: the member is read and dropped */
    struct sl_bytes key;
    struct sl_mark key_mark;
};

struct parsing {
    struct sl_bytes text;
    yaml_parser_t parser;
    struct sl_tree tree;
    struct frame frames[SL_YAML_DEPTH_MAX];
    uint32_t depth;
    uint32_t document_count;
    const struct sl_yaml_repeats *repeats; /* NULL: a repeated key ends the reading */
    struct sl_yaml_error *error;
};

static int refuse(struct sl_yaml_error *error, int rc, struct sl_mark mark, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(struct sl_yaml_error *error, int rc, struct sl_mark mark, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error->mark = mark;
    (void)vsnprintf(error->sentence, sizeof error->sentence, format, arguments); /* texts of the user are cut */
    va_end(arguments);
    return rc;
}

/* The size of the character at the start of text; 0 when it is not UTF-8. */
static size_t character_size(struct sl_bytes text) {
    for (size_t size = 1; size <= 4 && size <= text.size; size++) {
        if (sl_utf8_is_valid(sl_bytes(text.data, size))) return size;
    }
    return 0;
}

/* Characters that end a line for libyaml but not for an editor (NEL, LS, PS, a lone CR) would make every later line number wrong. */
static bool is_odd_break(const uint8_t *at, size_t size, const uint8_t *end) {
    if (size == 1) return *at == '\r' && (at + 1 == end || at[1] != '\n');
    if (size == 2) return memcmp(at, "\xc2\x85", 2) == 0;
    return size == 3 && (memcmp(at, "\xe2\x80\xa8", 3) == 0 || memcmp(at, "\xe2\x80\xa9", 3) == 0);
}

/* YAML 1.2.2, 5.1. libyaml refuses the rarer ones itself. */
static bool is_control(const uint8_t *at, size_t size) {
    if (size == 2) return at[0] == 0xc2 && at[1] < 0xa0;
    return size == 1 && (*at == 0x7f || (*at < ' ' && *at != '\t' && *at != '\n' && *at != '\r'));
}

static int check_character(const uint8_t *at, size_t size, const uint8_t *end, struct sl_mark mark,
                           struct sl_yaml_error *error) {
    if (size == 0) {
        return refuse(error, SL_E_BAD_INPUT, mark, "byte 0x%02x is not UTF-8: save the file as UTF-8", *at);
    }
    if (is_odd_break(at, size, end)) {
        return refuse(error, SL_E_BAD_INPUT, mark, "lines must end with LF or CR LF, and this one ends otherwise");
    }
    if (is_control(at, size)) {
        return refuse(error, SL_E_BAD_INPUT, mark, "control character 0x%02x is not allowed: write it as an escape in double "
                      "quotes", at[size - 1]);
    }
    if (mark.column == 1 && *at == '%') {
        return refuse(error, SL_E_BAD_INPUT, mark, "a line must not begin with \"%%\": directives are not allowed");
    }
    return SL_OK;
}

static int check_text(struct sl_bytes text, struct sl_yaml_error *error) {
    struct sl_mark mark = {.line = 1, .column = 1, .length = 1};
    const uint8_t *end = text.data + text.size;
    size_t size = 0;
    for (const uint8_t *at = text.data; at < end; at += size) {
        size = character_size(sl_bytes(at, (size_t)(end - at)));
        int rc = check_character(at, size, end, mark, error);
        if (rc != SL_OK) return rc;
        mark.column++;
        if (*at == '\n') mark = (struct sl_mark){.line = mark.line + 1, .column = 1, .length = 1};
    }
    return SL_OK;
}

static struct sl_mark mark_at(yaml_mark_t start) {
    return (struct sl_mark){.line = (uint32_t)start.line + 1, .column = (uint32_t)start.column + 1, .length = 1};
}

/* A collection is marked at its first character; a scalar whole, as far as its first line goes. */
static struct sl_mark mark_of(const yaml_event_t *event) {
    struct sl_mark mark = mark_at(event->start_mark);
    if (event->type == YAML_SCALAR_EVENT) mark.length = (uint32_t)(event->end_mark.index - event->start_mark.index);
    return mark;
}

/* Puts a node where the next one belongs: into the innermost open collection, or at the root. */
static void place(struct parsing *self, struct sl_node *node) {
    if (self->depth == 0) {
        self->tree.root = node;
        return;
    }
    struct frame *frame = &self->frames[self->depth - 1];
    if (frame->node->kind == SL_NODE_MAP) {
        SL_ASSERT(frame->has_key);
        node->key = frame->key;
        node->key_mark = frame->key_mark;
        frame->has_key = false;
        if (frame->is_repeated) return;
    }
    sl_node_append(frame->node, node);
}

static bool wants_key(const struct parsing *self) {
    if (self->depth == 0) return false;
    const struct frame *frame = &self->frames[self->depth - 1];
    return frame->node->kind == SL_NODE_MAP && !frame->has_key;
}

static int take_key(struct parsing *self, struct sl_bytes text, bool is_plain, struct sl_mark mark) {
    struct frame *frame = &self->frames[self->depth - 1];
    if (text.size == 0 && is_plain) return refuse(self->error, SL_E_BAD_INPUT, mark, "a key is missing before the \":\"");
    if (frame->node->count == SL_YAML_KEYS_MAX) {
        return refuse(self->error, SL_E_LIMIT, mark, "a map may have at most %d keys", SL_YAML_KEYS_MAX);
    }
    const struct sl_node *member = frame->node->first;
    while (member && !sl_bytes_equal(member->key, text)) member = member->next;
    frame->is_repeated = member;
    if (member) {
        int rc = refuse(self->error, SL_E_BAD_INPUT, mark, "key \"%.*s\" is given twice; the first one is in line %u, column %u",
                        SL_SHOWN(text), member->key_mark.line, member->key_mark.column);
        if (!self->repeats) return rc;
        self->repeats->add(self->repeats->context, self->error);
    }
    frame->key = sl_tree_copy(&self->tree, text);
    frame->key_mark = mark;
    frame->has_key = true;
    return frame->key.data ? SL_OK : SL_E_NO_MEMORY;
}

/* `depth` is checked before a node is made, so that the tree is never deeper than its limit. */
static int open_collection(struct parsing *self, enum sl_node_kind kind, struct sl_mark mark) {
    if (wants_key(self)) return refuse(self->error, SL_E_BAD_INPUT, mark, "a key must be text, not a list or a map");
    if (self->depth == SL_YAML_DEPTH_MAX) {
        return refuse(self->error, SL_E_LIMIT, mark, "lists and maps may be nested at most %d deep", SL_YAML_DEPTH_MAX);
    }
    struct sl_node *node = sl_tree_node(&self->tree, kind, mark);
    if (!node) return SL_E_NO_MEMORY;
    place(self, node);
    self->frames[self->depth++] = (struct frame){.node = node};
    return SL_OK;
}

static int take_scalar(struct parsing *self, const yaml_event_t *event) {
    struct sl_bytes text = sl_bytes(event->data.scalar.value, event->data.scalar.length);
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct sl_mark mark = mark_of(event);
    if (text.size > SL_YAML_SCALAR_MAX) {
        return refuse(self->error, SL_E_LIMIT, mark, "a value or key may have at most %d bytes; this one has %zu",
                      SL_YAML_SCALAR_MAX, text.size);
    }
    if (wants_key(self)) return take_key(self, text, is_plain, mark);
    struct sl_node *node = sl_tree_node(&self->tree, SL_NODE_SCALAR, mark);
    if (!node) return SL_E_NO_MEMORY;
    node->text = sl_tree_copy(&self->tree, text);
    node->quoted = !is_plain;
    if (!node->text.data) return SL_E_NO_MEMORY;
    place(self, node);
    return SL_OK;
}

static int check_properties(struct parsing *self, const yaml_event_t *event, const yaml_char_t *anchor,
                            const yaml_char_t *tag) {
    struct sl_mark mark = mark_at(event->start_mark);
    if (anchor) return refuse(self->error, SL_E_BAD_INPUT, mark, "anchors (&name) are not allowed: write the value where it is used");
    if (tag) return refuse(self->error, SL_E_BAD_INPUT, mark, "tags (!name) are not allowed: put text in quotes instead");
    return SL_OK;
}

static int take_event(struct parsing *self, const yaml_event_t *event) {
    int rc = SL_OK;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (self->document_count++ == 0) return SL_OK;
        return refuse(self->error, SL_E_BAD_INPUT, mark_at(event->start_mark), "a file may hold one document only");
    case YAML_ALIAS_EVENT:
        return refuse(self->error, SL_E_BAD_INPUT, mark_at(event->start_mark),
                      "aliases (*name) are not allowed: write the value out");
    case YAML_SCALAR_EVENT:
        rc = check_properties(self, event, event->data.scalar.anchor, event->data.scalar.tag);
        return rc == SL_OK ? take_scalar(self, event) : rc;
    case YAML_SEQUENCE_START_EVENT:
        rc = check_properties(self, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        return rc == SL_OK ? open_collection(self, SL_NODE_SEQUENCE, mark_at(event->start_mark)) : rc;
    case YAML_MAPPING_START_EVENT:
        rc = check_properties(self, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return rc == SL_OK ? open_collection(self, SL_NODE_MAP, mark_at(event->start_mark)) : rc;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        SL_ASSERT(self->depth > 0);
        self->depth--;
        return SL_OK;
    default:
        return SL_OK;
    }
}

static bool is_tab_at(struct sl_bytes text, struct sl_mark mark) {
    const uint8_t *at = text.data, *end = text.data + text.size;
    for (uint32_t line = 1; line < mark.line && at < end; line++) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
    }
    for (uint32_t column = 1; at < end && column < mark.column; column++) {
        at += character_size(sl_bytes(at, (size_t)(end - at))); /* checked before: never 0 */
    }
    return at < end && *at == '\t';
}

/* What libyaml found wrong, in its own words where there are no better ones. */
static int refuse_syntax(struct parsing *self) {
    const yaml_parser_t *parser = &self->parser;
    struct sl_mark mark = mark_at(parser->problem_mark);
    if (parser->error == YAML_MEMORY_ERROR) return SL_E_NO_MEMORY;
    if (parser->error == YAML_READER_ERROR) {
        return refuse(self->error, SL_E_BAD_INPUT, (struct sl_mark){0}, "byte %zu of the text is not allowed in YAML",
                      parser->problem_offset);
    }
    if (is_tab_at(self->text, mark)) {
        return refuse(self->error, SL_E_BAD_INPUT, mark, "a tab must not indent a line: use blanks");
    }
    return refuse(self->error, SL_E_BAD_INPUT, mark, "this is not valid YAML: %s%s%s", parser->context ? parser->context : "",
                  parser->context ? ", " : "", parser->problem ? parser->problem : "unknown problem");
}

static int parse_events(struct parsing *self) {
    yaml_event_t event;
    yaml_event_type_t type = YAML_NO_EVENT;
    for (int rc = SL_OK; type != YAML_STREAM_END_EVENT;) {
        if (!yaml_parser_parse(&self->parser, &event)) return refuse_syntax(self);
        type = event.type;
        if (++self->error->event_count > SL_YAML_EVENTS_MAX) {
            rc = refuse(self->error, SL_E_LIMIT, mark_at(event.start_mark), "the text has more than %d parts", SL_YAML_EVENTS_MAX);
        } else {
            rc = take_event(self, &event);
        }
        yaml_event_delete(&event);
        if (rc != SL_OK) return rc;
    }
    return SL_OK;
}

static struct sl_bytes without_bom(struct sl_bytes text) {
    bool has_bom = text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0;
    return has_bom ? sl_bytes(text.data + 3, text.size - 3) : text;
}

int sl_yaml_parse_whole(struct sl_bytes text, const struct sl_alloc *alloc, const struct sl_yaml_repeats *repeats,
                        struct sl_tree *out_tree, struct sl_yaml_error *out_error) {
    *out_error = (struct sl_yaml_error){0};
    if (text.size > SL_PIPELINE_TEXT_MAX) {
        return refuse(out_error, SL_E_LIMIT, (struct sl_mark){0}, "the text has %zu bytes; at most %d are allowed", text.size,
                      SL_PIPELINE_TEXT_MAX);
    }
    struct parsing self = {.text = without_bom(text), .repeats = repeats, .error = out_error};
    int rc = check_text(self.text, out_error);
    if (rc != SL_OK) return rc;
    if (!yaml_parser_initialize(&self.parser)) return SL_E_NO_MEMORY;
    static const unsigned char nothing[1];
    yaml_parser_set_encoding(&self.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&self.parser, self.text.data ? self.text.data : nothing, self.text.size);
    sl_tree_init(&self.tree, alloc);
    rc = parse_events(&self);
    yaml_parser_delete(&self.parser);
    if (rc == SL_OK) {
        *out_tree = self.tree;
    } else {
        sl_tree_fini(&self.tree);
    }
    return rc;
}

int sl_yaml_parse(struct sl_bytes text, const struct sl_alloc *alloc, struct sl_tree *out_tree,
                  struct sl_yaml_error *out_error) {
    return sl_yaml_parse_whole(text, alloc, NULL, out_tree, out_error);
}
