/* Texts of the error codes. */
#include "err.h"

const char *sl_err_text(int rc) {
    switch (rc) {
    case SL_OK:
        return "success";
#define SL_ERR(name, number, text)                                                                                     \
    case SL_E_##name:                                                                                                  \
        return text;
#include "err.def"
#undef SL_ERR
    default:
        return "unknown error";
    }
}
