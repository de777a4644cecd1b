/* SPDX-License-Identifier: Apache-2.0 */
#include "provider.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../cleanup.h"
#include "attr.h"

static enum czone_provider provider_of(const char *name)
{
    static const struct {
        const char *name;
        enum czone_provider provider;
    } known[] = {
        { "System RAM", CZONE_PROVIDER_BOOT },
        { "System RAM (virtio_mem)", CZONE_PROVIDER_VIRTIO_MEM },
        { "System RAM (kmem)", CZONE_PROVIDER_DAX },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].provider;
    return CZONE_PROVIDER_UNKNOWN;
}

static int add(struct providers *providers, const struct provider_range *range)
{
    struct provider_range *larger;

    /* Room grows at powers of two. */
    if ((providers->n & (providers->n - 1)) == 0) {
        larger = realloc(providers->ranges, (providers->n ? 2 * providers->n : 1) * sizeof(*larger));
        if (!larger)
            return -ENOMEM;
        providers->ranges = larger;
    }
    providers->ranges[providers->n++] = *range;
    return 0;
}

static int parse(struct providers *providers, char *text)
{
    char *rest = text;

    for (char *line; (line = strsep(&rest, "\n"));) {
        struct provider_range range;
        int name = 0, r;

        if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %n", &range.start, &range.last, &name) != 2 || name == 0)
            continue;
        range.provider = provider_of(line + name);
        if (range.provider == CZONE_PROVIDER_UNKNOWN || range.last == 0)
            continue;
        r = add(providers, &range);
        if (r < 0)
            return r;
    }
    return 0;
}

int providers_read(struct providers *providers, int proc_fd)
{
    cleanup_free char *text = NULL;
    int r;

    providers_done(providers);
    providers->is_read = true;
    r = attr_read_all(proc_fd, "iomem", &text);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    return parse(providers, text);
}

enum czone_provider providers_find(const struct providers *providers, uint64_t start, uint64_t size)
{
    /* A handful of ranges: the kernel merges what one device adds. They ascend, as in the file. */
    for (size_t i = 0; i < providers->n; i++)
        if (start <= providers->ranges[i].last &&
            (providers->ranges[i].start <= start || providers->ranges[i].start - start < size))
            return providers->ranges[i].provider;
    return CZONE_PROVIDER_UNKNOWN;
}

void providers_done(struct providers *providers)
{
    free(providers->ranges);
    *providers = (struct providers){ 0 };
}
