/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/host/wire.h"
#include "proto/cleanup.h"

#define PLUG   "{'id':7,'kind':'plug','bytes':536870912,'tier':'fast','start':0,'zone':'web'}"
#define UNPLUG "{'id':8,'kind':'unplug','bytes':536870912,'tier':'','start':4294967296,'zone':'web'}"

/* Single quotes for double ones. */
static int decode(const char *text, struct wire_attach *ret, struct varlink_fault *fault)
{
    char buffer[2048];
    CLEANUP_JSON json_t *object = NULL;

    ck_assert_uint_lt(strlen(text), sizeof(buffer));
    for (size_t i = 0; i <= strlen(text); i++)
        buffer[i] = text[i] == '\'' ? '"' : text[i];
    object = json_loads(buffer, 0, NULL);
    ck_assert_msg(object != NULL, "the test's own JSON is wrong: %s", buffer);
    return wire_attach_decode(object, ret, fault);
}

START_TEST(the_first_reply_has_session_and_block_size)
{
    struct wire_attach attach;

    ck_assert_int_eq(decode("{'session':'s1','block_size':134217728}", &attach, NULL), 0);
    ck_assert_str_eq(attach.session, "s1");
    ck_assert_uint_eq(attach.block_size, 134217728);
    ck_assert(!attach.has_signal);
    ck_assert_int_eq(decode("{'session':'s1','block_size':134217728,'signal':null,'more':1}", &attach, NULL),
                     0);
    ck_assert(!attach.has_signal);
}
END_TEST

START_TEST(a_plug_and_an_unplug_are_read)
{
    struct wire_attach attach;

    ck_assert_int_eq(decode("{'session':'s','block_size':134217728,'signal':" PLUG "}", &attach, NULL), 0);
    ck_assert(attach.has_signal);
    ck_assert_int_eq(attach.signal.id, 7);
    ck_assert_int_eq(attach.signal.kind, WIRE_PLUG);
    ck_assert_uint_eq(attach.signal.range.bytes, 536870912);
    ck_assert_str_eq(attach.signal.tier, "fast");
    ck_assert_int_eq(decode("{'session':'s','block_size':134217728,'signal':" UNPLUG "}", &attach, NULL), 0);
    ck_assert_int_eq(attach.signal.kind, WIRE_UNPLUG);
    ck_assert_uint_eq(attach.signal.range.start, UINT64_C(1) << 32);
    ck_assert_str_eq(attach.signal.zone, "web");
}
END_TEST

static const struct {
    const char *text, *parameter;
} nonsense[] = {
    { "{'block_size':134217728}", "session" },
    { "{'session':'','block_size':134217728}", "session" },
    { "{'session':7,'block_size':134217728}", "session" },
    { "{'session':'s'}", "block_size" },
    { "{'session':'s','block_size':0}", "block_size" },
    { "{'session':'s','block_size':-134217728}", "block_size" },
    { "{'session':'s','block_size':134217729}", "block_size" },
    { "{'session':'s','block_size':4096}", "block_size" },
    { "{'session':'s','block_size':1e30}", "block_size" },
    { "{'session':'s','block_size':134217728,'signal':[]}", "signal" },
    { "{'session':'s','block_size':134217728,'signal':{}}", "signal.id" },
    { "{'session':'s','block_size':134217728,'signal':{'id':-1,'kind':'plug','bytes':1,'tier':'','start':0,'"
      "zone':''}}",
      "signal.id" },
    { "{'session':'s','block_size':134217728,'signal':{'id':1,'kind':'eat','bytes':1,'tier':'','start':0,'"
      "zone':''}}",
      "signal.kind" },
    { "{'session':'s','block_size':134217728,'signal':{'id':1,'kind':'plug','bytes':0,'tier':'','start':0,'"
      "zone':''}}",
      "signal.bytes" },
    { "{'session':'s','block_size':134217728,'signal':{'id':1,'kind':'plug','bytes':-5,'tier':'','start':0,'"
      "zone':''}}",
      "signal.bytes" },
    { "{'session':'s','block_size':134217728,'signal':{'id':1,'kind':'plug','bytes':1,"
      "'tier':'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz','start':0,'zone':''}}",
      "signal.tier" },
    { "{'session':'s','block_size':134217728,'signal':{'id':1,'kind':'unplug','bytes':9223372036854775807,'"
      "tier':'',"
      "'start':1,'zone':''}}",
      "signal.start" },
    { "{'session':'s','block_size':134217728,'signal':{'id':1,'kind':'unplug','bytes':1,'tier':'','start':-1,"
      "'zone':''}}",
      "signal.start" },
    { "{'session':'s','block_size':134217728,'signal':{'id':1,'kind':'plug','bytes':1,'tier':'any','start':0}"
      "}",
      "signal.zone" },
};

START_TEST(nonsense_is_refused_and_the_member_is_named)
{
    struct varlink_fault fault = { 0 };
    struct wire_attach attach = { .block_size = 42 };

    ck_assert_int_eq(decode(nonsense[_i].text, &attach, &fault), -EINVAL);
    ck_assert_str_eq(fault.parameter, nonsense[_i].parameter);
    ck_assert_uint_eq(attach.block_size, 42);
}
END_TEST

START_TEST(the_id_does_not_tell_signals_apart)
{
    struct wire_attach a, b;

    ck_assert_int_eq(decode("{'session':'s','block_size':134217728,'signal':" PLUG "}", &a, NULL), 0);
    b = a;
    b.signal.id++;
    ck_assert(wire_signal_alike(&a.signal, &b.signal));
    memcpy(b.signal.zone, "other", 6);
    ck_assert(!wire_signal_alike(&a.signal, &b.signal));
    b = a;
    b.signal.range.bytes++;
    ck_assert(!wire_signal_alike(&a.signal, &b.signal));
    b = a;
    memcpy(b.signal.tier, "slow", 5);
    ck_assert(!wire_signal_alike(&a.signal, &b.signal));
    b = a;
    b.signal.kind = WIRE_UNPLUG;
    ck_assert(!wire_signal_alike(&a.signal, &b.signal));
}
END_TEST

static void ck_report(const struct wire_signal *signal, const struct driver_answer *answer,
                      const char *expected)
{
    CLEANUP_JSON json_t *report = wire_report_encode("s", signal, answer);
    CLEANUP_FREE char *text = json_dumps(report, JSON_COMPACT | JSON_SORT_KEYS);

    ck_assert_str_eq(text, expected);
}

START_TEST(reports_say_what_the_interface_asks_for)
{
    struct wire_signal plug = { .id = 1, .kind = WIRE_PLUG }, unplug = { .id = 2, .kind = WIRE_UNPLUG };
    struct driver_answer answer = { .range = { 4096, 8192 }, .bytes = 8192, .kind = "pc-dimm" };

    ck_report(
        &plug, &answer,
        "{\"bytes\":8192,\"device\":\"pc-dimm\",\"id\":1,\"ok\":true,\"session\":\"s\",\"start\":4096}");
    ck_report(&unplug, &answer,
              "{\"bytes\":8192,\"device\":\"pc-dimm\",\"id\":2,\"ok\":true,\"session\":\"s\"}");
    answer = (struct driver_answer){ .refusal = REFUSAL_TIMEOUT };
    reason_set(&answer.message, "late");
    ck_report(&unplug, &answer,
              "{\"id\":2,\"message\":\"late\",\"ok\":false,\"reason\":\"timeout\",\"session\":\"s\"}");
}
END_TEST

START_TEST(a_limit_of_nothing_is_said)
{
    struct wire_signal plug = { .id = 1, .kind = WIRE_PLUG };
    struct driver_answer answer = { .refusal = REFUSAL_LIMIT };

    ck_report(&plug, &answer,
              "{\"id\":1,\"limit\":0,\"message\":\"\",\"ok\":false,\"reason\":\"limit\",\"session\":\"s\"}");
    answer.refusal = REFUSAL_NO_DEVICE;
    ck_report(&plug, &answer,
              "{\"id\":1,\"message\":\"\",\"ok\":false,\"reason\":\"no-device\",\"session\":\"s\"}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/wire");
    TCase *tcase = tcase_create("wire");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, the_first_reply_has_session_and_block_size);
    tcase_add_test(tcase, a_plug_and_an_unplug_are_read);
    tcase_add_loop_test(tcase, nonsense_is_refused_and_the_member_is_named, 0, (int)ELEMENTS(nonsense));
    tcase_add_test(tcase, the_id_does_not_tell_signals_apart);
    tcase_add_test(tcase, reports_say_what_the_interface_asks_for);
    tcase_add_test(tcase, a_limit_of_nothing_is_said);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
