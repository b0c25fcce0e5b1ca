/* The sense of a document, where sdk/document.h looks at its shape only. */
#ifndef SL_VALIDATION_CHECK_H
#define SL_VALIDATION_CHECK_H

#include "sdk/document.h"

/* Checks, in this order: there is content; every id is there and the only one of its kind; offsets do not go back; every
 * reference names a section or a block. SLUICE_DONE; or a failure with a sentence that names the first thing that is wrong. */
sluice_outcome sl_validation_check(const struct sl_document *document, const struct sl_attempt *attempt);

#endif
