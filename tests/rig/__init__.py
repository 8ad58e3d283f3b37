"""Real servers on loopback: Dovecot, Postfix and PostgreSQL, each in a short folder of its own.

`python -m tests.rig` starts them for a person; README.md beside this file says how.
"""
