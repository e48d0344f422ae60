"""A controller's end of RFC 5176: `run_nas.py ADDRESS SECRET` says yes to each Disconnect and CoA, and prints its code.

It shares no line with what it tests.
"""

import hashlib
import hmac
import socket
import struct
import sys

YES = {40: 41, 43: 44}


def main(address: str, secret: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind((address, 3799))
        print("READY", flush=True)
        while True:
            asked, peer = door.recvfrom(4096)
            head = struct.pack("!BBH", YES[asked[0]], asked[1], 38)
            seal = hmac.digest(secret, head + asked[4:20] + b"\x50\x12" + bytes(16), "md5")
            told = b"\x50\x12" + seal
            proof = hashlib.md5(head + asked[4:20] + told + secret).digest()
            door.sendto(head + proof + told, peer)
            print(asked[0], flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].encode())
