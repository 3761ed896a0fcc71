"""Regret: the share of evictions whose page came back, and how soon.

A policy that evicts what is never used again has no regret, however many misses first touches
cost. Two numbers tell its mistakes apart: how many evictions were regretted (`refaults` /
`evictions`), and after how many further evictions the page was wanted (`refault_distance` /
`refaults`). A short distance means that a little more memory, or patience, would have kept the
page; a distance far beyond the frames means that nothing short of knowing the future would.
"""

from reclaim.api import Chart, Observer, Section, hookimpl

COLUMNS = ("frames", "frames_given", "evictions", "refaults", "refault_distance")


class Regret(Observer):
    name = "regret"
    summary = "Evictions whose page came back, and after how many further evictions."
    source = "refault distances as in Linux mm/workingset.c"

    def sections(self, records):
        runs = [run for run in records.rows(COLUMNS) if run["evictions"] and run["refaults"]]
        if not runs:
            return []
        rows = [
            {
                "policy": run["policy"],
                "rmap": run["rmap"],
                "workload": run["workload"],
                "regretted": run["refaults"] / run["evictions"],
                "distance": run["refault_distance"] / run["refaults"] / run["frames"],
                "size": run["frames_given"],
            }
            for run in runs
        ]
        chart = Chart(
            "Regretted evictions and how far away the regret was",
            "A point a run. Right: more of its evictions were regretted. Low: the page came back "
            "after few further evictions, counted in multiples of the frames; below 1, the page "
            "would still be there had the policy evicted others.",
            _spec(),
            rows,
        )
        return [Section("Regret", "Which evictions were mistakes, and how bad.", [chart])]


def _spec():
    return {
        "mark": {"type": "point", "filled": True, "size": 60},
        "encoding": {
            "x": {
                "field": "regretted",
                "type": "quantitative",
                "title": "refaults / evictions",
                "axis": {"format": "%"},
            },
            "y": {
                "field": "distance",
                "type": "quantitative",
                "scale": {"type": "log"},
                "axis": {"tickCount": 5},
                "title": "mean refault distance / frames",
            },
            "color": {"field": "policy", "type": "nominal"},
            "shape": {"field": "policy", "type": "nominal"},
            "tooltip": [
                {"field": name, "type": "nominal"}
                for name in ("policy", "rmap", "workload", "size")
            ],
        },
    }


@hookimpl
def reclaim_register_observers(register):
    register(Regret)
