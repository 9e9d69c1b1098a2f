# Manual pages, written by the programs: `ninja man` puts them into man/ of the build.
function(splitrail_man program section)
    set(page ${CMAKE_BINARY_DIR}/man/${program}.${section})
    add_custom_command(OUTPUT ${page}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
        COMMAND ${program} --help-man > ${page}
        DEPENDS ${program})
    set_property(GLOBAL APPEND PROPERTY SPLITRAIL_MAN_PAGES ${page})
endfunction()

splitrail_man(splitrail-edge 8)
splitrail_man(splitrail-router 8)
splitrail_man(splitrailctl 1)
if(TARGET splitrail-bench)
    splitrail_man(splitrail-bench 1)
endif()
get_property(pages GLOBAL PROPERTY SPLITRAIL_MAN_PAGES)
add_custom_target(man DEPENDS ${pages})
