/*
 * Loads each session named on the command line and prints one line of JSON for
 * it: {"file", "result", "problems": [{"error", "line", "column", "path", "text"}]}.
 * For schema_test.py, which holds the schema against what the loader says.
 */
#include "host/mixdown.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *describe(const mxd_problem *problem)
{
    return json_pack("{s:b, s:i, s:i, s:s?, s:s}", "error", problem->severity == MXD_SEVERITY_ERROR, "line",
                     (int)problem->line, "column", (int)problem->column, "path", problem->path, "text", problem->text);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        mxd_problems *problems = mxd_problems_create();
        mxd_session *session = NULL;
        if (!problems)
            return 1;
        mxd_result result = mxd_session_load(argv[i], problems, &session);
        json_t *list = json_array();
        for (size_t j = 0; j < mxd_problems_count(problems); j++)
            json_array_append_new(list, describe(mxd_problems_get(problems, j)));
        json_t *line = json_pack("{s:s, s:i, s:o}", "file", argv[i], "result", (int)result, "problems", list);
        char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
        if (!text)
            return 1;
        puts(text);
        free(text);
        json_decref(line);
        mxd_session_destroy(session);
        mxd_problems_destroy(problems);
    }
    return 0;
}
