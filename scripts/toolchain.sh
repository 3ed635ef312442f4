# Finds cargo where the toolchain installer puts it and a fresh shell does not
# look. It is sourced, not run.
command -v cargo >/dev/null || PATH="${HOME:-/root}/.cargo/bin:$PATH"
