/* The command line: one table of options, of which each command takes some. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct option_help {
    const char *name;
    int has_argument;
    const char *argument;
    const char *text;
} option_help;

static const option_help table[] = {
    {"backend", required_argument, "auto|vulkan|cpu|reference", "where to render (auto: a GPU if there is one, else cpu)"},
    {"device", required_argument, "N[,N...]", "Vulkan device, as `mixdown devices` numbers them; up to 16 share the tracks"},
    {"threads", required_argument, "N", "processor threads (default: all)"},
    {"memory", required_argument, "SIZE", "bound on memory, such as 512M or 4G (default: half of the machine's); blocks follow from it"},
    {"block-size", required_argument, "FRAMES", "frames a block: a power of two, 1024 to 1048576"},
    {"from", required_argument, "TIME", "begin here, in seconds or at a marker; tails of what came before are heard"},
    {"to", required_argument, "TIME", "end here, in seconds or at a marker"},
    {"only", required_argument, "NAME", "only this deliverable, by layout or file name; may be repeated"},
    {"output-dir", required_argument, "DIR", "write the files here instead of where the session says"},
    {"stems", no_argument, NULL, "write each track's and bus's part of every deliverable too, into FILE.stems/"},
    {"report", required_argument, "FILE.json", "write a report: loudness over time, peaks, clipping, times"},
    {"progress", required_argument, "auto|json|none", "progress on standard error (auto: on a terminal)"},
    {"against", required_argument, "BACKEND", "the other backend (default reference)"},
    {"against-block-size", required_argument, "FRAMES", "its block size"},
    {"limit", required_argument, "DBFS", "highest peak difference that passes (default -120)"},
    {"layout", required_argument, "NAME", "the files' layout, such as 7.1.4 or 4+7+0"},
    {"json", no_argument, NULL, "JSON to standard output"},
};

#define NUM_OPTIONS (sizeof table / sizeof table[0])

static bool takes(const cli_command *command, const char *name)
{
    char padded[64];
    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(command->options, padded) != NULL;
}

void cli_help(const cli_command *command, FILE *stream)
{
    fprintf(stream, "mixdown %s %s%s\n\n%s\n\n", command->name, command->arguments,
            command->options[1] ? " [OPTIONS]" : "", command->summary);
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        if (!takes(command, table[i].name))
            continue;
        char left[64];
        snprintf(left, sizeof left, "--%s %s", table[i].name, table[i].argument ? table[i].argument : "");
        fprintf(stream, "  %-36s %s\n", left, table[i].text);
    }
    fprintf(stream, "\nExample: %s\n", command->example);
}

static bool parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || parsed < min || parsed > max)
        return false;
    *value = parsed;
    return true;
}

static bool parse_number(const char *text, double min, double max, double *value)
{
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end || !(parsed >= min && parsed <= max))
        return false;
    *value = parsed;
    return true;
}

/* 512M, 4G, 800000K, or bytes; 512m, 512MB and 512MiB are the same as 512M. */
static bool parse_size(const char *text, uint64_t *bytes)
{
    char *end;
    double value = strtod(text, &end);
    const char *units = "KMGT", *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (end == text || !(value > 0.0))
        return false;
    if (*end && (!unit || (end[1] && strcmp(end + 1, "B") != 0 && strcmp(end + 1, "iB") != 0)))
        return false;
    value = unit ? ldexp(value, 10 * (int)(unit - units + 1)) : value;
    if (value > 0x1p60)
        return false;
    *bytes = (uint64_t)value;
    return true;
}

static bool parse_backend(const char *text, mxd_backend_kind *kind)
{
    static const char *names[] = {"auto", "vulkan", "cpu", "reference"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *kind = (mxd_backend_kind)i;
            return true;
        }
    }
    return false;
}

/* One number, or several between commas. */
static bool parse_devices(const char *text, cli_options *options)
{
    mxd_render_options *render = &options->render;
    size_t count = 0;
    const char *next = text;
    do {
        char number[16];
        size_t length = strcspn(next, ",");
        uint64_t value;
        if (length >= sizeof number || count == CLI_MAX_DEVICES)
            return false;
        memcpy(number, next, length);
        number[length] = '\0';
        if (!parse_count(number, 0, 255, &value))
            return false;
        options->devices[count++] = (uint32_t)value;
        next += length;
    } while (*next++ == ',');
    render->device = options->devices[0];
    render->device_given = true;
    render->devices = options->devices;
    render->num_devices = count;
    return true;
}

static bool parse_block_size(const char *text, uint32_t *frames)
{
    uint64_t value;
    if (!parse_count(text, 1024, 1u << 20, &value) || (value & (value - 1)))
        return false;
    *frames = (uint32_t)value;
    return true;
}

static bool parse_progress(const char *text, cli_progress *progress)
{
    static const char *names[] = {"auto", "json", "none"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *progress = (cli_progress)i;
            return true;
        }
    }
    return false;
}

static bool ends_in(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length > tail && strcmp(text + length - tail, ending) == 0;
}

/* One year in seconds bounds every time on the command line. */
#define MAX_SECONDS 31536000.0

/* Seconds, or what is no number: a marker's name. The last one given counts. */
static bool parse_time(const char *text, double min_s, double *seconds, const char **marker)
{
    char *end;
    strtod(text, &end);
    *seconds = 0.0;
    *marker = end == text || *end ? text : NULL;
    return *marker ? text[0] != '\0' : parse_number(text, min_s, MAX_SECONDS, seconds);
}

static bool set_option(const char *name, const char *argument, cli_options *options)
{
    mxd_render_options *render = &options->render;
    uint64_t count = 0;
    bool good = true;
    if (strcmp(name, "backend") == 0)
        good = parse_backend(argument, &render->backend);
    else if (strcmp(name, "device") == 0)
        good = parse_devices(argument, options);
    else if (strcmp(name, "threads") == 0) {
        good = parse_count(argument, 1, 1024, &count);
        render->num_threads = (uint32_t)count;
    } else if (strcmp(name, "memory") == 0)
        good = parse_size(argument, &render->memory_bytes);
    else if (strcmp(name, "block-size") == 0)
        good = parse_block_size(argument, &render->block_frames);
    else if (strcmp(name, "from") == 0)
        good = parse_time(argument, 0.0, &render->from_s, &render->from_marker);
    else if (strcmp(name, "to") == 0)
        good = parse_time(argument, 1e-6, &render->to_s, &render->to_marker);
    else if (strcmp(name, "only") == 0)
        options->only[render->num_only++] = argument;
    else if (strcmp(name, "output-dir") == 0) {
        render->output_dir = argument;
        good = argument[0] != '\0'; /* what a script passes whose variable is not set; not the root */
    } else if (strcmp(name, "stems") == 0)
        render->stems = true;
    else if (strcmp(name, "report") == 0) {
        render->report = argument;
        good = ends_in(argument, ".json");
    } else if (strcmp(name, "progress") == 0)
        good = parse_progress(argument, &options->progress);
    else if (strcmp(name, "against") == 0)
        good = parse_backend(argument, &options->against.backend);
    else if (strcmp(name, "against-block-size") == 0)
        good = parse_block_size(argument, &options->against.block_frames);
    else if (strcmp(name, "limit") == 0)
        good = parse_number(argument, -400.0, 0.0, &options->limit_dbfs);
    else if (strcmp(name, "layout") == 0)
        options->layout = argument;
    else if (strcmp(name, "json") == 0)
        options->json = true;
    return good;
}

static int complain(const cli_command *command, const char *what, const char *about)
{
    fprintf(stderr, "mixdown %s: %s%s; see mixdown %s --help\n", command->name, what, about, command->name);
    return EXIT_USAGE;
}

static int complain_of_value(const cli_command *command, const option_help *option, const char *value)
{
    fprintf(stderr, "mixdown %s: --%s cannot be '%s': %s (%s)\n", command->name, option->name, value, option->text,
            option->argument);
    return EXIT_USAGE;
}

/* word: the one that getopt_long stands behind; within a cluster of letters such as -ab it is the one before. */
static int complain_of_option(const cli_command *command, const char *word)
{
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > 0 && optopt <= CHAR_MAX;
    return complain(command, "unknown option ", is_letter ? letter : word);
}

static int check_files(const cli_command *command, const cli_options *options)
{
    bool any = strcmp(command->arguments, "FILE...") == 0, one = strcmp(command->arguments, "SESSION") == 0;
    if ((any || one) && options->num_files == 0)
        return complain(command, "missing ", one ? "the session file" : "the audio files");
    if ((one && options->num_files > 1) || (!any && !one && options->num_files > 0))
        return complain(command, "what is this: ", options->files[one ? 1 : 0]);
    return EXIT_DONE;
}

/* Several devices are a wish that only Vulkan can fulfil. */
static int check_devices(const cli_command *command, const cli_options *options)
{
    const mxd_backend_kind backends[] = {options->render.backend, options->against.backend};
    size_t count = takes(command, "against") ? 2 : 1;
    bool vulkan = false;
    for (size_t i = 0; i < count; i++)
        vulkan |= backends[i] == MXD_BACKEND_VULKAN || backends[i] == MXD_BACKEND_AUTO;
    if (options->render.num_devices > 1 && !vulkan)
        return complain(command, "--device names several Vulkan devices, but --backend does not say vulkan", "");
    return EXIT_DONE;
}

int cli_parse(const cli_command *command, int argc, char **argv, cli_options *options)
{
    struct option longs[NUM_OPTIONS + 1] = {0};
    int num_longs = 0;
    for (size_t i = 0; i < NUM_OPTIONS; i++)
        if (takes(command, table[i].name))
            longs[num_longs++] = (struct option){table[i].name, table[i].has_argument, NULL, (int)i + CHAR_MAX + 1};
    *options = (cli_options){.limit_dbfs = -120.0, .against.backend = MXD_BACKEND_REFERENCE};
    options->only = calloc((size_t)argc + 1, sizeof *options->only);
    if (!options->only)
        return complain(command, "memory ran out", "");
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, ":", longs, NULL)) != -1;) {
        if (found == ':')
            return complain(command, "a value is missing after ", argv[optind - 1]);
        if (found == '?')
            return complain_of_option(command, argv[optind - 1]);
        const option_help *option = &table[found - CHAR_MAX - 1];
        if (!set_option(option->name, optarg, options))
            return complain_of_value(command, option, optarg);
    }
    options->files = (const char *const *)argv + optind;
    options->num_files = argc - optind;
    options->render.only = options->only;
    int code = check_devices(command, options);
    return code == EXIT_DONE ? check_files(command, options) : code;
}
