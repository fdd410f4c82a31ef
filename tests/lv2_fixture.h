/* The LV2 plug-ins of the tests (tests/lv2/), and what the machine has besides. */
#ifndef MXD_TESTS_LV2_FIXTURE_H
#define MXD_TESTS_LV2_FIXTURE_H

#include "host/hosted/lv2.h"

#define TEST_PLUGIN(name) "urn:mixdown:test:" name

/* Lets the library find the program of this build, and lilv the tests' own plug-ins beside those installed. */
void lv2_fixture_set_up(void);
/* Whether a plug-in is installed; says so where it is not, with the Debian package that holds it. */
bool lv2_fixture_has(const char *uri, const char *package);

#endif
