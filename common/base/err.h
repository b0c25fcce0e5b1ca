/* Error codes: 0 is success, every failure is one of the negative numbers below. The list is err.def. */
#ifndef SL_BASE_ERR_H
#define SL_BASE_ERR_H

enum sl_err {
    SL_OK = 0,
#define SL_ERR(name, number, text) SL_E_##name = -(number),
#include "err.def"
#undef SL_ERR
};

/* The text of an error code; "unknown error" for a number that is none. Static. */
const char *sl_err_text(int rc);

#endif
