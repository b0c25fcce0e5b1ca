/* A plugin that ends the process that loads it. */
#include <sluice/stage.h>
#include <unistd.h>

__attribute__((constructor)) static void leave(void) {
    _exit(4);
}

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    (void)host;
    return NULL;
}
