"""Published benchmarks: their official files, or the usual hub data sets, as rows for lm-eval."""
