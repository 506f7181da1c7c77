# Names every byte in which a signed disk differs from a built one.
exec python3 "$HOLDFAST_COMPARE" "$@"
