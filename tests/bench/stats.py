# SPDX-License-Identifier: Apache-2.0
"""Distributions, never single numbers."""
import math


def percentile(values, percent):
    """Nearest rank: a value that was really measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summary(values):
    """{n, p50, p99, min, max} of a list."""
    return {
        "n": len(values),
        "p50": percentile(values, 50),
        "p99": percentile(values, 99),
        "min": min(values),
        "max": max(values),
    }


def line(name, values, unit, scale=1.0):
    """One row for people."""
    s = summary(values)
    return (
        f"{name:<44} n={s['n']:<6} p50 {s['p50'] / scale:9.2f} {unit}   p99 {s['p99'] / scale:9.2f} {unit}"
        f"   min {s['min'] / scale:9.2f}   max {s['max'] / scale:9.2f}"
    )
