"""An e-mail ticketing daemon that keeps a helpline's promise."""

__version__ = "0.1.0"
