/* mixdown: picks the command. */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define RENDER_OPTIONS " backend device threads memory block-size from to only "

static const cli_command commands[] = {
    {"render", "render a session's deliverables", "SESSION", RENDER_OPTIONS "output-dir stems report progress ",
     "mixdown render song.json --output-dir out --report out/report.json", cli_render},
    {"check", "tell every problem of a session, and what a render would do", "SESSION", RENDER_OPTIONS "stems ",
     "mixdown check song.json", cli_check},
    {"null-test", "render on two backends and tell the difference", "SESSION",
     RENDER_OPTIONS "against against-block-size limit ",
     "mixdown null-test song.json --backend cpu --against reference --from 10 --to 12", cli_null_test},
    {"measure", "loudness and true peak of audio files", "FILE...", " layout threads json ",
     "mixdown measure out/*.wav", cli_measure},
    {"devices", "list what there is to render on", "", " json ", "mixdown devices", cli_devices},
};

static void print_overview(FILE *stream)
{
    fputs("mixdown " MXD_VERSION ": renders a mix, offline, to every deliverable in one pass\n\n", stream);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(stream, "  mixdown %-9s %-10s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    fputs("\n  mixdown COMMAND --help   its options and an example\n"
          "\nExit codes: 0 done, 1 the render failed, 2 the command line, 3 the session is not valid, 130 interrupted\n",
          stream);
}

static const cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("mixdown " MXD_VERSION);
        return EXIT_DONE;
    }
    const cli_command *command = find_command(name);
    if (!command) {
        if (name[0])
            fprintf(stderr, "mixdown: there is no command '%s'\n\n", name);
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (wants_help(argc, argv)) {
        cli_help(command, stdout);
        return EXIT_DONE;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is then a write error with a message */
    cli_options options;
    int code = cli_parse(command, argc - 1, argv + 1, &options);
    if (code == EXIT_DONE)
        code = command->run(&options);
    free(options.only);
    /* An earlier flush may have failed, and then this one has nothing left to fail with. */
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written && code == EXIT_DONE) {
        fputs("mixdown: standard output cannot be written\n", stderr);
        code = EXIT_FAILED;
    }
    return code;
}
