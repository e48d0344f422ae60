"""What FreeRADIUS 3 needs to ask us: its configuration as text, made from the same settings as our own server.

Each controller is a client that must sign (`require_message_authenticator = yes`, which Debian's 3.2.1 does not do by
itself), and the pool of connections begins empty (`start = 0`: else FreeRADIUS refuses to start while we are away).
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from captive_portal.radius.rest import LEAST_KEY, USER
from netops.errors import ConfigError

if TYPE_CHECKING:
    from captive_portal.radius.nas import Known, Nas
    from netops.config import Settings

ASKED = ("authorize", "authenticate", "accounting", "post-auth")  # sections of FreeRADIUS, and our API's verbs
_QUESTION = """\
	{section} {{
		uri = "$${{..connect_uri}}/v1/%{{client:shortname}}/{section}"
		method = 'post'
		body = 'json'
		auth = 'basic'
		username = '$user'
		password = '$key'
		timeout = 3.0
	}}
"""
MODULE = Template(f"""\
# Made by `netops portal freeradius`; asks NetOps through rlm_rest.
rest netops {{
	connect_uri = "$uri"
	connect_timeout = 2.0

{"".join(_QUESTION.format(section=each) for each in ASKED)}	pool {{
		start = 0
		min = 0
		max = 32
		spare = 32
		uses = 0
		lifetime = 0
		idle_timeout = 8
		cleanup_interval = 4
		retry_delay = 1
	}}
}}
""")
CLIENT = Template("""\
client $name {
	ipaddr = $address
	shortname = $id
	secret = '$secret'
	require_message_authenticator = $signed
	nas_type = other
}
""")
SITE = Template("""\
# Made by `netops portal freeradius`.
server netops {
	listen {
		type = auth
		ipaddr = $host
		port = $auth_port
	}
	listen {
		type = acct
		ipaddr = $host
		port = $acct_port
	}
	authorize {
		-eap {
			ok = return
		}
		# random and of this one packet: by it a question that was heard before is known
		if (!&CHAP-Password || !&CHAP-Challenge) {
			update request {
				&CHAP-Challenge := "%{Packet-Authentication-Vector}"
			}
		}
		netops
	}
	authenticate {
		Auth-Type netops {
			netops
		}
		-eap
	}
	accounting {
		netops
	}
	# an answer without it could be forged on its way to an old controller (BlastRADIUS)
	post-auth {
		update reply {
			&Message-Authenticator := 0x00
		}
		Post-Auth-Type REJECT {
			update reply {
				&Message-Authenticator := 0x00
			}
		}
	}
}

# For 802.1X: name this as the `virtual_server` of TTLS or PEAP in mods-enabled/eap.
server netops-inner {
	authorize {
		if (&CHAP-Password && !&CHAP-Challenge) {
			update request {
				&CHAP-Challenge := "%{Packet-Authentication-Vector}"
			}
		}
		netops
	}
	authenticate {
		Auth-Type netops {
			netops
		}
	}
}
""")
WHOLE = Template("""\
# Made by `netops portal freeradius`: FreeRADIUS with nothing but what NetOps needs, `freeradius -d THIS_FOLDER`.
prefix = /usr
libdir = /usr/lib/freeradius
logdir = $folder
run_dir = $folder
pidfile = $folder/freeradius.pid
max_requests = 16384
max_request_time = 5
cleanup_delay = 5
log {
	destination = stdout
}
security {
	max_attributes = 200
	reject_delay = 0
	status_server = yes
}
$$INCLUDE clients.conf
modules {
	$$INCLUDE mods-enabled/
}
thread pool {
	start_servers = 8
	max_servers = 32
	min_spare_servers = 4
	max_spare_servers = 16
}
$$INCLUDE sites-enabled/
""")


def files(settings: Settings, known: Known, *, folder: str, host: str = "*") -> dict[str, str]:
    """Return the files of a configuration, by their paths below `folder`. They hold secrets."""
    radius = settings.radius
    key = radius.rest_key.read() if radius.rest_key is not None else ""
    if not radius.rest_port or len(key) < LEAST_KEY:
        raise ConfigError(
            f"set 'radius.rest_port', and 'radius.rest_key' to a secret of at least {LEAST_KEY} characters"
        )
    address = f"[{radius.rest_host}]" if ":" in radius.rest_host else radius.rest_host
    module = MODULE.substitute(
        uri=f"http://{address}:{radius.rest_port}", user=USER, key=_quoted(key, "radius.rest_key")
    )
    return {
        "radiusd.conf": WHOLE.substitute(folder=folder),
        "clients.conf": "\n".join(
            _client(each, address) for each in known.by_id.values() for address in each.addresses
        ),
        "mods-enabled/netops": module,
        "sites-enabled/netops": SITE.substitute(host=host, auth_port=radius.auth_port, acct_port=radius.acct_port),
    }


def _client(nas: Nas, address: str) -> str:
    name = f"{nas.id}-{address}".replace(":", "-")
    secret = _quoted(nas.secret.decode(), f"portal.acs.{nas.id}.secret")
    signed = "no" if nas.unsigned else "yes"
    return CLIENT.substitute(name=name, id=nas.id, address=address, secret=secret, signed=signed)


def _quoted(text: str, what: str) -> str:
    """Return a text as it may stand between single quotes; ConfigError for one that FreeRADIUS would read otherwise."""
    if not text.isascii() or not text.isprintable() or any(each in text for each in ("\\", "'", "${", "$ENV")):
        raise ConfigError(
            f"'{what}'; expected printable ASCII without quote, backslash and '${{', for FreeRADIUS's sake"
        )
    return text
