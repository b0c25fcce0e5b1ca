/* The text of sluice1.lua inside the program; see ledger_library.h. */
#include "ledger_library.h"

/* The assembler includes the file, so that no generated source stands between it and the program. */
__asm__(".pushsection .rodata\n"
        "sl_ledger_library_start:\n"
        ".incbin \"" SLUICE_LEDGER_LIBRARY_PATH "\"\n"
        "sl_ledger_library_stop:\n"
        ".byte 0\n"
        ".popsection\n");

extern const uint8_t sl_ledger_library_start[] __attribute__((visibility("hidden")));
extern const uint8_t sl_ledger_library_stop[] __attribute__((visibility("hidden")));

struct sl_bytes sl_ledger_library_text(void) {
    return sl_bytes(sl_ledger_library_start, (size_t)(sl_ledger_library_stop - sl_ledger_library_start));
}

struct sl_digest sl_ledger_library_digest(void) {
    struct sl_bytes text = sl_ledger_library_text();
    return sl_digest_parts(&text, 1);
}
