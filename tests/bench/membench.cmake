# SPDX-License-Identifier: Apache-2.0
add_executable(membench bench/guest/membench.c)
czone_defaults(membench)
target_link_options(membench PRIVATE -static)
if(CZONE_SANITIZE)
    # A sanitizer's runtime can't be linked statically, and this program is measured, not tested.
    set_target_properties(membench PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
