# SPDX-License-Identifier: Apache-2.0
# czone-hostd. QMP is tested against a scripted peer for what QEMU never sends; that plugging works is shown in
# the microVM tests, with a real QEMU.
if(TARGET czone_hostd_objects)
    foreach(noun bounds driver host inventory nodes options qmp qmp_stream tier wire)
        add_executable(test_host_${noun} unit/test_host_${noun}.c)
        czone_defaults(test_host_${noun})
        target_link_libraries(test_host_${noun} PRIVATE czone_hostd_objects PkgConfig::CHECK)
        add_test(NAME unit/host/${noun} COMMAND test_host_${noun})
    endforeach()
endif()
