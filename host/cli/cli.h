/* What the commands of `mixdown` share. This folder knows the public header only. */
#ifndef MXD_CLI_CLI_H
#define MXD_CLI_CLI_H

#include "../mixdown.h"

#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INVALID = 3, EXIT_INTERRUPTED = 130 };

typedef enum cli_progress { PROGRESS_AUTO, PROGRESS_JSON, PROGRESS_NONE } cli_progress;

/* Most devices that --device can name: what mxd_render_options allows. */
#define CLI_MAX_DEVICES 16

/* Everything that any command's options can say. */
typedef struct cli_options {
    mxd_render_options render;
    mxd_render_options against;     /* null-test's other side: backend and block size */
    const char **only;              /* owned; render.only points to it */
    uint32_t devices[CLI_MAX_DEVICES]; /* render.devices points to it */
    double limit_dbfs;
    cli_progress progress;
    const char *layout;             /* measure */
    bool json;                      /* measure */
    const char *const *files;       /* what is left of the command line */
    int num_files;
} cli_options;

typedef struct cli_command {
    const char *name;
    const char *summary;
    const char *arguments;          /* "SESSION" */
    const char *options;            /* names of the long options that it takes, each between spaces */
    const char *example;
    int (*run)(const cli_options *options);
} cli_command;

/* EXIT_DONE, or EXIT_USAGE after a message. Free options->only with free(). */
int cli_parse(const cli_command *command, int argc, char **argv, cli_options *options);
/* The command's help, with every option that it takes. */
void cli_help(const cli_command *command, FILE *stream);

/* Problems to standard error, one a line: file:line:column: error: text (at path). */
void cli_print_problems(const mxd_problems *problems);
int cli_exit_code(mxd_result result);
/* "-23.0", or "-inf" for silence; into text[16]. */
const char *cli_level(double value, char text[16]);

/* From here on SIGINT, SIGTERM and SIGHUP end nothing; they are only taken note of. */
void cli_catch_interrupts(void);
/* Whether one has come: an mxd_render_options.is_cancelled. */
bool cli_interrupted(void *user);

int cli_render(const cli_options *options);
int cli_check(const cli_options *options);
int cli_null_test(const cli_options *options);
int cli_measure(const cli_options *options);
int cli_devices(const cli_options *options);

#endif
