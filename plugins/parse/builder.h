/* Writes a `document` value piece by piece: sections and blocks in order, with ids that the same input gives again. */
#ifndef SL_PARSE_BUILDER_H
#define SL_PARSE_BUILDER_H

#include "sdk/output.h"
#include "sdk/string.h"

/* One block as a parser finds it. Everything is borrowed for the call. */
struct sl_part {
    const char *kind;      /* paragraph, heading, item, code, quote, row, caption, reference, footnote, copyright, ... */
    struct sl_span text;   /* trimmed here; a blank text makes no block */
    size_t start;          /* of the text in the source; not looked at when the builder counts text */
    size_t end;
    struct sl_span anchor; /* empty, or the source's own id of this part: the block's id is then '#' and the anchor */
    const struct sl_span *refs; /* anchors that this part refers to; each is the anchor of some other part */
    size_t ref_count;
};

struct sl_builder {
    struct sl_output sections;
    struct sl_output metadata;
    struct sl_string title;         /* of the document */
    struct sl_string first_text;    /* the title when nothing else says one */
    struct sl_string section_title; /* of the section that begins with the next block */
    bool counts_text;               /* offsets are those of the blocks' joined text: for formats that are trees */
    size_t text_size;
    size_t sections_place;
    size_t blocks_place;
    uint32_t section_count;
    uint32_t block_count;
    uint32_t section_block_count;
    uint32_t note_count;
    bool is_open; /* a section was begun in the output */
};

void sl_builder_init(struct sl_builder *self, bool counts_text);
void sl_builder_fini(struct sl_builder *self);

/* The document's title; the first that is not blank counts. */
void sl_builder_title(struct sl_builder *self, struct sl_span title);
/* Ends the section before; the next block begins one with this title. */
void sl_builder_section(struct sl_builder *self, struct sl_span title);
void sl_builder_block(struct sl_builder *self, const struct sl_part *part);
/* A section that begins with its title as a block of kind `heading`. */
void sl_builder_heading(struct sl_builder *self, struct sl_span title, size_t start, size_t end);
/* A fact about the document, in its metadata; a blank value is left out. */
void sl_builder_note(struct sl_builder *self, const char *key, struct sl_span value);

/* Ends and gives the document to the host. The builder can only be freed afterwards. */
sluice_outcome sl_builder_send(struct sl_builder *self, const struct sl_attempt *attempt, struct sl_span name);

#endif
