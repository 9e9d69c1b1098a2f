#!/bin/sh
# names.sh ROOT: the tree names no build machine and no package host, so that it works anywhere.
cd "${1:-.}" || exit 2
! git grep -nIE '/wor[k]/|[.]librar[y]|/far[m]/|https?://[a-z.]*(debia[n]|np[m])[a-z.]*/' -- .
