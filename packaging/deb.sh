#!/usr/bin/env bash
# Builds splitrail-edge, -router and -ctl as Debian packages into build/deb/ and asks lintian. The source is
# what git knows in the working tree; the version is CMake's. Whoever gives packages to others says by
# DEBFULLNAME and DEBEMAIL who answers for them; without, it is nobody's address (RFC 2606).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
version=$(sed -n 's/^project(splitrail VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
maintainer="${DEBFULLNAME:-Splitrail packagers} <${DEBEMAIL:-packages@example.org}>"
out=$root/build/deb
tree=$out/splitrail-$version

die() {
    printf 'deb: %s\n' "$*" >&2
    exit 1
}

copy_tree() {
    rm -rf "$out"
    mkdir -p "$tree"
    git ls-files -z -co --exclude-standard | xargs -0 -r ls -d 2>/dev/null | tar -T - -c | tar -x -C "$tree"
    cp -r packaging/debian "$tree/debian"
    cp packaging/systemd/splitrail-router.service "$tree/debian/"
    cp packaging/systemd/splitrail-edge@.service "$tree/debian/splitrail-edge@.service"
    printf 'Maintainer: %s\n' "$maintainer" >"$out/maintainer"
    sed -i -e "/^Maintainer:/{r $out/maintainer" -e 'd}' "$tree/debian/control"
    cat >"$tree/debian/changelog" <<LOG
splitrail ($version) unstable; urgency=medium

  * See CHANGELOG.md of the source.

 -- $maintainer  $(date -R -d "@$(git log -1 --format=%ct)")
LOG
}

copy_tree
(cd "$tree" && dpkg-buildpackage -b -us -uc) >"$out/log" 2>&1 </dev/null || {
    tail -n 30 "$out/log" >&2
    die "dpkg-buildpackage failed; see build/deb/log"
}
rm -rf "$tree" "$out/maintainer"
lintian --fail-on error --suppress-tags bad-distribution-in-changes-file "$out"/*.changes ||
    die "lintian found errors"
ls -l "$out"/*.deb | awk '{ printf "%9d  %s\n", $5, $9 }'
