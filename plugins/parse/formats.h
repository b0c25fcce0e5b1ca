/* The formats that this stage reads, one function each. */
#ifndef SL_PARSE_FORMATS_H
#define SL_PARSE_FORMATS_H

#include "builder.h"

enum sl_format { SL_FORMAT_AUTO, SL_FORMAT_TEXT, SL_FORMAT_MARKDOWN, SL_FORMAT_DEBIAN, SL_FORMAT_HTML, SL_FORMAT_JATS };

/* Their names in `config.format` and in the document's metadata; NULL-terminated, by enum. */
extern const char *const sl_format_names[];

/* The format of a document that did not say it: by media type, else by name, else by content. Never SL_FORMAT_AUTO. */
enum sl_format sl_format_detect(struct sl_span name, struct sl_span media_type, struct sl_span bytes);

/* Readers of text, which is valid UTF-8. They cannot fail; errors of memory and size are kept in the builder. */
void sl_read_text(struct sl_builder *builder, struct sl_span text);
void sl_read_markdown(struct sl_builder *builder, struct sl_span text);
void sl_read_debian(struct sl_builder *builder, struct sl_span name, struct sl_span text);

/* Readers of trees. `is_utf8`: the bytes are valid UTF-8, else libxml2 goes by the encoding that they declare. 0, or -1 with
 * what is wrong in `why`, a sentence's end such as "it is not well-formed: ...". */
int sl_read_html(struct sl_builder *builder, struct sl_span bytes, bool is_utf8, char *why, size_t why_size);
int sl_read_jats(struct sl_builder *builder, struct sl_span bytes, bool is_utf8, char *why, size_t why_size);

#endif
