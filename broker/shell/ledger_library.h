/* The function library that Redis runs for every write: sluice1.lua, as it was when this program was built. */
#ifndef SL_SHELL_LEDGER_LIBRARY_H
#define SL_SHELL_LEDGER_LIBRARY_H

#include "base/bytes.h"
#include "base/id.h"

#define SL_LEDGER_LIBRARY_NAME "sluice1"

/* Its text. Static. */
struct sl_bytes sl_ledger_library_text(void);

/* The digest of its text, which sl:cluster keeps: brokers of one cluster run one library. */
struct sl_digest sl_ledger_library_digest(void);

#endif
