"""The table, and the verdict over the logits."""

# Largest difference of a logit, relative to the largest logit.
TOLERANCE = 1e-3
# bf16 has 8 bits where f32 has 24.
TOLERANCES = {"ours_bf16": 2e-2}

HEAD = (
    "network       batch  threads  engine       median ms        min        max  / ours"
    "  peak MiB  held MiB  of FMA peak    logits"
)


def lines(network, batch, threads, rows, missing, flops, peak):
    """The lines of one network, batch size and number of threads, the fastest engine first. `peak` is in GFLOP/s."""
    where = f"{network:<13} {batch:>5}  {threads:>7}"
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
    """Whether the logits are PyTorch's."""
    return row["error"] <= TOLERANCES.get(row["engine"], TOLERANCE)
