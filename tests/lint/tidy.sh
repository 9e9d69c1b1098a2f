#!/bin/sh
# tidy.sh ROOT BUILD: clang-tidy over the product's sources, two at a time. A file whose text after
# the preprocessor, and whose rules, passed before is not read again.
root=$1
build=$2
cache=$build/tidy-cache
mkdir -p "$cache" || exit 2
cd "$root" || exit 2
rules=$(sha256sum .clang-tidy | cut -c 1-16)
export root build cache rules

check_one() {
    file=$1
    command=$(awk -v want="\"file\": \"$root/$file\"" '
        /"command":/ { line = $0 } index($0, want) { print line; exit }' "$build/compile_commands.json")
    [ -n "$command" ] || { echo "$file: not built, so not checked"; return 0; }
    key=$(cd "$build" && eval "$(printf '%s\n' "$command" |
        sed 's/^ *"command": "//; s/",$//; s/\\\\"/\\"/g; s/\\"/"/g; s/ -o [^ ]*/ -E -o -/')" 2>/dev/null |
        sha256sum | cut -c 1-40)
    stamp=$cache/$rules-$key-$(printf '%s' "$file" | tr / -)
    [ ! -e "$stamp" ] || return 0
    if clang-tidy --quiet -p "$build" "$file" 2>/dev/null; then
        : >"$stamp"
    else
        return 1
    fi
}

if [ "${3:-}" = --one ]; then
    check_one "$4"
    exit
fi
git ls-files 'common/*.c' 'edge/*.c' 'proto/*.c' 'router/*.c' |
    xargs -P 2 -I '{}' sh "$root/tests/lint/tidy.sh" "$root" "$build" --one '{}'
