/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/map.h"

#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK INT64_C(0x8000000) /* 128 MiB */

static struct ctl ctl;
static json_t *answer;
static struct terminal terminal;
static char *text;
static size_t length;

static void setup(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
    ctl.err = (struct terminal){ .file = stderr };
    answer = json_pack("{s:[], s:[], s:[], s:I, s:b, s:[]}", "zones", "nodes", "blocks", "block_size",
                       (json_int_t)BLOCK, "host_attached", 1, "dangers");
    terminal = (struct terminal){ .file = open_memstream(&text, &length), .width = 80 };
}

static void teardown(void)
{
    json_decref(answer);
    free(text);
}

static void add_node(int node, const char *role, int blocks)
{
    json_array_append_new(json_object_get(answer, "nodes"),
                          json_pack("{s:i, s:s, s:i, s:s, s:i}", "node", node, "role", role, "tier", 4,
                                    "provider", "virtio-mem", "blocks", blocks));
}

static void add_blocks(int node, int first, int count, const char *state, const char *zone)
{
    for (int i = 0; i < count; i++)
        json_array_append_new(json_object_get(answer, "blocks"),
                              json_pack("{s:i, s:i, s:s, s:s?}", "block", first + i, "node", node, "state",
                                        state, "zone", zone));
}

static void add_zone(const char *name, const char *container, int node, int first, int blocks,
                     const char *state, int64_t used)
{
    json_array_append_new(json_object_get(answer, "zones"),
                          json_pack("{s:s, s:s, s:s?, s:i, s:i, s:s, s:I, s:I, s:I}", "name", name, "state",
                                    state, "container", container, "node", node, "tier", 4, "provider",
                                    "virtio-mem", "start", first * BLOCK, "size", blocks * BLOCK, "used",
                                    used));
}

/* A guest as quickstart has it: a home node, three zones of which one is being returned, and a node whose
 * memory is gone. */
static void usual_guest(void)
{
    add_node(0, "home", 8);
    add_blocks(0, 0, 8, "kernel", NULL);
    add_node(1, "claimed", 8);
    add_blocks(1, 32, 4, "movable", "zone-1");
    add_blocks(1, 36, 4, "offline", NULL);
    add_zone("zone-1", "web", 1, 32, 4, "bound", 4 * BLOCK * 95 / 100);
    add_node(2, "claimed", 8);
    add_blocks(2, 64, 8, "movable", "zone-2");
    add_zone("zone-2", "database", 2, 64, 8, "bound", 8 * BLOCK / 2);
    add_node(3, "claimed", 4);
    add_blocks(3, 96, 1, "movable", "zone-3");
    add_blocks(3, 97, 1, "going-offline", "zone-3");
    add_blocks(3, 98, 2, "offline", "zone-3");
    add_zone("zone-3", NULL, 3, 96, 4, "draining", 0);
    add_node(4, "free", 4);
    add_blocks(4, 128, 4, "movable", NULL);
    add_node(5, "empty", 0);
}

static void draws(const char *expected)
{
    struct inventory inventory;

    ck_assert_int_eq(inventory_read(&ctl, answer, &inventory), EXIT_OK);
    ck_assert_int_eq(map_print(&inventory, &terminal), 0);
    (void)fclose(terminal.file);
    inventory_done(&inventory);
    ck_assert_str_eq(text, expected);
}

START_TEST(every_kind_of_block_can_be_told_without_colour_or_utf8)
{
    usual_guest();
    draws("Guest-physical memory, 32 blocks of 128 MiB\n"
          "node 0  home     0x000000000  ########\n"
          "node 1  claimed  0x100000000  AAAA....\n"
          "node 2  claimed  0x200000000  BBBBBBBB\n"
          "node 3  claimed  0x300000000  Cvcc\n"
          "node 4  free     0x400000000  ++++\n"
          "node 5  empty    no memory\n"
          "\n"
          "   CONTAINER  ZONE    NODE     SIZE       USED              STATE\n"
          "A  web        zone-1     1  512 MiB  486.3 MiB  #########.  bound\n"
          "B  database   zone-2     2    1 GiB    512 MiB  #####.....  bound\n"
          "C  -          zone-3     3  512 MiB        0 B  ..........  draining\n"
          "\n"
          "A zone, online   a zone, offline: on its way back to the host   # kernel, stays\n"
          "+ movable, no zone   v going offline   . offline, no zone\n");
}
END_TEST

START_TEST(with_utf8_it_is_finer)
{
    usual_guest();
    terminal.utf8 = true;
    draws("Guest-physical memory, 32 blocks of 128 MiB\n"
          "node 0  home     0x000000000  ████████\n"
          "node 1  claimed  0x100000000  AAAA····\n"
          "node 2  claimed  0x200000000  BBBBBBBB\n"
          "node 3  claimed  0x300000000  C▼cc\n"
          "node 4  free     0x400000000  ▒▒▒▒\n"
          "node 5  empty    no memory\n"
          "\n"
          "   CONTAINER  ZONE    NODE     SIZE       USED              STATE\n"
          "A  web        zone-1     1  512 MiB  486.3 MiB  █████████▍  bound\n"
          "B  database   zone-2     2    1 GiB    512 MiB  █████░░░░░  bound\n"
          "C  -          zone-3     3  512 MiB        0 B  ░░░░░░░░░░  draining\n"
          "\n"
          "A zone, online   a zone, offline: on its way back to the host   █ kernel, stays\n"
          "▒ movable, no zone   ▼ going offline   · offline, no zone\n");
}
END_TEST

START_TEST(colour_says_the_same_as_the_letters)
{
    usual_guest();
    terminal.utf8 = true;
    terminal.colour = true;
    draws("\033[1mGuest-physical memory\033[0m, 32 blocks of 128 MiB\n"
          "node 0  home     \033[2m0x000000000\033[0m  \033[2m████████\033[0m\n"
          "node 1  claimed  \033[2m0x100000000\033[0m  \033[30;102mAAAA\033[0m\033[2m····\033[0m\n"
          "node 2  claimed  \033[2m0x200000000\033[0m  \033[30;104mBBBBBBBB\033[0m\n"
          "node 3  claimed  \033[2m0x300000000\033[0m  \033[30;103mC▼cc\033[0m\n"
          "node 4  free     \033[2m0x400000000\033[0m  ▒▒▒▒\n"
          "node 5  empty    \033[2mno memory\033[0m\n"
          "\n"
          "   \033[1mCONTAINER\033[0m  \033[1mZONE\033[0m    \033[1mNODE\033[0m     \033[1mSIZE\033[0m       "
          "\033[1mUSED\033[0m              \033[1mSTATE\033[0m\n"
          "\033[30;102mA\033[0m  web        zone-1     1  512 MiB  486.3 MiB  █████████▍  bound\n"
          "\033[30;104mB\033[0m  database   zone-2     2    1 GiB    512 MiB  █████░░░░░  bound\n"
          "\033[30;103mC\033[0m  -          zone-3     3  512 MiB        0 B  ░░░░░░░░░░  draining\n"
          "\n"
          "A zone, online   a zone, offline: on its way back to the host   \033[2m█\033[0m kernel, stays\n"
          "▒ movable, no zone   \033[33m▼\033[0m going offline   \033[2m·\033[0m offline, no zone\n");
}
END_TEST

START_TEST(lines_wrap_at_the_width_and_begin_at_round_addresses)
{
    add_node(0, "home", 20);
    add_blocks(0, 0, 20, "kernel", NULL);
    add_node(1, "claimed", 20);
    add_blocks(1, 35, 20, "movable", "z");
    add_zone("z", "big", 1, 35, 20, "bound", 0);
    terminal.width = 50;
    draws("Guest-physical memory, 40 blocks of 128 MiB\n"
          "                              +0       +1 GiB\n"
          "node 0  home     0x000000000  ######## ########\n"
          "                 0x080000000  ####\n"
          "node 1  claimed  0x100000000     AAAAA AAAAAAAA\n"
          "                 0x180000000  AAAAAAA\n"
          "\n"
          "   CONTA...  ZONE  NODE     SIZE  USED              STATE\n"
          "A  big       z        1  2.5 GiB   0 B  ..........  bound\n"
          "\n"
          "A zone, online   # kernel, stays\n");
}
END_TEST

START_TEST(holes_are_shown_and_empty_lines_left_out)
{
    add_node(0, "home", 3);
    add_blocks(0, 0, 2, "kernel", NULL);
    add_blocks(0, 5, 1, "kernel", NULL);
    add_blocks(0, 4096, 1, "movable", NULL);
    draws("Guest-physical memory, 4 blocks of 128 MiB\n"
          "node 0  home  0x0000000000  ##---#\n"
          "              0x8000000000  +\n"
          "\n"
          "# kernel, stays   + movable, no zone   - absent\n");
}
END_TEST

START_TEST(kernel_memory_inside_a_zone_is_called_out)
{
    add_node(1, "claimed", 2);
    add_blocks(1, 8, 1, "movable", "z");
    add_blocks(1, 9, 1, "kernel", "z");
    add_blocks(1, 10, 1, "frobnicated", "z");
    add_zone("z", "c", 1, 8, 3, "quarantined", 0);
    draws("Guest-physical memory, 3 blocks of 128 MiB\n"
          "                             +0       +1 GiB\n"
          "node 1  claimed  0x00000000           A!?\n"
          "\n"
          "   CONTAINER  ZONE  NODE     SIZE  USED              STATE\n"
          "A  c          z        1  384 MiB   0 B  ..........  quarantined\n"
          "\n"
          "A zone, online   ! kernel memory inside a zone: it will not come back\n"
          "? in a state this czonectl does not know\n");
}
END_TEST

START_TEST(blocks_of_a_node_nobody_listed_are_still_drawn)
{
    add_node(0, "home", 1);
    add_blocks(0, 0, 1, "kernel", NULL);
    add_blocks(7, 8, 2, "offline", NULL);
    draws("Guest-physical memory, 3 blocks of 128 MiB\n"
          "                                +0       +1 GiB\n"
          "node 0  home        0x00000000  #\n"
          "node 7  not listed  0x00000000           ..\n"
          "\n"
          "# kernel, stays   . offline, no zone\n");
}
END_TEST

START_TEST(two_zones_on_one_node_stay_apart)
{
    add_node(1, "claimed", 4);
    add_blocks(1, 8, 2, "movable", "z1");
    add_blocks(1, 10, 2, "movable", "z2");
    add_zone("z2", "two", 1, 10, 2, "bound", 0);
    add_zone("z1", "one", 1, 8, 2, "bound", 0);
    draws("Guest-physical memory, 4 blocks of 128 MiB\n"
          "                             +0       +1 GiB\n"
          "node 1  claimed  0x00000000           AABB\n"
          "\n"
          "   CONTAINER  ZONE  NODE     SIZE  USED              STATE\n"
          "A  one        z1       1  256 MiB   0 B  ..........  bound\n"
          "B  two        z2       1  256 MiB   0 B  ..........  bound\n"
          "\n"
          "A zone, online\n");
}
END_TEST

START_TEST(a_guest_cannot_draw_over_its_map)
{
    add_node(1, "a\033[2Jb\nc", 1);
    add_blocks(1, 8, 1, "movable", "\033z");
    add_zone("\033z", "\033[Hme", 1, 8, 1, "bo\rund", 0);
    draws("Guest-physical memory, 1 block of 128 MiB\n"
          "                                  +0       +1 GiB\n"
          "node 1  a\\x1b[2Jb\\nc  0x00000000           A\n"
          "\n"
          "   CONTAINER  ZONE   NODE     SIZE  USED              STATE\n"
          "A  \\x1b[Hme   \\x1bz     1  128 MiB   0 B  ..........  bo\\rund\n"
          "\n"
          "A zone, online\n");
}
END_TEST

START_TEST(a_bar_is_never_fuller_than_the_zone)
{
    char bar[MAP_BAR_MAX];

    ck_assert_str_eq(map_bar(0, 100, false, bar), "..........");
    ck_assert_str_eq(map_bar(99, 100, false, bar), "#########.");
    ck_assert_str_eq(map_bar(100, 100, false, bar), "##########");
    ck_assert_str_eq(map_bar(200, 100, false, bar), "##########");
    ck_assert_str_eq(map_bar(-5, 100, false, bar), "..........");
    ck_assert_str_eq(map_bar(5, 0, false, bar), "..........");
    ck_assert_str_eq(map_bar(55, 100, true, bar), "█████▌░░░░");
    ck_assert_str_eq(map_bar(100, 100, true, bar), "██████████");
}
END_TEST

static void rejects(void)
{
    struct inventory inventory;

    ck_assert_int_eq(inventory_read(&ctl, answer, &inventory), EXIT_CONNECTION);
    (void)fclose(terminal.file);
}

START_TEST(a_block_in_two_places_is_refused)
{
    add_node(0, "home", 1);
    add_blocks(0, 3, 1, "kernel", NULL);
    add_blocks(1, 3, 1, "movable", NULL);
    rejects();
}
END_TEST

START_TEST(a_block_beyond_any_memory_is_refused)
{
    json_array_append_new(
        json_object_get(answer, "blocks"),
        json_pack("{s:I, s:i, s:s}", "block", (json_int_t)1 << 40, "node", 0, "state", "kernel"));
    rejects();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/map");
    TCase *tcase = tcase_create("map");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_kind_of_block_can_be_told_without_colour_or_utf8);
    tcase_add_test(tcase, with_utf8_it_is_finer);
    tcase_add_test(tcase, colour_says_the_same_as_the_letters);
    tcase_add_test(tcase, lines_wrap_at_the_width_and_begin_at_round_addresses);
    tcase_add_test(tcase, holes_are_shown_and_empty_lines_left_out);
    tcase_add_test(tcase, kernel_memory_inside_a_zone_is_called_out);
    tcase_add_test(tcase, blocks_of_a_node_nobody_listed_are_still_drawn);
    tcase_add_test(tcase, two_zones_on_one_node_stay_apart);
    tcase_add_test(tcase, a_guest_cannot_draw_over_its_map);
    tcase_add_test(tcase, a_bar_is_never_fuller_than_the_zone);
    tcase_add_test(tcase, a_block_in_two_places_is_refused);
    tcase_add_test(tcase, a_block_beyond_any_memory_is_refused);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
