/* What several commands print. */
#include "cli.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_bool interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    atomic_store(&interrupted, true);
}

void cli_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART}, hangup;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* The terminal went away: no half files then either, but nohup has its way. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}

bool cli_interrupted(void *user)
{
    (void)user;
    return atomic_load(&interrupted);
}

void cli_print_problems(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++) {
        const mxd_problem *problem = mxd_problems_get(problems, i);
        if (problem->file)
            fprintf(stderr, "%s:", problem->file);
        if (problem->file && problem->line)
            fprintf(stderr, "%u:%u:", problem->line, problem->column);
        fprintf(stderr, "%s%s: %s", problem->file ? " " : "",
                problem->severity == MXD_SEVERITY_ERROR ? "error" : "warning", problem->text);
        if (problem->path && problem->path[0])
            fprintf(stderr, " (at %s)", problem->path);
        fputc('\n', stderr);
    }
}

int cli_exit_code(mxd_result result)
{
    switch (result) {
    case MXD_OK:
        return EXIT_DONE;
    case MXD_ERROR_INVALID:
        return EXIT_INVALID;
    case MXD_ERROR_ARGUMENT:
        return EXIT_USAGE;
    case MXD_ERROR_CANCELLED:
        return EXIT_INTERRUPTED;
    default:
        return EXIT_FAILED;
    }
}

const char *cli_level(double value, char text[16])
{
    if (isfinite(value))
        snprintf(text, 16, "%.2f", value);
    else
        snprintf(text, 16, "%s", value < 0.0 ? "-inf" : "inf");
    return text;
}
