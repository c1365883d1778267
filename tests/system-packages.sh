#!/bin/sh
# Programs of the operating system that some tests drive. On Debian they are installed when we may; elsewhere the
# tests that need them skip and say so (or fail, where CI is set).
set -eu

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need chromium chromium
need exiftool libimage-exiftool-perl
need java default-jre-headless
need mvn maven
need npm npm
need openssl openssl
need vipsthumbnail libvips-tools
ldconfig -p 2>/dev/null | grep -q libpangoft2 || missing="$missing libpangoft2-1.0-0"

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "Not installed, so the tests that need them skip:$missing"
    exit 0
fi
if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else
    echo "Not installed, so the tests that need them skip; to run them: sudo apt-get install$missing"
    exit 0
fi
echo "Installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of packages
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
