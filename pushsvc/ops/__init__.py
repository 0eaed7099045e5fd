"""How a daemon lives on its machine: options, logs, metrics, signals, systemd, exit codes. Nothing about pushes."""
