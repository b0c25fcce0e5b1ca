/* A plugin that never finishes loading. */
#include <sluice/stage.h>
#include <unistd.h>

__attribute__((constructor)) static void hang(void) {
    for (;;) (void)pause();
}

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    (void)host;
    return NULL;
}
