#!/bin/sh
# hardening.sh CONFIG PROGRAM…: the programs were built so that a mistake is hard to make use of.
# Asks the programs, not the flags: a flag can get lost on the way. CONFIG "sanitizer": what a
# sanitizer's run-time does in its own way is not asked for.
config=$1
shift
status=0

complain() {
    echo "$program: $1"
    status=1
}

for program in "$@"; do
    [ -r "$program" ] || { echo "$program: cannot be read"; exit 2; }
    segments=$(readelf -lW "$program")
    dynamic=$(readelf -dW "$program")
    symbols=$(readelf -sW --dyn-syms "$program")

    readelf -hW "$program" | grep -q 'Type:.*DYN' && printf '%s\n' "$dynamic" | grep -q 'Flags:.*PIE' ||
        complain "not position independent (PIE)"
    printf '%s\n' "$segments" | grep -q GNU_RELRO || complain "no RELRO"
    printf '%s\n' "$dynamic" | grep -Eq 'BIND_NOW|Flags:.*NOW' || complain "RELRO is not full (BIND_NOW)"
    printf '%s\n' "$segments" | grep 'GNU_STACK' | grep -q 'RW ' || complain "the stack can be executed"
    printf '%s\n' "$segments" | awk '$1 == "LOAD" && /RWE/ { found = 1 } END { exit !found }' &&
        complain "memory that can be written and executed"
    printf '%s\n' "$dynamic" | grep -Eq 'RPATH|RUNPATH' && complain "looks for libraries in a place of its own"
    printf '%s\n' "$dynamic" | grep -q TEXTREL && complain "its code is changed when it is loaded (TEXTREL)"
    printf '%s\n' "$symbols" | grep -q __stack_chk_fail || complain "no stack protector"

    # Each function that can be called through a pointer begins with it.
    case $(readelf -hW "$program" | sed -n 's/.*Machine: *//p') in
    *X86-64*)
        if [ "$config" != sanitizer ]; then
            objdump -d --no-show-raw-insn --disassemble=main "$program" | grep -q endbr64 ||
                complain "no CET (-fcf-protection)"
        fi
        ;;
    esac
    if [ "$config" = RelWithDebInfo ]; then
        printf '%s\n' "$symbols" | grep -Eq '__[a-z]+_chk(@|$| )' &&
            printf '%s\n' "$symbols" | grep -E '__[a-z]+_chk' | grep -qv __stack_chk_fail ||
            complain "no FORTIFY_SOURCE"
    fi
done
exit $status
