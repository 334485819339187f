# SPDX-License-Identifier: Apache-2.0
#
# cmake --build … --target flash                writes the image
# cmake --build … --target flash-provision      writes the block of NARROWGATE_PROVISION, a file of tools/provision
#
# By openocd or st-flash (Debian's openocd, stlink-tools), whichever there is; NARROWGATE_FLASH_TOOL names another place.
find_program(NARROWGATE_FLASH_TOOL NAMES openocd st-flash DOC "openocd or st-flash")
set(NARROWGATE_PROVISION "" CACHE FILEPATH "The hex file that tools/provision has written for this node")

set(image_hex ${CMAKE_CURRENT_BINARY_DIR}/narrowgate-node.hex)
add_custom_command(OUTPUT ${image_hex}
    COMMAND ${CMAKE_OBJCOPY} -O ihex $<TARGET_FILE:narrowgate-node> ${image_hex}
    DEPENDS narrowgate-node VERBATIM)

# narrowgate_flash_target(NAME FILE DEPENDENCY...): FILE is a hex file and says itself where it goes.
function(narrowgate_flash_target name file)
    if(NARROWGATE_FLASH_TOOL MATCHES "openocd[^/]*$")
        # The board's own reset line: a node in standby answers no debugger.
        add_custom_target(${name}
            COMMAND ${NARROWGATE_FLASH_TOOL} -f interface/stlink.cfg -f target/stm32f2x.cfg
                    -c "reset_config srst_only srst_nogate connect_assert_srst" -c "program {${file}} verify reset exit"
            DEPENDS ${ARGN} USES_TERMINAL VERBATIM)
    elseif(NARROWGATE_FLASH_TOOL)
        add_custom_target(${name}
            COMMAND ${NARROWGATE_FLASH_TOOL} --connect-under-reset --reset --format ihex write ${file}
            DEPENDS ${ARGN} USES_TERMINAL VERBATIM)
    else()
        add_custom_target(${name}
            COMMAND ${CMAKE_COMMAND} -E echo
                    "${name}: neither openocd nor st-flash was found. Install openocd or stlink-tools and configure anew, or write ${file} with another tool."
            COMMAND ${CMAKE_COMMAND} -E false
            DEPENDS ${ARGN} VERBATIM)
    endif()
endfunction()

narrowgate_flash_target(flash ${image_hex} ${image_hex})
if(EXISTS "${NARROWGATE_PROVISION}")
    narrowgate_flash_target(flash-provision ${NARROWGATE_PROVISION})
else()
    add_custom_target(flash-provision
        COMMAND ${CMAKE_COMMAND} -E echo
                "flash-provision: which block? Configure with -DNARROWGATE_PROVISION=FILE, a hex file of firmware/tools/provision."
        COMMAND ${CMAKE_COMMAND} -E false
        VERBATIM)
endif()
