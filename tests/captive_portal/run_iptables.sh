#!/bin/bash
# openNDS makes INPUT and FORWARD with a priority that iptables-nft 1.8.9 takes for somebody else's: what concerns these
# two goes through iptables' own translator to nft, everything else to iptables as it is.
words=
case " $* " in
*" -t filter "*" INPUT "* | *" -t filter "*" FORWARD "*) words=$(iptables-translate "$@" 2>/dev/null) ;;
esac
case $words in
nft*) eval "$words" ;;
*) exec iptables-nft "$@" ;;
esac
