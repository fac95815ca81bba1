"""For all tests: a run that was started in the background of a shell ignores interrupts, and what it starts would too."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
