"""How the rounds of the garbage collector are kept from holding the event loop."""

import gc

# Of young objects, of rounds of them, of rounds of the middle-aged: 700, 10 and 10 as delivered.
_THRESHOLDS = (10_000, 20, 50)


def settle_memory() -> None:
    """Take what was loaded to start out of the collector's rounds, and make full ones rare.

    A hundred thousand objects that live as long as the process: each full round would hold the
    event loop for them, some 50 ms. A patient of fifty exams kept for a session is as many again;
    nearly all of what a request makes is freed without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
