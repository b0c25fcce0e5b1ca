/* Lines on a terminal that are drawn over, and lines that stay. */
#ifndef SL_CLI_PAINTER_H
#define SL_CLI_PAINTER_H

#include "base/bytes.h"

#include <stdint.h>
#include <stdio.h>

struct sl_painter {
    FILE *stream;
    uint32_t line_count; /* drawn now, above the cursor */
};

/* Draws text of line_count lines over the lines drawn before. Long lines are cut by the terminal, never wrapped. */
void sl_painter_draw(struct sl_painter *self, struct sl_bytes text, uint32_t line_count);

/* Takes the drawn lines away, so that something that stays can be printed. */
void sl_painter_erase(struct sl_painter *self);

/* Leaves the drawn lines where they are: what comes next is below. */
void sl_painter_leave(struct sl_painter *self);

#endif
