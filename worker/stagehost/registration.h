/* What a plugin says of one stage type: the checks of it (seed, row 9). */
#ifndef SL_STAGEHOST_REGISTRATION_H
#define SL_STAGEHOST_REGISTRATION_H

#include "sluice/stage.h"

enum { SL_STRUCT_SIZE_MAX = 4096 }; /* a size above this is no size of ours, now or later */

/* Checks a registration and copies the part of it that its size covers; the rest becomes 0. Its texts stay the plugin's.
 * 0; SL_E_REFUSED with a sentence in `error`. */
int sl_registration_copy(const sluice_registration *registration, sluice_registration *out_copy, char *error,
                         size_t error_size);

#endif
