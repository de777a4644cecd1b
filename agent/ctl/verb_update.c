/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

#define UPDATE "io.czone.Container.Update"

/* More than any machine has. */
#define CPUS_MAX 8192

struct update_options {
    int64_t memory, pids, cpu_weight; /* 0: not given */
    const char *cpus;
};

#define OF(member) offsetof(struct update_options, member)
static const struct option_row rows[] = {
    { "memory", 'm', OPTION_SIZE, OF(memory), "SIZE", "the most memory, within what its zone has", 0, 0 },
    { "pids", 0, OPTION_NUMBER, OF(pids), "N", "the most processes and threads", 1, 4194304 },
    { "cpu-weight", 0, OPTION_NUMBER, OF(cpu_weight), "N",
      "share of the CPUs among containers that want them, 1 to 10000; each begins with 100", 1, 10000 },
    { "cpus", 0, OPTION_TEXT, OF(cpus), "N", "the most of the CPUs, 0.01 and above, as in 1.5; 0: no limit",
      0, 0 },
    { 0 },
};

/* "1.5" to thousandths. Returns -1 for what is no such number. */
static int64_t parse_cpus(const char *text)
{
    size_t whole = strspn(text, "0123456789"), part;
    int64_t thousandths;

    if (whole == 0 || whole > 5)
        return -1;
    thousandths = strtoll(text, NULL, 10) * 1000;
    text += whole;
    if (*text == '.') {
        part = strspn(++text, "0123456789");
        if (part == 0 || part > 3)
            return -1;
        for (int64_t i = 0, unit = 100; i < (int64_t)part; i++, unit /= 10)
            thousandths += (*text++ - '0') * unit;
    }
    return *text == '\0' && thousandths <= (int64_t)CPUS_MAX * 1000 ? thousandths : -1;
}

static json_t *parameters(const struct update_options *options, const char *id, int64_t cpu_quota)
{
    CLEANUP_JSON json_t *object = json_pack("{s:s}", "id", id);
    const struct {
        const char *name;
        int64_t value, absent;
    } members[] = {
        { "memory", options->memory, 0 },
        { "pids", options->pids, 0 },
        { "cpu_weight", options->cpu_weight, 0 },
        { "cpu_quota", cpu_quota, -1 },
    };

    for (size_t i = 0; object && i < ELEMENTS(members); i++)
        if (members[i].value != members[i].absent &&
            json_object_set_new(object, members[i].name, json_integer(members[i].value)) < 0)
            return NULL;
    return TAKE(object);
}

struct limits {
    int64_t memory, pids, cpu_weight, cpu_quota; /* -1: none */
};

#define OF_LIMIT(member) offsetof(struct limits, member)
static const struct varlink_field limits_fields[] = {
    { "memory", VARLINK_INT, OF_LIMIT(memory), 0, .max = INT64_MAX },
    { "pids", VARLINK_INT, OF_LIMIT(pids), 0, .max = INT64_MAX },
    { "cpu_weight", VARLINK_INT, OF_LIMIT(cpu_weight), 0, .max = INT64_MAX },
    { "cpu_quota", VARLINK_INT, OF_LIMIT(cpu_quota), 0, .max = INT64_MAX },
};

static void print_number(const struct ctl *ctl, const char *title, int64_t number)
{
    if (number >= 0)
        (void)fprintf(ctl->out.file, "%-11s %lld\n", title, (long long)number);
    else
        (void)fprintf(ctl->out.file, "%-11s no limit\n", title);
}

static enum exit_code print(const struct ctl *ctl, json_t *answer)
{
    json_t *object = json_object_get(answer, "limits");
    struct limits limits = { -1, -1, -1, -1 };
    struct varlink_fault fault = { 0 };
    char size[SIZE_TEXT_MAX];

    if (!json_is_object(object))
        return ctl_bad_reply(ctl, UPDATE, "limits", "is missing");
    if (varlink_fields_decode(object, limits_fields, ELEMENTS(limits_fields), VARLINK_IGNORE_UNKNOWN, &limits,
                              &fault) < 0)
        return ctl_bad_reply(ctl, UPDATE, fault.parameter, fault.reason.text);
    if (ctl->options.json)
        return ctl_print_json(ctl, object);
    (void)fprintf(ctl->out.file, "%-11s %s\n", "Memory",
                  limits.memory >= 0 ? size_format(limits.memory, size) : "no limit");
    print_number(ctl, "Pids", limits.pids);
    if (limits.cpu_weight >= 0)
        print_number(ctl, "CPU weight", limits.cpu_weight);
    if (limits.cpu_quota >= 0)
        (void)fprintf(ctl->out.file, "%-11s %lld.%03lld\n", "CPUs", (long long)limits.cpu_quota / 1000,
                      (long long)limits.cpu_quota % 1000);
    else if (limits.cpu_weight >= 0)
        print_number(ctl, "CPUs", -1);
    return EXIT_OK;
}

static int update_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct update_options *options = data;
    int64_t cpu_quota = options->cpus ? parse_cpus(options->cpus) : -1;
    enum exit_code worst = EXIT_OK;

    if (options->cpus && cpu_quota < 0) {
        ctl_error(ctl, "--cpus: '%s' is no number of CPUs, such as 2 or 0.5", options->cpus);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < n_arguments; i++) {
        CLEANUP_JSON json_t *answer = NULL;
        enum exit_code code;

        code = ctl_call(ctl, UPDATE, parameters(options, arguments[i], cpu_quota), CTL_ANSWER_MS, &answer);
        if (!code)
            code = print(ctl, answer);
        if (code == EXIT_CONNECTION)
            return code;
        if (code)
            worst = code;
    }
    return worst;
}

const struct verb verb_update = {
    .name = "update",
    .synopsis = "ID...",
    .summary = "Change what running containers may use",
    .details = "All that is given is changed, or nothing. Prints the limits that are in force then; without\n"
               "options it only prints them.",
    .min = 1,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_CONTAINERS,
    .options = rows,
    .options_size = sizeof(struct update_options),
    .function = update_verb,
};
