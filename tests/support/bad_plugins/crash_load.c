/* A plugin that crashes while it is loaded. */
#include <sluice/stage.h>
#include <signal.h>
#include <stdio.h>

__attribute__((constructor)) static void crash(void) {
    (void)fprintf(stderr, "about to fall over\n");
    (void)raise(SIGSEGV);
}

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host) {
    (void)host;
    return NULL;
}
