"""`benches/compare.sh training`: see ../../README.md."""
