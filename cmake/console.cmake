# Puts the files of router/console/ into ${console_files}, a C file. Run as a script (-P) it writes that:
# OUT, FOLDER and FILES (commas between) say what.
set(console_names
    app.css
    demo.css
    theme.css
    icon.svg
    index.html
    demo.html
    api.js
    app.js
    chart.js
    client.js
    cluster.js
    confirm.js
    demo.js
    dom.js
    edges.js
    figures.js
    format.js
    lists.js
    login.js
    picture.js
    room.js
    table.js
    theme.js
    user.js)

function(console_write)
    set(type_html "text/html; charset=utf-8")
    set(type_css "text/css; charset=utf-8")
    set(type_js "text/javascript; charset=utf-8")
    set(type_svg "image/svg+xml")
    string(REPLACE "," ";" names "${FILES}")
    set(bodies "")
    set(rows "    {.path = \"/\", .location = \"/console/\"},\n    {.path = \"/console\", .location = \"/console/\"},\n")
    foreach(name IN LISTS names)
        string(MAKE_C_IDENTIFIER "file_${name}" id)
        string(REGEX REPLACE "^.*[.]" "" kind "${name}")
        file(READ "${FOLDER}/${name}" hex HEX)
        file(SHA256 "${FOLDER}/${name}" tag)
        string(SUBSTRING "${tag}" 0 32 tag)
        string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
        string(APPEND bodies "static const uint8_t ${id}[] = {${hex}};\n")
        set(path "/console/${name}")
        if(name STREQUAL "index.html")
            set(path "/console/")
        endif()
        set(policy ROUTER_CONSOLE_POLICY)
        if(name STREQUAL "demo.html")
            set(policy ROUTER_DEMO_POLICY)
        endif()
        string(APPEND rows "    {.path = \"${path}\",\n     .content_type = \"${type_${kind}}\",\n"
            "     .etag = \"\\\"${tag}\\\"\",\n     .policy = ${policy},\n"
            "     .body = {${id}, sizeof(${id})}},\n")
    endforeach()
    file(WRITE "${OUT}" "/* Written by cmake/console.cmake. */\n#include \"router/router_console.h\"\n\n"
        "${bodies}\nconst struct httpd_file router_console_files[] = {\n${rows}    {.path = NULL},\n};\n")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
    console_write()
    return()
endif()

set(console_files ${CMAKE_CURRENT_BINARY_DIR}/console_files.c)
list(JOIN console_names "," console_list)
list(TRANSFORM console_names PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/console/ OUTPUT_VARIABLE console_sources)
add_custom_command(OUTPUT ${console_files}
    COMMAND ${CMAKE_COMMAND} -DOUT=${console_files} -DFOLDER=${CMAKE_CURRENT_SOURCE_DIR}/console
        -DFILES=${console_list} -P ${CMAKE_SOURCE_DIR}/cmake/console.cmake
    DEPENDS ${console_sources} ${CMAKE_SOURCE_DIR}/cmake/console.cmake
    VERBATIM)
