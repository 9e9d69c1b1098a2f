#!/bin/sh
# docs_generate.sh BIN FILE: prints FILE with what stands between its marks written anew.
#   <!-- generated: PROGRAM FLAG -->  …  <!-- end -->
# Only a line of its own is a mark; PROGRAM is looked for in BIN.
bin=$1
awk -v bin="$bin" '
/^<!-- generated: [a-z-]+ --[a-z-]+ -->$/ {
    print
    command = bin "/" $3 " " $4
    while ((command | getline line) > 0) { print line; lines++ }
    if (close(command) != 0 || lines == 0) { print "docs_generate: " command " failed" >"/dev/stderr"; bad = 1 }
    lines = 0
    inside = 1
    next
}
/^<!-- end -->$/ { inside = 0 }
!inside { print }
END { exit bad }' "$2"
