/* measure and devices: the commands that need no session. */
#include "cli.h"

#include <math.h>

/* A JSON string, escaped. */
static void print_json_string(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void print_json_level(const char *key, double value)
{
    if (isfinite(value))
        printf(", \"%s\": %.3f", key, value);
    else
        printf(", \"%s\": null", key);
}

static void print_json_series(const char *key, const double *values, size_t count)
{
    printf(", \"%s\": [", key);
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i]))
            printf("%s%.2f", i ? ", " : "", values[i]);
        else
            printf("%snull", i ? ", " : "");
    }
    putchar(']');
}

static void print_json(const char *file, const mxd_measure_result *result, bool first)
{
    printf("%s{\"file\": ", first ? "" : ",\n ");
    print_json_string(file);
    printf(", \"layout\": \"%s\", \"channels\": %u, \"sample_rate\": %u, \"frames\": %llu", result->layout,
           result->num_channels, result->sample_rate, (unsigned long long)result->num_frames);
    print_json_level("integrated_lufs", result->loudness.integrated_lufs);
    print_json_level("max_momentary_lufs", result->loudness.max_momentary_lufs);
    print_json_level("max_short_term_lufs", result->loudness.max_short_term_lufs);
    print_json_level("range_lu", result->loudness.range_lu);
    print_json_level("true_peak_dbtp", result->loudness.true_peak_dbtp);
    print_json_level("sample_peak_dbfs", result->loudness.sample_peak_dbfs);
    printf(", \"series_step_s\": 0.1");
    print_json_series("momentary_lufs", result->momentary_lufs, result->num_points);
    print_json_series("short_term_lufs", result->short_term_lufs, result->num_points);
    putchar('}');
}

static void print_text(const char *file, const mxd_measure_result *result)
{
    char integrated[16], momentary[16], short_term[16], range[16], true_peak[16], sample_peak[16];
    const mxd_loudness *loudness = &result->loudness;
    printf("%s  %s, %u channels, %u Hz, %.3f s\n", file, result->layout, result->num_channels, result->sample_rate,
           (double)result->num_frames / result->sample_rate);
    printf("  integrated %s LUFS  momentary max %s LUFS  short-term max %s LUFS  range %s LU\n",
           cli_level(loudness->integrated_lufs, integrated), cli_level(loudness->max_momentary_lufs, momentary),
           cli_level(loudness->max_short_term_lufs, short_term), cli_level(loudness->range_lu, range));
    printf("  true peak %s dBTP  sample peak %s dBFS\n", cli_level(loudness->true_peak_dbtp, true_peak),
           cli_level(loudness->sample_peak_dbfs, sample_peak));
}

int cli_measure(const cli_options *options)
{
    int code = EXIT_DONE;
    bool first = true;
    mxd_problems *problems = mxd_problems_create();
    if (!problems)
        return EXIT_FAILED;
    if (options->json)
        putchar('[');
    for (int i = 0; i < options->num_files; i++) {
        mxd_measure_result *measured = NULL;
        mxd_result result = mxd_measure_file(options->files[i], options->layout, options->render.num_threads, problems,
                                             &measured);
        if (result != MXD_OK) {
            code = cli_exit_code(result) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
            continue;
        }
        if (options->json)
            print_json(options->files[i], measured, first);
        else
            print_text(options->files[i], measured);
        first = false;
        mxd_measure_result_destroy(measured);
    }
    if (options->json)
        puts("]");
    cli_print_problems(problems);
    mxd_problems_destroy(problems);
    return code;
}

static void print_device(const mxd_device *device)
{
    if (device->backend == MXD_BACKEND_VULKAN)
        printf("vulkan --device %u  ", device->index);
    else
        printf("cpu                ");
    printf("%s  (%s)%s%s%s%s\n", device->name, device->driver, device->software ? "  software" : "",
           device->usable ? "" : "  not usable", device->remark[0] ? ": " : "", device->remark);
    for (size_t i = 0; i < device->num_facts; i++)
        printf("    %-11s %s\n", device->facts[i].name, device->facts[i].text);
}

static void print_device_json(const mxd_device *device, bool first)
{
    bool vulkan = device->backend == MXD_BACKEND_VULKAN;
    printf("%s{\"backend\": \"%s\"", first ? "" : ",\n ", vulkan ? "vulkan" : "cpu");
    if (vulkan)
        printf(", \"device\": %u", device->index);
    printf(", \"name\": ");
    print_json_string(device->name);
    printf(", \"driver\": ");
    print_json_string(device->driver);
    printf(", \"software\": %s, \"usable\": %s, \"remark\": ", device->software ? "true" : "false",
           device->usable ? "true" : "false");
    print_json_string(device->remark);
    printf(", \"facts\": {");
    for (size_t i = 0; i < device->num_facts; i++) {
        printf("%s\"%s\": ", i ? ", " : "", device->facts[i].name);
        print_json_string(device->facts[i].text);
    }
    printf("}}");
}

int cli_devices(const cli_options *options)
{
    mxd_devices *devices = NULL;
    mxd_problems *problems = mxd_problems_create();
    if (!problems)
        return EXIT_FAILED;
    mxd_result result = mxd_devices_list(problems, &devices);
    bool any_vulkan = false;
    if (options->json && result == MXD_OK)
        putchar('[');
    for (size_t i = 0; result == MXD_OK && i < devices->num_devices; i++) {
        if (options->json)
            print_device_json(&devices->devices[i], i == 0);
        else
            print_device(&devices->devices[i]);
        any_vulkan |= devices->devices[i].backend == MXD_BACKEND_VULKAN;
    }
    if (options->json && result == MXD_OK)
        puts("]");
    else if (result == MXD_OK && !any_vulkan)
        puts("no Vulkan device: install a GPU's Vulkan driver, or mesa-vulkan-drivers for a software device");
    cli_print_problems(problems);
    mxd_devices_destroy(devices);
    mxd_problems_destroy(problems);
    return cli_exit_code(result);
}
