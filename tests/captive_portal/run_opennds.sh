#!/bin/bash
# Starts openNDS in the network namespace that it is run in, with /tmp and /run of its own: `run_opennds.sh FOLDER ROOT`.
# FOLDER (opennds.conf, bin/iptables) and ROOT (the project, wherever it lies) stay visible; /etc cannot be written, so that no resolver of the machine is touched.
set -euo pipefail
folder=$1 root=$2
mount --make-rprivate /
if [ -f "$folder/authmon.conf" ]; then mount --bind "$folder/authmon.conf" /etc/opennds/opennds.conf; fi  # where `authmon` reads
mount --rbind /etc /etc && mount -o remount,ro,bind /etc
mount --bind "$folder" /mnt && mount --bind "$root" /media
mount -t tmpfs none /run && mkdir -p /run/netns /run/lock /run/tmpfiles.d
mount -t tmpfs none /tmp && mkdir -p "$folder" && mount --bind /mnt "$folder"
[ -d "$root" ] || { mkdir -p "$root" && mount --bind /media "$root"; }
: >/tmp/dhcp.leases
export PATH="$folder/bin:$PATH" SSL_CERT_FILE="$folder/ca.pem"
echo READY
exec opennds -f -c "$folder/opennds.conf" >"$folder/opennds.log" 2>&1
