# SPDX-License-Identifier: Apache-2.0
# The launcher. Tests that really launch need root and a cgroup2 mount, here or in a microVM (where LAUNCH_PROBE
# must name the probe).
if(TARGET czone_launch_objects)
    add_executable(launch_probe unit/launch_probe.c unit/launch_probe_file.c unit/launch_probe_network.c
                                unit/launch_probe_user.c)
    target_include_directories(launch_probe PRIVATE ${PROJECT_SOURCE_DIR})
    set_target_properties(launch_probe PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
    target_compile_definitions(launch_probe PRIVATE _GNU_SOURCE)
    target_compile_options(launch_probe PRIVATE -Wall -Wextra)
    # Static, and hence without sanitizers: it runs in roots that hold nothing else.
    target_link_options(launch_probe PRIVATE -static)

    foreach(noun container failure image json layers mounts network program refusal rlimit root scratch seccomp user userns
                 users)
        add_executable(test_launch_${noun} unit/test_launch_${noun}.c $<TARGET_OBJECTS:czone_launch_objects>
                                           $<TARGET_OBJECTS:czone_seccomp_objects>)
        czone_defaults(test_launch_${noun})
        target_include_directories(test_launch_${noun} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
        target_link_libraries(test_launch_${noun} PRIVATE czone_proto czone_static PkgConfig::SECCOMP
                                                          PkgConfig::LIBNL_ROUTE PkgConfig::CHECK)
        add_test(NAME unit/launch/${noun} COMMAND test_launch_${noun})
        set_tests_properties(unit/launch/${noun} PROPERTIES ENVIRONMENT "LAUNCH_PROBE=$<TARGET_FILE:launch_probe>")
    endforeach()
    # What a container is does not depend on what was set up before it was asked for.
    foreach(noun container layers mounts network scratch userns)
        add_test(NAME unit/launch/prepared/${noun} COMMAND test_launch_${noun})
        set_tests_properties(unit/launch/prepared/${noun} PROPERTIES
            ENVIRONMENT "LAUNCH_PROBE=$<TARGET_FILE:launch_probe>;LAUNCH_PREPARED=1")
    endforeach()
endif()
