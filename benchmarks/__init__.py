"""Speed and size, measured as ratios to floors that are measured beside them in the same run.

`python -m benchmarks` prints one line a goal and ends with 1 when one is missed. An absolute figure says more about the
machine of the day than about the code, so nearly every goal is a ratio: ours over the least that a correct answer
needs, in rounds that take turns. Over HTTP the server's CPU time per request is compared, for the rate sinks whenever
somebody else wants a core.
"""
