/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/map.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/printable.h"
#include "agent/ctl/table.h"
#include "proto/cleanup.h"
#include "proto/size.h"

#define WIDTH_DEFAULT 80u
#define GROUP         8u /* marks between gaps: the eye counts no more */
#define PER_LINE_MAX  128u
#define ROLE_MAX      12u
#define BAR_CELLS     10u
#define STRAY_ROLE    "not listed"

enum kind {
    KIND_KERNEL,
    KIND_MOVABLE,
    KIND_GOING,
    KIND_OFFLINE,
    KIND_ABSENT,
    KIND_MISPLACED,
    KIND_UNKNOWN,

};

static const struct {
    const char *utf8, *ascii;
    enum paint paint;
    const char *meaning;
} kinds[] = {
    [KIND_KERNEL] = { "█", "#", PAINT_DIM, "kernel, stays" },
    [KIND_MOVABLE] = { "▒", "+", PAINT_NONE, "movable, no zone" },
    [KIND_GOING] = { "▼", "v", PAINT_BUSY, "going offline" },
    [KIND_OFFLINE] = { "·", ".", PAINT_DIM, "offline, no zone" },
    [KIND_ABSENT] = { "╌", "-", PAINT_DIM, "absent" },
    [KIND_MISPLACED] = { "!", "!", PAINT_BAD, "kernel memory inside a zone: it will not come back" },
    [KIND_UNKNOWN] = { "?", "?", PAINT_BAD, "in a state this czonectl does not know" },
};

struct map {
    const struct inventory *inventory;
    const struct terminal *terminal;
    unsigned int node_width, role_width, address_width;
    unsigned int head_width;
    unsigned int per_line; /* blocks */
    bool seen[sizeof(kinds) / sizeof(*kinds)];
    bool seen_offline_zone;
    unsigned int paint; /* in force */
};

char map_letter(size_t i)
{
    return (char)('A' + i % 26);
}

unsigned int map_paint(size_t i)
{
    return PAINT_ZONE + (unsigned int)(i % PAINT_ZONES);
}

static char *append(char *end, const char *text)
{
    size_t length = strlen(text);

    memcpy(end, text, length + 1);
    return end + length;
}

const char *map_bar(int64_t used, int64_t size, bool utf8, char buffer[MAP_BAR_MAX])
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    unsigned int steps = utf8 ? 8 : 1, filled = 0, cell = 0;
    char *end = buffer;

    if (size > 0 && used > 0)
        filled = used >= size ? BAR_CELLS * steps
                              : (unsigned int)((double)used / (double)size * BAR_CELLS * steps);
    for (; cell < filled / steps; cell++)
        end = append(end, utf8 ? "█" : "#");
    if (filled % steps) {
        end = append(end, eighths[filled % steps]);
        cell++;
    }
    for (; cell < BAR_CELLS; cell++)
        end = append(end, utf8 ? "░" : ".");
    return buffer;
}

static void paint(struct map *map, unsigned int wanted)
{
    if (wanted == map->paint)
        return;
    if (map->paint != PAINT_NONE)
        (void)fputs(terminal_plain(map->terminal), map->terminal->file);
    if (wanted != PAINT_NONE)
        (void)fputs(terminal_paint(map->terminal, wanted), map->terminal->file);
    map->paint = wanted;
}

static const char *mark(const struct map *map, enum kind kind)
{
    return map->terminal->utf8 ? kinds[kind].utf8 : kinds[kind].ascii;
}

static enum kind kind_of_state(const char *state)
{
    if (!strcmp(state, "kernel"))
        return KIND_KERNEL;
    if (!strcmp(state, "movable"))
        return KIND_MOVABLE;
    if (!strcmp(state, "going-offline"))
        return KIND_GOING;
    return strcmp(state, "offline") ? KIND_UNKNOWN : KIND_OFFLINE;
}

static void draw_kind(struct map *map, enum kind kind, unsigned int wanted)
{
    map->seen[kind] = true;
    paint(map, wanted);
    (void)fputs(mark(map, kind), map->terminal->file);
}

static void draw_block(struct map *map, const struct block *block)
{
    enum kind kind = kind_of_state(block->state);
    const struct zone *zone = block->zone ? inventory_zone(map->inventory, block->zone) : NULL;
    size_t i;

    if (!zone) {
        draw_kind(map, kind, kinds[kind].paint);
        return;
    }
    i = (size_t)(zone - map->inventory->zones);
    switch (kind) {
    case KIND_KERNEL:
        draw_kind(map, KIND_MISPLACED, PAINT_BAD);
        return;
    case KIND_MOVABLE:
        paint(map, map_paint(i));
        (void)fputc(map_letter(i), map->terminal->file);
        return;
    case KIND_OFFLINE:
        map->seen_offline_zone = true;
        paint(map, map_paint(i));
        (void)fputc(map_letter(i) - 'A' + 'a', map->terminal->file);
        return;
    default:
        draw_kind(map, kind, map_paint(i));
    }
}

static void line_head(struct map *map, const struct node *node, const char *role, int64_t address)
{
    FILE *out = map->terminal->file;
    unsigned int pad = map->role_width - printable_width(role);

    paint(map, PAINT_NONE);
    if (node)
        (void)fprintf(out, "node %*lld", (int)map->node_width, (long long)node->node);
    else
        (void)fprintf(out, "     %*s", (int)map->node_width, "");
    (void)fprintf(out, "  %s%*s  ", role, (int)pad, "");
    if (address >= 0) {
        paint(map, PAINT_DIM);
        (void)fprintf(out, "0x%0*llx", (int)map->address_width, (unsigned long long)address);
        paint(map, PAINT_NONE);
        (void)fputs("  ", out);
    }
}

/* Number of the last block of `node` among `blocks`, which begin with one of it, below `limit`. */
static int64_t last_in_line(const struct block *blocks, size_t n_blocks, int64_t node, int64_t limit)
{
    int64_t last = -1;

    for (size_t i = 0; i < n_blocks && blocks[i].block < limit; i++)
        if (blocks[i].node == node)
            last = blocks[i].block;
    return last;
}

/* One line: blocks `first` to `first` + per_line. `blocks` are sorted and begin with the first of this node
 * that is in the line. */
static void draw_line(struct map *map, int64_t node, int64_t first, const struct block *blocks,
                      size_t n_blocks)
{
    int64_t last = last_in_line(blocks, n_blocks, node, first + map->per_line);
    size_t at = 0;

    for (int64_t number = first; number <= last; number++) {
        while (blocks[at].block < number || blocks[at].node != node)
            at++;
        if (number > first && (number - first) % GROUP == 0) {
            paint(map, PAINT_NONE);
            (void)fputc(' ', map->terminal->file);
        }
        if (blocks[at].block == number) {
            draw_block(map, &blocks[at]);
        } else if (number > blocks[0].block) {
            draw_kind(map, KIND_ABSENT, kinds[KIND_ABSENT].paint);
        } else {
            paint(map, PAINT_NONE);
            (void)fputc(' ', map->terminal->file);
        }
    }
    paint(map, PAINT_NONE);
    (void)fputc('\n', map->terminal->file);
}

static int draw_node(struct map *map, const struct node *node)
{
    const struct inventory *inventory = map->inventory;
    int64_t drawn = -1;
    CLEANUP_FREE char *whole = printable_copy(node->role, map->terminal->utf8), *role = NULL;
    bool first = true;

    if (whole)
        role = printable_cut(whole, ROLE_MAX, map->terminal->utf8);
    if (!role)
        return -ENOMEM;
    for (size_t i = 0; i < inventory->n_blocks; i++) {
        int64_t line = inventory->blocks[i].block / map->per_line;

        if (inventory->blocks[i].node != node->node || line == drawn)
            continue;
        line_head(map, first ? node : NULL, first ? role : "", line * map->per_line * inventory->block_size);
        draw_line(map, node->node, line * map->per_line, inventory->blocks + i, inventory->n_blocks - i);
        first = false;
        drawn = line;
    }
    if (first) {
        line_head(map, node, role, -1);
        (void)fprintf(map->terminal->file, "%sno memory%s\n", terminal_paint(map->terminal, PAINT_DIM),
                      terminal_plain(map->terminal));
    }
    return 0;
}

/* Is this block the first of a node that is not among the nodes? */
static bool is_stray(const struct inventory *inventory, size_t i)
{
    int64_t number = inventory->blocks[i].node;

    for (size_t j = 0; j < inventory->n_nodes; j++)
        if (inventory->nodes[j].node == number)
            return false;
    for (size_t j = 0; j < i; j++)
        if (inventory->blocks[j].node == number)
            return false;
    return true;
}

/* Blocks of such nodes must not vanish from the picture. */
static int draw_strays(struct map *map)
{
    const struct inventory *inventory = map->inventory;

    for (size_t i = 0; i < inventory->n_blocks; i++) {
        struct node stray = { .node = inventory->blocks[i].node, .role = STRAY_ROLE };

        if (is_stray(inventory, i) && draw_node(map, &stray) < 0)
            return -ENOMEM;
    }
    return 0;
}

static unsigned int digits(uint64_t value, unsigned int base)
{
    unsigned int count = 1;

    for (; value >= base; value /= base)
        count++;
    return count;
}

static void widen(unsigned int *width, unsigned int wanted, unsigned int limit)
{
    if (wanted > limit)
        wanted = limit;
    if (wanted > *width)
        *width = wanted;
}

static int measure(struct map *map)
{
    const struct inventory *inventory = map->inventory;
    int64_t last = inventory->n_blocks ? inventory->blocks[inventory->n_blocks - 1].block : 0;

    map->node_width = 1;
    map->address_width = digits((uint64_t)(last * inventory->block_size), 16);
    for (size_t i = 0; i < inventory->n_nodes; i++) {
        CLEANUP_FREE char *role = printable_copy(inventory->nodes[i].role, map->terminal->utf8);

        if (!role)
            return -ENOMEM;
        widen(&map->role_width, printable_width(role), ROLE_MAX);
        widen(&map->node_width, digits((uint64_t)inventory->nodes[i].node, 10), UINT_MAX);
    }
    for (size_t i = 0; i < inventory->n_blocks; i++)
        if (is_stray(inventory, i)) {
            int64_t number = inventory->blocks[i].node;

            widen(&map->role_width, strlen(STRAY_ROLE), ROLE_MAX);
            widen(&map->node_width, number < 0 ? 2 : digits((uint64_t)number, 10), UINT_MAX);
        }
    return 0;
}

static int lay_out(struct map *map)
{
    unsigned int width = map->terminal->width ? map->terminal->width : WIDTH_DEFAULT, room;
    int r = measure(map);

    if (r < 0)
        return r;
    /* "node N  ROLE  0xADDRESS  " */
    map->head_width = 5 + map->node_width + 2 + map->role_width + 2 + 2 + map->address_width + 2;
    room = width > map->head_width ? width - map->head_width : 0;
    map->per_line = 1;
    while (map->per_line < PER_LINE_MAX && 2 * map->per_line + (2 * map->per_line - 1) / GROUP <= room)
        map->per_line *= 2;
    return 0;
}

static void draw_ruler(const struct map *map)
{
    int64_t widest = 0;

    for (size_t i = 0; i < map->inventory->n_blocks; i++)
        if (map->inventory->blocks[i].block % map->per_line > widest)
            widest = map->inventory->blocks[i].block % map->per_line;
    if (widest < GROUP)
        return;
    (void)fprintf(map->terminal->file, "%*s%s", (int)map->head_width, "",
                  terminal_paint(map->terminal, PAINT_DIM));
    for (int64_t at = 0; at <= widest; at += GROUP) {
        char size[SIZE_TEXT_MAX], label[SIZE_TEXT_MAX + 1];

        (void)snprintf(label, sizeof(label), "+%s",
                       at ? size_format(at * map->inventory->block_size, size) : "0");
        (void)fprintf(map->terminal->file, at + GROUP <= widest ? "%-8.8s " : "%.8s", label);
    }
    (void)fprintf(map->terminal->file, "%s\n", terminal_plain(map->terminal));
}

static int print_zones(const struct map *map)
{
    static const struct table_column columns[] = {
        { "", 0 },
        { "CONTAINER", TABLE_CUT },
        { "ZONE", TABLE_CUT },
        { "NODE", TABLE_RIGHT },
        { "SIZE", TABLE_RIGHT },
        { "USED", TABLE_RIGHT },
        { "", 0 },
        { "STATE", TABLE_CUT },
    };
    const struct inventory *inventory = map->inventory;
    struct table *table = table_new(columns, sizeof(columns) / sizeof(*columns));
    int r;

    for (size_t i = 0; i < inventory->n_zones; i++) {
        const struct zone *zone = &inventory->zones[i];
        char size[SIZE_TEXT_MAX], used[SIZE_TEXT_MAX], bar[MAP_BAR_MAX];

        table_cell(table, map_paint(i), "%c", map_letter(i));
        table_cell(table, PAINT_NONE, "%s", zone->container ? zone->container : "");
        table_cell(table, PAINT_NONE, "%s", zone->name);
        table_cell(table, PAINT_NONE, "%lld", (long long)zone->node);
        table_cell(table, PAINT_NONE, "%s", size_format(zone->size, size));
        table_cell(table, PAINT_NONE, "%s", size_format(zone->used, used));
        table_cell(table, PAINT_NONE, "%s", map_bar(zone->used, zone->size, map->terminal->utf8, bar));
        table_cell(table, strcmp(zone->state, "quarantined") ? PAINT_NONE : PAINT_BAD, "%s", zone->state);
    }
    r = table_print(table, map->terminal);
    table_free(table);
    return r;
}

/* One entry; a new line where it does not fit any more. */
static void print_entry(struct map *map, unsigned int *column, unsigned int wanted, const char *sign,
                        const char *meaning)
{
    unsigned int limit = map->terminal->width ? map->terminal->width : WIDTH_DEFAULT;
    unsigned int width = 2 + (unsigned int)strlen(meaning);

    if (*column && *column + 3 + width > limit) {
        (void)fputc('\n', map->terminal->file);
        *column = 0;
    }
    (void)fprintf(map->terminal->file, "%*s", *column ? 3 : 0, "");
    *column += width + (*column ? 3 : 0);
    paint(map, wanted);
    (void)fputs(sign, map->terminal->file);
    paint(map, PAINT_NONE);
    (void)fprintf(map->terminal->file, " %s", meaning);
}

static void print_legend(struct map *map)
{
    unsigned int column = 0;

    if (map->inventory->n_zones)
        print_entry(map, &column, PAINT_NONE, "A", "zone, online");
    if (map->seen_offline_zone)
        print_entry(map, &column, PAINT_NONE, "a", "zone, offline: on its way back to the host");
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(*kinds); kind++)
        if (map->seen[kind])
            print_entry(map, &column, kinds[kind].paint, mark(map, (enum kind)kind), kinds[kind].meaning);
    if (column)
        (void)fputc('\n', map->terminal->file);
}

int map_print(const struct inventory *inventory, const struct terminal *terminal)
{
    struct map map = { .inventory = inventory, .terminal = terminal };
    char size[SIZE_TEXT_MAX];
    int r;

    r = lay_out(&map);
    if (r < 0)
        return r;
    (void)fprintf(terminal->file, "%sGuest-physical memory%s, %zu block%s of %s\n",
                  terminal_paint(terminal, PAINT_HEAD), terminal_plain(terminal), inventory->n_blocks,
                  inventory->n_blocks == 1 ? "" : "s", size_format(inventory->block_size, size));
    draw_ruler(&map);
    for (size_t i = 0; i < inventory->n_nodes; i++) {
        r = draw_node(&map, &inventory->nodes[i]);
        if (r < 0)
            return r;
    }
    r = draw_strays(&map);
    if (r < 0)
        return r;
    (void)fputc('\n', terminal->file);
    if (inventory->n_zones) {
        r = print_zones(&map);
        if (r < 0)
            return r;
        (void)fputc('\n', terminal->file);
    }
    print_legend(&map);
    return 0;
}
