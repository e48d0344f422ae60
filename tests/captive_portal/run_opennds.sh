#!/bin/bash
# Starts openNDS in the network namespace that it is run in, with /tmp and /run of its own: `run_opennds.sh FOLDER`.
# FOLDER (opennds.conf, bin/iptables) stays visible; /etc cannot be written, so that no resolver of the machine is touched.
set -euo pipefail
folder=$1
mount --make-rprivate /
mount --bind /etc /etc && mount -o remount,ro,bind /etc
mount --bind "$folder" /mnt
mount -t tmpfs none /run && mkdir -p /run/netns /run/lock /run/tmpfiles.d
mount -t tmpfs none /tmp && mkdir -p "$folder" && mount --bind /mnt "$folder"
: >/tmp/dhcp.leases
export PATH="$folder/bin:$PATH" SSL_CERT_FILE="$folder/ca.pem"
echo READY
exec opennds -f -c "$folder/opennds.conf" >"$folder/opennds.log" 2>&1
