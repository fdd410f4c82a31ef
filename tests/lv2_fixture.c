#include "lv2_fixture.h"

#include <stdio.h>
#include <stdlib.h>

void lv2_fixture_set_up(void)
{
    setenv("MXD_LV2_HOST", MXD_LV2_HOST_BUILT, 0);
    setenv("LV2_PATH", MXD_TEST_LV2_FOLDER ":/usr/lib/lv2:/usr/local/lib/lv2", 1);
    setenv("MXD_LV2_TIMEOUT_S", "60", 1); /* sanitizers on a busy machine */
}

bool lv2_fixture_has(const char *uri, const char *package)
{
    const mxd_lv2_choice choice = {.uri = uri, .sample_rate = 48000};
    mxd_lv2_plugin *plugin;
    bool has = mxd_lv2_find(&choice, NULL, NULL, &plugin) == MXD_OK;
    mxd_lv2_plugin_destroy(plugin);
    if (!has)
        printf("not installed, so not tested: %s (Debian package %s)\n", uri, package);
    return has;
}
