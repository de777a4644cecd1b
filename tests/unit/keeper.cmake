# SPDX-License-Identifier: Apache-2.0
# The keeper: its log, and real keepers with real programs, for which the tests need root and a cgroup2 mount, here or in a microVM (where
# KEEPER, KEEPER_PROBE and LAUNCH_PROBE must name the programs).
if(TARGET czone-keeper)
    add_executable(keeper_probe unit/keeper_probe.c)
    set_target_properties(keeper_probe PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
    target_compile_definitions(keeper_probe PRIVATE _GNU_SOURCE)
    target_compile_options(keeper_probe PRIVATE -Wall -Wextra)
    # Static, and hence without sanitizers: it runs in roots that hold nothing else.
    target_link_options(keeper_probe PRIVATE -static)

    foreach(noun briefing exec handover hostile life link log stdio)
        add_executable(test_keeper_${noun} unit/test_keeper_${noun}.c unit/keeper_run.c $<TARGET_OBJECTS:czone_keeper_wire_objects>
                                           $<TARGET_OBJECTS:czone_launch_objects> $<TARGET_OBJECTS:czone_seccomp_objects>)
        czone_defaults(test_keeper_${noun})
        target_include_directories(test_keeper_${noun} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
        target_link_libraries(test_keeper_${noun} PRIVATE czone_proto czone_static PkgConfig::SECCOMP PkgConfig::LIBNL_ROUTE PkgConfig::CHECK)
        add_test(NAME unit/keeper/${noun} COMMAND test_keeper_${noun})
        set_tests_properties(unit/keeper/${noun} PROPERTIES ENVIRONMENT
            "KEEPER=$<TARGET_FILE:czone-keeper>;KEEPER_PROBE=$<TARGET_FILE:keeper_probe>;LAUNCH_PROBE=$<TARGET_FILE:launch_probe>")
    endforeach()
    # What a program has does not depend on whether a process stood by for it.
    foreach(noun exec hostile life stdio)
        add_test(NAME unit/keeper/prepared/${noun} COMMAND test_keeper_${noun})
        set_tests_properties(unit/keeper/prepared/${noun} PROPERTIES ENVIRONMENT
            "KEEPER=$<TARGET_FILE:czone-keeper>;KEEPER_PROBE=$<TARGET_FILE:keeper_probe>;LAUNCH_PROBE=$<TARGET_FILE:launch_probe>;KEEPER_PREPARED=1")
    endforeach()
    # czoned's end of the connection, too.
    foreach(noun handover link)
        target_sources(test_keeper_${noun} PRIVATE $<TARGET_OBJECTS:czoned_objects>)
        target_link_libraries(test_keeper_${noun} PRIVATE PkgConfig::EVENT)
    endforeach()
endif()
