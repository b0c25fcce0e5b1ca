/* Plain text: paragraphs between empty lines. */
#include "formats.h"
#include "lines.h"

void sl_read_text(struct sl_builder *builder, struct sl_span text) {
    struct sl_lines lines = {.text = text};
    struct sl_line line;
    size_t start = 0, end = 0;
    while (sl_lines_next(&lines, &line)) {
        if (!line.is_blank) {
            if (end == 0) start = line.start + (size_t)(sl_span_trim(line.text).data - line.text.data);
            end = line.end;
            continue;
        }
        sl_builder_block(builder, &(struct sl_part){"paragraph", sl_span(text.data + start, end - start), start, end,
                                                    {0}, NULL, 0});
        start = end = 0;
    }
    sl_builder_block(builder, &(struct sl_part){"paragraph", sl_span(text.data + start, end - start), start, end, {0}, NULL, 0});
}
