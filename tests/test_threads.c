/* The pool of threads: each index once, on a thread that there is. */
#include "host/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void count_index(void *user, uint32_t index, uint32_t thread)
{
    uint32_t(*counts)[1000] = user;
    assert_true(thread < 5);
    counts[thread][index]++;
}

static void test_threads(void **state)
{
    (void)state;
    static uint32_t counts[5][1000];
    mxd_threads *threads = mxd_threads_create(5);
    assert_non_null(threads);
    assert_int_equal(mxd_threads_count(threads), 5);
    for (uint32_t loop = 0; loop < 300; loop++) {
        uint32_t count = loop * 37 % 1000;
        memset(counts, 0, sizeof counts);
        mxd_threads_run(threads, count, count_index, counts);
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t sum = 0;
            for (int t = 0; t < 5; t++)
                sum += counts[t][i];
            assert_int_equal(sum, i < count ? 1 : 0);
        }
    }
    mxd_threads_destroy(threads);
    mxd_threads_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
