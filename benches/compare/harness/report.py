"""The table, and the verdict over what was found."""

# Largest error of logits or losses.
TOLERANCE = 1e-3
# bf16 has 8 bits where f32 has 24.
TOLERANCES = {"ours_bf16": 2e-2}


def head(checked):
    """The first line; the last column is the error of the logits or the losses."""
    return (
        "network       batch  threads  engine       median ms        min        max  / ours"
        f"  peak MiB  held MiB  of FMA peak    {checked}"
    )


def lines(job, rows, missing, flops, peak):
    """The lines of a job, the fastest engine first. `peak` is in GFLOP/s."""
    where = f"{job.network:<13} {job.batch:>5}  {job.threads:>7}"
    ours = next((row["median_ms"] for row in rows if row["engine"] == "ours"), None)
    for row in sorted(rows, key=lambda row: row["median_ms"]):
        median = row["median_ms"]
        ratio = f"{median / ours:.2f}" if ours else "-"
        share = f"{flops / median / 1e6 / peak:.0%}"
        verdict = "" if agrees(row) else "  WRONG"
        yield (
            f"{where}  {row['engine']:<11} {median:>10.3f} {row['min_ms']:>10.3f} {row['max_ms']:>10.3f}"
            f" {ratio:>7} {row['peak_rss_mib']:>9.0f} {row['rss_mib']:>9.0f} {share:>12}   {row['error']:.1e}{verdict}"
        )
    for engine, reason in missing.items():
        yield f"{where}  {engine:<11} missing: {reason}"


def agrees(row):
    """Whether the logits or losses are PyTorch's. (What is not a number is not.)"""
    return row["error"] <= TOLERANCES.get(row["engine"], TOLERANCE)
